"""Choose how to read a managed tenant: everybody, or what changed since the last reading."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.policy import Members, Policy
from entra_plugin.directory.protocol import CursorExpired, Directory
from entra_plugin.domain.errors import AuthorisationLost, EntraError, TransientFailure
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import ReadingKind, RunType
from entra_plugin.store.cursors import Cursor, Cursors
from entra_plugin.store.fences import Fence, Fences
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.run_tenants import ReadingPlan, RunTenant
from entra_plugin.store.runs import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a managed tenant is read; ``since`` is the cursor of the reading before, if still usable.

    ``begun``: an attempt before this one has chosen it, and kept it.
    """

    kind: ReadingKind
    absences: bool
    since: str | None = None
    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What earlier attempts of the run, and earlier runs, have left to go on from."""

    plan: ReadingPlan | None
    cursor: Cursor | None


class ChooseReading:
    """Chooses at the first attempt; later ones go on with what was chosen."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def before(
        self, connection: AsyncConnection, tenant_id: TenantId, row: RunTenant
    ) -> Before:
        """What the choice depends on, read in the transaction in which an attempt begins."""
        cursor = await Cursors(connection, tenant_id).get(row.managed_tenant_id)
        return Before(plan=row.plan, cursor=cursor)

    def __call__(self, before: Before, run: Run, policy: Policy, directory: Directory) -> Chosen:
        """Choose, or go on with what an earlier attempt has chosen; it is to be begun."""
        plan, cursor = before.plan, before.cursor
        usable = cursor is not None and cursor.select_fingerprint == directory.select_fingerprint
        since = cursor.link if cursor is not None and usable else None
        if plan is not None:
            return Chosen(kind=plan.kind, absences=plan.absences, since=since, begun=True)
        return self._decide(run, policy, directory, cursor, since)

    async def begin(
        self,
        tenant_id: TenantId,
        run: Run,
        fence: Fence,
        policy: Policy,
        chosen: Chosen,
        directory: Directory,
    ) -> None:
        """Keep the choice, with the cursor from which the next reading will begin.

        To be done before the first page is read: what changes meanwhile must not be missed.
        """
        if chosen.begun:
            return
        begins = None
        if run.type != RunType.PREVIEW:
            await self._forget_policy(tenant_id, fence, policy)
            if chosen.kind == ReadingKind.FULL:
                begins = await _cursor_from_now_on(policy, directory)
        await self._keep(tenant_id, fence, policy, chosen, begins, directory)

    async def everything(
        self, tenant_id: TenantId, fence: Fence, policy: Policy, directory: Directory
    ) -> Chosen:
        """Read everybody after all, the cursor being of no use; absence then proves nothing."""
        chosen = Chosen(kind=ReadingKind.FULL, absences=False)
        begins = await _cursor_from_now_on(policy, directory)
        await self._keep(tenant_id, fence, policy, chosen, begins, directory)
        return chosen

    async def members(self, policy: Policy, directory: Directory) -> Members:
        """Who is in the groups that the filters name.

        Raises:
            ConsentMissing: ``group_unreadable``: a group that cannot be read fails the reading.
        """
        filters, tenant = policy.filters, policy.entra_tenant_id
        included = [await directory.members(tenant, g) for g in sorted(filters.include_groups)]
        excluded = [await directory.members(tenant, g) for g in sorted(filters.exclude_groups)]
        return Members(
            included=frozenset().union(*included) if included else None,
            excluded=frozenset().union(*excluded),
        )

    def _decide(
        self,
        run: Run,
        policy: Policy,
        directory: Directory,
        cursor: Cursor | None,
        since: str | None,
    ) -> Chosen:
        if run.type == RunType.PERSON:
            return Chosen(kind=ReadingKind.PERSON, absences=False)
        # A preview has a word on everybody, so it reads everybody; who is gone, it looks for as the
        # next sync would: with a complete reading, or among the changes since the cursor.
        now = self._context.clock()
        if not directory.capabilities.delta:
            return Chosen(kind=ReadingKind.FULL, absences=True)
        due = _is_due(cursor, policy, now)
        if run.type == RunType.PREVIEW or policy.changed or due or since is None:
            return Chosen(kind=ReadingKind.FULL, absences=due, since=since)
        return Chosen(kind=ReadingKind.DELTA, absences=False, since=since)

    async def _keep(
        self,
        tenant_id: TenantId,
        fence: Fence,
        policy: Policy,
        chosen: Chosen,
        begins: str | None,
        directory: Directory,
    ) -> None:
        delta = directory.capabilities.delta
        plan = ReadingPlan(
            kind=chosen.kind,
            absences=chosen.absences,
            cursor_link=begins,
            select_fingerprint=directory.select_fingerprint if delta else None,
            policy_fingerprint=policy.fingerprint,
        )
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).put_reading_plan(fence, plan)

    async def _forget_policy(self, tenant_id: TenantId, fence: Fence, policy: Policy) -> None:
        """New rules may be taken back before their reading is through: then all is planned anew."""
        if not policy.changed or policy.last_fingerprint is None:
            return
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await ManagedTenants(connection, tenant_id).forget_policies([fence.managed_tenant_id])


def _is_due(cursor: Cursor | None, policy: Policy, now: datetime) -> bool:
    """True when nobody looked for those who are gone, or not for a long time."""
    if cursor is None or cursor.verified_at is None:
        return True
    return cursor.verified_at + policy.guard.verified_every <= now


async def _cursor_from_now_on(policy: Policy, directory: Directory) -> str | None:
    """A cursor from before the reading, so that nothing is missed that changes meanwhile.

    Without one the next reading is a full one again, which is slow and not wrong.
    """
    if not directory.capabilities.delta:
        return None
    try:
        return await directory.delta_start(policy.entra_tenant_id)
    except (AuthorisationLost, TransientFailure):
        raise
    except (CursorExpired, EntraError) as error:
        log.info("no delta cursor to be had", extra={"error": type(error).__name__})
        return None
