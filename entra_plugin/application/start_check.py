"""Start a discovery or a validation, or join the one that is running."""

from uuid import uuid4

from entra_plugin.application.context import Context
from entra_plugin.application.sync.start import Actor, StartedRun
from entra_plugin.domain.errors import EntraError, NotAcceptable
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import RunType, Trigger
from entra_plugin.store.connections import Connections
from entra_plugin.store.runs import NewRun, Runs


class StartCheck:
    """Starts runs that look at the connection and write no contact; one of a type at a time."""

    def __init__(self, context: Context, type_: RunType) -> None:
        self._context = context
        self._type = type_

    async def __call__(
        self, tenant_id: TenantId, actor: Actor, trigger: Trigger = Trigger.MANUAL
    ) -> StartedRun:
        """Start or join.

        Raises:
            NotAcceptable: ``not_connected``.
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        started = await self._register(tenant_id, actor, trigger)
        try:
            await self._context.workflows.start_check(tenant_id, started.run_id, self._type)
        except EntraError:
            if not started.joined:
                async with self._context.store.tenant_transaction(tenant_id) as connection:
                    await Runs(connection, tenant_id).remove_queued(started.run_id)
            raise
        return started

    async def _register(self, tenant_id: TenantId, actor: Actor, trigger: Trigger) -> StartedRun:
        run_id = RunId(uuid4())
        run = NewRun(
            run_id=run_id,
            type=self._type,
            trigger=trigger,
            actor_id=actor.user_id,
            actor_name=actor.name,
            client_id=None,
            workflow_id=check_workflow_id(tenant_id, run_id, self._type),
        )
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if await Connections(connection, tenant_id).active() is None:
                raise NotAcceptable("not_connected")
            runs = Runs(connection, tenant_id)
            joined = not await runs.add(run, self._context.clock())
            other = await runs.open_run([self._type]) if joined else None
        if other is None and joined:
            return await self._register(tenant_id, actor, trigger)  # it ended just now
        found = run if other is None else other
        return StartedRun(run_id=found.run_id, workflow_id=found.workflow_id, joined=joined)


def check_workflow_id(tenant_id: TenantId, run_id: RunId, type_: RunType) -> str:
    """The id of the workflow of a discovery or validation run."""
    return f"entra/{tenant_id}/{type_.value}/{run_id}"
