"""What becomes of held rows when the same identities are planned again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.outcome import outcome
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.changes import Changes
from entra_plugin.store.fences import Fence
from entra_plugin.store.held import Held, Met
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.pages import Pages
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Runs


async def take_over_held(
    connection: AsyncConnection,
    tenant_id: TenantId,
    fence: Fence,
    entra_tenant_id: EntraTenantId,
    *,
    now: datetime,
    everybody: bool,
) -> bool:
    """Drop planned rows that wait already, and retire held rows whose plan is another today.

    Answers whether any was retired. To be done once for a reading: what was dropped is not there to
    be compared with again.
    ``everybody``: the reading looked also for those who were not listed.
    """
    run_id, managed_tenant_id = fence.run_id, fence.managed_tenant_id
    held_runs = await RunTenants(connection, tenant_id).held_runs(managed_tenant_id)
    if not held_runs:
        return False
    held = Held(connection, tenant_id)
    repeated = await held.repeated(run_id, managed_tenant_id, held_runs)
    await IdentityWrites(connection, tenant_id).refresh_linked(
        entra_tenant_id, dict.fromkeys(repeated, False), now
    )
    await held.renew(repeated)
    changed = await held.supersede(
        run_id,
        managed_tenant_id,
        held_runs,
        kept=list(repeated.values()),
        everybody=everybody,
    )
    await Pages(connection, tenant_id).count_unchanged(fence, len(repeated))
    await recount(connection, tenant_id, changed, managed_tenant_id)
    return bool(changed)


async def settle_with_held(
    connection: AsyncConnection, tenant_id: TenantId, run_id: RunId, now: datetime
) -> None:
    """Compare a plan that a person has read with what waits, so that nothing waits twice.

    What waits already is not planned once more, and of two rows that differ the older is retired.
    What the plan does not name waits on: the next reading looks at it. Again is harmless.
    """
    met = await Held(connection, tenant_id).met(run_id)
    groups: defaultdict[ManagedTenantId, list[Met]] = defaultdict(list)
    for pair in met:
        groups[pair.managed_tenant_id].append(pair)
    for managed_tenant_id, pairs in groups.items():
        await _settle_pairs(connection, tenant_id, pairs, now)
        repeated = sum(pair.same for pair in pairs)
        await RunTenants(connection, tenant_id).count_unchanged(run_id, managed_tenant_id, repeated)
        retired = {pair.held_run_id for pair in pairs if pair.newer and not pair.same}
        await recount(connection, tenant_id, retired, managed_tenant_id)


async def _settle_pairs(
    connection: AsyncConnection, tenant_id: TenantId, pairs: Sequence[Met], now: datetime
) -> None:
    """The pairs of one managed tenant."""
    held = Held(connection, tenant_id)
    renewed = {pair.change_id: pair.held_id for pair in pairs if pair.same and pair.newer}
    await IdentityWrites(connection, tenant_id).refresh_linked(
        pairs[0].entra_tenant_id, dict.fromkeys(renewed, False), now
    )
    await held.renew(renewed)
    await held.drop([pair.change_id for pair in pairs if pair.same and not pair.newer])
    await held.retire(
        [pair.held_id if pair.newer else pair.change_id for pair in pairs if not pair.same]
    )


async def recount(
    connection: AsyncConnection,
    tenant_id: TenantId,
    run_ids: Iterable[RunId],
    managed_tenant_id: ManagedTenantId,
) -> None:
    """Bring counters and states of held runs up to date; one with nothing left is held no more.

    Of two customers of a run whose rows are settled at once, the later one finds the other settled.
    """
    tenants, runs = RunTenants(connection, tenant_id), Runs(connection, tenant_id)
    for run_id in sorted(run_ids):
        await runs.lock(run_id)
        changes = Changes(connection, tenant_id)
        counts = await changes.counts(run_id, managed_tenant_id)
        waiting = counts["held"] or await changes.has_planned(run_id, managed_tenant_id)
        state = RunState.HELD if waiting else RunState.COMPLETED
        await tenants.recount(run_id, managed_tenant_id, counts, state)
        await runs.leave_held(
            run_id, outcome(await tenants.of_run(run_id), cancelled=False, failed=False)
        )
