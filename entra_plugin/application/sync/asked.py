"""Look once more at those who are asked about, when a plan is applied and contacts are others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.plan_users import UserPlanner, name_of
from entra_plugin.domain.planning import Change
from entra_plugin.domain.states import ChangeKind, VerdictReason
from entra_plugin.store.changes import Changes
from entra_plugin.store.fences import Fence
from entra_plugin.store.identities import Identities
from entra_plugin.store.items import Items

_CLAIMING = frozenset({ChangeKind.CREATE, ChangeKind.LINK})
"""Kinds that claim a contact, or an address for one."""


async def plan_asked(connection: AsyncConnection, planner: UserPlanner, fence: Fence) -> bool:
    """Plan those without a link who are asked about; answers whether there is anything to apply.

    What a run has asked them before gives way to what it asks or does now.
    """
    policy, tenant_id = planner.policy, planner.tenant_id
    asked = await Items(connection, tenant_id).unlinked(policy.entra_tenant_id, policy.client_id)
    if not asked:
        return False
    users = await Identities(connection, tenant_id).stored(policy.entra_tenant_id, asked)
    planned = await planner.plan(connection, list(users.values()))
    planned.plan.changes = _uncontested(planned.plan.changes)
    changes = Changes(connection, tenant_id)
    await changes.drop_questions(
        fence.run_id,
        fence.managed_tenant_id,
        [change.user.object_id for change in planned.plan.changes],
    )
    created = {
        change.change_id: name_of(change.after or {})
        for change in planned.plan.changes
        if change.kind == ChangeKind.CREATE
    }
    notes = await planner.look_alikes(connection, created)
    await planner.write(connection, replace(planned, notes=notes))
    return bool(planned.plan.changes)


def _uncontested(changes: Sequence[Change]) -> list[Change]:
    """The rows of those who alone claim what they claim: the others are asked about that."""
    claiming = [change for change in changes if change.kind in _CLAIMING]
    claims = Counter(map(_subject, claiming))
    decided = Counter(_subject(c) for c in claiming if c.reason == VerdictReason.DECIDED)
    contested = {
        change.user.object_id
        for change in claiming
        if claims[_subject(change)] > 1
        and (change.reason != VerdictReason.DECIDED or decided[_subject(change)] > 1)
    }
    return [change for change in changes if change.user.object_id not in contested]


def _subject(change: Change) -> object:
    return change.contact_id or (change.after or {}).get("email")
