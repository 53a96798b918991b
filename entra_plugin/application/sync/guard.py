"""The guard of a run: once all its customers are planned, hold what a person has to look at."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.domain.guarding import Guard, Holds, judge
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    EntraTenantId,
    ManagedTenantId,
    RunId,
    TenantId,
)
from entra_plugin.domain.states import ChangeKind, RunType, Verdict
from entra_plugin.store.held import Held
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.links import Links
from entra_plugin.store.runs import Runs
from entra_plugin.store.settings import SettingsRows


class GuardRun:
    """Judges the whole plan of a run; doing it again changes nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Hold rows of clients that would lose or change too much, and of suspects, if so set.

        An undo is not held: a person has read it, and asked for it.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            run = await Runs(connection, tenant_id).get(run_id)
            if run is None or run.type == RunType.UNDO:
                return
            if not await Held(connection, tenant_id).has_guarded(run_id):
                return
            guard = Guard.of((await SettingsRows(connection, tenant_id).get()).guard_config)
            clients = await Held(connection, tenant_id).clients(run_id)
            await _hold(
                connection,
                tenant_id,
                run_id,
                await _judged(connection, tenant_id, run_id, guard, clients),
                suspects=guard.hold_shared_mailbox_suspects,
                now=self._context.clock(),
            )


async def guard_late(
    connection: AsyncConnection,
    tenant_id: TenantId,
    run_id: RunId,
    managed_tenant_id: ManagedTenantId,
    client_id: ClientId,
    guard: Guard,
    now: datetime,
) -> None:
    """Judge what was planned for one customer after the whole was judged, by its client alone."""
    if not await Held(connection, tenant_id).has_guarded(run_id):
        return
    holds = await _judged(connection, tenant_id, run_id, guard, [client_id])
    await _hold(
        connection, tenant_id, run_id, holds, suspects=False, now=now, only=managed_tenant_id
    )


async def _judged(
    connection: AsyncConnection,
    tenant_id: TenantId,
    run_id: RunId,
    guard: Guard,
    clients: list[ClientId],
) -> Holds:
    linked = await Links(connection, tenant_id).count_by_client(clients)
    counts = {client_id: linked.get(client_id, 0) for client_id in clients}
    return judge(guard, await Held(connection, tenant_id).plans(run_id, counts))


async def _hold(
    connection: AsyncConnection,
    tenant_id: TenantId,
    run_id: RunId,
    holds: Holds,
    *,
    suspects: bool,
    now: datetime,
    only: ManagedTenantId | None = None,
) -> None:
    """Hold the rows, and let their identities wait for them."""
    rows = await Held(connection, tenant_id).hold(
        run_id,
        inactivations=sorted(holds.inactivations),
        overwrites=sorted(holds.overwrites),
        suspects=suspects,
        only=only,
    )
    identities = IdentityWrites(connection, tenant_id)
    linked_rows: defaultdict[EntraTenantId, dict[ChangeId, bool]] = defaultdict(dict)
    moves: dict[ChangeId, Verdict] = {}
    for row in rows:
        if row.kind == ChangeKind.MOVE:
            moves[row.change_id] = Verdict.QUEUED
        else:
            linked_rows[row.entra_tenant_id][row.change_id] = False
    await identities.store_from_changes(moves, now)
    for entra_tenant_id, found in linked_rows.items():
        await identities.refresh_linked(entra_tenant_id, found, now)
