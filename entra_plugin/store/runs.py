"""Queries on runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from entra_plugin.domain.errors import EntraError, TransientFailure
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId, TenantId, UserId
from entra_plugin.domain.states import RunState, RunType, Trigger
from entra_plugin.store.paging import Page, clamp, decode_moment, encode_cursor
from entra_plugin.store.run_tables import COUNTERS, sync_run_tenants, sync_runs

OPEN_STATES = (RunState.QUEUED.value, RunState.RUNNING.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run, a managed tenant or a check failed, as it is stored."""

    code: str
    vendor_code: str | None
    details: Mapping[str, object]

    @staticmethod
    def of(error: EntraError, now: datetime | None = None) -> "Failure":
        """The storable part of an error; with ``now``, also until when the provider lets us wait.

        ``details.until`` is then an ISO 8601 time.
        """
        details = dict(error.details)
        if now is not None and isinstance(error, TransientFailure) and error.retry_after:
            details["until"] = (now + timedelta(seconds=error.retry_after)).isoformat()
        return Failure(code=error.code, vendor_code=error.vendor_code, details=details)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to insert, queued."""

    run_id: RunId
    type: RunType
    trigger: Trigger
    actor_id: UserId | None
    actor_name: str | None
    client_id: ClientId | None
    workflow_id: str
    subject: IdentityKey | None = None
    """The one identity of a run of type person."""
    undoes: RunId | None = None
    """The run that an undo undoes."""
    what_if: Mapping[str, object] | None = None
    """Unsaved settings of a preview."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution as stored; ``counts`` are the sums over its managed tenants."""

    run_id: RunId
    type: RunType
    trigger: Trigger
    state: RunState
    state_reason: str | None
    actor_id: UserId | None
    actor_name: str | None
    client_id: ClientId | None
    workflow_id: str
    progress: Mapping[str, object] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    applied_at: datetime | None
    waiting_until: datetime | None
    failure: Failure | None
    counts: Mapping[str, int]
    subject: IdentityKey | None = None
    undoes: RunId | None = None
    what_if: Mapping[str, object] | None = None

    @property
    def applying(self) -> bool:
        """True for a preview or an undo that was planned, and is being applied now."""
        return self.state in OPEN_STATES and self.finished_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A managed tenant that is to be synced for a client; none: the client is still to be made."""

    managed_tenant_id: ManagedTenantId
    client_id: ClientId | None
    decided_at: datetime


_HOLDING = text("""
    SELECT r.run_id
    FROM entra_sync_runs r
    WHERE r.tenant_id = :tenant_id AND r.type = ANY (:types) AND r.state IN ('queued', 'running')
        AND NOT EXISTS (
            SELECT FROM unnest(:managed_tenant_ids, :client_ids, :decided)
                AS w (managed_tenant_id, client_id, decided_at)
            WHERE NOT EXISTS (
                SELECT FROM entra_sync_run_tenants t
                JOIN entra_sync_run_tenants own ON own.tenant_id = t.tenant_id
                    AND own.run_id = coalesce(t.joined_run_id, t.run_id)
                    AND own.managed_tenant_id = t.managed_tenant_id
                WHERE t.tenant_id = r.tenant_id AND t.run_id = r.run_id
                    AND t.managed_tenant_id = w.managed_tenant_id
                    AND own.client_id IS NOT DISTINCT FROM w.client_id
                    AND own.state IN ('queued', 'running', 'held', 'completed')
                    AND (own.started_at IS NULL OR own.started_at >= w.decided_at)
            )
        )
    ORDER BY r.created_at, r.run_id
    LIMIT 1
""").bindparams(
    bindparam("types", type_=ARRAY(Text())),
    bindparam("managed_tenant_ids", type_=ARRAY(Uuid())),
    bindparam("client_ids", type_=ARRAY(Uuid())),
    bindparam("decided", type_=ARRAY(DateTime(timezone=True))),
)


class Runs:
    """The runs of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, run: NewRun, now: datetime) -> bool:
        """Insert a queued run; False when another run of a kind that runs alone is open."""
        statement = (
            insert(sync_runs)
            .values(
                tenant_id=self._tenant_id,
                run_id=run.run_id,
                type=run.type.value,
                trigger=run.trigger.value,
                state=RunState.QUEUED.value,
                actor_id=run.actor_id,
                actor_name=run.actor_name,
                client_id=run.client_id,
                workflow_id=run.workflow_id,
                subject_tenant_id=run.subject.entra_tenant_id if run.subject else None,
                subject_object_id=run.subject.object_id if run.subject else None,
                undoes_run_id=run.undoes,
                what_if=dict(run.what_if) if run.what_if is not None else None,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(sync_runs.c.run_id)
        )
        return (await self._connection.execute(statement)).first() is not None

    async def remove_queued(self, run_id: RunId) -> None:
        """Take back a run that never started, with its managed tenants."""
        await self._connection.execute(
            delete(sync_runs).where(self._is(run_id), sync_runs.c.state == RunState.QUEUED.value)
        )

    async def start(self, run_id: RunId, now: datetime) -> None:
        """Mark a queued run as running."""
        await self._connection.execute(
            update(sync_runs)
            .where(self._is(run_id), sync_runs.c.state == RunState.QUEUED.value)
            .values(state=RunState.RUNNING.value, started_at=now)
        )

    async def hold(self, run_id: RunId) -> bool:
        """Let nobody close an open run until this transaction ends; False when it is over."""
        statement = (
            select(sync_runs.c.run_id)
            .where(self._is(run_id), sync_runs.c.state.in_(OPEN_STATES))
            .with_for_update(key_share=True)
        )
        return (await self._connection.execute(statement)).first() is not None

    async def lock(self, run_id: RunId) -> None:
        """Be the only one to say how a run ended, until this transaction ends."""
        statement = select(sync_runs.c.run_id).where(self._is(run_id))
        await self._connection.execute(statement.with_for_update(key_share=True))

    async def progress(
        self,
        run_id: RunId,
        document: Mapping[str, object],
        *,
        waiting_until: datetime | None = None,
    ) -> None:
        """Store what a running discovery or validation has done so far, and what it waits for."""
        await self._connection.execute(
            update(sync_runs)
            .where(self._is(run_id), sync_runs.c.state.in_(OPEN_STATES))
            .values(progress=dict(document), waiting_until=waiting_until)
        )

    async def wait(self, run_id: RunId, until: datetime) -> None:
        """Say until when the provider asked us to wait."""
        await self._connection.execute(
            update(sync_runs)
            .where(self._is(run_id), sync_runs.c.state.in_(OPEN_STATES))
            .values(waiting_until=until)
        )

    async def finish(
        self,
        run_id: RunId,
        state: RunState,
        now: datetime,
        *,
        reason: str | None = None,
        failure: Failure | None = None,
        applied: bool = False,
    ) -> bool:
        """Close an open run; one that is closed already stays as it is, and False is answered.

        ``applied``: its plan has been applied, which is stamped.
        """
        closed = await self._connection.execute(
            update(sync_runs)
            .where(self._is(run_id), sync_runs.c.state.in_(OPEN_STATES))
            .values(
                **({"applied_at": now} if applied else {}),
                state=state.value,
                state_reason=reason,
                finished_at=now,
                waiting_until=None,
                error_code=failure.code if failure else None,
                error_vendor_code=failure.vendor_code if failure else None,
                error_details=dict(failure.details) if failure else None,
            )
        )
        return closed.rowcount == 1

    async def leave_held(self, run_id: RunId, state: RunState) -> None:
        """Give a held run the state that it has without what was held."""
        await self._connection.execute(
            update(sync_runs)
            .where(self._is(run_id), sync_runs.c.state == RunState.HELD.value)
            .values(state=state.value)
        )

    async def begin_applying(self, run_id: RunId, workflow_id: str) -> bool:
        """Open a planned run again, to be applied; False when that was done before.

        It keeps the time at which it was planned.
        """
        statement = (
            update(sync_runs)
            .where(
                self._is(run_id),
                sync_runs.c.applied_at.is_(None),
                sync_runs.c.state.in_([RunState.COMPLETED.value, RunState.PARTIAL.value]),
            )
            .values(state=RunState.RUNNING.value, workflow_id=workflow_id)
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def take_back_applying(self, run: Run) -> None:
        """Make a run as it was before ``begin_applying``; nothing of it was applied."""
        await self._connection.execute(
            update(sync_runs)
            .where(
                self._is(run.run_id),
                sync_runs.c.applied_at.is_(None),
                sync_runs.c.state == RunState.RUNNING.value,
            )
            .values(state=run.state.value, workflow_id=run.workflow_id)
        )

    async def get(self, run_id: RunId) -> Run | None:
        """One run with its counts."""
        row = (
            await self._connection.execute(_ONE, {"tenant": self._tenant_id, "run": run_id})
        ).first()
        return _run(row) if row is not None else None

    async def lock_starts(self) -> None:
        """Be the only one to start a sync until the transaction ends."""
        key = func.hashtextextended(f"entra:{self._tenant_id}:start", 0)
        await self._connection.execute(select(func.pg_advisory_xact_lock(key)))

    async def holding(self, types: Collection[RunType], scope: Sequence[Wanted]) -> Run | None:
        """The oldest open run of these types that has all of this before it, in hand or behind it.

        What it leaves out, or takes for another client, it has not; nor what it began with before
        that was decided, nor what failed or was cancelled. Of what it joined, the run that it
        joined is asked.
        """
        values = {
            "tenant_id": self._tenant_id,
            "types": [t.value for t in types],
            "managed_tenant_ids": [wanted.managed_tenant_id for wanted in scope],
            "client_ids": [wanted.client_id for wanted in scope],
            "decided": [wanted.decided_at for wanted in scope],
        }
        run_id = (await self._connection.scalars(_HOLDING, values)).first()
        return await self.get(RunId(run_id)) if run_id is not None else None

    async def open_run(self, types: Sequence[RunType]) -> Run | None:
        """The queued or running run of one of these types, if there is one."""
        statement = self._query().where(
            sync_runs.c.type.in_([t.value for t in types]), sync_runs.c.state.in_(OPEN_STATES)
        )
        row = (await self._connection.execute(statement.limit(1))).first()
        return _run(row) if row is not None else None

    async def open_workflows(self) -> list[str]:
        """Workflow ids of all runs that are queued or running."""
        statement = select(sync_runs.c.workflow_id).where(
            sync_runs.c.tenant_id == self._tenant_id, sync_runs.c.state.in_(OPEN_STATES)
        )
        return list((await self._connection.scalars(statement)).all())

    async def latest(self, types: Sequence[RunType], trigger: Trigger | None = None) -> Run | None:
        """The youngest run of one of these types; perhaps only of those that were started so."""
        statement = self._query().where(sync_runs.c.type.in_([t.value for t in types]))
        if trigger is not None:
            statement = statement.where(sync_runs.c.trigger == trigger.value)
        ordered = statement.order_by(sync_runs.c.created_at.desc(), sync_runs.c.run_id.desc())
        row = (await self._connection.execute(ordered.limit(1))).first()
        return _run(row) if row is not None else None

    async def page(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        types: Sequence[RunType] = (),
        states: Sequence[RunState] = (),
        client_id: ClientId | None = None,
    ) -> Page[Run]:
        """Runs, youngest first; with ``client_id`` those that it was in, alone or among others.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(limit)
        statement = self._query()
        if types:
            statement = statement.where(sync_runs.c.type.in_([t.value for t in types]))
        if states:
            statement = statement.where(sync_runs.c.state.in_([s.value for s in states]))
        if client_id is not None:
            statement = statement.where(self._of_client(client_id))
        if cursor is not None:
            moment, last = decode_moment(cursor)
            statement = statement.where(
                or_(
                    sync_runs.c.created_at < moment,
                    and_(sync_runs.c.created_at == moment, sync_runs.c.run_id < last),
                )
            )
        ordered = statement.order_by(sync_runs.c.created_at.desc(), sync_runs.c.run_id.desc())
        rows = (await self._connection.execute(ordered.limit(size + 1))).all()
        runs = [_run(row) for row in rows[:size]]
        more = len(rows) > size
        following = (
            encode_cursor(runs[-1].created_at.isoformat(), str(runs[-1].run_id)) if more else None
        )
        return Page(items=tuple(runs), next_cursor=following)

    def _is(self, run_id: RunId) -> ColumnElement[bool]:
        return and_(sync_runs.c.tenant_id == self._tenant_id, sync_runs.c.run_id == run_id)

    def _of_client(self, client_id: ClientId) -> ColumnElement[bool]:
        """Runs that were started for a client, or had a managed tenant of it among others."""
        had_it = select(sync_run_tenants.c.run_id).where(
            sync_run_tenants.c.tenant_id == self._tenant_id,
            sync_run_tenants.c.client_id == client_id,
        )
        return or_(sync_runs.c.client_id == client_id, sync_runs.c.run_id.in_(had_it))

    def _query(self) -> Select[*tuple[object, ...]]:
        return _every().where(sync_runs.c.tenant_id == self._tenant_id)


def _every() -> Select[*tuple[object, ...]]:
    sums = (
        select(
            func.max(sync_run_tenants.c.waiting_until).label("tenants_wait_until"),
            *(func.coalesce(func.sum(sync_run_tenants.c[n]), 0).label(n) for n in COUNTERS),
        )
        .where(
            sync_run_tenants.c.tenant_id == sync_runs.c.tenant_id,
            sync_run_tenants.c.run_id == sync_runs.c.run_id,
        )
        .lateral("sums")
    )
    return select(sync_runs, *sums.c).select_from(
        sync_runs.join(sums, onclause=sync_runs.c.tenant_id.is_not(None))
    )


_ONE = _every().where(
    sync_runs.c.tenant_id == bindparam("tenant"), sync_runs.c.run_id == bindparam("run")
)
"""Made once: a sync asks for it again and again, and making it takes longer than the answer."""


def failure_of(row: Row[*tuple[object, ...]]) -> Failure | None:
    """The stored failure of a row with the three error columns."""
    if row.error_code is None:
        return None
    return Failure(
        code=row.error_code,
        vendor_code=row.error_vendor_code,
        details=row.error_details or {},
    )


def _run(row: Row[*tuple[object, ...]]) -> Run:
    return Run(
        run_id=RunId(row.run_id),
        type=RunType(row.type),
        trigger=Trigger(row.trigger),
        state=RunState(row.state),
        state_reason=row.state_reason,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        client_id=row.client_id,
        workflow_id=row.workflow_id,
        progress=row.progress,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        applied_at=row.applied_at,
        waiting_until=row.waiting_until or row.tenants_wait_until,
        failure=failure_of(row),
        counts={name: int(row._mapping[name]) for name in COUNTERS},
        subject=IdentityKey(entra_tenant_id=row.subject_tenant_id, object_id=row.subject_object_id)
        if row.subject_object_id is not None
        else None,
        undoes=RunId(row.undoes_run_id) if row.undoes_run_id is not None else None,
        what_if=row.what_if,
    )
