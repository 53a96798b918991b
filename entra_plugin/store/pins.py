"""Queries on pins."""

from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId, TenantId
from entra_plugin.domain.pins import Pins as Found
from entra_plugin.domain.states import PinKind
from entra_plugin.store.people_tables import pins


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

    async def fingerprint(self, entra_tenant_id: EntraTenantId) -> bytes:
        """A digest of the pins that can concern a directory: its identities' and all contacts'."""
        statement = (
            select(pins.c.kind, pins.c.contact_id, pins.c.object_id, pins.c.field)
            .where(
                pins.c.tenant_id == self._tenant_id,
                or_(pins.c.entra_tenant_id == entra_tenant_id, pins.c.entra_tenant_id.is_(None)),
            )
            .order_by(pins.c.pin_id)
        )
        rows = [tuple(map(str, row)) for row in await self._connection.execute(statement)]
        return blake2b(repr(rows).encode(), digest_size=16).digest() if rows else b""
