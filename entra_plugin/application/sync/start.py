"""Start a run, or join the one that is already at it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import KnownClients, LeftOut, known_clients, left_out
from entra_plugin.application.context import Context
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable
from entra_plugin.domain.ids import ClientId, RunId, TenantId, UserId
from entra_plugin.domain.states import MappingState, RunType, Trigger
from entra_plugin.store.connections import Connections
from entra_plugin.store.mappings import CurrentMapping, Mappings
from entra_plugin.store.run_tenants import NewRunTenant, RunTenants
from entra_plugin.store.runs import NewRun, Run, Runs, Wanted

WHOLE = frozenset({RunType.INITIAL, RunType.ALL, RunType.CLIENT})
"""Runs that read all of a managed tenant, and so say what it is like now."""


class SyncScope(StrEnum):
    """What a person asks to sync."""

    INITIAL = "initial"
    ALL = "all"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who starts a run; empty for a schedule."""

    user_id: UserId | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSyncCommand:
    """Ask for a sync; ``client_id`` goes with the scope ``client`` only."""

    tenant_id: TenantId
    scope: SyncScope
    actor: Actor
    client_id: ClientId | None = None
    trigger: Trigger = Trigger.MANUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """The run that does what was asked; ``joined`` when it was under way already."""

    run_id: RunId
    workflow_id: str
    joined: bool


class StartSync:
    """Insert the run and its managed tenants, then start the workflow."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, command: StartSyncCommand) -> StartedRun:
        """Start or join.

        Raises:
            NotAcceptable: ``not_connected``, ``nothing_mapped``, ``not_mapped``, or
                ``nothing_to_sync``: all of it is gone, paused, or of a client that is not active.
            Conflict: ``sync_under_way``: all of it is being written by what does not read it whole,
                or for the client that it was mapped to before.
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        async with self._context.store.tenant_transaction(command.tenant_id) as connection:
            started = await self._register(connection, command)
        try:
            await self._context.workflows.start_sync(command.tenant_id, started.run_id)
        except EntraError:
            if not started.joined:
                async with self._context.store.tenant_transaction(command.tenant_id) as connection:
                    await Runs(connection, command.tenant_id).remove_queued(started.run_id)
            raise
        return started

    async def _register(self, connection: AsyncConnection, command: StartSyncCommand) -> StartedRun:
        tenant_id = command.tenant_id
        if await Connections(connection, tenant_id).active() is None:
            raise NotAcceptable("not_connected")
        runs = Runs(connection, tenant_id)
        await runs.lock_starts()
        await Mappings(connection, tenant_id).lock_version()
        scope = await scope_of(
            self._context,
            connection,
            tenant_id,
            client_id=command.client_id if command.scope == SyncScope.CLIENT else None,
            one_client=command.scope == SyncScope.CLIENT,
            states=(MappingState.MAPPED,) if command.trigger == Trigger.SCHEDULED else None,
        )
        tenants = RunTenants(connection, tenant_id)
        await tenants.let_go(scope.wanted, self._context.clock())
        under_way = await self._under_way(connection, command, scope.wanted)
        if under_way is not None:
            return joined(under_way)
        run_id = RunId(uuid4())
        run = NewRun(
            run_id=run_id,
            type=RunType(command.scope.value),
            trigger=command.trigger,
            actor_id=command.actor.user_id,
            actor_name=command.actor.name,
            client_id=command.client_id,
            workflow_id=workflow_id(tenant_id, run_id),
        )
        now = self._context.clock()
        if not await runs.add(run, now):
            # Of everything one run is open at a time, and that one lacks some of this.
            run = replace(run, type=RunType.CLIENT)
            await runs.add(run, now)
        new = [scope.run_tenant(row) for row in scope.rows]
        some = await tenants.add(run_id, new, joins=WHOLE, now=now)
        if not some and command.trigger != Trigger.SCHEDULED:
            raise Conflict("sync_under_way")
        await scope.note_left_out(tenants, run_id, now)
        return StartedRun(run_id=run_id, workflow_id=run.workflow_id, joined=False)

    async def _under_way(
        self,
        connection: AsyncConnection,
        command: StartSyncCommand,
        scope: Sequence[Wanted],
    ) -> Run | None:
        """The open run that does all of this: of one client, it still has it before it or in hand.

        Raises:
            Conflict: ``sync_under_way``.
        """
        runs = Runs(connection, command.tenant_id)
        if command.scope != SyncScope.CLIENT:
            return await runs.holding(WHOLE, scope)
        writers = await RunTenants(connection, command.tenant_id).writers(
            [row.managed_tenant_id for row in scope]
        )
        if len(writers) < len(scope) or len({writer.run_id for writer in writers}) != 1:
            return None
        run = await runs.get(writers[0].run_id)
        if run is None:
            return None
        if run.type not in WHOLE or any(w.client_id != command.client_id for w in writers):
            raise Conflict("sync_under_way", details={"runId": str(run.run_id)})
        return run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """The mappings that a run takes, and those that it leaves out, by reason."""

    rows: Sequence[CurrentMapping]
    left_out: Mapping[LeftOut, Sequence[CurrentMapping]]
    clients: KnownClients

    @property
    def wanted(self) -> list[Wanted]:
        """What of it is to be synced, for whom, and since when."""
        return [
            Wanted(
                managed_tenant_id=row.managed_tenant_id,
                client_id=row.client_id,
                decided_at=row.decided_at,
            )
            for row in self.rows
        ]

    def run_tenant(self, row: CurrentMapping) -> NewRunTenant:
        """A mapping as it stands in a run; a client to be created has its tenant's name."""
        name = self.clients.name(row.client_id) if row.client_id else row.display_name
        return NewRunTenant(
            managed_tenant_id=row.managed_tenant_id, client_id=row.client_id, client_name=name
        )

    async def note_left_out(self, tenants: RunTenants, run_id: RunId, now: datetime) -> None:
        """Let the run say what it leaves out, and why."""
        for reason, rows in self.left_out.items():
            await tenants.add_left_out(
                run_id, [self.run_tenant(row) for row in rows], reason=reason.value, now=now
            )


async def scope_of(
    context: Context,
    connection: AsyncConnection,
    tenant_id: TenantId,
    *,
    client_id: ClientId | None,
    one_client: bool = False,
    states: Collection[MappingState] | None = None,
) -> RunScope:
    """What of the mappings a run takes: of one client, or all; and what it leaves out, and why.

    Raises:
        NotAcceptable: ``not_mapped``, ``nothing_mapped``, or ``nothing_to_sync``: all of it is left
            out.
    """
    rows = await Mappings(connection, tenant_id).to_sync()
    if states is not None:
        rows = [row for row in rows if row.state in states]
    if one_client or client_id is not None:
        rows = [row for row in rows if row.client_id == client_id]
        if client_id is None or not rows:
            raise NotAcceptable("not_mapped", details={"clientId": str(client_id)})
    if not rows:
        raise NotAcceptable("nothing_mapped")
    ids = (row.client_id for row in rows)
    clients = await known_clients(context, connection, tenant_id, ids)
    now = context.clock()
    taken: list[CurrentMapping] = []
    left: defaultdict[LeftOut, list[CurrentMapping]] = defaultdict(list)
    for row in rows:
        reason = left_out(row, clients, now)
        (taken if reason is None else left[reason]).append(row)
    if not taken:
        counts = {reason.value: len(found) for reason, found in left.items()}
        raise NotAcceptable("nothing_to_sync", details={"leftOut": counts})
    return RunScope(rows=taken, left_out=left, clients=clients)


def workflow_id(tenant_id: TenantId, run_id: RunId) -> str:
    """The id of the workflow of a sync run; starting it twice starts it once."""
    return f"entra/{tenant_id}/run/{run_id}"


def apply_workflow_id(tenant_id: TenantId, run_id: RunId) -> str:
    """The id of the workflow that applies a run which was planned before."""
    return f"entra/{tenant_id}/apply/{run_id}"


def joined(run: Run) -> StartedRun:
    """The answer to a start that found its run under way."""
    return StartedRun(run_id=run.run_id, workflow_id=run.workflow_id, joined=True)
