"""Start a preview: the plan of a sync, made by the same planner, with nothing written but it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from entra_plugin.application.context import Context
from entra_plugin.application.sync.start import Actor, StartedRun, scope_of, workflow_id
from entra_plugin.domain.errors import EntraError, NotAcceptable
from entra_plugin.domain.ids import ClientId, RunId, TenantId
from entra_plugin.domain.states import MappingState, RunType, Trigger
from entra_plugin.store.connections import Connections
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import NewRun, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPreviewCommand:
    """Ask for a preview of one client, or of all that is mapped.

    ``what_if`` holds settings that are not saved, by the names of the settings' documents; they
    were checked before. With them a preview cannot be applied.
    """

    tenant_id: TenantId
    actor: Actor
    client_id: ClientId | None = None
    what_if: Mapping[str, object] | None = None


class StartPreview:
    """Inserts the run and starts its workflow; previews are in nobody's way."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, command: StartPreviewCommand) -> StartedRun:
        """Start.

        Raises:
            NotAcceptable: ``not_connected``, ``nothing_mapped``, ``not_mapped`` or
                ``nothing_to_sync``.
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        tenant_id, run_id = command.tenant_id, RunId(uuid4())
        run = NewRun(
            run_id=run_id,
            type=RunType.PREVIEW,
            trigger=Trigger.API,
            actor_id=command.actor.user_id,
            actor_name=command.actor.name,
            client_id=command.client_id,
            workflow_id=workflow_id(tenant_id, run_id),
            what_if=command.what_if,
        )
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if await Connections(connection, tenant_id).active() is None:
                raise NotAcceptable("not_connected")
            scope = await scope_of(
                self._context,
                connection,
                tenant_id,
                client_id=command.client_id,
                states=(MappingState.MAPPED,),
            )
            now = self._context.clock()
            await Runs(connection, tenant_id).add(run, now)
            tenants = RunTenants(connection, tenant_id)
            await tenants.add_planned(run_id, [scope.run_tenant(row) for row in scope.rows])
            await scope.note_left_out(tenants, run_id, now)
        try:
            await self._context.workflows.start_sync(tenant_id, run_id)
        except EntraError:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await Runs(connection, tenant_id).remove_queued(run_id)
            raise
        return StartedRun(run_id=run_id, workflow_id=run.workflow_id, joined=False)
