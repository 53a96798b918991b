"""Apply a plan in batches, each one transaction; running it again finds only what is left."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.again import PlanAgain, plan_asked, plan_stale
from entra_plugin.application.sync.batch import ApplyBatch, Batch
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.start import WHOLE
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.merging import FieldRules
from entra_plugin.domain.states import ChangeKind, RunType
from entra_plugin.store.changes import ChangeRow, Changes
from entra_plugin.store.fences import Fence, Fences
from entra_plugin.store.mappings import Mappings

ADDITIVE = frozenset(
    {
        ChangeKind.CREATE,
        ChangeKind.LINK,
        ChangeKind.QUEUE,
        ChangeKind.CLOSE_LINK,
        ChangeKind.REACTIVATE,
    }
)
"""What does not wait for the guard."""

GUARDED = frozenset({ChangeKind.UPDATE, ChangeKind.INACTIVATE, ChangeKind.MOVE})
"""What is applied once the guard has let it through."""

BATCH = 1000
"""Change rows per transaction: one page of the directory, give or take."""

LANES = 2
"""Batches at once."""

_LOOKS = 5
"""How often those who are asked about are planned again at most: the rest is the next sync's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What is applied, for whom, and under which conditions."""

    tenant_id: TenantId
    fence: Fence
    entra_tenant_id: EntraTenantId
    client_id: ClientId
    fields: FieldRules
    pinned: bool
    kinds: Collection[ChangeKind]
    require: Callable[[AsyncConnection], Awaitable[None]]
    """Raises NotAcceptable inside a batch's transaction when nothing may be applied any more."""
    aged: bool = False
    """The plan was read by a person first: other runs may have overtaken it."""


class ApplyRows:
    """Applies the planned rows of one managed tenant of a run, whatever the run is."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, application: Application) -> None:
        """Apply everything planned; the database writes one batch while we make the next.

        Batches share nothing: two rows with one contact or one address were made questions before.
        """
        batches = self._batches(application)
        turn = asyncio.Lock()

        async def lane() -> None:
            while True:
                async with turn:
                    rows = await anext(batches, None)
                if rows is None:
                    return
                await self._apply(application, rows)

        async with aclosing(batches):
            await _together(*(lane() for _ in range(LANES)))

    async def _batches(self, application: Application) -> AsyncGenerator[Sequence[ChangeRow], None]:
        fence = application.fence
        last: ChangeRow | None = None
        while True:
            async with self._context.store.tenant_transaction(application.tenant_id) as connection:
                rows = await Changes(connection, application.tenant_id).planned(
                    fence.run_id,
                    fence.managed_tenant_id,
                    kinds=application.kinds,
                    after=last,
                    limit=BATCH,
                )
            if not rows:
                return
            whole = _whole_identities(rows)
            last = whole[-1]
            yield whole

    async def _apply(self, application: Application, rows: Sequence[ChangeRow]) -> None:
        """Apply one batch, all of it or nothing."""
        async with self._context.store.tenant_transaction(application.tenant_id) as connection:
            await Fences(connection, application.tenant_id).hold(application.fence)
            await application.require(connection)
            batch = Batch(
                tenant_id=application.tenant_id,
                run_id=application.fence.run_id,
                entra_tenant_id=application.entra_tenant_id,
                client_id=application.client_id,
                fields=application.fields,
                pinned=application.pinned,
                now=self._context.clock(),
                rows=rows,
                aged=application.aged,
            )
            await ApplyBatch(connection, self._context.host.contacts, batch)()


class Apply:
    """Applies a sync's plan of one managed tenant: what is additive, or all that is left."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)
        self._rows = ApplyRows(context)

    async def __call__(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        *,
        kinds: Collection[ChangeKind] = ADDITIVE | GUARDED,
    ) -> None:
        """Apply rows of these kinds; creates that met a new contact are planned once more.

        So are those who are asked about in a sync of whole customers, as the contacts are now. What
        comes of that passes the guard, like everything else.

        Raises:
            NotAcceptable: ``not_connected``, ``mapping_changed`` or ``run_closed``; nothing of
                the plan is applied from then on.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            claim = await Fences(connection, tenant_id).claim(
                run_id, managed_tenant_id, self._context.clock()
            )
            if claim is None:
                raise NotAcceptable("run_closed")
            found = await self._scopes.conditions(connection, tenant_id, claim.row)
            policy = await self._scopes.policy_under(connection, tenant_id, found)
        fence = claim.fence
        aged = found.run.type == RunType.PREVIEW
        application = sync_application(tenant_id, fence, policy, kinds, aged=aged)
        judged = not GUARDED.isdisjoint(kinds)
        again = PlanAgain(self._context, tenant_id, fence, policy, judged=judged)
        await self._rows(application)
        if ChangeKind.CREATE in kinds and await again(plan_stale):
            await self._rows(application)
        for _ in range(_LOOKS if found.run.type in WHOLE else 0):
            if not await again(plan_asked):
                break
            await self._rows(application)


async def _together(*lanes: Coroutine[object, object, None]) -> None:
    """Run the lanes to their end; the first failure stops the others and is raised."""
    tasks = [asyncio.create_task(lane) for lane in lanes]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _whole_identities(rows: Sequence[ChangeRow]) -> Sequence[ChangeRow]:
    """The rows without those of the last identity, of which more may follow in the next batch."""
    if len(rows) < BATCH:
        return rows
    last = rows[-1].object_id
    return [row for row in rows if row.object_id != last]


def sync_application(
    tenant_id: TenantId,
    fence: Fence,
    policy: Policy,
    kinds: Collection[ChangeKind],
    *,
    aged: bool,
) -> Application:
    """What a sync applies: never for a client of until now.

    ``aged``: other runs may have seen its people since.
    """

    async def require(connection: AsyncConnection) -> None:
        mappings = Mappings(connection, tenant_id)
        if not await mappings.hold(fence.managed_tenant_id, policy.client_id):
            raise NotAcceptable("mapping_changed")

    return Application(
        tenant_id=tenant_id,
        fence=fence,
        entra_tenant_id=policy.entra_tenant_id,
        client_id=policy.client_id,
        fields=policy.fields,
        pinned=policy.pinned,
        kinds=kinds,
        require=require,
        aged=aged,
    )
