"""Look at review items: the list, and one with both sides and what each choice would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.review.choices import Choice, Sides, choices
from entra_plugin.application.review.customers import Customers
from entra_plugin.application.sync.surroundings import candidate_of
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.flags import EffectiveFlags
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ClientId, ContactId, ReviewItemId, TenantId
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.merging import values_of
from entra_plugin.domain.pins import NO_PINS
from entra_plugin.domain.reviewing import differing
from entra_plugin.domain.states import FieldName
from entra_plugin.store.identities import Identities
from entra_plugin.store.links import Links
from entra_plugin.store.paging import Page
from entra_plugin.store.pins import Pins
from entra_plugin.store.review import Item, ItemQuery, ReviewItems


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSide:
    """A contact that the question is about; ``contact`` is None when the host has it no more."""

    contact_id: ContactId
    contact: Candidate | None
    client_name: str | None
    differing: tuple[FieldName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDetails:
    """One item with both sides: the directory's user, and every contact in question."""

    item: Item
    user: DirectoryUser | None
    """As last seen; None when he was erased."""
    contacts: tuple[ContactSide, ...]
    choices: tuple[Choice, ...]


class ReadReview:
    """The reading side of the queue."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def page(self, tenant_id: TenantId, query: ItemQuery) -> Page[Item]:
        """Items of one state, oldest first."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await ReviewItems(connection, tenant_id).page(query)

    async def item(
        self, tenant_id: TenantId, item_id: ReviewItemId, flags: EffectiveFlags
    ) -> ItemDetails:
        """One item, with both sides as they are now.

        Raises:
            NotFound: Unknown here.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            item = await ReviewItems(connection, tenant_id).get(item_id)
            if item is None:
                raise NotFound("not_found")
            return await self._details(connection, tenant_id, item, flags)

    async def _details(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        item: Item,
        flags: EffectiveFlags,
    ) -> ItemDetails:
        users = await Identities(connection, tenant_id).stored(
            item.entra_tenant_id, [item.object_id]
        )
        user = users.get(item.object_id)
        contacts = await self._contacts(connection, tenant_id, item.candidates)
        names = await self._client_names(connection, tenant_id, item, contacts)
        policy = await Customers(
            context=self._context, connection=connection, tenant_id=tenant_id
        ).policy(item.managed_tenant_id)
        pins = NO_PINS
        if policy is not None and policy.pinned:
            pins = await Pins(connection, tenant_id).of(
                item.entra_tenant_id, [item.object_id], list(item.candidates)
            )
        directory = values_of(user) if user is not None else {}
        sides = Sides(
            item=item,
            user=user,
            contacts=contacts,
            client_id=policy.client_id if policy is not None else None,
            client_names=names,
            rules=policy.fields if policy is not None else {},
            pins=pins,
            flags=flags,
        )
        return ItemDetails(
            item=item,
            user=user,
            contacts=tuple(
                ContactSide(
                    contact_id=contact_id,
                    contact=(contact := contacts.get(contact_id)),
                    client_name=names.get(contact.client_id) if contact is not None else None,
                    differing=tuple(differing(directory, contact.values))
                    if contact is not None
                    else (),
                )
                for contact_id in item.candidates
            ),
            choices=tuple(choices(sides)),
        )

    async def _contacts(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ContactId]
    ) -> Mapping[ContactId, Candidate]:
        if not ids:
            return {}
        found = await self._context.host.contacts.by_ids(connection, tenant_id, list(ids))
        holders = await Links(connection, tenant_id).holders([c.id for c in found])
        return {c.id: candidate_of(c, holders.get(c.id)) for c in found}

    async def _client_names(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        item: Item,
        contacts: Mapping[ContactId, Candidate],
    ) -> Mapping[ClientId, str]:
        ids = sorted({item.client_id, *(c.client_id for c in contacts.values())})
        clients = await self._context.host.clients.by_ids(connection, tenant_id, ids)
        return {client.id: client.name for client in clients}
