"""Start the undo of a run: a run of its own, which is planned first and applied when asked."""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.start import Actor, workflow_id
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable, NotFound
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunType, Trigger
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import OPEN_STATES, NewRun, Run, Runs
from entra_plugin.store.undo import Undoing

UNDOABLE = frozenset(
    {RunType.INITIAL, RunType.ALL, RunType.CLIENT, RunType.PERSON, RunType.PREVIEW}
)
"""Runs that may have written contacts; a preview has once it was applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoCommand:
    """Undo a run, or one managed tenant of it."""

    tenant_id: TenantId
    run_id: RunId
    actor: Actor
    trigger: Trigger = Trigger.API
    managed_tenant_id: ManagedTenantId | None = None


class StartUndo:
    """Inserts the run with its managed tenants, then starts the workflow that plans it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, command: UndoCommand) -> RunId:
        """Start; answers the run of the undo.

        Raises:
            NotFound: No such run, or the managed tenant is not in it.
            Conflict: ``run_under_way``: the run is not finished.
            NotAcceptable: ``not_undoable``: it is of a kind that writes no contact, or an undo;
                ``nothing_to_undo``: it wrote nothing, or nothing that is not undone already.
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        tenant_id = command.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            undo_id = await self._register(connection, command)
        try:
            await self._context.workflows.start_sync(tenant_id, undo_id)
        except EntraError:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await Runs(connection, tenant_id).remove_queued(undo_id)
            raise
        return undo_id

    async def _register(self, connection: AsyncConnection, command: UndoCommand) -> RunId:
        tenant_id = command.tenant_id
        runs, undoing = Runs(connection, tenant_id), Undoing(connection, tenant_id)
        run = await runs.get(command.run_id)
        if run is None:
            raise NotFound("not_found", details={"runId": str(command.run_id)})
        require_undoable(run)
        if command.managed_tenant_id is not None:
            tenants = RunTenants(connection, tenant_id)
            await require_part(tenants, run.run_id, command.managed_tenant_id)
        concerned = await undoing.concerned(run.run_id, command.managed_tenant_id)
        if not concerned:
            raise NotAcceptable("nothing_to_undo", details={"runId": str(run.run_id)})
        undo_id = RunId(uuid4())
        await runs.add(
            NewRun(
                run_id=undo_id,
                type=RunType.UNDO,
                trigger=command.trigger,
                actor_id=command.actor.user_id,
                actor_name=command.actor.name,
                client_id=run.client_id,
                workflow_id=workflow_id(tenant_id, undo_id),
                undoes=run.run_id,
            ),
            self._context.clock(),
        )
        await undoing.take(undo_id, run.run_id, concerned)
        return undo_id


async def require_part(
    tenants: RunTenants, run_id: RunId, managed_tenant_id: ManagedTenantId
) -> None:
    """Refuse a managed tenant that is no part of a run.

    Raises:
        NotFound: ``not_found``.
    """
    if await tenants.get(run_id, managed_tenant_id) is None:
        raise NotFound("not_found", details={"managedTenantId": str(managed_tenant_id)})


def require_undoable(run: Run) -> None:
    """Refuse a run that wrote no contact, or is not finished.

    Raises:
        Conflict: ``run_under_way``.
        NotAcceptable: ``not_undoable``.
    """
    details = {"runId": str(run.run_id)}
    planned_only = run.type == RunType.PREVIEW and run.applied_at is None and not run.applying
    if run.type not in UNDOABLE or planned_only:
        raise NotAcceptable("not_undoable", details=details)
    if run.state in OPEN_STATES:
        raise Conflict("run_under_way", details=details)
