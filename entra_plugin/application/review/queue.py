"""The queue as people go through it: a page of it with names, one question with what is around it.

It adds to the items what a person wants to see beside them; what may be chosen is told by ``read``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import KnownClients, known_clients
from entra_plugin.application.context import Context
from entra_plugin.application.review.read import ItemDetails, ReadReview
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.flags import EffectiveFlags
from entra_plugin.domain.ids import ContactId, ManagedTenantId, ReviewItemId, TenantId
from entra_plugin.domain.reviewing import matched_by
from entra_plugin.domain.states import ItemState, VerdictReason
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.paging import Page, encode_cursor
from entra_plugin.store.review import Item, ItemQuery, ReviewItems
from entra_plugin.store.review_beside import Holder, Named, ReviewBeside, Rival

COUNTED = 1000
"""Items that are counted; of more than these it is only said that they are more."""

RIVALS = 5
"""Other questions about the same that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """A page of the queue, with the names that go with it."""

    page: Page[Item]
    named: Mapping[ReviewItemId, Named]
    customers: Mapping[ManagedTenantId, ManagedTenant]
    """Those of the rows, and the one that is asked for."""
    clients: KnownClients
    counts: Mapping[ItemState, int]
    """Of all items, up to ``COUNTED``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One item with both sides, and with what is around it."""

    details: ItemDetails
    named: Named
    customer: ManagedTenant
    clients: KnownClients
    holders: Mapping[ContactId, Holder]
    evidence: Mapping[ContactId, VerdictReason]
    """By which address a contact may be the user."""
    rivals: tuple[Rival, ...]
    following: ReviewItemId | None
    """The next open question."""


class ReviewQueue:
    """Reads for the page of the queue; writes nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._read = ReadReview(context)

    async def page(self, tenant_id: TenantId, query: ItemQuery) -> QueuePage:
        """Items of one state, oldest first.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            page = await ReviewItems(connection, tenant_id).page(query)
            beside = ReviewBeside(connection, tenant_id)
            ids = {item.managed_tenant_id for item in page.items}
            if query.managed_tenant_id is not None:
                ids.add(query.managed_tenant_id)
            tenants = await ManagedTenants(connection, tenant_id).by_ids(sorted(ids))
            return QueuePage(
                page=page,
                named=await beside.named([item.item_id for item in page.items]),
                customers={tenant.managed_tenant_id: tenant for tenant in tenants},
                clients=await known_clients(
                    self._context, connection, tenant_id, (item.client_id for item in page.items)
                ),
                counts=await beside.counts(at_most=COUNTED + 1),
            )

    async def named(
        self, tenant_id: TenantId, item_ids: Sequence[ReviewItemId]
    ) -> Mapping[ReviewItemId, Named]:
        """Whom these items are about."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await ReviewBeside(connection, tenant_id).named(item_ids)

    async def question(
        self,
        tenant_id: TenantId,
        item_id: ReviewItemId,
        flags: EffectiveFlags,
        query: ItemQuery,
    ) -> Question:
        """One item; ``query`` is the list that it is looked at in.

        Raises:
            NotFound: Unknown here.
        """
        details = await self._read.item(tenant_id, item_id, flags)
        item, user = details.item, details.user
        contacts = [side.contact for side in details.contacts if side.contact is not None]
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            beside = ReviewBeside(connection, tenant_id)
            customers = await ManagedTenants(connection, tenant_id).by_ids([item.managed_tenant_id])
            if not customers:
                raise NotFound("not_found")
            named = await beside.named([item_id])
            is_open = item.state == ItemState.OPEN
            evidence = {} if user is None else {c.contact_id: matched_by(user, c) for c in contacts}
            return Question(
                details=details,
                named=named.get(item_id, Named(name=None, address=item.label)),
                customer=customers[0],
                clients=await known_clients(self._context, connection, tenant_id, [item.client_id]),
                holders=await beside.holders([c.contact_id for c in contacts]),
                evidence={key: reason for key, reason in evidence.items() if reason is not None},
                rivals=await beside.rivals(item, limit=RIVALS) if is_open else (),
                following=await _following(connection, tenant_id, item, query),
            )


async def _following(
    connection: AsyncConnection, tenant_id: TenantId, item: Item, query: ItemQuery
) -> ReviewItemId | None:
    """The next open question of a list after an item; after the last, the first of the others."""
    items = ReviewItems(connection, tenant_id)
    wanted = replace(query, state=ItemState.OPEN, limit=1)
    for cursor in (encode_cursor(str(item.position)), None):
        page = await items.page(replace(wanted, cursor=cursor))
        if page.items and page.items[0].item_id != item.item_id:
            return page.items[0].item_id
    return None
