"""The fence that keeps dead attempts from writing, and what an attempt leaves for the next one."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Boolean, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.errors import Conflict
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.run_tables import sync_run_tenants as table
from entra_plugin.store.run_tenants import (
    ITS_TENANT,
    SHOWN,
    THIS_ROW,
    ReadingPlan,
    RunTenant,
    run_tenant_of,
    this_row,
)
from entra_plugin.store.runs import OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """The right of one attempt to write for one managed tenant of a run in this state."""

    run_id: RunId
    managed_tenant_id: ManagedTenantId
    number: int
    reading: int
    state: RunState = RunState.RUNNING

    @property
    def is_first(self) -> bool:
        """True of the first attempt: nothing was begun before it."""
        return self.number == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An attempt that has begun: its right to write, and the managed tenant as it found it."""

    fence: Fence
    row: RunTenant


_CLAIM = (
    update(table)
    .where(THIS_ROW, ITS_TENANT, table.c.state.in_(OPEN_STATES))
    .values(
        fence=table.c.fence + 1,
        state=RunState.RUNNING.value,
        started_at=func.coalesce(table.c.started_at, bindparam("now")),
        waiting_until=None,
    )
    .returning(*SHOWN)
)

_CLAIM_HELD = (
    update(table)
    .where(THIS_ROW, table.c.state == RunState.HELD.value)
    .values(fence=table.c.fence + 1)
    .returning(table.c.fence, table.c.reading)
)

_ADVANCE = (
    update(table)
    .where(
        THIS_ROW,
        table.c.fence == bindparam("number"),
        table.c.state == RunState.RUNNING.value,
    )
    .values(
        pages_read=table.c.pages_read + bindparam("pages"),
        users_read=table.c.users_read + bindparam("users"),
        settled=table.c.settled | bindparam("is_whole", type_=Boolean()),
    )
)

_HOLD = (
    select(table.c.fence)
    .where(
        THIS_ROW,
        table.c.fence == bindparam("number"),
        table.c.state == bindparam("in_state"),
    )
    .with_for_update(read=True)
)

_READ_ANEW = (
    update(table)
    .where(THIS_ROW)
    .values(reading=table.c.reading + 1, pages_read=0, users_read=0)
    .returning(table.c.reading)
)


class Fences:
    """The attempts at the managed tenants in the runs of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def claim(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, now: datetime
    ) -> Claim | None:
        """Begin an attempt: raise the fence and mark the row running; None if the row is closed."""
        values = {**this_row(self._tenant_id, run_id, managed_tenant_id), "now": now}
        row = (await self._connection.execute(_CLAIM, values)).first()
        if row is None:
            return None
        fence = Fence(
            run_id=run_id,
            managed_tenant_id=managed_tenant_id,
            number=row.fence,
            reading=row.reading,
        )
        return Claim(fence=fence, row=run_tenant_of(row))

    async def claim_held(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> Fence | None:
        """Begin an attempt at what was approved of a held row; None if it is not held any more."""
        values = this_row(self._tenant_id, run_id, managed_tenant_id)
        row = (await self._connection.execute(_CLAIM_HELD, values)).first()
        if row is None:
            return None
        return Fence(
            run_id=run_id,
            managed_tenant_id=managed_tenant_id,
            number=row.fence,
            reading=row.reading,
            state=RunState.HELD,
        )

    async def advance(
        self, fence: Fence, *, pages: int = 0, users: int = 0, settled: bool = False
    ) -> None:
        """Hold the fence for the rest of this transaction, and count what was read.

        ``settled``: the transaction makes the plan whole: a later attempt neither reads nor plans.

        Raises:
            Conflict: ``fence_lost``: a later attempt has taken over, or the row was closed.
        """
        values = {
            **self._row(fence),
            "number": fence.number,
            "pages": pages,
            "users": users,
            "is_whole": settled,
        }
        if (await self._connection.execute(_ADVANCE, values)).rowcount != 1:
            raise Conflict("fence_lost")

    async def hold(self, fence: Fence) -> None:
        """Hold the fence for the rest of this transaction, together with others of the attempt.

        Raises:
            Conflict: ``fence_lost``: a later attempt has taken over, or the row was closed.
        """
        values = {**self._row(fence), "number": fence.number, "in_state": fence.state.value}
        if (await self._connection.execute(_HOLD, values)).first() is None:
            raise Conflict("fence_lost")

    async def lock(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> None:
        """Keep every attempt out for the rest of this transaction."""
        statement = select(table.c.fence).where(THIS_ROW).with_for_update()
        values = this_row(self._tenant_id, run_id, managed_tenant_id)
        await self._connection.execute(statement, values)

    async def put_reading_plan(self, fence: Fence, plan: ReadingPlan) -> None:
        """Keep how the managed tenant is read, for later attempts and for the record."""
        await self._connection.execute(
            update(table)
            .where(THIS_ROW, table.c.fence == fence.number)
            .values(
                reading_kind=plan.kind.value,
                absences=plan.absences,
                cursor_link=plan.cursor_link,
                select_fingerprint=plan.select_fingerprint,
                policy_fingerprint=plan.policy_fingerprint,
            ),
            self._row(fence),
        )

    async def put_cursor(self, fence: Fence, link: str | None) -> None:
        """Keep where the next delta round starts, or that it is not known."""
        statement = update(table).where(THIS_ROW).values(cursor_link=link)
        await self._connection.execute(statement, self._row(fence))

    async def start_reading_anew(self, fence: Fence) -> Fence:
        """Begin the listing again from its first page, under the same fence."""
        await self.advance(fence)
        reading = (await self._connection.execute(_READ_ANEW, self._row(fence))).scalar_one()
        return replace(fence, reading=reading)

    def _row(self, fence: Fence) -> dict[str, object]:
        return this_row(self._tenant_id, fence.run_id, fence.managed_tenant_id)
