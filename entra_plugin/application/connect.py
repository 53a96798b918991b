"""Connect, validate, rotate, disconnect.

Nothing is stored that did not work, nothing is half-stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from entra_plugin.application.context import Context
from entra_plugin.application.credentials import (
    ANY_HOME,
    CredentialResolver,
    Resolved,
    checked_client_id,
)
from entra_plugin.application.directories import ConnectedDirectories, store_tokens
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.domain import secret_names
from entra_plugin.domain.aadsts import sign_in_error
from entra_plugin.domain.errors import ConfigurationInvalid, EntraError, NotAcceptable
from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId, UserId
from entra_plugin.domain.states import ConnectionType, CredentialSource
from entra_plugin.host import SecretStore
from entra_plugin.store.attempts import Attempt, OauthAttempts
from entra_plugin.store.connections import Connections, NewConnection
from entra_plugin.store.runs import Failure, Runs

CALLBACK_PATH = "/api/auth/microsoft/entra/callback"

_PURPOSE = "connect_direct"
_PROBE_SECRET = "entra_write_probe"  # noqa: S105 - a name
_ATTEMPT_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who connects: the tenant and the user of the host."""

    tenant_id: TenantId
    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What a check of the connection found."""

    valid: bool
    checked_at: datetime
    tenant_count: int | None
    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPorts:
    """What connecting needs beside the context."""

    sign_in: SignIn
    resolver: CredentialResolver
    directories: ConnectedDirectories


class StartSignIn:
    """Begin the partner's sign-in with Microsoft."""

    def __init__(self, context: Context, ports: SignInPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, person: Person) -> str:
        """Answer the address to send the person to.

        Raises:
            ConfigurationInvalid: ``credentials_missing``, ``client_id_invalid``,
                ``secret_store_read_only`` or what discovery at Microsoft found.
        """
        resolved = await self._ports.resolver.require(person.tenant_id)
        await require_writable(self._context.host.secrets, person.tenant_id)
        flow = await self._ports.sign_in.start(
            resolved.credentials,
            tenant=resolved.authority,
            redirect_uri=redirect_uri(self._context.host.public_base_url),
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

    def __init__(self, context: Context, ports: SignInPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, person: Person, answer: Mapping[str, str]) -> None:
        """Connect; a failure leaves the previous connection untouched.

        Raises:
            NotAcceptable: ``state_invalid``, ``id_token_invalid`` or ``other_partner_tenant``.
            EntraError: What Microsoft answered to the exchange or to the probe.
        """
        attempt = await self._take(person, answer.get("state", ""))
        if "error" in answer:
            raise sign_in_error(answer, at_customer=False)
        resolved = await self._ports.resolver.require(person.tenant_id)
        if resolved.source != attempt.credential_source:
            raise NotAcceptable("credentials_changed")
        tokens = await self._ports.sign_in.complete(
            resolved.credentials, tenant=resolved.authority, flow=attempt.flow, answer=answer
        )
        partner = self._checked_partner(resolved, tokens)
        await self._refuse_other_partner(person.tenant_id, partner)
        probe = self._ports.directories.opened(
            resolved.credentials,
            home=partner,
            refresh_token=tokens.refresh_token or "",
            tenant_id=person.tenant_id,
            of=None,
        )
        probe.tokens.hold(partner, tokens)
        await probe.probe()
        await self._swap(person, resolved, tokens, partner)

    async def _take(self, person: Person, state: str) -> Attempt:
        async with self._context.store.tenant_transaction(person.tenant_id) as connection:
            attempt = await OauthAttempts(connection, person.tenant_id).take(
                state, person.user_id, self._context.clock()
            )
        if attempt is None or attempt.purpose != _PURPOSE:
            raise NotAcceptable("state_invalid")
        return attempt

    def _checked_partner(self, resolved: Resolved, tokens: TokenSet) -> EntraTenantId:
        if tokens.tenant_id is None or tokens.refresh_token is None:
            raise ConfigurationInvalid("offline_access_missing")
        if resolved.authority not in {ANY_HOME, str(tokens.tenant_id)}:
            raise NotAcceptable("other_home_tenant")
        return tokens.tenant_id

    async def _refuse_other_partner(self, tenant_id: TenantId, partner: EntraTenantId) -> None:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            active = await Connections(connection, tenant_id).active()
        if active is not None and active.partner_tenant_id not in {None, partner}:
            raise NotAcceptable("other_partner_tenant")

    async def _swap(
        self, person: Person, resolved: Resolved, tokens: TokenSet, partner: EntraTenantId
    ) -> None:
        """Secrets and row under the connection's lock; the row is the last thing to change."""
        tenant_id = person.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            connections = Connections(connection, tenant_id)
            await connections.lock()
            await connections.replace(
                NewConnection(
                    connection_id=ConnectionId(uuid4()),
                    type=ConnectionType.DIRECT,
                    mode="delegated",
                    credential_source=resolved.source,
                    partner_tenant_id=partner,
                    scope=tokens.scope,
                    created_by=person.user_id,
                ),
                self._context.clock(),
            )
            try:
                await store_tokens(
                    self._context.host.secrets, tenant_id, tokens, self._context.clock
                )
                await self._context.host.secrets.set(
                    tenant_id, secret_names.DIRECT_PARTNER_TENANT, str(partner)
                )
            except OSError as error:
                raise ConfigurationInvalid("secret_store_read_only") from error
        await self._context.directories.forget(tenant_id)


class Validate:
    """Check the active connection, and remember what was found."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> Validation:
        """List the customers with a new token.

        Raises:
            NotAcceptable: ``not_connected``.
        """
        await self._context.directories.forget(tenant_id)
        failure: Failure | None = None
        count: int | None = None
        try:
            directory = await self._context.directories.of_tenant(tenant_id)
            count = await directory.probe()
        except NotAcceptable:
            raise
        except EntraError as error:
            failure = Failure.of(error)
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            connections = Connections(connection, tenant_id)
            if failure is None:
                await connections.mark_validated(now)
            else:
                await connections.mark_failed(failure, now)
        return Validation(
            valid=failure is None, checked_at=now, tenant_count=count, failure=failure
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewCredentials:
    """App credentials to put in place of the tenant's."""

    client_id: str
    client_secret: str
    expires_at: datetime | None


class RotateCredentials:
    """Replace the tenant's Microsoft app credentials without losing the connection.

    Test, then save.
    """

    def __init__(self, context: Context, ports: SignInPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, tenant_id: TenantId, new: NewCredentials) -> Validation:
        """Test the pair against the active connection, if there is one, then store it.

        Raises:
            ConfigurationInvalid: ``client_id_invalid`` or ``secret_store_read_only``.
            EntraError: What Microsoft answered to the new pair; nothing was stored.
        """
        secrets = self._context.host.secrets
        credentials = Credentials(
            client_id=checked_client_id(new.client_id), client_secret=new.client_secret
        )
        await require_writable(secrets, tenant_id)
        count = await self._probe(tenant_id, credentials)
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            connections = Connections(connection, tenant_id)
            await connections.lock()
            await connections.set_credentials(CredentialSource.TENANT_SECRET, new.expires_at, now)
            await secrets.set(tenant_id, secret_names.CLIENT_ID, credentials.client_id)
            await secrets.set(tenant_id, secret_names.CLIENT_SECRET, credentials.client_secret)
        await self._context.directories.forget(tenant_id)
        return Validation(valid=True, checked_at=now, tenant_count=count, failure=None)

    async def _probe(self, tenant_id: TenantId, credentials: Credentials) -> int | None:
        """List the customers with the new pair; None when nothing is connected yet."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            active = await Connections(connection, tenant_id).active()
        if active is None or active.partner_tenant_id is None:
            return None
        refresh_token = await self._context.host.secrets.get(
            tenant_id, secret_names.DIRECT_REFRESH_TOKEN
        )
        if refresh_token is None:
            return None
        directory = self._ports.directories.opened(
            credentials,
            home=active.partner_tenant_id,
            refresh_token=refresh_token,
            tenant_id=tenant_id,
            of=None,
        )
        return await directory.probe()


class Disconnect:
    """End the connection: row first, then secrets, then running work. History stays."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> None:
        """Disconnect; doing it again is harmless.

        Raises:
            TransientFailure: ``temporal_unavailable``: disconnected, but a running sync could not
                be told; it ends by itself before its next managed tenant.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            connections = Connections(connection, tenant_id)
            await connections.lock()
            await connections.end("disconnected", self._context.clock())
            workflows = await Runs(connection, tenant_id).open_workflows()
        for name in secret_names.DIRECT:
            await self._context.host.secrets.delete(tenant_id, name)
        await self._context.directories.forget(tenant_id)
        for workflow_id in workflows:
            await self._context.workflows.cancel(workflow_id)


def redirect_uri(public_base_url: str) -> str:
    """The one redirect URI, to be registered exactly so."""
    return f"{public_base_url}{CALLBACK_PATH}"


async def require_writable(secrets: SecretStore, tenant_id: TenantId) -> None:
    """Prove that tokens can be stored, by storing something.

    Raises:
        ConfigurationInvalid: ``secret_store_read_only``.
    """
    try:
        if not await secrets.writable(tenant_id):
            raise ConfigurationInvalid("secret_store_read_only")
        await secrets.set(tenant_id, _PROBE_SECRET, "probe")
        kept = await secrets.get(tenant_id, _PROBE_SECRET)
        await secrets.delete(tenant_id, _PROBE_SECRET)
    except OSError as error:
        raise ConfigurationInvalid("secret_store_read_only") from error
    if kept != "probe":
        raise ConfigurationInvalid("secret_store_read_only")
