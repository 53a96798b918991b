"""Queries on the managed tenants of a run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from entra_plugin.domain.errors import Conflict
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ReadingKind, RunState, RunType
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.run_tables import COUNTERS, sync_run_tenants
from entra_plugin.store.runs import OPEN_STATES, Failure, Wanted, failure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRunTenant:
    """A managed tenant to take into a run."""

    managed_tenant_id: ManagedTenantId
    client_id: ClientId | None
    client_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The run that is writing a managed tenant, and for which client."""

    run_id: RunId
    managed_tenant_id: ManagedTenantId
    client_id: ClientId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPlan:
    """How a managed tenant is read in a run, as the first attempt chose.

    ``cursor_link`` is where the next delta round starts once this reading is recorded; ``absences``
    says that those who are not listed are looked for.
    """

    kind: ReadingKind
    absences: bool
    cursor_link: str | None
    select_fingerprint: bytes | None
    """Of the properties that the cursor keeps; None where there is no delta."""
    policy_fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTenant:
    """One managed tenant in a run, as stored."""

    run_id: RunId
    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    client_id: ClientId | None
    client_name: str | None
    state: RunState
    state_reason: str | None
    joined_run_id: RunId | None
    reading: int
    pages_read: int
    users_read: int
    started_at: datetime | None
    finished_at: datetime | None
    waiting_until: datetime | None
    failure: Failure | None
    counts: dict[str, int]
    plan: ReadingPlan | None = None
    """None before anybody chose how it is read."""
    settled: bool = False
    """Its plan is whole."""


_ADD = text("""
    INSERT INTO entra_sync_run_tenants
        (tenant_id, run_id, managed_tenant_id, client_id, client_name, state, writes)
    SELECT :tenant_id, :run_id, t.managed_tenant_id, t.client_id, t.client_name, 'queued', :writes
    FROM unnest(:managed_tenant_ids, :client_ids, :client_names)
        AS t (managed_tenant_id, client_id, client_name)
    ON CONFLICT DO NOTHING
    RETURNING managed_tenant_id
""").bindparams(
    bindparam("managed_tenant_ids", type_=ARRAY(Uuid())),
    bindparam("client_ids", type_=ARRAY(Uuid())),
    bindparam("client_names", type_=ARRAY(Text())),
    bindparam("writes", type_=Boolean()),
)

_ADD_BUSY = text("""
    INSERT INTO entra_sync_run_tenants
        (tenant_id, run_id, managed_tenant_id, client_id, client_name, writes, joined_run_id,
        state, state_reason, finished_at)
    SELECT :tenant_id, :run_id, t.managed_tenant_id, t.client_id, t.client_name, false, r.run_id,
        CASE WHEN r.run_id IS NULL THEN 'skipped' ELSE 'joined' END,
        CASE WHEN r.run_id IS NULL THEN 'sync_under_way' END,
        CASE WHEN r.run_id IS NULL THEN :now END
    FROM unnest(:managed_tenant_ids, :client_ids, :client_names)
        AS t (managed_tenant_id, client_id, client_name)
    LEFT JOIN (
        entra_sync_run_tenants other
        JOIN entra_sync_runs r ON r.tenant_id = other.tenant_id AND r.run_id = other.run_id
            AND r.type = ANY (:joins)
    )
        ON other.tenant_id = :tenant_id AND other.managed_tenant_id = t.managed_tenant_id
        AND other.client_id IS NOT DISTINCT FROM t.client_id
        AND other.writes AND other.state IN ('queued', 'running')
    ON CONFLICT DO NOTHING
    RETURNING state
""").bindparams(
    bindparam("managed_tenant_ids", type_=ARRAY(Uuid())),
    bindparam("client_ids", type_=ARRAY(Uuid())),
    bindparam("client_names", type_=ARRAY(Text())),
    bindparam("joins", type_=ARRAY(Text())),
    bindparam("now", type_=DateTime(timezone=True)),
)

_ADD_LEFT_OUT = text("""
    INSERT INTO entra_sync_run_tenants (tenant_id, run_id, managed_tenant_id, client_id,
        client_name, state, state_reason, finished_at, writes)
    SELECT :tenant_id, :run_id, t.managed_tenant_id, t.client_id, t.client_name, 'skipped', :reason,
        :now, false
    FROM unnest(:managed_tenant_ids, :client_ids, :client_names)
        AS t (managed_tenant_id, client_id, client_name)
    ON CONFLICT DO NOTHING
""").bindparams(
    bindparam("managed_tenant_ids", type_=ARRAY(Uuid())),
    bindparam("client_ids", type_=ARRAY(Uuid())),
    bindparam("client_names", type_=ARRAY(Text())),
)

_LET_GO = text("""
    UPDATE entra_sync_run_tenants t
    SET state = 'skipped', state_reason = 'mapping_changed', finished_at = :now
    FROM unnest(:managed_tenant_ids, :client_ids) AS w (managed_tenant_id, client_id)
    WHERE t.tenant_id = :tenant_id AND t.managed_tenant_id = w.managed_tenant_id
        AND t.client_id IS DISTINCT FROM w.client_id AND t.writes AND t.state = 'queued'
""").bindparams(
    bindparam("managed_tenant_ids", type_=ARRAY(Uuid())),
    bindparam("client_ids", type_=ARRAY(Uuid())),
)

_ADD_CHECKED = text("""
    INSERT INTO entra_sync_run_tenants
        (tenant_id, run_id, managed_tenant_id, client_id, state, writes)
    SELECT :tenant_id, :run_id, t.id, m.client_id, 'queued', false
    FROM unnest(:ids) AS t (id)
    LEFT JOIN entra_client_tenant_mappings m
        ON m.tenant_id = :tenant_id AND m.managed_tenant_id = t.id AND m.ended_at IS NULL
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))


class RunTenants:
    """The managed tenants in the runs of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(
        self,
        run_id: RunId,
        rows: Sequence[NewRunTenant],
        *,
        joins: Collection[RunType],
        now: datetime,
    ) -> bool:
        """Take managed tenants into a run, as far as no other run is writing them.

        One that a run of the types ``joins`` is writing for the same client becomes ``joined``;
        another run does not do what is asked for, so that one is ``skipped``. Answers False when
        all of them are.
        """
        values = {**self._arrays(run_id, rows), "writes": True}
        taken = set((await self._connection.scalars(_ADD, values)).all())
        busy = [row for row in rows if row.managed_tenant_id not in taken]
        if not busy:
            return True
        types = [type_.value for type_ in joins]
        states = await self._connection.scalars(
            _ADD_BUSY, {**self._arrays(run_id, busy), "joins": types, "now": now}
        )
        return bool(taken) or RunState.JOINED.value in states.all()

    async def add_planned(self, run_id: RunId, rows: Sequence[NewRunTenant]) -> None:
        """Take managed tenants into a run that only plans: it is in nobody's way."""
        await self._connection.execute(_ADD, {**self._arrays(run_id, rows), "writes": False})

    async def add_left_out(
        self, run_id: RunId, rows: Sequence[NewRunTenant], *, reason: str, now: datetime
    ) -> None:
        """Note managed tenants that a run leaves out from its beginning, so that it says so."""
        values = {**self._arrays(run_id, rows), "reason": reason, "now": now}
        await self._connection.execute(_ADD_LEFT_OUT, values)

    async def add_checked(
        self, run_id: RunId, managed_tenant_ids: Sequence[ManagedTenantId]
    ) -> None:
        """Take managed tenants into a run that looks at them and writes nothing of theirs."""
        ids = list(managed_tenant_ids)
        await self._connection.execute(
            _ADD_CHECKED, {"tenant_id": self._tenant_id, "run_id": run_id, "ids": ids}
        )

    def _arrays(self, run_id: RunId, rows: Sequence[NewRunTenant]) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_ids": [row.managed_tenant_id for row in rows],
            "client_ids": [row.client_id for row in rows],
            "client_names": [row.client_name for row in rows],
        }

    async def of_run(self, run_id: RunId) -> list[RunTenant]:
        """All managed tenants of a run, by client name."""
        statement = (
            self._query()
            .where(sync_run_tenants.c.run_id == run_id)
            .order_by(sync_run_tenants.c.client_name, managed_tenants.c.display_name)
        )
        return [run_tenant_of(row) for row in await self._connection.execute(statement)]

    async def get(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> RunTenant | None:
        """One managed tenant in a run."""
        values = this_row(self._tenant_id, run_id, managed_tenant_id)
        row = (await self._connection.execute(_ONE, values)).first()
        return run_tenant_of(row) if row is not None else None

    async def lock_open(self, run_id: RunId) -> bool:
        """Keep attempts out of the open managed tenants of a run until this transaction ends.

        Locked before any of their rows, as the attempts do. Answers whether there are any.
        """
        statement = (
            select(sync_run_tenants.c.managed_tenant_id)
            .where(
                sync_run_tenants.c.tenant_id == self._tenant_id,
                sync_run_tenants.c.run_id == run_id,
                sync_run_tenants.c.state.in_(OPEN_STATES),
            )
            .order_by(sync_run_tenants.c.managed_tenant_id)
        )
        rows = await self._connection.execute(statement.with_for_update())
        return bool(rows.all())

    async def sharing(
        self, run_id: RunId, states: Collection[RunState]
    ) -> list[list[ManagedTenantId]]:
        """Managed tenants of a run, in these states, that are several for one client."""
        columns = sync_run_tenants.c
        statement = (
            select(func.array_agg(columns.managed_tenant_id))
            .where(
                columns.tenant_id == self._tenant_id,
                columns.run_id == run_id,
                columns.client_id.is_not(None),
                columns.state.in_(states),
            )
            .group_by(columns.client_id)
            .having(func.count() > 1)
        )
        groups = await self._connection.scalars(statement)
        return [[ManagedTenantId(id_) for id_ in group] for group in groups]

    async def let_go(self, rows: Sequence[Wanted], now: datetime) -> None:
        """Leave out what waits in a run to be written for another client than it is wanted for.

        Its turn would come to nothing; until then it would keep others away. The caller holds the
        decisions (``Mappings.lock_version``): a client that is created meanwhile is not another.
        """
        values = {
            "tenant_id": self._tenant_id,
            "managed_tenant_ids": [row.managed_tenant_id for row in rows],
            "client_ids": [row.client_id for row in rows],
            "now": now,
        }
        await self._connection.execute(_LET_GO, values)

    async def writers(self, managed_tenant_ids: Sequence[ManagedTenantId]) -> list[Writer]:
        """Who is writing these managed tenants now, one entry per managed tenant."""
        columns = sync_run_tenants.c
        statement = select(columns.run_id, columns.managed_tenant_id, columns.client_id).where(
            sync_run_tenants.c.tenant_id == self._tenant_id,
            sync_run_tenants.c.managed_tenant_id == func.any(managed_tenant_ids),
            sync_run_tenants.c.writes,
            sync_run_tenants.c.state.in_(OPEN_STATES),
        )
        return [
            Writer(
                run_id=row.run_id,
                managed_tenant_id=row.managed_tenant_id,
                client_id=row.client_id,
            )
            for row in await self._connection.execute(statement)
        ]

    async def begin_writing(self, run_id: RunId) -> None:
        """Let the managed tenants that were planned be written.

        Raises:
            Conflict: ``sync_under_way``: another run is writing one of them.
        """
        statement = (
            update(sync_run_tenants)
            .where(
                sync_run_tenants.c.tenant_id == self._tenant_id,
                sync_run_tenants.c.run_id == run_id,
                sync_run_tenants.c.state == RunState.COMPLETED.value,
            )
            .values(state=RunState.RUNNING.value, writes=True)
        )
        try:
            await self._connection.execute(statement)
        except IntegrityError as error:
            raise Conflict("sync_under_way") from error

    async def take_back_writing(self, run_id: RunId) -> None:
        """Make the managed tenants as they were before ``begin_writing``."""
        await self._connection.execute(
            update(sync_run_tenants)
            .where(
                sync_run_tenants.c.tenant_id == self._tenant_id,
                sync_run_tenants.c.run_id == run_id,
                sync_run_tenants.c.state == RunState.RUNNING.value,
                sync_run_tenants.c.writes,
            )
            .values(state=RunState.COMPLETED.value, writes=False)
        )

    async def held_runs(self, managed_tenant_id: ManagedTenantId) -> list[RunId]:
        """The runs that hold something of this managed tenant."""
        statement = select(sync_run_tenants.c.run_id).where(
            sync_run_tenants.c.tenant_id == self._tenant_id,
            sync_run_tenants.c.managed_tenant_id == managed_tenant_id,
            sync_run_tenants.c.state == RunState.HELD.value,
        )
        return list((await self._connection.scalars(statement)).all())

    async def recount(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        counts: dict[str, int],
        state: RunState,
    ) -> None:
        """Bring a held row's counters and state up to date."""
        await self._connection.execute(
            update(sync_run_tenants)
            .where(
                self._is(run_id, managed_tenant_id),
                sync_run_tenants.c.state == RunState.HELD.value,
            )
            .values(state=state.value, **counts)
        )

    async def count(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, counts: dict[str, int]
    ) -> None:
        """Note the counters of a managed tenant that is under way."""
        await self._connection.execute(
            update(sync_run_tenants)
            .where(
                self._is(run_id, managed_tenant_id),
                sync_run_tenants.c.state == RunState.RUNNING.value,
            )
            .values(**counts)
        )

    async def count_unchanged(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, more: int
    ) -> None:
        """Add to the unchanged ones of a plan what turned out so before it was applied."""
        if more == 0:
            return
        await self._connection.execute(
            update(sync_run_tenants)
            .where(self._is(run_id, managed_tenant_id))
            .values(unchanged=sync_run_tenants.c.unchanged + more)
        )

    async def assign_client(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, client_id: ClientId, name: str
    ) -> None:
        """Note the client that was made for a managed tenant of this run."""
        await self._connection.execute(
            update(sync_run_tenants)
            .where(self._is(run_id, managed_tenant_id))
            .values(client_id=client_id, client_name=name)
        )

    async def wait(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, *, until: datetime, seconds: float
    ) -> int:
        """Say until when the provider asked us to wait; answers all the seconds waited so far."""
        statement = (
            update(sync_run_tenants)
            .where(self._is(run_id, managed_tenant_id))
            .values(
                waiting_until=until,
                waited_seconds=sync_run_tenants.c.waited_seconds + round(seconds),
            )
            .returning(sync_run_tenants.c.waited_seconds)
        )
        return int((await self._connection.execute(statement)).scalar_one_or_none() or 0)

    async def close(
        self,
        run_id: RunId,
        managed_tenant_ids: Sequence[ManagedTenantId] | None,
        state: RunState,
        now: datetime,
        *,
        reason: str | None = None,
        failure: Failure | None = None,
        counts: dict[str, int] | None = None,
    ) -> None:
        """Close open rows of a run: those named, or all that are left."""
        conditions = [
            sync_run_tenants.c.tenant_id == self._tenant_id,
            sync_run_tenants.c.run_id == run_id,
            sync_run_tenants.c.state.in_(OPEN_STATES),
        ]
        if managed_tenant_ids is not None:
            conditions.append(sync_run_tenants.c.managed_tenant_id == func.any(managed_tenant_ids))
        await self._connection.execute(
            update(sync_run_tenants)
            .where(*conditions)
            .values(
                state=state.value,
                state_reason=reason,
                finished_at=now,
                waiting_until=None,
                error_code=failure.code if failure else None,
                error_vendor_code=failure.vendor_code if failure else None,
                error_details=dict(failure.details) if failure else None,
                **(counts or {}),
            )
        )

    def _is(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> ColumnElement[bool]:
        return and_(
            sync_run_tenants.c.tenant_id == self._tenant_id,
            sync_run_tenants.c.run_id == run_id,
            sync_run_tenants.c.managed_tenant_id == managed_tenant_id,
        )

    def _query(self) -> Select[*tuple[object, ...]]:
        return _EVERY.where(sync_run_tenants.c.tenant_id == self._tenant_id)


SHOWN = (sync_run_tenants, managed_tenants.c.entra_tenant_id, managed_tenants.c.display_name)
"""The columns of which a ``RunTenant`` is made."""

ITS_TENANT = and_(
    managed_tenants.c.tenant_id == sync_run_tenants.c.tenant_id,
    managed_tenants.c.managed_tenant_id == sync_run_tenants.c.managed_tenant_id,
)
"""Joins a managed tenant in a run with what is known of it."""

THIS_ROW = and_(
    sync_run_tenants.c.tenant_id == bindparam("tenant"),
    sync_run_tenants.c.run_id == bindparam("run"),
    sync_run_tenants.c.managed_tenant_id == bindparam("managed_tenant"),
)
"""One managed tenant in a run, by the parameters of ``this_row``.

Statements with it are made once: a sync asks again and again, and making them takes longer than
the answer.
"""

_EVERY = select(*SHOWN).select_from(sync_run_tenants.join(managed_tenants, ITS_TENANT))
_ONE = _EVERY.where(THIS_ROW)


def this_row(
    tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
) -> dict[str, object]:
    """The parameters of ``THIS_ROW``."""
    return {"tenant": tenant_id, "run": run_id, "managed_tenant": managed_tenant_id}


def run_tenant_of(row: Row[*tuple[object, ...]]) -> RunTenant:
    """A managed tenant in a run from a row with the columns ``SHOWN``."""
    return RunTenant(
        run_id=row.run_id,
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        client_id=row.client_id,
        client_name=row.client_name,
        state=RunState(row.state),
        state_reason=row.state_reason,
        joined_run_id=row.joined_run_id,
        reading=row.reading,
        pages_read=row.pages_read,
        users_read=row.users_read,
        started_at=row.started_at,
        finished_at=row.finished_at,
        waiting_until=row.waiting_until,
        failure=failure_of(row),
        counts={name: int(row._mapping[name]) for name in COUNTERS},
        plan=ReadingPlan(
            kind=ReadingKind(row.reading_kind),
            absences=row.absences,
            cursor_link=row.cursor_link,
            select_fingerprint=row.select_fingerprint,
            policy_fingerprint=row.policy_fingerprint,
        )
        if row.reading_kind is not None
        else None,
        settled=row.settled,
    )
