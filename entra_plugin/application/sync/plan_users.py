"""Plan users of one directory: compare them with what we hold, and write down the changes.

The number of statements is the same for one user and for a page of 999.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.policy import Policy
from entra_plugin.domain.addresses import normalise, spellings
from entra_plugin.domain.filters import FilterRule, address_of
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ChangeId, ObjectId, RunId, TenantId
from entra_plugin.domain.matching import Candidate, Index, other_addresses
from entra_plugin.domain.planning import (
    Change,
    PagePlan,
    Planner,
    Reading,
    Remembered,
    Scope,
    read,
    set_aside_unchanged,
)
from entra_plugin.domain.states import ChangeKind
from entra_plugin.host import Contact, Contacts
from entra_plugin.store.changes import Changes
from entra_plugin.store.identities import Identities
from entra_plugin.store.pages import PageCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedUsers:
    """The plan of some users; ``notes`` are look-alikes of contacts to be created."""

    plan: PagePlan
    notes: Mapping[ChangeId, Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPlanner:
    """Everything that stays the same while one managed tenant is planned."""

    tenant_id: TenantId
    run_id: RunId
    policy: Policy
    contacts: Contacts
    rule: FilterRule
    decisions: Mapping[ObjectId, Remembered]

    async def plan(
        self, connection: AsyncConnection, users: Sequence[DirectoryUser]
    ) -> PlannedUsers:
        """Compare these users with what we hold and with the contacts; writes nothing."""
        identities = Identities(connection, self.tenant_id)
        known = await identities.known(
            self.policy.entra_tenant_id, [user.object_id for user in users]
        )
        plan = PagePlan()
        pending = set_aside_unchanged(read(users, known), plan, policy_changed=self.policy.changed)
        if pending:
            index = await self._candidates(connection, pending)
            scope = Scope(
                run_id=self.run_id,
                entra_tenant_id=self.policy.entra_tenant_id,
                client_id=self.policy.client_id,
            )
            Planner(scope, self.rule, self.decisions).plan(pending, index, plan)
        return PlannedUsers(plan=plan, notes=await self._look_alikes(connection, plan.changes))

    async def write(
        self, connection: AsyncConnection, planned: PlannedUsers, now: datetime
    ) -> PageCounts:
        """Write the change rows and the settled identities."""
        plan = planned.plan
        await Changes(connection, self.tenant_id).add(
            plan.changes,
            run_id=self.run_id,
            managed_tenant_id=self.policy.managed_tenant_id,
            entra_tenant_id=self.policy.entra_tenant_id,
            client_id=self.policy.client_id,
            now=now,
            notes=planned.notes,
        )
        await Identities(connection, self.tenant_id).remember(
            self.policy.entra_tenant_id, plan.settled, now
        )
        return PageCounts(unchanged=plan.unchanged, filtered=plan.filtered)

    async def _candidates(self, connection: AsyncConnection, pending: Sequence[Reading]) -> Index:
        """The contacts, of any client, that have one of these users' addresses."""
        wanted = {address for reading in pending for address in _addresses(reading)}
        if not wanted:
            return {}
        lookup = sorted({form for address in wanted for form in spellings(address)})
        found = await self.contacts.by_addresses(connection, self.tenant_id, lookup)
        return await self._index(connection, found)

    async def _index(self, connection: AsyncConnection, found: Iterable[Contact]) -> Index:
        contacts = list(found)
        holders = await Identities(connection, self.tenant_id).holders(
            [contact.id for contact in contacts]
        )
        index: dict[str, list[Candidate]] = {}
        for contact in contacts:
            address = normalise(contact.email)
            if address is not None:
                index.setdefault(address, []).append(
                    Candidate(
                        contact_id=contact.id,
                        client_id=contact.client_id,
                        active=contact.active,
                        linked_to=holders.get(contact.id),
                    )
                )
        return index

    async def _look_alikes(
        self, connection: AsyncConnection, changes: Sequence[Change]
    ) -> dict[ChangeId, dict[str, object]]:
        """Contacts of the client with the same name as one to be created: noted, never linked."""
        creates = [change for change in changes if change.kind == ChangeKind.CREATE]
        names = sorted({_name(change) for change in creates})
        if not names:
            return {}
        found = await self.contacts.by_names(
            connection, self.tenant_id, self.policy.client_id, names
        )
        by_name: dict[str, list[str]] = {}
        for contact in found:
            by_name.setdefault(contact.full_name.strip().lower(), []).append(str(contact.id))
        return {
            change.change_id: {"lookAlikes": by_name[_name(change)]}
            for change in creates
            if _name(change) in by_name
        }


def _addresses(reading: Reading) -> Iterable[str]:
    """The addresses of a user for whom a contact may be looked for."""
    if reading.known is not None and reading.known.linked is not None:
        return ()
    address = address_of(reading.user)
    if address is None:
        return ()
    return (address, *other_addresses(reading.user, address))


def _name(change: Change) -> str:
    return str((change.after or {})["fullName"]).strip().lower()
