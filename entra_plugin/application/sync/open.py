"""Open a run: mark it as running, make the clients it needs, and say what is to be synced."""

from dataclasses import dataclass

from entra_plugin.application.connect.renewal import renew_when_old
from entra_plugin.application.context import Context
from entra_plugin.application.sync.provision import ProvisionClients
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import OPEN_STATES, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRun:
    """The managed tenants to sync, and how many at once."""

    managed_tenant_ids: tuple[ManagedTenantId, ...]
    window: int


class OpenRun:
    """Opens a run for its workflow; opening it again is harmless."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)
        self._provision = ProvisionClients(context)

    async def __call__(self, tenant_id: TenantId, run_id: RunId) -> OpenedRun:
        """Open.

        Raises:
            NotAcceptable: ``feature_off``, ``not_connected`` or ``run_closed``.
            EntraError: The connection cannot be opened.
        """
        await self._scopes.require_ui_flag(tenant_id)
        directory = await self._context.directories.of_tenant(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            state = await Runs(connection, tenant_id).start(run_id, self._context.clock())
        if state not in OPEN_STATES:
            raise NotAcceptable("run_closed")
        await renew_when_old(self._context, tenant_id, directory)
        await self._provision(tenant_id, run_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await RunTenants(connection, tenant_id).of_run(run_id)
        return OpenedRun(
            managed_tenant_ids=tuple(
                row.managed_tenant_id for row in rows if row.state in OPEN_STATES
            ),
            window=directory.capabilities.concurrency,
        )
