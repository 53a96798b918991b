"""Connect through the partner's sign-in with Microsoft: start, and complete after the way back."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from entra_plugin.application.connect.credentials import ANY_HOME, Resolved, require_home
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.connect.swap import (
    SwapConnection,
    refuse_other_partner,
    token_secrets,
)
from entra_plugin.application.context import Context, Person
from entra_plugin.directory.microsoft.sign_in import TokenSet
from entra_plugin.domain import secret_names
from entra_plugin.domain.aadsts import sign_in_error
from entra_plugin.domain.errors import ConfigurationInvalid, NotAcceptable
from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId
from entra_plugin.domain.states import ConnectionMode
from entra_plugin.store.attempts import Attempt, OauthAttempts
from entra_plugin.store.connections import Connections, NewConnection

CALLBACK_PATH = "/api/auth/microsoft/entra/callback"

_PURPOSE = "connect_direct"
_ATTEMPT_LIFE = timedelta(minutes=10)


class StartSignIn:
    """Begin the partner's sign-in with Microsoft."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, person: Person, *, lighthouse: bool = False) -> str:
        """Answer the address to send the person to; ``lighthouse`` asks for that permission too.

        Raises:
            ConfigurationInvalid: ``credentials_missing``, ``client_id_invalid``,
                ``home_tenant_invalid``, ``secret_store_read_only`` or what discovery at Microsoft
                found.
        """
        await self._ports.journal.settle(person.tenant_id)
        resolved = await self._ports.resolver.require(person.tenant_id)
        require_home(resolved)
        await self._ports.journal.require_writable(person.tenant_id)
        flow = await self._ports.sign_in.start(
            resolved.credentials,
            tenant=resolved.authority,
            redirect_uri=redirect_uri(self._context.host.public_base_url),
            lighthouse=lighthouse,
        )
        now = self._context.clock()
        attempt = Attempt(
            state=str(flow["state"]),
            user_id=person.user_id,
            purpose=_PURPOSE,
            credential_source=resolved.source,
            flow=flow,
        )
        async with self._context.store.tenant_transaction(person.tenant_id) as connection:
            await OauthAttempts(connection, person.tenant_id).add(
                attempt, now=now, expires_at=now + _ATTEMPT_LIFE
            )
        return str(flow["auth_uri"])


class CompleteSignIn:
    """Finish a sign-in: exchange, check, probe, and only then swap the connection."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports
        self._swap = SwapConnection(context, ports.journal)

    async def __call__(self, person: Person, answer: Mapping[str, str]) -> None:
        """Connect; a failure leaves the previous connection untouched.

        Raises:
            NotAcceptable: ``state_invalid``, ``id_token_invalid`` or ``other_partner_tenant``.
            EntraError: What Microsoft answered to the exchange or to the probe.
        """
        attempt = await self._take(person, answer.get("state", ""))
        if "error" in answer:
            raise sign_in_error(answer, at_customer=False)
        await self._ports.journal.settle(person.tenant_id)
        resolved = await self._ports.resolver.require(person.tenant_id)
        if resolved.source != attempt.credential_source:
            raise NotAcceptable("credentials_changed")
        tokens = await self._ports.sign_in.complete(
            resolved.credentials, tenant=resolved.authority, flow=attempt.flow, answer=answer
        )
        partner, refresh_token = _checked(resolved, tokens)
        await self._refuse_other(person.tenant_id, partner)
        probe = self._ports.opener.delegated(
            resolved.credentials, home=partner, refresh_token=refresh_token, first=tokens
        )
        await probe.probe()
        new = NewConnection(
            connection_id=ConnectionId(uuid4()),
            mode=ConnectionMode.DELEGATED,
            credential_source=resolved.source,
            partner_tenant_id=partner,
            scope=tokens.scope,
            signed_in=True,
            created_by=person.user_id,
        )
        secrets = {
            **token_secrets(tokens, self._context.clock()),
            secret_names.DIRECT_PARTNER_TENANT: str(partner),
        }
        await self._swap(person.tenant_id, new, secrets)

    async def _take(self, person: Person, state: str) -> Attempt:
        async with self._context.store.tenant_transaction(person.tenant_id) as connection:
            attempt = await OauthAttempts(connection, person.tenant_id).take(
                state, person.user_id, self._context.clock()
            )
        if attempt is None or attempt.purpose != _PURPOSE:
            raise NotAcceptable("state_invalid")
        return attempt

    async def _refuse_other(self, tenant_id: TenantId, partner: EntraTenantId) -> None:
        """Refuse early, before the probe; the swap looks again under its lock."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            refuse_other_partner(await Connections(connection, tenant_id).partner(), partner)


def _checked(resolved: Resolved, tokens: TokenSet) -> tuple[EntraTenantId, str]:
    """The partner's tenant and refresh token, if they are there and as configured."""
    if tokens.tenant_id is None or tokens.refresh_token is None:
        raise ConfigurationInvalid("offline_access_missing")
    if resolved.authority not in {ANY_HOME, str(tokens.tenant_id)}:
        raise NotAcceptable("other_home_tenant")
    return tokens.tenant_id, tokens.refresh_token


def redirect_uri(public_base_url: str) -> str:
    """The one redirect URI, to be registered exactly so."""
    return f"{public_base_url}{CALLBACK_PATH}"
