"""Those whom a complete reading did not list: proof that they left, or a question to a person."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from entra_plugin.application.context import Context
from entra_plugin.application.sync.plan_users import PlannedUsers, UserPlanner
from entra_plugin.directory.protocol import Directory
from entra_plugin.domain.errors import ConsentMissing
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from entra_plugin.domain.leaving import Departure, on_deletion
from entra_plugin.store.fences import Fence
from entra_plugin.store.identities import Identities
from entra_plugin.store.links import Links
from entra_plugin.store.unlisted import Unlisted, UnlistedIdentities


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The plan of those who are missing, and who of them is proved to be deleted."""

    planned: PlannedUsers
    deleted: frozenset[ObjectId]
    unlisted: tuple[ObjectId, ...]
    """Who is not proved to be deleted, and was not known to be missing until now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absences:
    """Looks for identities with a link or an open question that a reading did not list."""

    context: Context
    planner: UserPlanner
    directory: Directory

    async def plan(self, fence: Fence, now: datetime, *, look: bool) -> Absent | None:
        """Ask for evidence of each, then plan; None when nobody is missing.

        Evidence that is stored holds, as they are still not listed. Single ids are asked for only
        as long as all may become inactive without a person's look: the others wait as questions.
        Without ``look`` nothing is asked for, and only those are planned of whom it is known.
        """
        unlisted, allowed = await self._unlisted(fence)
        concerned = [one for one in unlisted if one.concerns]
        proved = frozenset(one.object_id for one in concerned if one.proved)
        if look and len(proved) < len(concerned):
            asked = [one.object_id for one in concerned if not one.proved]
            proved |= await self._proved(asked, allowed - len(proved))
        missing = [one.object_id for one in concerned] if look else sorted(proved)
        new: tuple[ObjectId, ...] = ()
        if look:
            new = tuple(o.object_id for o in unlisted if o.is_new and o.object_id not in proved)
        if not missing and not new:
            return None
        planned = await self.plan_deleted(missing, proved, now)
        return Absent(planned=planned, deleted=proved, unlisted=new)

    async def plan_deleted(
        self, object_ids: Sequence[ObjectId], proved: frozenset[ObjectId], now: datetime
    ) -> PlannedUsers:
        """Plan those who are gone, with proof or without."""
        policy, tenant_id = self.planner.policy, self.planner.tenant_id
        async with self.context.store.tenant_transaction(tenant_id) as connection:
            identities = Identities(connection, tenant_id)
            users = await identities.stored(policy.entra_tenant_id, object_ids)
            known = await identities.known(policy.entra_tenant_id, list(users))
            departures: dict[ObjectId, Departure] = {
                object_id: on_deletion(known[object_id].departure, now)
                for object_id in users
                if object_id in proved
            }
            return await self.planner.plan_absent(connection, users, departures)

    async def _unlisted(self, fence: Fence) -> tuple[list[Unlisted], int]:
        policy, tenant_id = self.planner.policy, self.planner.tenant_id
        async with self.context.store.tenant_transaction(tenant_id) as connection:
            unlisted = await UnlistedIdentities(connection, tenant_id).of(
                policy.entra_tenant_id, fence, self.planner.vanished
            )
            if not unlisted:
                return [], 0
            linked = await Links(connection, tenant_id).count_by_client([policy.client_id])
        return unlisted, policy.guard.inactivations_allowed(linked.get(policy.client_id, 0))

    async def _proved(self, unseen: Sequence[ObjectId], allowed: int) -> frozenset[ObjectId]:
        """Those of whom the directory says that it deleted them, as far as it may say so."""
        tenant: EntraTenantId = self.planner.policy.entra_tenant_id
        proved: frozenset[ObjectId] = frozenset()
        with suppress(ConsentMissing):
            proved = await self.directory.deleted_users(tenant) & frozenset(unseen)
            if not self.directory.capabilities.proves_absence:
                return proved
            left = [object_id for object_id in unseen if object_id not in proved]
            for object_id in left[: max(0, allowed - len(proved))]:
                if await self.directory.is_absent(tenant, object_id):
                    proved |= {object_id}
        return proved
