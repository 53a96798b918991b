"""Close a discovery or a validation that did not get to its end."""

from entra_plugin.application.context import Context
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import RunState, RunType
from entra_plugin.store.connections import Connections
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Failure, Runs

CHECKS = frozenset({RunType.DISCOVERY, RunType.VALIDATION})
"""Runs that write no contact."""


class CloseRun:
    """Closes runs that write no contact; what they found so far stays."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def failed(
        self, tenant_id: TenantId, run_id: RunId, failure: Failure, *, broken: bool
    ) -> None:
        """Close a run that could not be carried out; a ``broken`` connection is marked as such.

        A run that is closed already says nothing of the connection of today.
        """
        if await self._close(tenant_id, run_id, RunState.FAILED, failure=failure) and broken:
            now = self._context.clock()
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                run = await Runs(connection, tenant_id).get(run_id)
                begun = run.created_at if run is not None else None
                await Connections(connection, tenant_id).mark_failed(failure, now, begun=begun)

    async def cancelled(self, tenant_id: TenantId, run_id: RunId, reason: str | None) -> None:
        """Close a run that a person cancelled, or whose conditions are gone."""
        await self._close(tenant_id, run_id, RunState.CANCELLED, reason=reason)

    async def _close(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        state: RunState,
        *,
        reason: str | None = None,
        failure: Failure | None = None,
    ) -> bool:
        now = self._context.clock()
        left = RunState.CANCELLED if state == RunState.CANCELLED else RunState.SKIPPED
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await RunTenants(connection, tenant_id).close(run_id, None, left, now, reason=reason)
            return await Runs(connection, tenant_id).finish(
                run_id, state, now, reason=reason, failure=failure
            )
