"""Sync one person now: the same rules, for one identity, under its customer's lock."""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.start import (
    WHOLE,
    Actor,
    StartedRun,
    joined,
    scope_of,
    workflow_id,
)
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable, NotFound
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import MappingState, RunType, Trigger
from entra_plugin.store.connections import Connections
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.mappings import Mappings
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import NewRun, Run, Runs, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPersonCommand:
    """Ask for the sync of one identity, which need not be known yet."""

    tenant_id: TenantId
    identity: IdentityKey
    actor: Actor


class StartPerson:
    """Inserts the run and starts its workflow, or joins the run that is at this customer."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, command: StartPersonCommand) -> StartedRun:
        """Start or join.

        Raises:
            NotFound: No such managed tenant.
            NotAcceptable: ``not_connected``, ``not_mapped`` or ``nothing_to_sync``.
            Conflict: ``sync_under_way``: the customer is being written by what does not read the
                person, or for the client that it was mapped to before.
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        tenant_id = command.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            started = await self._register(connection, command)
        try:
            await self._context.workflows.start_sync(tenant_id, started.run_id)
        except EntraError:
            if not started.joined:
                async with self._context.store.tenant_transaction(tenant_id) as connection:
                    await Runs(connection, tenant_id).remove_queued(started.run_id)
            raise
        return started

    async def _register(
        self, connection: AsyncConnection, command: StartPersonCommand
    ) -> StartedRun:
        tenant_id, identity = command.tenant_id, command.identity
        if await Connections(connection, tenant_id).active() is None:
            raise NotAcceptable("not_connected")
        details = {"entraTenantId": str(identity.entra_tenant_id)}
        tenant = await ManagedTenants(connection, tenant_id).of_directory(identity.entra_tenant_id)
        if tenant is None:
            raise NotFound("not_found", details=details)
        mappings = Mappings(connection, tenant_id)
        await mappings.lock_version()
        mapping = await mappings.current(tenant.managed_tenant_id)
        if mapping is None or mapping.state != MappingState.MAPPED or mapping.client_id is None:
            raise NotAcceptable("not_mapped", details=details)
        scope = await scope_of(self._context, connection, tenant_id, client_id=mapping.client_id)
        rows = [r for r in scope.rows if r.managed_tenant_id == tenant.managed_tenant_id]
        wanted = [w for w in scope.wanted if w.managed_tenant_id == tenant.managed_tenant_id]
        if not rows:
            raise NotAcceptable("nothing_to_sync", details=details)
        tenants, now = RunTenants(connection, tenant_id), self._context.clock()
        await tenants.let_go(wanted, now)
        under_way = await self._writer(connection, command, wanted[0])
        if under_way is not None:
            return joined(under_way)
        run_id = RunId(uuid4())
        run = NewRun(
            run_id=run_id,
            type=RunType.PERSON,
            trigger=Trigger.API,
            actor_id=command.actor.user_id,
            actor_name=command.actor.name,
            client_id=mapping.client_id,
            workflow_id=workflow_id(tenant_id, run_id),
            subject=identity,
        )
        await Runs(connection, tenant_id).add(run, now)
        await tenants.add(run_id, [scope.run_tenant(rows[0])], joins=WHOLE, now=now)
        return StartedRun(run_id=run_id, workflow_id=run.workflow_id, joined=False)

    async def _writer(
        self,
        connection: AsyncConnection,
        command: StartPersonCommand,
        wanted: Wanted,
    ) -> Run | None:
        """The run that is writing the customer now, if it takes this person along."""
        tenant_id = command.tenant_id
        writers = await RunTenants(connection, tenant_id).writers([wanted.managed_tenant_id])
        run = await Runs(connection, tenant_id).get(writers[0].run_id) if writers else None
        if run is None:
            return None
        takes = run.type in WHOLE or run.subject == command.identity
        if takes and writers[0].client_id == wanted.client_id:
            return run
        raise Conflict("sync_under_way", details={"runId": str(run.run_id)})
