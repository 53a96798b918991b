"""Apply some rows of an undo, wherever what the run wrote is still there: all of it or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.host_rows import host_fields, not_written, stale
from entra_plugin.domain.ids import ChangeId, ClientId, EntraTenantId, ObjectId, RunId, TenantId
from entra_plugin.domain.states import ChangeKind, ChangeState
from entra_plugin.domain.undoing import (
    ACTIVE,
    CLIENT,
    Later,
    forbidden,
    opened_link,
    rewritten,
    touches,
)
from entra_plugin.host import Contacts, ContactUpdate, WriteStatus
from entra_plugin.store.changes import ChangeRow, Changes, Done
from entra_plugin.store.links import MAPPING_CHANGED, UNDONE, Links
from entra_plugin.store.pins import Pins
from entra_plugin.store.runs import Run
from entra_plugin.store.undo import HeldSource, LinkUndone, Undoing

Sources = dict[ChangeId, HeldSource]
"""The rows to be undone, as far as they are not undone yet."""

_ORDER = (
    ChangeKind.CLOSE_LINK,
    ChangeKind.UPDATE,
    ChangeKind.MOVE,
    ChangeKind.REACTIVATE,
    ChangeKind.INACTIVATE,
)
"""A kind at a time, so that a contact is written once in a statement.

What makes it inactive comes last: the version then is the one that a resume compares with.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoBatch:
    """The rows of one transaction."""

    tenant_id: TenantId
    run: Run
    entra_tenant_id: EntraTenantId
    now: datetime
    rows: Sequence[ChangeRow]


class ApplyUndoBatch:
    """Applies batches on the connection that it is given."""

    def __init__(self, connection: AsyncConnection, contacts: Contacts, batch: UndoBatch) -> None:
        self._connection = connection
        self._contacts = contacts
        self._batch = batch
        self._undoing = Undoing(connection, batch.tenant_id)

    async def __call__(self) -> None:
        """Apply and mark the rows, mark what they undo, and leave their identities alone."""
        batch = self._batch
        sources = await self._undoing.hold_sources(
            row.source_change_id for row in batch.rows if row.source_change_id is not None
        )
        done = await self._refused(sources)
        ended = {entry.change_id for entry in done}
        for kind in _ORDER:
            rows = [r for r in batch.rows if r.kind == kind and r.change_id not in ended]
            if rows and kind == ChangeKind.CLOSE_LINK:
                done += await self._close_links(rows)
            elif rows:
                done += await self._write(rows, sources)
        await self._mark(done, sources)

    async def _refused(self, sources: Sources) -> list[Done]:
        """The end of rows that are undone already, or written over, or that a pin now forbids."""
        batch = self._batch
        pins = await Pins(self._connection, batch.tenant_id).of(
            batch.entra_tenant_id,
            [row.object_id for row in batch.rows],
            [row.contact_id for row in batch.rows if row.contact_id is not None],
        )
        later = await self._later(sources)
        done = []
        for row in batch.rows:
            source = sources.get(row.source_change_id) if row.source_change_id else None
            if source is None:
                done.append(stale(row, {"found": "undone_already"}))
            elif by := _rewritten(row, source, later.get(row.object_id, ())):
                done.append(stale(row, {"found": "changed_by_later_run", "runId": str(by)}))
            elif forbidden(row.kind, row.object_id, row.contact_id, row.after or {}, pins):
                done.append(stale(row, {"found": "pinned"}))
        return done

    async def _later(self, sources: Sources) -> Mapping[ObjectId, Sequence[Later]]:
        """What other runs wrote to these identities since, also since this was planned."""
        undoes = self._batch.run.undoes
        if undoes is None or not sources:
            return {}
        return await self._undoing.later(
            undoes,
            self._batch.rows[0].managed_tenant_id,
            [row.object_id for row in self._batch.rows],
            min(source.applied_at for source in sources.values()),
        )

    async def _close_links(self, rows: Sequence[ChangeRow]) -> list[Done]:
        batch = self._batch
        linked = await Links(self._connection, batch.tenant_id).of(
            batch.entra_tenant_id, [row.object_id for row in rows]
        )
        done: list[Done] = []
        undone: list[LinkUndone] = []
        for row in rows:
            link = linked.get(row.object_id)
            if link is None or link.contact_id != row.contact_id:
                done.append(stale(row, {"found": "link_gone"}))
                continue
            done.append(_applied(row))
            undone.append(
                LinkUndone(object_id=row.object_id, contact_id=link.contact_id, closed=UNDONE)
            )
        await self._links(undone)
        return done

    async def _write(self, rows: Sequence[ChangeRow], sources: Sources) -> list[Done]:
        """Write to contacts where ``before`` still holds, whatever became of their links."""
        tenant_id = self._batch.tenant_id
        with_contact = [(row, row.contact_id) for row in rows if row.contact_id is not None]
        outcomes = await self._contacts.update_many(
            self._connection,
            tenant_id,
            [
                ContactUpdate(
                    id=contact_id,
                    expected=host_fields(row.before or {}),
                    set=host_fields(row.after or {}),
                )
                for row, contact_id in with_contact
            ],
        )
        done: list[Done] = []
        undone: list[LinkUndone] = []
        failed = []
        for (row, _), outcome in zip(with_contact, outcomes, strict=True):
            if outcome.status == WriteStatus.WRITTEN:
                done.append(_applied(row))
                undone.append(_link(row, outcome.version, sources))
            else:
                failed.append((row, outcome))
        await self._links(undone)
        if failed:
            ids = [row.contact_id for row, _ in failed if row.contact_id is not None]
            found = await self._contacts.by_ids(self._connection, tenant_id, ids)
            present = {contact.id: contact for contact in found}
            done += [not_written(row, outcome, present) for row, outcome in failed]
        return done

    async def _links(self, undone: Sequence[LinkUndone]) -> None:
        batch = self._batch
        await self._undoing.links(
            batch.entra_tenant_id, undone, run_id=batch.run.run_id, now=batch.now
        )

    async def _mark(self, done: Sequence[Done], sources: Sources) -> None:
        batch = self._batch
        rows = {row.change_id: row for row in batch.rows}
        applied = [rows[d.change_id] for d in done if d.state == ChangeState.APPLIED]
        undone = {row.source_change_id: row.object_id for row in applied if row.source_change_id}
        await self._undoing.mark(list(undone))
        await self._undoing.leave_alone(
            batch.entra_tenant_id,
            sorted({row.object_id for row in applied}),
            departed=[
                object_id
                for change_id, object_id in undone.items()
                if sources[change_id].kind == ChangeKind.INACTIVATE
            ],
            run_id=batch.run.run_id,
            user_id=batch.run.actor_id,
            name=batch.run.actor_name,
            now=batch.now,
        )
        await Changes(self._connection, batch.tenant_id).settle(done, batch.now)


def _rewritten(row: ChangeRow, source: HeldSource, later: Sequence[Later]) -> RunId | None:
    """The youngest later run that wrote what a row would put back."""
    fields = touches(source.kind, row.after)
    return rewritten(later, fields, source.applied_at)


def _applied(row: ChangeRow) -> Done:
    return Done(change_id=row.change_id, state=ChangeState.APPLIED, contact_id=row.contact_id)


def _link(row: ChangeRow, version: int | None, sources: Sources) -> LinkUndone:
    """What becomes of the link.

    A field that went back counts as never compared, so that its rule decides anew after a resume.
    A contact that went back to its client may be moved once more; one that is inactive again may
    be made active by a resume.
    """
    assert row.contact_id is not None, "it was written"
    assert row.source_change_id is not None, "it undoes something"
    object_id, contact_id, after = row.object_id, row.contact_id, row.after or {}
    source = sources[row.source_change_id]
    if row.kind == ChangeKind.UPDATE:
        return LinkUndone(
            object_id=object_id, contact_id=contact_id, version=version, forgotten=tuple(after)
        )
    if row.kind == ChangeKind.MOVE:
        asleep = after.get(ACTIVE) is False and (row.before or {}).get(ACTIVE) is True
        return LinkUndone(
            object_id=object_id,
            contact_id=contact_id,
            version=version,
            closed=UNDONE if asleep else MAPPING_CHANGED,
            inactive=asleep,
            client_id=ClientId(UUID(str(after[CLIENT]))),
        )
    return LinkUndone(
        object_id=object_id,
        contact_id=contact_id,
        version=version,
        closed=UNDONE if opened_link(source.kind, source.reason) else None,
        inactive=row.kind == ChangeKind.INACTIVATE,
    )
