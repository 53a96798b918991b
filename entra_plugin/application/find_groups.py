"""Groups of one managed tenant, found by the start of their names, for its filters."""

from entra_plugin.application.context import Context
from entra_plugin.directory.protocol import Group
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.ids import ManagedTenantId, TenantId
from entra_plugin.store.managed_tenants import ManagedTenants

SHOWN = 20
"""A person who does not find the group among these types more of its name."""


class FindGroups:
    """Asks the directory for groups; nothing is kept."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, tenant_id: TenantId, managed_tenant_id: ManagedTenantId, q: str
    ) -> tuple[Group, ...]:
        """The first groups whose names start with ``q``; of any name for an empty one.

        Raises:
            NotFound: No such managed tenant.
            NotAcceptable: ``not_connected``.
            EntraError: The directory could not be asked; ``group_unreadable`` when it lets nobody
                read groups.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenant = await ManagedTenants(connection, tenant_id).get(managed_tenant_id)
        if tenant is None:
            raise NotFound("not_found", details={"managedTenantId": str(managed_tenant_id)})
        directory = await self._context.directories.of_tenant(tenant_id)
        return await directory.groups(tenant.entra_tenant_id, q.strip(), SHOWN)
