"""Apply a run that was planned first: a preview or an undo that a person has read."""

from entra_plugin.application.context import Context
from entra_plugin.application.sync.open import PLANNED_FIRST
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.start import apply_workflow_id
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable, NotFound
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import OPEN_STATES, Run, Runs

PLANNED = frozenset({RunState.COMPLETED, RunState.PARTIAL})
"""States in which there is a plan to apply."""


class ApplyRun:
    """Opens the run again, and starts the workflow that applies its plan."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def __call__(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Apply the plan of a run, once.

        Raises:
            NotFound: No such run.
            Conflict: ``already_applied``; ``run_under_way``: it is still being planned;
                ``sync_under_way``: one of its customers is being written by another run.
            NotAcceptable: ``not_appliable``: it is no preview and no undo, or was not planned to
                the end; ``what_if_preview``; ``feature_off``.
            TransientFailure: ``temporal_unavailable``; everything is as before.
        """
        await self._scopes.require_ui_flag(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            runs = Runs(connection, tenant_id)
            run = await runs.get(run_id)
            if run is None:
                raise NotFound("not_found", details={"runId": str(run_id)})
            require_appliable(run)
            if not await runs.begin_applying(run_id, apply_workflow_id(tenant_id, run_id)):
                raise Conflict("already_applied", details={"runId": str(run_id)})
            await RunTenants(connection, tenant_id).begin_writing(run_id)
        try:
            await self._context.workflows.start_apply(tenant_id, run_id)
        except EntraError:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await RunTenants(connection, tenant_id).take_back_writing(run_id)
                await Runs(connection, tenant_id).take_back_applying(run)
            raise


def require_appliable(run: Run) -> None:
    """Refuse a run that has no plan to be applied.

    Raises:
        Conflict: ``already_applied``, ``run_under_way``.
        NotAcceptable: ``not_appliable``, ``what_if_preview``.
    """
    details = {"runId": str(run.run_id)}
    if run.type not in PLANNED_FIRST:
        raise NotAcceptable("not_appliable", details=details)
    if run.applied_at is not None or run.applying:
        raise Conflict("already_applied", details=details)
    if run.state in OPEN_STATES:
        raise Conflict("run_under_way", details=details)
    if run.state not in PLANNED:
        raise NotAcceptable("not_appliable", details=details)
    if run.what_if is not None:
        raise NotAcceptable("what_if_preview", details=details)
