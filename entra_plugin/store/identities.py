"""Queries on identities, their links and what people decided about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from struct import iter_unpack
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Text,
    TextClause,
    and_,
    bindparam,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.folding import search_key
from entra_plugin.domain.identity import DirectoryUser, from_attributes
from entra_plugin.domain.ids import (
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
)
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.planning import Known, Remembered
from entra_plugin.domain.sameness import NOBODY, SettledUsers
from entra_plugin.domain.states import DecisionKind, DepartureKind, Verdict, VerdictReason
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.looked_up import IDENTITIES
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.paging import Page, clamp, decode_cursor, encode_cursor
from entra_plugin.store.people_tables import contact_links, decisions, identities


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRow:
    """An identity as people read it."""

    entra_tenant_id: EntraTenantId
    object_id: ObjectId
    address: str | None
    display_name: str | None
    enabled: bool
    verdict: Verdict
    reason: str
    contact_id: ContactId | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """An identity as it was last seen, and its departure, if we have evidence of one.

    One that is ``missing`` was not shown when it was looked for last.
    """

    user: DirectoryUser
    departure: Departure | None
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The identities of one directory: all, left out by a filter, without a row in a run."""

    every: int
    filtered: int
    unchanged: int


def _known_of(those: str) -> TextClause:
    """What is held of those identities, with link and open question.

    LIMIT 1 keeps the plan at one look-up per identity, for the reason that ``looked_up`` tells.
    """
    return text(f"""
        SELECT i.object_id, i.acted_fingerprint, i.verdict, i.reason, l.contact_id AS linked,
            q.reason AS question, q.candidates, q.client_id AS asked_for,
            i.departure, i.departed_at, i.departure_settled, i.unlisted,
            i.attributes = '{{}}' AS erased
        FROM {those} i
        LEFT JOIN LATERAL (
            SELECT contact_id FROM entra_contact_links
            WHERE tenant_id = i.tenant_id AND entra_tenant_id = i.entra_tenant_id
                AND object_id = i.object_id AND state = 'active'
            LIMIT 1) l ON true
        LEFT JOIN LATERAL (
            SELECT reason, candidates, client_id FROM entra_reconciliation_items
            WHERE tenant_id = i.tenant_id AND entra_tenant_id = i.entra_tenant_id
                AND object_id = i.object_id AND state = 'open'
            LIMIT 1) q ON true
    """).bindparams(bindparam("object_ids", type_=IdArray()))


_KNOWN = _known_of("""
    (SELECT * FROM entra_identities
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND object_id = ANY(:object_ids))
""")

_KNOWN_OF_FEW = _known_of(IDENTITIES)

_FEW = 100
"""Of so many a directory of thousands is not read as a whole, which may be quicker for a page."""

_SETTLED = text("""
    SELECT string_agg(substring(i.read_as FOR 16) || uuid_send(i.object_id), '')
            FILTER (WHERE i.settled) AS ids,
        string_agg(substring(i.read_as FOR 16), '')
            FILTER (WHERE i.settled AND i.verdict = 'filtered') AS filtered,
        string_agg(uuid_send(i.object_id), '') FILTER (WHERE NOT i.settled
            AND (i.departure IS DISTINCT FROM 'deleted_upstream' OR NOT i.departure_settled))
            AS others
    FROM (SELECT
        (substring(i.read_as FROM 17) = i.acted_fingerprint AND NOT i.unlisted
        AND (i.departure IS NULL
            OR (i.departure = 'disabled_upstream' AND i.departure_settled))
        AND (i.verdict IN ('filtered', 'ignored', 'undone') OR i.object_id IN (
            SELECT l.object_id FROM entra_contact_links l
            WHERE l.tenant_id = :tenant_id AND l.entra_tenant_id = :entra_tenant_id
                AND l.state = 'active'))
        AND i.object_id NOT IN (
            SELECT q.object_id FROM entra_reconciliation_items q
            WHERE q.tenant_id = :tenant_id AND q.entra_tenant_id = :entra_tenant_id
                AND q.state = 'open')
        AND (i.verdict <> 'undone' OR i.object_id IN (
            SELECT d.object_id FROM entra_decisions d
            WHERE d.tenant_id = :tenant_id AND d.entra_tenant_id = :entra_tenant_id
                AND d.kind = 'undone'))) IS TRUE AS settled,
        i.object_id, i.read_as, i.verdict, i.departure, i.departure_settled
    FROM entra_identities i
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
    OFFSET 0) i
    HAVING count(*) <= :at_most
""")
"""The rule of ``domain.planning.set_aside_unchanged``, for everybody at once.

The others are those of whom a listing that lacks them says something new. OFFSET keeps the rule
where it is: it would be worked out anew in each filter.
"""

_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_REASONS = {reason.value: reason for reason in VerdictReason}


_UNSETTLED = text("""
    SELECT object_id, attributes, departure, departed_at, departure_settled,
        unlisted AND departure IS DISTINCT FROM 'deleted_upstream' AS missing
    FROM entra_identities
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND (object_id = ANY(:also)
            OR ((acted_fingerprint IS NULL OR verdict = 'queued'
                    OR (departure IS NOT NULL AND NOT departure_settled)
                    OR object_id IN (
                        SELECT q.object_id FROM entra_reconciliation_items q
                        WHERE q.tenant_id = :tenant_id AND q.entra_tenant_id = :entra_tenant_id
                            AND q.state = 'open'))
                AND NOT (departure IS NOT DISTINCT FROM 'deleted_upstream' AND departure_settled)
                AND (departure IS NOT DISTINCT FROM 'deleted_upstream' OR NOT unlisted)))
        AND attributes <> '{}' AND object_id > :after
    ORDER BY object_id LIMIT :limit
""").bindparams(bindparam("also", type_=IdArray()))
"""Whoever is missing is left to the directory: to take him up as he was would be to see him."""


_STORED = text(f"""
    SELECT i.object_id, i.attributes FROM {IDENTITIES} i WHERE i.attributes <> '{{}}'
""").bindparams(bindparam("object_ids", type_=IdArray()))

_TALLY = text("""
    SELECT count(*) AS every, count(*) FILTER (WHERE i.verdict = 'filtered') AS filtered,
        count(*) FILTER (WHERE i.verdict <> 'filtered' AND i.object_id NOT IN (
            SELECT object_id FROM entra_sync_changes
            WHERE tenant_id = :tenant_id AND run_id = :run_id
                AND managed_tenant_id = :managed_tenant_id)) AS unchanged
    FROM entra_identities i
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
        AND i.departure IS DISTINCT FROM 'deleted_upstream' AND NOT i.unlisted
""")
"""NOT IN looks into one hashed set; a join was planned as a scan of the run for each identity."""


class Identities:
    """The identities and links of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def known(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId]
    ) -> dict[ObjectId, Known]:
        """What we hold of these identities, with link and open question."""
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
        }
        statement = _KNOWN_OF_FEW if len(object_ids) <= _FEW else _KNOWN
        rows = await self._connection.execute(statement, values)
        return {object_id: _known(*held) for object_id, *held in rows}

    async def settled(self, entra_tenant_id: EntraTenantId, *, at_most: int) -> SettledUsers:
        """All settled identities of a directory, and the ids of the others.

        Of a directory that has more than ``at_most`` identities it says nothing.
        """
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "at_most": at_most,
        }
        row = (await self._connection.execute(_SETTLED, values)).first()
        if row is None:
            return NOBODY
        return SettledUsers(
            ids=dict(iter_unpack("16s16s", row.ids or b"")),
            filtered=frozenset(data for (data,) in iter_unpack("16s", row.filtered or b"")),
            others=frozenset(data for (data,) in iter_unpack("16s", row.others or b"")),
        )

    async def unsettled(
        self,
        entra_tenant_id: EntraTenantId,
        *,
        after: ObjectId | None,
        limit: int,
        also: Sequence[ObjectId] = (),
    ) -> list[LastSeen]:
        """Identities that wait for something, as they were last seen, in the order of their ids.

        Those in ``also`` are among them whatever they wait for.
        """
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "after": after or UUID(int=0),
            "limit": limit,
            "also": list(also),
        }
        return [
            LastSeen(
                user=from_attributes(row.attributes),
                departure=_departure(row.departure, row.departed_at, row.departure_settled),
                missing=row.missing,
            )
            for row in await self._connection.execute(_UNSETTLED, values)
        ]

    async def stored(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId]
    ) -> dict[ObjectId, DirectoryUser]:
        """These identities as they were last seen; one that is unknown or erased is left out."""
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
        }
        rows = await self._connection.execute(_STORED, values)
        return {row.object_id: from_attributes(row.attributes) for row in rows}

    async def tally(
        self, entra_tenant_id: EntraTenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> Tally:
        """The identities that are there, and those of them for which the run has no row."""
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
        }
        row = (await self._connection.execute(_TALLY, values)).one()
        return Tally(every=row.every, filtered=row.filtered, unchanged=row.unchanged)

    async def decided(self, entra_tenant_id: EntraTenantId) -> dict[ObjectId, Remembered]:
        """People's decisions about identities of one directory."""
        statement = select(
            decisions.c.object_id,
            decisions.c.kind,
            decisions.c.contact_id,
            decisions.c.fingerprint,
            decisions.c.question,
            decisions.c.fields,
            decisions.c.client_id,
        ).where(
            decisions.c.tenant_id == self._tenant_id,
            decisions.c.entra_tenant_id == entra_tenant_id,
        )
        return {
            row.object_id: Remembered(
                kind=DecisionKind(row.kind),
                contact_id=row.contact_id,
                fingerprint=row.fingerprint,
                question=_REASONS[row.question] if row.question else None,
                fields=frozenset(row.fields or ()),
                client_id=row.client_id,
            )
            for row in await self._connection.execute(statement)
        }

    async def page(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        managed_tenant_id: ManagedTenantId | None = None,
        verdict: Verdict | None = None,
        reason: str | None = None,
        q: str | None = None,
    ) -> Page[IdentityRow]:
        """Identities by search key.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(limit)
        statement = (
            select(identities, contact_links.c.contact_id)
            .select_from(identities.outerjoin(contact_links, _active_link()))
            .where(identities.c.tenant_id == self._tenant_id)
        )
        if managed_tenant_id is not None:
            directory = select(managed_tenants.c.entra_tenant_id).where(
                managed_tenants.c.tenant_id == self._tenant_id,
                managed_tenants.c.managed_tenant_id == managed_tenant_id,
            )
            statement = statement.where(identities.c.entra_tenant_id.in_(directory))
        if verdict is not None:
            statement = statement.where(identities.c.verdict == verdict.value)
        if reason:
            statement = statement.where(identities.c.reason == reason)
        if q:
            folded = search_key(q)
            statement = statement.where(
                or_(
                    identities.c.search_key.op("^@")(folded),
                    identities.c.address.op("^@")(folded),
                )
            )
        if cursor is not None:
            last_key, last_id = decode_cursor(cursor, 2)
            after = func.row(last_key, last_id)
            key = func.row(identities.c.search_key, identities.c.object_id.cast(Text))
            statement = statement.where(key > after)
        ordered = statement.order_by(identities.c.search_key, identities.c.object_id.cast(Text))
        rows = (await self._connection.execute(ordered.limit(size + 1))).all()
        following = (
            encode_cursor(rows[size - 1].search_key, str(rows[size - 1].object_id))
            if len(rows) > size
            else None
        )
        return Page(items=tuple(_identity(row) for row in rows[:size]), next_cursor=following)


def _active_link() -> ColumnElement[bool]:
    return and_(
        contact_links.c.tenant_id == identities.c.tenant_id,
        contact_links.c.entra_tenant_id == identities.c.entra_tenant_id,
        contact_links.c.object_id == identities.c.object_id,
        contact_links.c.state == "active",
    )


def _known(
    acted: bytes | None,
    verdict: str,
    reason: str,
    linked: ContactId | None,
    question: str | None,
    candidates: Sequence[ContactId],
    asked_for: ClientId | None,
    departure: str | None,
    since: datetime,
    settled: bool,  # noqa: FBT001 - a column
    unlisted: bool,  # noqa: FBT001 - a column
    erased: bool,  # noqa: FBT001 - a column
) -> Known:
    return Known(
        acted=acted,
        verdict=_VERDICTS[verdict],
        reason=_REASONS[reason],
        linked=linked,
        question=(_REASONS[question], tuple(sorted(candidates))) if question else None,
        asked_for=asked_for,
        departure=_departure(departure, since, settled),
        unlisted=unlisted,
        erased=erased,
    )


def _departure(
    kind: str | None,
    since: datetime,
    settled: bool,  # noqa: FBT001 - a column
) -> Departure | None:
    if kind is None:
        return None
    return Departure(kind=DepartureKind(kind), since=since, settled=settled)


def _identity(row: Row[*tuple[object, ...]]) -> IdentityRow:
    return IdentityRow(
        entra_tenant_id=row.entra_tenant_id,
        object_id=row.object_id,
        address=row.address,
        display_name=row.display_name,
        enabled=row.enabled,
        verdict=Verdict(row.verdict),
        reason=row.reason,
        contact_id=row.contact_id,
        changed_at=row.changed_at,
    )
