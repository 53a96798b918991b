"""The guard of a run: once all its customers are planned, hold what a person has to look at."""

from collections import defaultdict

from entra_plugin.application.context import Context
from entra_plugin.domain.guarding import Guard, judge
from entra_plugin.domain.ids import ChangeId, EntraTenantId, RunId, TenantId
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
            held = Held(connection, tenant_id)
            if not await held.has_guarded(run_id):
                return
            guard = Guard.of((await SettingsRows(connection, tenant_id).get()).guard_config)
            clients = await held.clients(run_id)
            linked = await Links(connection, tenant_id).count_by_client(clients)
            plans = await held.plans(run_id, {c: linked.get(c, 0) for c in clients})
            holds = judge(guard, plans)
            rows = await held.hold(
                run_id,
                inactivations=sorted(holds.inactivations),
                overwrites=sorted(holds.overwrites),
                suspects=guard.hold_shared_mailbox_suspects,
            )
            identities, now = IdentityWrites(connection, tenant_id), self._context.clock()
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
