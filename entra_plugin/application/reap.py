"""Close runs whose workflow is gone, so that nothing stays running for ever."""

from datetime import timedelta
from uuid import uuid4

from entra_plugin.application.close_gone import CloseGone
from entra_plugin.application.close_run import CHECKS
from entra_plugin.application.context import Context
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.open_runs import OpenRun, OpenRuns

YOUNG = timedelta(minutes=10)
"""So long after it was queued a run is started anew; later nobody waits for it any more."""


class Reap:
    """Looks at every open run of a tenant; one whose workflow is open is left alone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._close_gone = CloseGone(context)

    async def __call__(self, tenant_id: TenantId) -> None:
        """Start again what was just queued and never started; close the rest as failed.

        A plan that is being applied has no age that says anything: whoever asked for it may be
        about to start it. So that is started again, too; it goes on with what is left. So does what
        was approved of a held run: an applying that is under way gives way to the new one.

        Raises:
            TransientFailure: ``temporal_unavailable``; what was not looked at is left alone.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            open_runs = OpenRuns(connection, tenant_id)
            found, approved = await open_runs.all(), await open_runs.approved()
        for run_id, managed_tenant_id in approved:
            await self._context.workflows.start_held(tenant_id, run_id, managed_tenant_id, uuid4())
        for run in found:
            if await self._context.workflows.is_open(run.workflow_id):
                continue
            young = run.created_at > self._context.clock() - YOUNG
            if run.applying or (run.state == RunState.QUEUED and young):
                await self._start(tenant_id, run)
            else:
                await self._close(tenant_id, run)

    async def _start(self, tenant_id: TenantId, run: OpenRun) -> None:
        if run.applying:
            await self._context.workflows.start_apply(tenant_id, run.run_id)
        elif run.type in CHECKS:
            await self._context.workflows.start_check(tenant_id, run.run_id, run.type)
        else:
            await self._context.workflows.start_sync(tenant_id, run.run_id)

    async def _close(self, tenant_id: TenantId, run: OpenRun) -> None:
        """Close it, unless it ended by itself since it was looked at."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if not await OpenRuns(connection, tenant_id).claim(run):
                return
        await self._close_gone.failed(tenant_id, run.run_id, run.type)
