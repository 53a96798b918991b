"""Connect with the app's own permissions: no person signs in, each customer has consented."""

from uuid import UUID, uuid4

from entra_plugin.application.connect.credentials import Resolved
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.connect.swap import (
    Kept,
    SwapConnection,
    Validation,
    refuse_other_partner,
)
from entra_plugin.application.context import Context, Person
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.microsoft.tokens import Access
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId
from entra_plugin.domain.states import ConnectionMode
from entra_plugin.store.connections import Connection, Connections, NewConnection


class ConnectAppOnly:
    """Validate the app at the partner's own tenant, then connect without a redirect.

    Listing the customers stays with the partner's sign-in where Microsoft does not let the app list
    them: then the tokens of the delegated connection that is active now are kept for that alone.
    """

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports
        self._swap = SwapConnection(context, ports.journal)

    async def __call__(self, person: Person) -> Validation:
        """Connect; a failure leaves the previous connection untouched.

        Raises:
            ConfigurationInvalid: ``credentials_missing``, ``client_id_invalid``,
                ``secret_store_read_only``, ``app_only_needs_home_tenant`` or
                ``app_only_discovery_refused``.
            NotAcceptable: ``other_partner_tenant``.
            Conflict: ``changed_meanwhile``; nothing has changed.
            EntraError: What Microsoft answered to the probe.
        """
        tenant_id = person.tenant_id
        await self._ports.journal.settle(tenant_id)
        resolved = await self._ports.resolver.require(tenant_id)
        await self._ports.journal.require_writable(tenant_id)
        home = _home(resolved)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            refuse_other_partner(await Connections(connection, tenant_id).partner(), home)
        kept, count = await self._probe(tenant_id, resolved, home)
        new = NewConnection(
            connection_id=ConnectionId(uuid4()),
            mode=ConnectionMode.APP_ONLY,
            credential_source=resolved.source,
            partner_tenant_id=home,
            signed_in=kept is not None,
            created_by=person.user_id,
        )
        secrets = {secret_names.DIRECT_PARTNER_TENANT: str(home)}
        await self._swap(tenant_id, new, secrets, kept=kept)
        return Validation(valid=True, checked_at=self._context.clock(), tenant_count=count)

    async def _probe(
        self, tenant_id: TenantId, resolved: Resolved, home: EntraTenantId
    ) -> tuple[Kept | None, int]:
        """List the customers; answers the secrets that listing them goes on needing."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            active = await Connections(connection, tenant_id).active_direct()
        directory = await self._opened(tenant_id, resolved, home, beside=active)
        count = await directory.probe()
        if active is None or directory.tokens.at_home != Access.DELEGATED:
            return None, count
        names = frozenset(secret_names.DIRECT_TOKENS)
        return Kept(connection_id=active.connection_id, names=names), count

    async def _opened(
        self,
        tenant_id: TenantId,
        resolved: Resolved,
        home: EntraTenantId,
        *,
        beside: Connection | None,
    ) -> MicrosoftDirectory:
        """The app's directory, with the sign-in of a direct connection beside it."""
        if beside is None:
            return self._ports.opener.app_only(resolved.credentials, home=home)
        secrets = self._context.secrets
        return self._ports.opener.app_only(
            resolved.credentials,
            home=home,
            refresh_token=await secrets.get(tenant_id, secret_names.DIRECT_REFRESH_TOKEN),
            renewed=self._ports.keeper.renewed(tenant_id, beside.connection_id),
        )


def _home(resolved: Resolved) -> EntraTenantId:
    """The partner's own tenant, which only ``microsoft_tenant_id`` can name here."""
    try:
        return EntraTenantId(UUID(resolved.authority))
    except ValueError as error:
        raise ConfigurationInvalid("app_only_needs_home_tenant") from error
