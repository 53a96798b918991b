"""Read a directory page by page and plan it; the page row is where a killed attempt goes on."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.absences import Absences, Absent
from entra_plugin.application.sync.apply import ADDITIVE
from entra_plugin.application.sync.choose import Before, ChooseReading, Chosen
from entra_plugin.application.sync.held import take_over_held
from entra_plugin.application.sync.plan_users import PlannedUsers, UserPlanner
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.readings import (
    DeltaReading,
    ReadPage,
    full_reading,
    person_reading,
    removed_since,
)
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.settle import settle_plan
from entra_plugin.directory.ahead import ahead
from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.protocol import CursorExpired, Directory, PageExpired
from entra_plugin.domain.errors import NotAcceptable, TransientFailure
from entra_plugin.domain.filters import FilterRule
from entra_plugin.domain.ids import ManagedTenantId, ObjectId, RunId, TenantId
from entra_plugin.domain.planning import Remembered
from entra_plugin.domain.sameness import NOBODY, SettledUsers
from entra_plugin.domain.states import ReadingKind, RunState, RunType
from entra_plugin.store.changes import Changes
from entra_plugin.store.cursors import Cursors
from entra_plugin.store.fences import Fence, Fences
from entra_plugin.store.identities import Identities
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.items import Items
from entra_plugin.store.links import Links
from entra_plugin.store.pages import PageCounts, Pages, Progress
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Run
from entra_plugin.store.unlisted import UnlistedIdentities

Heartbeat = Callable[[int], None]
"""Told the number of the page that was just committed."""

_MOST_HELD = 50_000
"""Identities of a directory that are held in memory at once: about ten megabytes."""

_MAX_READINGS = 3
"""How often a listing starts anew in one attempt when Microsoft forgets its pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """What an attempt found when it began."""

    run: Run
    fence: Fence
    policy: Policy
    decisions: dict[ObjectId, Remembered]
    progress: Progress
    before: Before
    settled: bool
    """An attempt before this one came to the end of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    run: Run
    fence: Fence
    planner: UserPlanner
    progress: Progress
    chosen: Chosen
    directory: Directory
    settled: SettledUsers

    @property
    def policy(self) -> Policy:
        return self.planner.policy


class _Listed:
    """Who was on the pages of a reading; of a huge one, and of one that goes on, it cannot say."""

    def __init__(self, progress: Progress) -> None:
        self._ids: set[bytes] | None = set() if progress.pages == 0 else None
        self.repeats = self._ids is None
        """Somebody may have been there twice."""

    def has_all(self, expected: SettledUsers) -> bool:
        """True if everybody was there for sure who was to be expected."""
        return self._ids is not None and expected.all_in(self._ids)

    def may_have(self, ids: Collection[bytes]) -> bool:
        """Take these in; True if one of them may have been there before, or is here twice."""
        if self._ids is None:
            return True
        before = len(self._ids)
        self._ids.update(ids)
        again = len(self._ids) < before + len(ids)
        if len(self._ids) > _MOST_HELD:
            self._ids, again = None, True
        self.repeats = self.repeats or again
        return again


class ReadAndPlan:
    """One attempt at reading and planning one managed tenant of a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)
        self._choose = ChooseReading(context)

    async def __call__(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        heartbeat: Heartbeat,
    ) -> bool:
        """Read what is left to read, then settle what only the whole reading shows.

        Answers whether something may be applied that does not wait for the guard; an attempt before
        this one, which came to the end of the plan, may have found so.

        Raises:
            NotAcceptable: ``not_connected``, ``mapping_changed`` or ``run_closed``.
            EntraError: What the directory answered.
        """
        begun = await self._begin(tenant_id, run_id, managed_tenant_id)
        if begun.settled:
            return True
        directory = await self._context.directories.of_tenant(tenant_id)
        attempt = await self._prepared(tenant_id, begun, directory)
        listed = _Listed(attempt.progress) if attempt.progress.complete else None
        for _ in range(_MAX_READINGS):
            if listed is None:
                attempt, listed = await self._to_the_end(tenant_id, attempt, heartbeat)
        if listed is None:
            raise TransientFailure("listing_expired", retry_after=AFTER_ODD_ANSWER)
        return await self._finish(tenant_id, attempt, listed)

    async def _begin(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> _Begun:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            claim = await Fences(connection, tenant_id).claim(
                run_id, managed_tenant_id, self._context.clock()
            )
            if claim is None:
                raise NotAcceptable("run_closed")
            found = await self._scopes.conditions(connection, tenant_id, claim.row)
            await self._scopes.require_taken(connection, tenant_id, found.mapping)
            policy = await self._scopes.policy_under(connection, tenant_id, found)
            decisions = await Identities(connection, tenant_id).decided(policy.entra_tenant_id)
            progress = await Pages(connection, tenant_id).progress(claim.fence)
            before = await self._choose.before(connection, tenant_id, claim.row)
        return _Begun(
            run=found.run,
            fence=claim.fence,
            policy=policy,
            decisions=decisions,
            progress=progress,
            before=before,
            settled=claim.row.settled,
        )

    async def _prepared(self, tenant_id: TenantId, begun: _Begun, directory: Directory) -> _Attempt:
        """Read the groups that the filters name, and choose how to read the users."""
        policy = replace(begun.policy, members=await self._choose.members(begun.policy, directory))
        chosen = self._choose(begun.before, begun.run, policy, directory)
        preview = begun.run.type == RunType.PREVIEW
        planner = UserPlanner(
            tenant_id=tenant_id,
            run_id=begun.run.run_id,
            policy=policy,
            contacts=self._context.host.contacts,
            rule=FilterRule(
                policy.filters,
                included=policy.members.included,
                excluded=policy.members.excluded,
            ),
            decisions=begun.decisions,
            now=self._context.clock(),
            everybody=preview or policy.changed,
            preview=preview,
            alone=chosen.kind == ReadingKind.PERSON,
        )
        _, vanished, settled = await asyncio.gather(
            self._choose.begin(tenant_id, begun.run, begun.fence, policy, chosen, directory),
            self._vanished(tenant_id, begun.run, policy),
            self._settled(tenant_id, policy, chosen, everybody=planner.everybody),
        )
        return _Attempt(
            run=begun.run,
            fence=begun.fence,
            planner=replace(planner, vanished=vanished),
            progress=begun.progress,
            chosen=chosen,
            directory=directory,
            settled=settled.without(object_id.bytes for object_id in vanished),
        )

    async def _settled(
        self, tenant_id: TenantId, policy: Policy, chosen: Chosen, *, everybody: bool
    ) -> SettledUsers:
        """Those who need no look if they come as they came; of huge directories nobody."""
        if chosen.kind != ReadingKind.FULL or everybody:
            return NOBODY
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Identities(connection, tenant_id).settled(
                policy.entra_tenant_id, at_most=_MOST_HELD
            )

    async def _vanished(self, tenant_id: TenantId, run: Run, policy: Policy) -> frozenset[ObjectId]:
        """Linked identities whose contact is gone: one comparison of all that the run is about."""
        directory = policy.entra_tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            links = Links(connection, tenant_id)
            if run.type == RunType.PERSON and run.subject is not None:
                held = await links.of(directory, [run.subject.object_id])
                linked = [link.contact_id for link in held.values()]
            else:
                linked = await links.contacts(directory)
            if not linked:
                return frozenset()
            missing = await self._context.host.contacts.missing(connection, tenant_id, linked)
            holders = await links.holders(missing)
        return frozenset(
            key.object_id for key in holders.values() if key.entra_tenant_id == directory
        )

    async def _read(self, tenant_id: TenantId, attempt: _Attempt, heartbeat: Heartbeat) -> _Listed:
        """Read what is left; answers who was listed."""
        number, listed = attempt.progress.pages, _Listed(attempt.progress)
        pages = ahead(self._pages(tenant_id, attempt), most=1)
        async with aclosing(ahead(self._plans(tenant_id, attempt, pages), most=1)) as plans:
            async for page, planned in plans:
                number += page.pages
                await self._write_page(tenant_id, attempt, number, page, planned, listed)
                heartbeat(number)
        return listed

    def _pages(self, tenant_id: TenantId, attempt: _Attempt) -> AsyncGenerator[ReadPage, None]:
        directory, tenant = attempt.directory, attempt.policy.entra_tenant_id
        resume = attempt.progress.next_link
        subject = attempt.run.subject
        if attempt.chosen.kind == ReadingKind.PERSON and subject is not None:
            return person_reading(directory, tenant, subject.object_id)
        if attempt.chosen.kind == ReadingKind.FULL:
            return full_reading(directory, tenant, resume, attempt.settled)
        reading = DeltaReading(
            store=self._context.store,
            tenant_id=tenant_id,
            entra_tenant_id=tenant,
            directory=directory,
            fence=attempt.fence,
            cursor=attempt.chosen.since or "",
            vanished=attempt.planner.vanished,
        )
        return reading.pages(resume)

    async def _plans(
        self, tenant_id: TenantId, attempt: _Attempt, pages: AsyncGenerator[ReadPage, None]
    ) -> AsyncGenerator[tuple[ReadPage, list[PlannedUsers]], None]:
        planner = attempt.planner
        async with aclosing(pages):
            async for page in pages:
                planned: list[PlannedUsers] = []
                if page.users:
                    async with self._context.store.tenant_transaction(tenant_id) as connection:
                        planned.append(await planner.plan(connection, page.users, page.digests))
                if page.deleted or page.missing:
                    gone = (*page.deleted, *page.missing)
                    planned.append(
                        await self._absences(attempt).plan_deleted(
                            gone, frozenset(page.deleted), planner.now
                        )
                    )
                yield page, planned

    async def _write_page(
        self,
        tenant_id: TenantId,
        attempt: _Attempt,
        number: int,
        page: ReadPage,
        planned: list[PlannedUsers],
        listed: _Listed,
    ) -> None:
        """Write a page's plan; its rows, its page row and the counters are one transaction.

        What a page before this one planned for somebody who comes again counts no more.
        """
        ids = page.ids
        again = listed.may_have(ids)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            fences = Fences(connection, tenant_id)
            await fences.advance(attempt.fence, pages=page.pages, users=page.listed)
            same = PageCounts(unchanged=len(page.same) - page.filtered, filtered=page.filtered)
            if again and ids:
                await Changes(connection, tenant_id).drop_earlier(
                    attempt.fence.run_id, attempt.fence.managed_tenant_id, ids
                )
            counts = [await attempt.planner.write(connection, plan) for plan in planned]
            if page.deleted and not attempt.planner.preview:
                await _forget_questions(connection, tenant_id, attempt, page.deleted)
            if page.missing and not attempt.planner.preview:
                await UnlistedIdentities(connection, tenant_id).mark(
                    attempt.policy.entra_tenant_id, page.missing
                )
            await Pages(connection, tenant_id).add(
                attempt.fence,
                page=number,
                next_link=page.next_link,
                object_ids=ids,
                counts=sum(counts, same),
            )
            if page.cursor is not None:
                await fences.put_cursor(attempt.fence, page.cursor)

    async def _to_the_end(
        self, tenant_id: TenantId, attempt: _Attempt, heartbeat: Heartbeat
    ) -> tuple[_Attempt, _Listed | None]:
        """Read the pages that are left; without a listing, from the first one the next time."""
        try:
            return attempt, await self._read(tenant_id, attempt, heartbeat)
        except PageExpired:
            return await self._start_anew(tenant_id, attempt), None
        except CursorExpired:
            return await self._start_anew(tenant_id, attempt, everything=True), None
        except TransientFailure as error:
            if error.code == "listing_endless":
                # Else the next try would go on in the circle, and count as one that got ahead.
                await self._start_anew(tenant_id, attempt)
            raise

    async def _start_anew(
        self, tenant_id: TenantId, attempt: _Attempt, *, everything: bool = False
    ) -> _Attempt:
        """Begin the next reading: its pages replace those of the one that expired.

        ``everything``: the cursor is no longer accepted, so that all users are read, without
        looking for those who are gone.
        """
        fence = attempt.fence
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            fence = await Fences(connection, tenant_id).start_reading_anew(attempt.fence)
            await Pages(connection, tenant_id).remove(fence.run_id, fence.managed_tenant_id)
            await Changes(connection, tenant_id).drop_planned(fence.run_id, fence.managed_tenant_id)
        anew = replace(attempt, fence=fence, progress=Progress(pages=0, next_link=None))
        if not everything:
            return anew
        chosen = await self._choose.everything(tenant_id, fence, attempt.policy, attempt.directory)
        return replace(anew, chosen=chosen)

    async def _finish(self, tenant_id: TenantId, attempt: _Attempt, listed: _Listed) -> bool:
        """Look for those who are gone, then settle what the whole plan shows."""
        absent: Absent | None = None
        foreseen = await self._foreseen(tenant_id, attempt)
        full = attempt.chosen.kind == ReadingKind.FULL
        incomplete = full and not listed.has_all(attempt.settled)
        if incomplete:
            absent = await self._absences(attempt).plan(
                attempt.fence, attempt.planner.now, look=attempt.chosen.absences
            )
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).advance(attempt.fence, settled=True)
            if absent is not None:
                await attempt.planner.write(connection, absent.planned)
                if not attempt.planner.preview:
                    await _forget_questions(connection, tenant_id, attempt, absent.deleted)
                    await UnlistedIdentities(connection, tenant_id).mark(
                        attempt.policy.entra_tenant_id, absent.unlisted
                    )
            if foreseen is not None:
                await attempt.planner.write(connection, foreseen)
            if incomplete and _looks_for_nobody(attempt):
                await _look_again(connection, tenant_id, attempt)
            repeats = full and listed.repeats
            return await _settle(connection, tenant_id, attempt, repeats=repeats)

    async def _foreseen(self, tenant_id: TenantId, attempt: _Attempt) -> PlannedUsers | None:
        """The plan of those of whom the next sync would learn that they are gone.

        It would read the changes, and find their removal there. A preview reads everybody, for it
        has a word on each, so it asks the same changes about who is missing, and leaves the cursor
        for the sync. Where the next sync reads everybody too, both look for the missing alike.
        """
        chosen, policy = attempt.chosen, attempt.policy
        if not attempt.planner.preview or chosen.absences or policy.changed or chosen.since is None:
            return None
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            unlisted = await UnlistedIdentities(connection, tenant_id).of(
                policy.entra_tenant_id, attempt.fence
            )
        missing = [one.object_id for one in unlisted if one.concerns and not one.proved]
        if not missing:
            return None
        removed = await removed_since(attempt.directory, policy.entra_tenant_id, chosen.since)
        gone = [object_id for object_id in missing if object_id in removed]
        return await self._absences(attempt).plan_deleted(
            gone, frozenset(gone), attempt.planner.now
        )

    def _absences(self, attempt: _Attempt) -> Absences:
        return Absences(context=self._context, planner=attempt.planner, directory=attempt.directory)


def _looks_for_nobody(attempt: _Attempt) -> bool:
    """True for a reading that does not look for those who are missing in it."""
    return not attempt.chosen.absences and not attempt.planner.preview


async def _look_again(connection: AsyncConnection, tenant_id: TenantId, attempt: _Attempt) -> None:
    """Let the next reading find out about those whom this one did not list.

    They were deleted, or moved between the pages. The changes since the reading before tell. If
    these are not to be had, and somebody might be linked who is gone, everybody is read again, and
    who is missing is looked for; who is linked already waits for the weekly reading.
    """
    fence, since = attempt.fence, attempt.chosen.since
    unseen = await UnlistedIdentities(connection, tenant_id).unsettle(
        attempt.policy.entra_tenant_id, fence, new_rules=attempt.planner.everybody
    )
    if unseen.every and since is not None:
        await Fences(connection, tenant_id).put_cursor(fence, since)
    elif unseen.unlinked:
        await Fences(connection, tenant_id).put_cursor(fence, None)
        await Cursors(connection, tenant_id).remove(fence.managed_tenant_id)


async def _count_once(connection: AsyncConnection, tenant_id: TenantId, attempt: _Attempt) -> None:
    """Count those once who were listed twice."""
    fence, pages = attempt.fence, Pages(connection, tenant_id)
    repeated = await pages.repeated(fence)
    if repeated == 0:
        return
    await Fences(connection, tenant_id).advance(fence, users=-repeated)
    tally = await Identities(connection, tenant_id).tally(
        attempt.policy.entra_tenant_id, fence.run_id, fence.managed_tenant_id
    )
    await pages.recount(fence, PageCounts(unchanged=tally.unchanged, filtered=tally.filtered))


async def _settle(
    connection: AsyncConnection, tenant_id: TenantId, attempt: _Attempt, *, repeats: bool
) -> bool:
    """Settle the whole plan; answers whether something may be applied before the guard.

    That is what is planned and does not wait for it, or what comes of a look at those who are asked
    about, for the rules are others, or what was held is none any more. ``repeats``: somebody may
    have been listed twice.
    """
    preview = attempt.planner.preview
    planned = await settle_plan(connection, tenant_id, attempt.fence, preview=preview)
    retired = False
    if preview:
        await _close_planned(connection, tenant_id, attempt)
    else:
        retired = await _take_over_held(connection, tenant_id, attempt)
        if repeats:
            await _count_once(connection, tenant_id, attempt)
    if planned and await _has_additive(connection, tenant_id, attempt.fence):
        await attempt.planner.note_undisputed(connection)
        return True
    return retired or attempt.policy.changed


async def _forget_questions(
    connection: AsyncConnection,
    tenant_id: TenantId,
    attempt: _Attempt,
    deleted: Collection[ObjectId],
) -> None:
    """Of deleted identities without a contact nothing is left to be asked."""
    directory, now = attempt.policy.entra_tenant_id, attempt.planner.now
    gone = await IdentityWrites(connection, tenant_id).note_deleted(directory, list(deleted), now)
    await Items(connection, tenant_id).close_moot(directory, gone, now)


async def _take_over_held(
    connection: AsyncConnection, tenant_id: TenantId, attempt: _Attempt
) -> bool:
    return await take_over_held(
        connection,
        tenant_id,
        attempt.fence,
        attempt.policy.entra_tenant_id,
        now=attempt.planner.now,
        everybody=attempt.chosen.absences,
    )


async def _has_additive(connection: AsyncConnection, tenant_id: TenantId, fence: Fence) -> bool:
    """True when something is planned that does not wait for the guard."""
    changes = Changes(connection, tenant_id)
    return await changes.has_planned(fence.run_id, fence.managed_tenant_id, ADDITIVE)


async def _close_planned(
    connection: AsyncConnection, tenant_id: TenantId, attempt: _Attempt
) -> None:
    """A preview has come to its end with the plan; the rows stay planned until they are applied."""
    run_id, managed_tenant_id = attempt.fence.run_id, attempt.fence.managed_tenant_id
    pages = await Pages(connection, tenant_id).take(run_id, managed_tenant_id)
    await RunTenants(connection, tenant_id).close(
        run_id,
        [managed_tenant_id],
        RunState.COMPLETED,
        attempt.planner.now,
        counts={"unchanged": pages.unchanged, "filtered": pages.filtered},
    )
