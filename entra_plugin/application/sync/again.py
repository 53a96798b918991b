"""People who are planned once more while a plan is applied: the contacts are others by now.

It is done in one transaction, and what comes of it passes the guard like everything else.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.guard import guard_late
from entra_plugin.application.sync.plan_users import PlannedUsers, UserPlanner, name_of
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.settle import settle_plan
from entra_plugin.domain.filters import FilterRule
from entra_plugin.domain.identity import from_attributes
from entra_plugin.domain.ids import ObjectId, TenantId
from entra_plugin.domain.planning import Change
from entra_plugin.domain.states import ChangeKind, VerdictReason
from entra_plugin.store.changes import Changes
from entra_plugin.store.fences import Fence, Fences
from entra_plugin.store.identities import Identities
from entra_plugin.store.items import Items, Question
from entra_plugin.store.pages import Pages

_CLAIMING = frozenset({ChangeKind.CREATE, ChangeKind.LINK})
"""Kinds that claim a contact, or an address for one."""

_PAGE = 1000
"""People that are planned at once."""

Plan = Callable[[AsyncConnection, UserPlanner, Fence], Awaitable[bool]]
"""Plans some people; answers whether there are rows to be applied."""


class PlanAgain:
    """Plans people of one managed tenant while its plan is applied.

    ``judged``: the guard has looked at the whole plan, so that it has to look at this as well.
    """

    def __init__(
        self, context: Context, tenant_id: TenantId, fence: Fence, policy: Policy, *, judged: bool
    ) -> None:
        self._context = context
        self._tenant_id = tenant_id
        self._fence = fence
        self._policy = policy
        self._judged = judged

    async def __call__(self, plan: Plan) -> bool:
        """Plan; no group is asked for once more, for those people passed the filters before."""
        tenant_id, fence, policy = self._tenant_id, self._fence, self._policy
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).advance(fence)
            planner = UserPlanner(
                tenant_id=tenant_id,
                run_id=fence.run_id,
                policy=policy,
                contacts=self._context.host.contacts,
                rule=FilterRule(policy.filters),
                decisions=await Identities(connection, tenant_id).decided(policy.entra_tenant_id),
                now=now,
                everybody=policy.changed,
                again=True,
            )
            planned = await plan(connection, planner, fence)
            if planned and self._judged:
                await guard_late(
                    connection,
                    tenant_id,
                    fence.run_id,
                    fence.managed_tenant_id,
                    policy.client_id,
                    policy.guard,
                    now,
                )
        return planned


async def plan_stale(connection: AsyncConnection, planner: UserPlanner, fence: Fence) -> bool:
    """Plan those whose create met a contact that was not there when it was planned."""
    stale = await Changes(connection, planner.tenant_id).take_stale(
        fence.run_id, fence.managed_tenant_id
    )
    if not stale:
        return False
    planned = await planner.plan(connection, [from_attributes(user) for user in stale])
    await planner.write(connection, planned)
    await settle_plan(connection, planner.tenant_id, fence)
    return True


async def plan_asked(connection: AsyncConnection, planner: UserPlanner, fence: Fence) -> bool:
    """Plan those without a link who are asked about, once the run has done what it had to do.

    Otherwise the next sync would find other answers, though nothing has changed. What the run has
    asked them gives way to what it asks or does now. Whom it could not link claims what he claims,
    but is not tried again.
    """
    policy, tenant_id = planner.policy, planner.tenant_id
    asked = await Items(connection, tenant_id).unlinked(
        policy.entra_tenant_id, fence, policy.client_id
    )
    plans: list[PlannedUsers] = []
    object_ids = list(asked)
    for start in range(0, len(object_ids), _PAGE):
        page = object_ids[start : start + _PAGE]
        users = await Identities(connection, tenant_id).stored(policy.entra_tenant_id, page)
        plans.append(await planner.plan(connection, list(users.values())))
    claimed = _settle_claims([change for one in plans for change in one.plan.changes], asked)
    tried = await Changes(connection, tenant_id).tried(
        fence.run_id, fence.managed_tenant_id, object_ids
    )
    settled = {change.change_id: change for change in claimed if change.user.object_id not in tried}
    for planned in plans:
        planned.plan.changes = [
            settled[change.change_id]
            for change in planned.plan.changes
            if change.change_id in settled
        ]
        await _write(connection, planner, fence, planned)
    return bool(settled)


async def _write(
    connection: AsyncConnection, planner: UserPlanner, fence: Fence, planned: PlannedUsers
) -> None:
    """Write what is planned once more in place of what the run has asked, or found unchanged."""
    concerned = list({change.user.object_id for change in planned.plan.changes})
    if concerned:
        await _take_back(connection, planner.tenant_id, fence, concerned)
    created = {
        change.change_id: name_of(change.after or {})
        for change in planned.plan.changes
        if change.kind == ChangeKind.CREATE
    }
    notes = await planner.look_alikes(connection, created)
    await planner.write(connection, replace(planned, notes=notes))


async def _take_back(
    connection: AsyncConnection,
    tenant_id: TenantId,
    fence: Fence,
    object_ids: Sequence[ObjectId],
) -> None:
    """Forget that the run asked about these, or found them unchanged."""
    changes = Changes(connection, tenant_id)
    known = await changes.count_with_rows(fence.run_id, fence.managed_tenant_id, object_ids)
    await Pages(connection, tenant_id).count_unchanged(fence, known - len(object_ids))
    await changes.drop_questions(fence.run_id, fence.managed_tenant_id, object_ids)


def _settle_claims(changes: Sequence[Change], asked: Mapping[ObjectId, Question]) -> list[Change]:
    """The rows, where two claim the same turned into questions; none of what is asked already."""
    claims: defaultdict[object, list[Change]] = defaultdict(list)
    for change in changes:
        if change.kind in _CLAIMING:
            claims[_subject(change)].append(change)
    disputed = {
        change.user.object_id: _claimed_twice(change)
        for claiming in claims.values()
        if len(claiming) > 1
        for change in claiming
    }
    settled = [change for change in changes if change.user.object_id not in disputed]
    settled += [
        question
        for object_id, question in disputed.items()
        if asked[object_id] != Question(question.reason, question.candidates, question.after or {})
    ]
    return settled


def _claimed_twice(change: Change) -> Change:
    """The question that a disputed claim becomes."""
    return msgspec.structs.replace(
        change,
        kind=ChangeKind.QUEUE,
        reason=VerdictReason.CLAIMED_TWICE,
        contact_id=None,
        candidates=(change.contact_id,) if change.contact_id is not None else (),
    )


def _subject(change: Change) -> object:
    return change.contact_id or (change.after or {}).get("email")
