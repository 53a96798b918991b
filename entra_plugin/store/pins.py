"""Queries on pins."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID, uuid4

from sqlalchemy import Row, and_, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId, TenantId, UserId
from entra_plugin.domain.pins import Pin
from entra_plugin.domain.pins import Pins as Found
from entra_plugin.domain.states import FieldName, LinkState, PinKind
from entra_plugin.store.paging import Page, clamp, decode_moment, encode_cursor
from entra_plugin.store.people_tables import contact_links, pins


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPin:
    """A pin as people read it."""

    pin_id: UUID
    pin: Pin
    reason: str | None
    created_by: UserId | None
    created_by_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The pins that stand while a directory is synced.

    ``any``: there is one that may concern what it plans. ``digest``: of those for which its people
    have to be looked at again; empty without any.
    """

    any: bool
    digest: bytes


_SUBJECT = ("tenant_id", "kind", "contact_id", "entra_tenant_id", "object_id", "field")


class Pins:
    """The pins of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def of(
        self,
        entra_tenant_id: EntraTenantId,
        object_ids: Sequence[ObjectId],
        contact_ids: Sequence[ContactId],
    ) -> Found:
        """The pins of these identities and contacts."""
        statement = select(pins).where(
            pins.c.tenant_id == self._tenant_id,
            or_(
                (pins.c.entra_tenant_id == entra_tenant_id)
                & (pins.c.object_id == func.any(list(object_ids))),
                pins.c.contact_id == func.any(list(contact_ids)),
            ),
        )
        rows = (await self._connection.execute(statement)).all()
        locked: defaultdict[ContactId, set[str]] = defaultdict(set)
        for row in rows:
            if row.kind == PinKind.LOCK_FIELD:
                locked[row.contact_id].add(row.field)
        return Found(
            keep_active=frozenset(r.contact_id for r in rows if r.kind == PinKind.KEEP_ACTIVE),
            hands_off=frozenset(r.contact_id for r in rows if r.kind == PinKind.HANDS_OFF),
            locked={contact_id: frozenset(names) for contact_id, names in locked.items()},
            ignored=frozenset(r.object_id for r in rows if r.kind == PinKind.IGNORE_IDENTITY),
        )

    async def standing(self, entra_tenant_id: EntraTenantId) -> Standing:
        """The pins that can concern a directory: those of its identities, and of contacts.

        Whoever is linked to a contact of another directory's is not looked at again for its pins:
        such a contact is a question here, whatever is pinned, and open questions are taken up.
        """
        elsewhere = exists().where(
            contact_links.c.tenant_id == self._tenant_id,
            contact_links.c.contact_id == pins.c.contact_id,
            contact_links.c.state == LinkState.ACTIVE.value,
            contact_links.c.entra_tenant_id != entra_tenant_id,
        )
        statement = (
            select(
                *(pins.c.kind, pins.c.contact_id, pins.c.object_id, pins.c.field),
                elsewhere.label("elsewhere"),
            )
            .where(
                pins.c.tenant_id == self._tenant_id,
                or_(pins.c.entra_tenant_id == entra_tenant_id, pins.c.entra_tenant_id.is_(None)),
            )
            .order_by(pins.c.pin_id)
        )
        rows = (await self._connection.execute(statement)).all()
        here = [tuple(map(str, row[:-1])) for row in rows if not row.elsewhere]
        digest = blake2b(repr(here).encode(), digest_size=16).digest() if here else b""
        return Standing(any=bool(rows), digest=digest)

    async def put(
        self,
        pin: Pin,
        *,
        reason: str | None,
        user_id: UserId | None,
        name: str | None,
        now: datetime,
    ) -> StoredPin:
        """Stick a pin; one that sticks already keeps its author, and takes the reason."""
        statement = insert(pins).values(
            tenant_id=self._tenant_id,
            pin_id=uuid4(),
            kind=pin.kind.value,
            contact_id=pin.contact_id,
            entra_tenant_id=pin.entra_tenant_id,
            object_id=pin.object_id,
            field=pin.field.value if pin.field is not None else None,
            reason=reason,
            created_by=user_id,
            created_by_name=name,
            created_at=now,
        )
        kept = statement.on_conflict_do_update(
            index_elements=_SUBJECT, set_={"reason": statement.excluded.reason}
        )
        return _stored((await self._connection.execute(kept.returning(pins))).one())

    async def remove(self, pin: Pin) -> bool:
        """Take a pin out; False when there was none."""
        statement = delete(pins).where(
            pins.c.tenant_id == self._tenant_id,
            pins.c.kind == pin.kind.value,
            pins.c.contact_id.is_not_distinct_from(pin.contact_id),
            pins.c.entra_tenant_id.is_not_distinct_from(pin.entra_tenant_id),
            pins.c.object_id.is_not_distinct_from(pin.object_id),
            pins.c.field.is_not_distinct_from(pin.field.value if pin.field is not None else None),
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def of_contact(self, contact_id: ContactId) -> tuple[StoredPin, ...]:
        """The pins of one contact, oldest first; at most one per kind, and per field locked."""
        statement = (
            select(pins)
            .where(pins.c.tenant_id == self._tenant_id, pins.c.contact_id == contact_id)
            .order_by(pins.c.created_at, pins.c.pin_id)
        )
        return tuple(_stored(row) for row in await self._connection.execute(statement))

    async def page(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        kind: PinKind | None = None,
        contact_id: ContactId | None = None,
    ) -> Page[StoredPin]:
        """Pins, youngest first.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(limit)
        statement = select(pins).where(pins.c.tenant_id == self._tenant_id)
        if kind is not None:
            statement = statement.where(pins.c.kind == kind.value)
        if contact_id is not None:
            statement = statement.where(pins.c.contact_id == contact_id)
        if cursor is not None:
            moment, last = decode_moment(cursor)
            older = pins.c.created_at < moment
            statement = statement.where(
                or_(older, and_(pins.c.created_at == moment, pins.c.pin_id < last))
            )
        ordered = statement.order_by(pins.c.created_at.desc(), pins.c.pin_id.desc())
        rows = (await self._connection.execute(ordered.limit(size + 1))).all()
        found = tuple(_stored(row) for row in rows[:size])
        more = len(rows) > size
        following = (
            encode_cursor(found[-1].created_at.isoformat(), str(found[-1].pin_id)) if more else None
        )
        return Page(items=found, next_cursor=following)


def _stored(row: Row[*tuple[object, ...]]) -> StoredPin:
    return StoredPin(
        pin_id=row.pin_id,
        pin=Pin(
            kind=PinKind(row.kind),
            contact_id=row.contact_id,
            entra_tenant_id=row.entra_tenant_id,
            object_id=row.object_id,
            field=FieldName(row.field) if row.field is not None else None,
        ),
        reason=row.reason,
        created_by=row.created_by,
        created_by_name=row.created_by_name,
        created_at=row.created_at,
    )
