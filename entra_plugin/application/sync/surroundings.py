"""What a page of users is compared with: links, contacts, candidates, decisions and pins."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.policy import Policy
from entra_plugin.domain.addresses import normalise, spellings
from entra_plugin.domain.filters import address_of
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ContactId, ObjectId, RunId, TenantId
from entra_plugin.domain.matching import Candidate, other_addresses
from entra_plugin.domain.merging import Values
from entra_plugin.domain.pins import NO_PINS
from entra_plugin.domain.planning import Dormant, Link, Reading, Remembered, Surroundings
from entra_plugin.domain.states import DecisionKind, FieldName
from entra_plugin.host import Contact, Contacts
from entra_plugin.store.items import Items
from entra_plugin.store.links import DormantLink, HeldLink, Links
from entra_plugin.store.movers import Mover, Movers
from entra_plugin.store.pins import Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Reads what the planner compares with: a fixed number of statements per page."""

    connection: AsyncConnection
    tenant_id: TenantId
    policy: Policy
    contacts: Contacts
    decisions: Mapping[ObjectId, Remembered]
    alone: bool = False
    """Nobody else is planned: who claims the same is known from open questions only."""
    run_id: RunId | None = None
    """The run that is planned."""
    again: bool = False
    """Everybody has been planned in this run already."""

    async def of_page(self, pending: Sequence[Reading]) -> Surroundings:
        """Everything that these identities may have to do with."""
        links = await self._links(pending)
        dormant = await self._dormant(pending)
        decided = self._decided(pending)
        by_id = await self._by_id(
            [
                *(link.contact_id for link in links.values()),
                *(link.contact_id for link in dormant.values() if link.wakes),
                *decided,
            ]
        )
        index = await self._candidates(pending, links, by_id)
        index = await self._moved(pending, await self._asleep(index))
        around = Surroundings(
            index=index,
            links={
                object_id: Link(
                    reason=link.reason,
                    base=link.base,
                    inactive_version=link.inactive_version,
                    contact=by_id.get(link.contact_id),
                )
                for object_id, link in links.items()
            },
            dormant={
                object_id: Dormant(
                    contact=contact,
                    undone=link.undone,
                    asleep=contact.version == link.inactive_version,
                    ours=contact.version == link.version,
                    base=link.base,
                )
                for object_id, link in dormant.items()
                if link.wakes
                and (contact := by_id.get(link.contact_id)) is not None
                and (contact.version == link.version or not link.undone)
            },
            bases={(o, link.contact_id): link.base for o, link in dormant.items() if link.base},
            decided={contact_id: by_id[contact_id] for contact_id in decided & by_id.keys()},
            claimed=await self._claimed(pending) if self.alone else frozenset(),
        )
        return await self._pinned(around, pending, by_id)

    async def _links(self, pending: Sequence[Reading]) -> dict[ObjectId, HeldLink]:
        linked = [
            r.user.object_id for r in pending if r.known is not None and r.known.linked is not None
        ]
        if not linked:
            return {}
        return await Links(self.connection, self.tenant_id).of(self.policy.entra_tenant_id, linked)

    async def _dormant(self, pending: Sequence[Reading]) -> dict[ObjectId, DormantLink]:
        unlinked = [
            r.user.object_id for r in pending if r.known is not None and r.known.linked is None
        ]
        if not unlinked:
            return {}
        return await Links(self.connection, self.tenant_id).dormant(
            self.policy.entra_tenant_id, unlinked
        )

    async def _claimed(self, pending: Sequence[Reading]) -> frozenset[str]:
        return await Items(self.connection, self.tenant_id).claimed(
            self.policy.entra_tenant_id, [reading.user.object_id for reading in pending]
        )

    def _decided(self, pending: Sequence[Reading]) -> set[ContactId]:
        """The contacts that people chose for these identities."""
        if not self.decisions:
            return set()
        remembered = (self.decisions.get(reading.user.object_id) for reading in pending)
        return {
            decision.contact_id
            for decision in remembered
            if decision is not None
            and decision.kind == DecisionKind.LINKED
            and decision.contact_id is not None
        }

    async def _by_id(self, contact_ids: Sequence[ContactId]) -> dict[ContactId, Candidate]:
        if not contact_ids:
            return {}
        found = await self.contacts.by_ids(self.connection, self.tenant_id, contact_ids)
        return {c.contact_id: c for c in await self._with_holders(found)}

    async def _candidates(
        self,
        pending: Sequence[Reading],
        links: Mapping[ObjectId, HeldLink],
        by_id: Mapping[ContactId, Candidate],
    ) -> dict[str, list[Candidate]]:
        """The contacts, of any client, that have one of these users' addresses."""
        wanted = {
            address for reading in pending for address in self._addresses(reading, links, by_id)
        }
        if not wanted:
            return {}
        lookup = sorted({form for address in wanted for form in spellings(address)})
        found = await self.contacts.by_addresses(self.connection, self.tenant_id, lookup)
        index: dict[str, list[Candidate]] = {}
        for candidate in await self._with_holders(found):
            address = normalise(candidate.values[FieldName.EMAIL])
            if address is not None:
                index.setdefault(address, []).append(candidate)
        return index

    def _addresses(
        self,
        reading: Reading,
        links: Mapping[ObjectId, HeldLink],
        by_id: Mapping[ContactId, Candidate],
    ) -> Iterable[str]:
        """The addresses of a user that may belong to somebody; of one who is linked, his own."""
        address = address_of(reading.user)
        if address is None:
            return ()
        link = links.get(reading.user.object_id)
        if link is not None and link.contact_id in by_id:
            return (address,) if FieldName.EMAIL in self.policy.fields else ()
        return (address, *other_addresses(reading.user, address))

    async def _asleep(self, index: Mapping[str, list[Candidate]]) -> dict[str, list[Candidate]]:
        """The candidates, where those that an undo left inactive are the contacts of their users.

        So nobody else gets one unasked, whether its user has been resumed or not.
        """
        inactive = {
            candidate.contact_id: candidate
            for candidates in index.values()
            for candidate in candidates
            if not candidate.active and candidate.linked_to is None
        }
        owners = await Links(self.connection, self.tenant_id).asleep(list(inactive))
        owned = {
            contact_id: replace(candidate, linked_to=owner)
            for contact_id, candidate in inactive.items()
            if (owner := owners.get((contact_id, candidate.version))) is not None
        }
        return _replaced(index, owned)

    async def _moved(
        self, pending: Sequence[Reading], index: Mapping[str, list[Candidate]]
    ) -> dict[str, list[Candidate]]:
        """The candidates as they will be when those have moved who move with this mapping.

        So nobody else gets a contact of his own for whose alias one is on its way. Who is found to
        stay, or to be gone, is known when those who are asked about are planned once more.
        """
        here = self.policy.client_id
        elsewhere = {
            candidate.contact_id: candidate
            for candidates in index.values()
            for candidate in candidates
            if candidate.client_id != here and candidate.linked_to is None
        }
        if not elsewhere:
            return dict(index)
        directory = self.policy.entra_tenant_id
        leaving = {r.user.object_id for r in pending if not r.user.enabled}
        for contact_id, mover in (await self._movers(list(elsewhere))).items():
            candidate = elsewhere[contact_id]
            if mover.version == candidate.version and mover.object_id not in leaving:
                key = IdentityKey(entra_tenant_id=directory, object_id=mover.object_id)
                elsewhere[contact_id] = replace(candidate, client_id=here, linked_to=key)
        return _replaced(index, elsewhere)

    async def _movers(self, contact_ids: Sequence[ContactId]) -> dict[ContactId, Mover]:
        """Who may move; once everybody was planned under this mapping, whose move waits."""
        movers = Movers(self.connection, self.tenant_id)
        found = await movers.of(self.policy.entra_tenant_id, contact_ids)
        if not found or (self.policy.changed and not self.again):
            return found
        planned = await movers.planned(
            self.policy.managed_tenant_id,
            [self.run_id] if self.run_id is not None else [],
            [mover.object_id for mover in found.values()],
        )
        return {
            contact_id: mover
            for contact_id, mover in found.items()
            if mover.refused or mover.object_id in planned
        }

    async def _with_holders(self, found: Iterable[Contact]) -> list[Candidate]:
        contacts = list(found)
        holders = await Links(self.connection, self.tenant_id).holders([c.id for c in contacts])
        return [candidate_of(contact, holders.get(contact.id)) for contact in contacts]

    async def _pinned(
        self,
        around: Surroundings,
        pending: Sequence[Reading],
        by_id: Mapping[ContactId, Candidate],
    ) -> Surroundings:
        if not self.policy.pinned:
            return replace(around, pins=NO_PINS)
        indexed = {c.contact_id for found in around.index.values() for c in found}
        pins = await Pins(self.connection, self.tenant_id).of(
            self.policy.entra_tenant_id,
            [reading.user.object_id for reading in pending],
            [*by_id, *indexed],
        )
        return replace(around, pins=pins)


def _replaced(
    index: Mapping[str, list[Candidate]], others: Mapping[ContactId, Candidate]
) -> dict[str, list[Candidate]]:
    """The index with other candidates in place of those of the same contacts."""
    if not others:
        return dict(index)
    return {
        address: [others.get(c.contact_id, c) for c in candidates]
        for address, candidates in index.items()
    }


def candidate_of(contact: Contact, linked_to: IdentityKey | None) -> Candidate:
    """A contact of the host as the rules see it."""
    return Candidate(
        contact_id=contact.id,
        client_id=contact.client_id,
        active=contact.active,
        linked_to=linked_to,
        version=contact.version,
        values=values_of_contact(contact),
    )


def values_of_contact(contact: Contact) -> Values:
    """The fields of a contact, by the names of the rules."""
    numbers = {phone.type: phone.number for phone in contact.phones}
    return {
        FieldName.DISPLAY_NAME: contact.full_name,
        FieldName.EMAIL: contact.email,
        FieldName.PHONE: numbers.get("work"),
        FieldName.MOBILE: numbers.get("mobile"),
        FieldName.ROLE: contact.role,
        FieldName.DEPARTMENT: contact.department,
        FieldName.OFFICE_LOCATION: contact.office_location,
    }
