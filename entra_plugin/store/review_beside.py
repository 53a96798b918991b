"""Queries on what stands beside review items: names, how many there are, who else is concerned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ContactId, ReviewItemId, TenantId
from entra_plugin.domain.states import ItemState, LinkState
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.people_tables import contact_links, identities
from entra_plugin.store.people_tables import reconciliation_items as items
from entra_plugin.store.provenance import LINKED_PEOPLE
from entra_plugin.store.review import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom an item is about, as people know him; both are empty for a user who was erased."""

    name: str | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The user whom a contact is linked to, and since when."""

    identity: IdentityKey
    name: str | None
    address: str | None
    tenant_name: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another open question about the same contact or address."""

    item_id: ReviewItemId
    name: str | None
    user_principal_name: str | None


class ReviewBeside:
    """What is told about the review items of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def counts(self, *, at_most: int) -> Mapping[ItemState, int]:
        """How many items there are of each state; ``at_most`` stands for that many and more."""
        counted = [
            select(func.count())
            .select_from(
                select(items.c.position)
                .where(items.c.tenant_id == self._tenant_id, items.c.state == state.value)
                .limit(at_most)
                .subquery()
            )
            .scalar_subquery()
            for state in ItemState
        ]
        row = (await self._connection.execute(select(*counted))).one()
        return dict(zip(ItemState, row, strict=True))

    async def named(self, item_ids: Sequence[ReviewItemId]) -> dict[ReviewItemId, Named]:
        """Whom these items are about; those that do not exist are left out."""
        statement = (
            select(items.c.item_id, items.c.label, identities.c.display_name)
            .select_from(items.outerjoin(identities, _SUBJECT))
            .where(
                items.c.tenant_id == self._tenant_id,
                items.c.item_id == func.any(list(item_ids)),
            )
        )
        rows = await self._connection.execute(statement)
        return {r.item_id: Named(name=r.display_name, address=r.label) for r in rows}

    async def holders(self, contact_ids: Sequence[ContactId]) -> dict[ContactId, Holder]:
        """Who is linked to these contacts."""
        if not contact_ids:
            return {}
        statement = (
            select(
                contact_links.c.contact_id,
                contact_links.c.entra_tenant_id,
                contact_links.c.object_id,
                contact_links.c.opened_at,
                identities.c.display_name,
                identities.c.address,
                managed_tenants.c.display_name.label("tenant_name"),
            )
            .select_from(LINKED_PEOPLE)
            .where(
                contact_links.c.tenant_id == self._tenant_id,
                contact_links.c.contact_id == func.any(list(contact_ids)),
                contact_links.c.state == LinkState.ACTIVE.value,
            )
        )
        return {
            row.contact_id: Holder(
                identity=IdentityKey(entra_tenant_id=row.entra_tenant_id, object_id=row.object_id),
                name=row.display_name,
                address=row.address,
                tenant_name=row.tenant_name,
                since=row.opened_at,
            )
            for row in await self._connection.execute(statement)
        }

    async def rivals(self, item: Item, *, limit: int) -> tuple[Rival, ...]:
        """Open questions of the same customer that have an address or a contact in common."""
        statement = (
            select(
                items.c.item_id,
                identities.c.display_name,
                identities.c.attributes["user_principal_name"].astext.label("upn"),
            )
            .select_from(items.outerjoin(identities, _SUBJECT))
            .where(
                items.c.tenant_id == self._tenant_id,
                items.c.state == ItemState.OPEN.value,
                items.c.managed_tenant_id == item.managed_tenant_id,
                items.c.item_id != item.item_id,
                or_(items.c.label == item.label, items.c.candidates.overlap(list(item.candidates))),
            )
            .order_by(items.c.position)
            .limit(limit)
        )
        return tuple(
            Rival(item_id=row.item_id, name=row.display_name, user_principal_name=row.upn)
            for row in await self._connection.execute(statement)
        )


_SUBJECT = and_(
    identities.c.tenant_id == items.c.tenant_id,
    identities.c.entra_tenant_id == items.c.entra_tenant_id,
    identities.c.object_id == items.c.object_id,
)
"""The identity that an item is about."""
