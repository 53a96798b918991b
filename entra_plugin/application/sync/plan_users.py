"""Plan users of one directory: compare them with what we hold, and write down the changes.

The number of statements is the same for one user and for a page of 999.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.surroundings import Around
from entra_plugin.domain.filters import FilterRule
from entra_plugin.domain.folding import compositions, search_key
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ChangeId, ObjectId, RunId, TenantId
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.planner import Planner
from entra_plugin.domain.planning import (
    PagePlan,
    Remembered,
    Rules,
    Scope,
    read,
    set_aside_unchanged,
)
from entra_plugin.domain.sameness import NO_DIGESTS
from entra_plugin.domain.states import ChangeKind, Verdict, VerdictReason
from entra_plugin.host import Contacts
from entra_plugin.store.changes import Changes
from entra_plugin.store.identities import Identities
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.items import Items
from entra_plugin.store.links import Links
from entra_plugin.store.pages import PageCounts
from entra_plugin.store.unlisted import UnlistedIdentities


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedUsers:
    """The plan of some users; ``notes`` are look-alikes of contacts to be created."""

    plan: PagePlan
    notes: Mapping[ChangeId, Mapping[str, object]]
    digests: Mapping[ObjectId, bytes] = field(default_factory=dict)
    """Of the texts that the users were read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPlanner:
    """Everything that stays the same while one managed tenant is planned.

    A preview plans everybody, says of each what would become of him, and keeps nothing else.
    """

    tenant_id: TenantId
    run_id: RunId
    policy: Policy
    contacts: Contacts
    rule: FilterRule
    decisions: Mapping[ObjectId, Remembered]
    now: datetime
    everybody: bool
    """Plan also those who are as they were: the policy changed, or this is a preview."""
    preview: bool = False
    alone: bool = False
    """One person is planned, and nobody who may claim the same."""
    vanished: frozenset[ObjectId] = frozenset()
    """Linked identities whose contact the host does not have any more."""
    again: bool = False
    """Everybody has been planned in this run already."""

    async def plan(
        self,
        connection: AsyncConnection,
        users: Sequence[DirectoryUser],
        digests: Mapping[ObjectId, bytes] = NO_DIGESTS,
    ) -> PlannedUsers:
        """Compare these users with what we hold and with the contacts; writes nothing.

        Of those who are asked about because two claim one address, no contacts of the same name
        are noted: in the whole plan most of them meet again (``note_undisputed``).
        """
        known = await Identities(connection, self.tenant_id).known(
            self.policy.entra_tenant_id, [user.object_id for user in users]
        )
        readings = read(users, known)
        plan = PagePlan()
        resumed = {
            object_id
            for object_id, held in known.items()
            if held.verdict == Verdict.UNDONE and object_id not in self.decisions
        }
        pending = set_aside_unchanged(
            readings, plan, policy_changed=self.everybody, again=self.vanished | resumed
        )
        if pending:
            around = await self._around(connection).of_page(pending)
            self._planner().plan(pending, around, plan)
        claimed = {
            object_id
            for object_id, held in known.items()
            if held.question is not None and held.question[0] == VerdictReason.CLAIMED_TWICE
        }
        notes = await self.look_alikes(
            connection,
            {
                change.change_id: name_of(change.after or {})
                for change in plan.changes
                if change.kind == ChangeKind.CREATE and change.user.object_id not in claimed
            },
        )
        return PlannedUsers(plan=plan, notes=notes, digests=digests)

    async def plan_absent(
        self,
        connection: AsyncConnection,
        users: Mapping[ObjectId, DirectoryUser],
        departures: Mapping[ObjectId, Departure],
    ) -> PlannedUsers:
        """Plan linked identities that a complete reading did not list; writes nothing.

        Those without a departure are questions. ``users`` are as they were last seen.
        """
        known = await Identities(connection, self.tenant_id).known(
            self.policy.entra_tenant_id, list(users)
        )
        readings = read(users.values(), known)
        plan = PagePlan()
        around = await self._around(connection).of_page(readings)
        planner = self._planner()
        for reading in readings:
            planner.plan_absent(reading, around, departures.get(reading.user.object_id), plan)
        return PlannedUsers(plan=plan, notes={})

    async def write(self, connection: AsyncConnection, planned: PlannedUsers) -> PageCounts:
        """Write the change rows and the settled identities; a preview keeps rows alone."""
        plan = planned.plan
        changes = plan.changes
        if self.preview:
            named = {change.user.object_id for change in changes}
            left_alone = [*plan.settled, *plan.standing]
            changes = [
                *changes,
                *(
                    self._planner().left_alone(settled)
                    for settled in left_alone
                    if settled.user.object_id not in named
                ),
            ]
        await Changes(connection, self.tenant_id).add(
            changes,
            run_id=self.run_id,
            managed_tenant_id=self.policy.managed_tenant_id,
            entra_tenant_id=self.policy.entra_tenant_id,
            client_id=self.policy.client_id,
            now=self.now,
            notes=planned.notes,
            digests=planned.digests,
        )
        if not self.preview:
            await self._remember(connection, planned)
        return PageCounts(unchanged=plan.unchanged, filtered=plan.filtered)

    async def _remember(self, connection: AsyncConnection, planned: PlannedUsers) -> None:
        directory, plan = self.policy.entra_tenant_id, planned.plan
        await IdentityWrites(connection, self.tenant_id).remember(
            directory, plan.settled, self.now, digests=planned.digests
        )
        await Links(connection, self.tenant_id).rebase(directory, plan.rebased)
        items = Items(connection, self.tenant_id)
        await items.close_moot(directory, plan.answered, self.now)
        await items.narrow(directory, plan.narrowed, self.now)
        await UnlistedIdentities(connection, self.tenant_id).find(directory, plan.found)

    def _planner(self) -> Planner:
        scope = Scope(
            run_id=self.run_id,
            entra_tenant_id=self.policy.entra_tenant_id,
            client_id=self.policy.client_id,
        )
        rules = Rules(
            filters=self.rule,
            fields=self.policy.fields,
            guard=self.policy.guard,
            decisions=self.decisions,
        )
        return Planner(scope, rules, self.now)

    def _around(self, connection: AsyncConnection) -> Around:
        return Around(
            connection=connection,
            tenant_id=self.tenant_id,
            policy=self.policy,
            contacts=self.contacts,
            decisions=self.decisions,
            alone=self.alone,
            run_id=self.run_id,
            again=self.again,
        )

    async def note_undisputed(self, connection: AsyncConnection) -> None:
        """Note look-alikes of those whose claim nobody disputes any more, once all are planned."""
        changes = Changes(connection, self.tenant_id)
        created = await changes.undisputed(self.run_id, self.policy.managed_tenant_id)
        names = {change_id: name_of(after) for change_id, after in created.items()}
        await changes.note(await self.look_alikes(connection, names))

    async def look_alikes(
        self, connection: AsyncConnection, created: Mapping[ChangeId, str]
    ) -> dict[ChangeId, dict[str, object]]:
        """Contacts of the client with the same name as one to be created: noted, never linked."""
        names = sorted({form for name in created.values() for form in compositions(name)})
        if not names:
            return {}
        found = await self.contacts.by_names(
            connection, self.tenant_id, self.policy.client_id, names
        )
        by_name: dict[str, list[str]] = {}
        for contact in found:
            by_name.setdefault(search_key(contact.full_name), []).append(str(contact.id))
        return {
            change_id: {"lookAlikes": by_name[key]}
            for change_id, name in created.items()
            if (key := search_key(name)) in by_name
        }


def name_of(contact: Mapping[str, object]) -> str:
    """The name of a contact to be created, as names are compared."""
    return str(contact["fullName"]).strip().lower()
