"""Open a run: mark it as running, make the clients it needs, and say what is to be synced."""

from dataclasses import dataclass

from entra_plugin.application.connect.renewal import renew_when_old
from entra_plugin.application.context import Context
from entra_plugin.application.sync.guard import GuardRun
from entra_plugin.application.sync.held import settle_with_held
from entra_plugin.application.sync.provision import ProvisionClients
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState, RunType
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import OPEN_STATES, Run, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRun:
    """The managed tenants of a run, how many at once, and what is to be done with them."""

    managed_tenant_ids: tuple[ManagedTenantId, ...]
    window: int
    plans: bool = True
    """They are still to be planned."""
    writes: bool = True
    """Their plans are to be applied."""


PLANNED_FIRST = frozenset({RunType.PREVIEW, RunType.UNDO})
"""Runs that are planned, to be read by a person, and applied if he says so."""

_UNDONE_AT_ONCE = 4


class OpenRun:
    """Opens a run for its workflow; opening it again is harmless."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)
        self._provision = ProvisionClients(context)
        self._guard = GuardRun(context)

    async def __call__(self, tenant_id: TenantId, run_id: RunId) -> OpenedRun:
        """Open; the plan of a preview that is to be applied meets what waits, then the guard.

        Raises:
            NotAcceptable: ``feature_off``, ``not_connected`` or ``run_closed``.
            EntraError: The connection cannot be opened.
        """
        await self._scopes.require_ui_flag(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            runs = Runs(connection, tenant_id)
            await runs.start(run_id, self._context.clock())
            run = await runs.get(run_id)
            rows = await RunTenants(connection, tenant_id).of_run(run_id)
            active = await Connections(connection, tenant_id).active()
        if run is None or run.state not in OPEN_STATES:
            raise NotAcceptable("run_closed")
        window = await self._prepared(tenant_id, run, active)
        if run.type == RunType.PREVIEW and run.applying:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await settle_with_held(connection, tenant_id, run_id, self._context.clock())
            await self._guard(tenant_id, run_id)
        if run.type not in PLANNED_FIRST and any(row.client_id is None for row in rows):
            await self._provision(tenant_id, run_id)
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                rows = await RunTenants(connection, tenant_id).of_run(run_id)
        later = run.type in PLANNED_FIRST
        return OpenedRun(
            managed_tenant_ids=tuple(
                row.managed_tenant_id for row in rows if row.state in OPEN_STATES
            ),
            window=window,
            plans=not (later and run.applying),
            writes=not later or run.applying,
        )

    async def _prepared(self, tenant_id: TenantId, run: Run, active: Connection | None) -> int:
        """Make ready what the run needs; answers how many managed tenants go at once.

        An undo reads no directory.
        """
        if run.type == RunType.UNDO:
            return _UNDONE_AT_ONCE
        directory = await self._context.directories.of_tenant(tenant_id)
        await renew_when_old(self._context, active, directory)
        return directory.capabilities.concurrency

    async def planned(self, tenant_id: TenantId, run_id: RunId) -> tuple[ManagedTenantId, ...]:
        """What is left of a run once all of it is planned: to be applied and recorded."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await RunTenants(connection, tenant_id).of_run(run_id)
        return tuple(row.managed_tenant_id for row in rows if row.state == RunState.RUNNING)
