"""Queries on the plan: rows written page by page, settled as sets, and read back as history."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, Text, bindparam, cast, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.folding import search_key
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
)
from entra_plugin.domain.planning import Change
from entra_plugin.domain.sameness import NO_DIGESTS
from entra_plugin.domain.states import ChangeKind, ChangeState
from entra_plugin.store.arrays import IdArray, PlainIdArray, WordArray
from entra_plugin.store.looked_up import CHANGES
from entra_plugin.store.paging import Page, clamp, decode_cursor, encode_cursor
from entra_plugin.store.run_tables import sync_changes


class ChangeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the plan as people read it.

    A Struct, as ``Done`` is: a sync makes one of every user.
    """

    change_id: ChangeId
    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    object_id: ObjectId
    client_id: ClientId
    contact_id: ContactId | None
    kind: ChangeKind
    state: ChangeState
    reason: str
    label: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    note: Mapping[str, object] | None
    candidates: tuple[ContactId, ...]
    source_change_id: ChangeId | None = None
    """The row that an undo reverts."""


_COLUMNS = ChangeRow.__struct_fields__
_DOCUMENTS = ("before", "after", "note")
"""Read as text: the driver's own decoder takes ten times as long."""
_SUBJECT = (sync_changes.c.managed_tenant_id, sync_changes.c.object_id, sync_changes.c.kind)
"""What is unique in a run, and the order in which its rows are listed."""
_KINDS = {kind.value: kind for kind in ChangeKind}
_STATES = {state.value: state for state in ChangeState}


class Done(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one planned row: contact and the host's version of it when it was applied."""

    change_id: ChangeId
    state: ChangeState
    contact_id: ContactId | None = None
    version: int | None = None
    note: str | None = None
    """A JSON document, added to what was noted when it was planned: what was found, or the host's
    code."""


_INSERT = text("""
    INSERT INTO entra_sync_changes (tenant_id, change_id, run_id, managed_tenant_id,
        entra_tenant_id, object_id, client_id, contact_id, kind, state, reason, label, search_key,
        before, after, snapshot, candidates, note, created_at)
    SELECT :tenant_id, r.change_id, :run_id, :managed_tenant_id, :entra_tenant_id, r.object_id,
        :client_id, r.contact_id, r.kind, 'planned', r.reason, r.label, r.search_key,
        r.before, r.after, r.snapshot, coalesce(r.candidates, '{}'), r.note, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (change_id uuid, object_id uuid,
        contact_id uuid, kind text, reason text, label text, search_key text, before jsonb,
        after jsonb, snapshot jsonb, candidates uuid[], note jsonb)
    ON CONFLICT (tenant_id, change_id) DO NOTHING
""")

_CLAIMED_TWICE = text("""
    WITH contested AS (
        SELECT c.change_id,
            array_remove(array_agg(c.contact_id) OVER (
                PARTITION BY coalesce(c.contact_id::text, c.after ->> 'email')), NULL) AS claimed
        FROM entra_sync_changes c
        JOIN (
            SELECT coalesce(contact_id::text, after ->> 'email') AS subject,
                count(*) FILTER (WHERE reason = 'decided') AS decided
            FROM entra_sync_changes
            WHERE tenant_id = :tenant_id AND run_id = :run_id
                AND managed_tenant_id = ANY(:managed_tenant_ids)
                AND state = 'planned' AND kind IN ('create', 'link')
            GROUP BY 1 HAVING count(*) > 1
        ) twice ON twice.subject = coalesce(c.contact_id::text, c.after ->> 'email')
        WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
            AND c.managed_tenant_id = ANY(:managed_tenant_ids)
            AND c.state = 'planned' AND c.kind IN ('create', 'link')
            AND (c.reason <> 'decided' OR twice.decided > 1)
    )
    UPDATE entra_sync_changes c
    SET kind = 'queue', reason = 'claimed_twice', contact_id = NULL,
        candidates = (SELECT coalesce(array_agg(DISTINCT id), '{}') FROM unnest(claimed) AS id)
    FROM contested
    WHERE c.tenant_id = :tenant_id AND c.change_id = contested.change_id
""").bindparams(bindparam("managed_tenant_ids", type_=IdArray()))
"""What a person decided is a claim that nobody disputes, unless he decided it for two."""

_DROP_COMPANIONS = text("""
    DELETE FROM entra_sync_changes o
    USING entra_sync_changes c
    WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
        AND c.managed_tenant_id = ANY(:managed_tenant_ids)
        AND c.state = 'planned' AND c.kind = 'link'
        AND o.tenant_id = c.tenant_id AND o.run_id = c.run_id
        AND o.managed_tenant_id = c.managed_tenant_id AND o.object_id = c.object_id
        AND o.state = 'planned' AND o.kind IN ('update', 'queue')
        AND c.contact_id IN (
            SELECT contact_id FROM entra_sync_changes
            WHERE tenant_id = :tenant_id AND run_id = :run_id
                AND managed_tenant_id = ANY(:managed_tenant_ids)
                AND state = 'planned' AND kind = 'link'
            GROUP BY contact_id HAVING count(*) > 1)
        AND (c.reason <> 'decided' OR c.contact_id IN (
            SELECT contact_id FROM entra_sync_changes
            WHERE tenant_id = :tenant_id AND run_id = :run_id
                AND managed_tenant_id = ANY(:managed_tenant_ids)
                AND state = 'planned' AND kind = 'link' AND reason = 'decided'
            GROUP BY contact_id HAVING count(*) > 1))
""").bindparams(bindparam("managed_tenant_ids", type_=IdArray()))
"""What a link would have let the field rules do goes with the link."""

_STALE = """tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND state = 'stale' AND kind = 'create' AND note ->> 'found' = 'exists'
        AND snapshot IS NOT NULL"""
"""True for a create that has to be planned again."""

_TAKE_STALE = text(f"""
    UPDATE entra_sync_changes c
    SET snapshot = NULL
    FROM (SELECT change_id, snapshot FROM entra_sync_changes WHERE {_STALE}) s
    WHERE c.tenant_id = :tenant_id AND c.change_id = s.change_id
    RETURNING s.snapshot -> 'attributes'
""")

_HAS_LEFT = text(f"""
    SELECT EXISTS (SELECT FROM entra_sync_changes WHERE {_STALE}) OR EXISTS (
        SELECT FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
            AND state = 'planned' AND kind <> 'none')
""")

_UNDISPUTED = text("""
    SELECT c.change_id, c.after FROM entra_sync_changes c
    JOIN entra_reconciliation_items q ON q.tenant_id = c.tenant_id
        AND q.entra_tenant_id = c.entra_tenant_id AND q.object_id = c.object_id
        AND q.state = 'open' AND q.reason = 'claimed_twice'
    WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
        AND c.managed_tenant_id = :managed_tenant_id AND c.state = 'planned' AND c.kind = 'create'
""")

_NOTE = text("""
    UPDATE entra_sync_changes c
    SET note = coalesce(c.note, '{}') || n.note
    FROM unnest(:change_ids, CAST(:notes AS jsonb[])) AS n (change_id, note)
    WHERE c.tenant_id = :tenant_id AND c.change_id = n.change_id
""").bindparams(bindparam("change_ids", type_=IdArray()), bindparam("notes", type_=ARRAY(Text())))

_WITH_ROWS = text("""
    SELECT count(DISTINCT object_id) FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND object_id = ANY(:object_ids)
""").bindparams(bindparam("object_ids", type_=IdArray()))

_TRIED = text("""
    SELECT DISTINCT object_id FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND object_id = ANY(:object_ids)
        AND (kind, state) IN (('create', 'failed'), ('link', 'failed'), ('link', 'stale'))
""").bindparams(bindparam("object_ids", type_=IdArray()))

_DROP_QUESTIONS = text("""
    DELETE FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND object_id = ANY(:object_ids) AND state = 'applied' AND kind = 'queue'
        AND contact_id IS NULL
""").bindparams(bindparam("object_ids", type_=IdArray()))

_DROP_READING = text("""
    DELETE FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND state = 'planned'
""")

_DROP_UNSETTLED = text("""
    DELETE FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND state IN ('planned', 'held')
""")

_DROP_OPEN = text("""
    DELETE FROM entra_sync_changes c
    USING entra_sync_run_tenants t
    WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id AND c.state IN ('planned', 'held')
        AND t.tenant_id = c.tenant_id AND t.run_id = c.run_id
        AND t.managed_tenant_id = c.managed_tenant_id AND t.state IN ('queued', 'running')
""")

_DROP_EARLIER = text("""
    DELETE FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND object_id = ANY(:object_ids) AND state = 'planned'
""").bindparams(bindparam("object_ids", type_=PlainIdArray()))

SEEN_SINCE = """
    i.changed_at > c.created_at
        AND (i.seen_fingerprint IS DISTINCT FROM decode(c.snapshot ->> 'fingerprint', 'hex')
            OR (i.departure = 'deleted_upstream'
                AND c.snapshot -> 'departure' ->> 'kind' IS DISTINCT FROM i.departure))
"""
"""True when an identity ``i`` was seen otherwise since its row ``c`` was planned."""

_OUTDATED = text(f"""
    SELECT c.change_id
    FROM {CHANGES} c
    JOIN entra_identities i ON i.tenant_id = :tenant_id
        AND i.entra_tenant_id = c.entra_tenant_id AND i.object_id = c.object_id
    WHERE {SEEN_SINCE}
""").bindparams(bindparam("change_ids", type_=IdArray()))

_SETTLE = text("""
    UPDATE entra_sync_changes c
    SET state = d.state, contact_id = coalesce(d.contact_id, c.contact_id),
        note = coalesce(c.note || CAST(d.note AS jsonb), CAST(d.note AS jsonb), c.note),
        applied_at = CASE d.state WHEN 'applied' THEN CAST(:now AS timestamptz) END,
        snapshot = CASE d.state WHEN 'applied' THEN NULL ELSE c.snapshot END
    FROM unnest(:change_ids, :states, :contact_ids, :notes)
        AS d (change_id, state, contact_id, note)
    CROSS JOIN LATERAL (
        SELECT ctid FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND change_id = d.change_id LIMIT 1) found
    WHERE c.tenant_id = :tenant_id AND c.ctid = found.ctid
""").bindparams(
    bindparam("change_ids", type_=IdArray()),
    bindparam("states", type_=WordArray()),
    bindparam("contact_ids", type_=IdArray()),
    bindparam("notes", type_=ARRAY(Text())),
)

"""The row's place holds as long as the statement; by its key the table would be scanned, as
``looked_up`` tells."""

_COUNTS = text("""
    SELECT
        count(*) FILTER (WHERE kind = 'create' AND done) AS created,
        count(*) FILTER (WHERE kind = 'link' AND done) AS linked,
        count(*) FILTER (WHERE kind = 'update' AND done) AS updated,
        count(*) FILTER (WHERE kind = 'inactivate' AND done) AS inactivated,
        count(*) FILTER (WHERE kind = 'reactivate' AND done) AS reactivated,
        count(*) FILTER (WHERE kind = 'move' AND done) AS moved,
        count(*) FILTER (WHERE kind = 'queue' AND done) AS queued,
        count(*) FILTER (WHERE state = 'held') AS held,
        count(*) FILTER (WHERE state = 'stale') AS stale,
        count(*) FILTER (WHERE state = 'failed') AS failed
    FROM (
        SELECT kind, state, state IN ('applied', 'undone') AS done FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND run_id = :run_id
            AND managed_tenant_id = :managed_tenant_id
    ) c
""")


class Changes:
    """The change rows of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(
        self,
        changes: Sequence[Change],
        *,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        entra_tenant_id: EntraTenantId,
        client_id: ClientId,
        now: datetime,
        notes: Mapping[ChangeId, Mapping[str, object]],
        digests: Mapping[ObjectId, bytes] = NO_DIGESTS,
    ) -> None:
        """Write planned rows; one that an earlier attempt wrote stays.

        ``digests`` are of the texts that users were read from, as far as they are known.
        """
        if not changes:
            return
        rows = [
            _recordset(change, notes.get(change.change_id), digests.get(change.user.object_id))
            for change in changes
        ]
        await self._connection.execute(
            _INSERT,
            {
                **self._scope(run_id, managed_tenant_id),
                "entra_tenant_id": entra_tenant_id,
                "client_id": client_id,
                "now": now,
                "rows": msgspec.json.encode(rows).decode(),
            },
        )

    async def drop_planned(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> None:
        """Forget the plan of a reading that has to start anew."""
        await self._connection.execute(_DROP_READING, self._scope(run_id, managed_tenant_id))

    async def drop_unsettled(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> None:
        """Forget what is planned or held for a managed tenant that did not get through."""
        await self._connection.execute(_DROP_UNSETTLED, self._scope(run_id, managed_tenant_id))

    async def drop_earlier(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, object_ids: Sequence[bytes]
    ) -> None:
        """Forget what an earlier page planned for these identities: the later one counts.

        Their ids are in bytes.
        """
        values = {**self._scope(run_id, managed_tenant_id), "object_ids": object_ids}
        await self._connection.execute(_DROP_EARLIER, values)

    async def drop_unsettled_of_open(self, run_id: RunId) -> None:
        """Forget what is planned for managed tenants of a run that never got to be applied."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        await self._connection.execute(_DROP_OPEN, values)

    async def queue_claimed_twice(
        self, run_id: RunId, managed_tenant_ids: Sequence[ManagedTenantId]
    ) -> None:
        """Turn rows that claim one contact, or plan one address, into review items."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_ids": list(managed_tenant_ids),
        }
        await self._connection.execute(_DROP_COMPANIONS, values)
        await self._connection.execute(_CLAIMED_TWICE, values)

    async def planned(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        *,
        kinds: Collection[ChangeKind],
        after: ChangeRow | None,
        limit: int,
    ) -> list[ChangeRow]:
        """The rows of these kinds to apply that follow ``after``, in the order of their identities.

        They are not locked: the caller holds the fence, and only its holder settles planned rows.
        """
        statement = (
            _rows()
            .where(
                sync_changes.c.tenant_id == self._tenant_id,
                sync_changes.c.run_id == run_id,
                sync_changes.c.managed_tenant_id == managed_tenant_id,
                sync_changes.c.state == ChangeState.PLANNED.value,
                sync_changes.c.kind.in_([kind.value for kind in kinds]),
            )
            .order_by(sync_changes.c.object_id, sync_changes.c.kind)
            .limit(limit)
        )
        if after is not None:
            subject = func.row(sync_changes.c.object_id, sync_changes.c.kind)
            statement = statement.where(subject > func.row(after.object_id, after.kind.value))
        return [_change(row) for row in await self._connection.execute(statement)]

    async def take_stale(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> list[Mapping[str, object]]:
        """The stored attributes of identities whose create found the address taken meanwhile.

        To plan them again, once: they are taken away.
        """
        scope = self._scope(run_id, managed_tenant_id)
        return list((await self._connection.scalars(_TAKE_STALE, scope)).all())

    async def has_left(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> bool:
        """True when a row is left to be applied, or to be planned again."""
        scope = self._scope(run_id, managed_tenant_id)
        return bool(await self._connection.scalar(_HAS_LEFT, scope))

    async def has_planned(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        kinds: Collection[ChangeKind] = frozenset(ChangeKind) - {ChangeKind.NONE},
    ) -> bool:
        """True when a row of these kinds is left to be applied.

        The rows by which a preview says who is left alone are none: they stay as they are.
        """
        statement = select(sync_changes.c.change_id).where(
            sync_changes.c.tenant_id == self._tenant_id,
            sync_changes.c.run_id == run_id,
            sync_changes.c.managed_tenant_id == managed_tenant_id,
            sync_changes.c.state == ChangeState.PLANNED.value,
            sync_changes.c.kind == func.any([kind.value for kind in kinds]),
        )
        return (await self._connection.execute(statement.limit(1))).first() is not None

    async def undisputed(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> dict[ChangeId, Mapping[str, object]]:
        """Contacts to be created for identities that are still asked about as ``claimed_twice``."""
        rows = await self._connection.execute(_UNDISPUTED, self._scope(run_id, managed_tenant_id))
        return {ChangeId(change_id): after for change_id, after in rows}

    async def note(self, notes: Mapping[ChangeId, Mapping[str, object]]) -> None:
        """Add these notes to planned rows."""
        if not notes:
            return
        values = {
            "tenant_id": self._tenant_id,
            "change_ids": list(notes),
            "notes": [msgspec.json.encode(note).decode() for note in notes.values()],
        }
        await self._connection.execute(_NOTE, values)

    async def count_with_rows(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        object_ids: Sequence[ObjectId],
    ) -> int:
        """Of how many of these a run has rows."""
        values = {**self._scope(run_id, managed_tenant_id), "object_ids": list(object_ids)}
        return int((await self._connection.execute(_WITH_ROWS, values)).scalar_one())

    async def tried(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        object_ids: Sequence[ObjectId],
    ) -> frozenset[ObjectId]:
        """Whom of these a run could not link: the host refused, or there was something else."""
        values = {**self._scope(run_id, managed_tenant_id), "object_ids": list(object_ids)}
        return frozenset((await self._connection.scalars(_TRIED, values)).all())

    async def drop_questions(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        object_ids: Sequence[ObjectId],
    ) -> None:
        """Forget that a run asked about these, who had no link: it finds otherwise now."""
        values = {**self._scope(run_id, managed_tenant_id), "object_ids": list(object_ids)}
        await self._connection.execute(_DROP_QUESTIONS, values)

    async def outdated(self, change_ids: Sequence[ChangeId]) -> set[ChangeId]:
        """Rows whose identity a later run has seen otherwise than they were planned for."""
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        return set((await self._connection.scalars(_OUTDATED, values)).all())

    async def settle(self, done: Sequence[Done], now: datetime) -> None:
        """Mark rows as applied, stale or failed; an applied row gives up its snapshot.

        Raises:
            RuntimeError: Somebody else changed one of them meanwhile; take everything back.
        """
        if not done:
            return
        settled = await self._connection.execute(
            _SETTLE,
            {
                "tenant_id": self._tenant_id,
                "change_ids": [d.change_id for d in done],
                "states": [d.state.value for d in done],
                "contact_ids": [d.contact_id for d in done],
                "notes": [d.note for d in done],
                "now": now,
            },
        )
        if settled.rowcount != len(done):
            raise RuntimeError("planned rows changed while they were applied")

    async def counts(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> dict[str, int]:
        """Counters from the committed rows; what was undone since had been applied."""
        row = (
            await self._connection.execute(_COUNTS, self._scope(run_id, managed_tenant_id))
        ).one()
        return {name: int(value) for name, value in row._mapping.items()}

    async def page(
        self,
        run_id: RunId,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        managed_tenant_id: ManagedTenantId | None = None,
        kind: ChangeKind | None = None,
        state: ChangeState | None = None,
        q: str | None = None,
    ) -> Page[ChangeRow]:
        """Plan rows of a run, one managed tenant after the other, by the ids of identities.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(limit)
        statement = _rows().where(
            sync_changes.c.tenant_id == self._tenant_id, sync_changes.c.run_id == run_id
        )
        if managed_tenant_id is not None:
            statement = statement.where(sync_changes.c.managed_tenant_id == managed_tenant_id)
        if kind is not None:
            statement = statement.where(sync_changes.c.kind == kind.value)
        if state is not None:
            statement = statement.where(sync_changes.c.state == state.value)
        if q:
            statement = statement.where(
                or_(
                    sync_changes.c.search_key.op("^@")(search_key(q)),
                    func.lower(sync_changes.c.label).op("^@")(q.lower()),
                )
            )
        if cursor is not None:
            statement = statement.where(func.row(*_SUBJECT) > func.row(*_decoded(cursor)))
        ordered = statement.order_by(*_SUBJECT).limit(size + 1)
        rows = [_change(row) for row in await self._connection.execute(ordered)]
        last = rows[size - 1] if len(rows) > size else None
        following = _encoded(last) if last is not None else None
        return Page(items=tuple(rows[:size]), next_cursor=following)

    def _scope(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
        }


def _encoded(row: ChangeRow) -> str:
    return encode_cursor(str(row.managed_tenant_id), str(row.object_id), row.kind.value)


def _decoded(cursor: str) -> tuple[UUID, UUID, str]:
    """The subject of the row that a cursor names.

    Raises:
        NotAcceptable: ``invalid_cursor``.
    """
    managed_tenant_id, object_id, kind = decode_cursor(cursor, 3)
    try:
        return UUID(managed_tenant_id), UUID(object_id), kind
    except ValueError as error:
        raise NotAcceptable("invalid_cursor") from error


def _recordset(
    change: Change, note: Mapping[str, object] | None, digest: bytes | None
) -> dict[str, object]:
    return {
        "change_id": change.change_id,
        "object_id": change.user.object_id,
        "contact_id": change.contact_id,
        "kind": change.kind,
        "reason": change.reason,
        "label": change.address,
        "search_key": search_key(change.user.display_name or change.address),
        "before": change.before,
        "after": change.after,
        "snapshot": _snapshot(change, digest),
        "candidates": "{" + ",".join(map(str, change.candidates)) + "}",
        "note": {**(change.note or {}), **(note or {})} or None,
    }


def _snapshot(change: Change, digest: bytes | None) -> dict[str, object]:
    """The identity as read, and what its link and its departure become with this row."""
    snapshot: dict[str, object] = {
        "attributes": change.user,
        "fingerprint": change.fingerprint.hex(),
        "address": change.address,
    }
    if digest is not None:
        snapshot["digest"] = digest.hex()
    if change.base:
        snapshot["base"] = change.base
    if change.departure is not None:
        snapshot["departure"] = change.departure
    return snapshot


def _rows() -> Select[*tuple[object, ...]]:
    return select(
        *(
            cast(sync_changes.c[name], Text).label(name)
            if name in _DOCUMENTS
            else sync_changes.c[name]
            for name in _COLUMNS
        )
    )


def _change(row: Row[*tuple[Any, ...]]) -> ChangeRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["kind"] = _KINDS[values["kind"]]
    values["state"] = _STATES[values["state"]]
    values["candidates"] = tuple(values["candidates"])
    for name in _DOCUMENTS:
        if (text_ := values[name]) is not None:
            values[name] = msgspec.json.decode(text_)
    return ChangeRow(**values)
