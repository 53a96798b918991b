"""The reading side of discovery and mapping: managed tenants, decisions in force, their history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from entra_plugin.application.clients import KnownClients, LeftOut, known_clients, left_out
from entra_plugin.application.context import Context
from entra_plugin.application.decide import SYNCED
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.folding import contains
from entra_plugin.domain.ids import ClientId, ManagedTenantId, TenantId
from entra_plugin.domain.states import MappingState
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.mappings import CurrentMapping, Mappings
from entra_plugin.store.paging import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedTenantPage:
    """A page of managed tenants, the decisions about them, and which of them no sync takes."""

    page: Page[ManagedTenant]
    decisions: Mapping[ManagedTenantId, CurrentMapping]
    left_out: Mapping[ManagedTenantId, LeftOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPage:
    """A page of a managed tenant's history, newest first, with the clients in it."""

    page: Page[CurrentMapping]
    clients: KnownClients


class ReadMappings:
    """Answers what pages and routes show."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def mappings(
        self, tenant_id: TenantId, *, state: MappingState | None = None, q: str | None = None
    ) -> tuple[list[CurrentMapping], KnownClients]:
        """The decisions in force by name, and their clients; ``q`` is a part of a name or domain.

        Filtered here, since the names of clients are the host's.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await Mappings(connection, tenant_id).all()
            ids = (row.client_id for row in rows)
            clients = await known_clients(self._context, connection, tenant_id, ids)
        wanted = [row for row in rows if state is None or row.state == state]
        if q is not None:
            wanted = [
                row
                for row in wanted
                if contains(q, row.display_name, *row.domains, clients.name(row.client_id))
            ]
        return wanted, clients

    async def history(
        self,
        tenant_id: TenantId,
        managed_tenant_id: ManagedTenantId,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DecisionPage:
        """Every decision ever made about a managed tenant, newest first.

        Raises:
            NotFound: No such managed tenant.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if await ManagedTenants(connection, tenant_id).get(managed_tenant_id) is None:
                raise NotFound("not_found", details={"managedTenantId": str(managed_tenant_id)})
            page = await Mappings(connection, tenant_id).history(
                managed_tenant_id, limit=limit, cursor=cursor
            )
            ids = (row.client_id for row in page.items)
            clients = await known_clients(self._context, connection, tenant_id, ids)
        return DecisionPage(page=page, clients=clients)

    async def managed_tenant(
        self, tenant_id: TenantId, managed_tenant_id: ManagedTenantId
    ) -> ManagedTenant:
        """One managed tenant, whether it is still listed or gone.

        Raises:
            NotFound: No such managed tenant.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            found = await ManagedTenants(connection, tenant_id).get(managed_tenant_id)
        if found is None:
            raise NotFound("not_found", details={"managedTenantId": str(managed_tenant_id)})
        return found

    async def of_client(self, tenant_id: TenantId, client_id: ClientId) -> list[ManagedTenant]:
        """The managed tenants that are mapped to a client."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await Mappings(connection, tenant_id).of_client(client_id)
            return await ManagedTenants(connection, tenant_id).by_ids(
                [row.managed_tenant_id for row in rows]
            )

    async def decided_at(self, tenant_id: TenantId) -> datetime | None:
        """When the youngest decision in force was made; None without any."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await Mappings(connection, tenant_id).all()
        return max((row.decided_at for row in rows), default=None)

    async def relationships(self, tenant_id: TenantId) -> list[ManagedTenant]:
        """The managed tenants whose relationship has an end, the soonest first."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = await ManagedTenants(connection, tenant_id).all()
        ends = [(t.relationship_end, t) for t in tenants if t.relationship_end is not None]
        return [tenant for _, tenant in sorted(ends, key=itemgetter(0))]

    async def managed_tenants(
        self,
        tenant_id: TenantId,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: MappingState | None = None,
        q: str | None = None,
    ) -> ManagedTenantPage:
        """A page of discovered managed tenants, and the decisions about them."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            page = await ManagedTenants(connection, tenant_id).page(
                limit=limit, cursor=cursor, state=state, q=q
            )
            current = await Mappings(connection, tenant_id).by_managed_tenants(
                [tenant.managed_tenant_id for tenant in page.items]
            )
            ids = (row.client_id for row in current)
            clients = await known_clients(self._context, connection, tenant_id, ids)
        now = self._context.clock()
        reasons = {
            row.managed_tenant_id: left_out(row, clients, now)
            for row in current
            if row.state in SYNCED
        }
        return ManagedTenantPage(
            page=page,
            decisions={mapping.managed_tenant_id: mapping for mapping in current},
            left_out={key: reason for key, reason in reasons.items() if reason is not None},
        )
