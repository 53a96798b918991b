"""Read a directory page by page and plan it; the page row is where a killed attempt goes on."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from entra_plugin.application.context import Context
from entra_plugin.application.sync.ahead import one_ahead
from entra_plugin.application.sync.plan_users import PlannedUsers, UserPlanner
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.directory.protocol import Directory, PageExpired, UserPage
from entra_plugin.domain.errors import NotAcceptable, TransientFailure
from entra_plugin.domain.filters import FilterRule
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.store.changes import Changes
from entra_plugin.store.identities import Identities
from entra_plugin.store.pages import Pages, Progress
from entra_plugin.store.run_tenants import Fence, RunTenants

Heartbeat = Callable[[int], None]
"""Told the number of the page that was just committed."""

_MAX_READINGS = 3
"""How often a listing starts anew in one attempt when Microsoft forgets its pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    fence: Fence
    policy: Policy
    planner: UserPlanner
    progress: Progress


class ReadAndPlan:
    """One attempt at reading and planning one managed tenant of a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def __call__(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        heartbeat: Heartbeat,
    ) -> None:
        """Read what is left to read.

        Raises:
            NotAcceptable: ``feature_off``, ``not_connected``, ``mapping_changed`` or
                ``run_closed``.
            EntraError: What the directory answered.
        """
        await self._scopes.require_ui_flag(tenant_id)
        attempt = await self._begin(tenant_id, run_id, managed_tenant_id)
        directory = await self._context.directories.of_tenant(tenant_id)
        for _ in range(_MAX_READINGS):
            if attempt.progress.complete:
                return
            try:
                await self._read(tenant_id, directory, attempt, heartbeat)
            except PageExpired:
                attempt = await self._start_anew(tenant_id, attempt)
            else:
                return
        raise TransientFailure("listing_expired", retry_after=60)

    async def _begin(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> _Attempt:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            fence = await RunTenants(connection, tenant_id).claim(
                run_id, managed_tenant_id, self._context.clock()
            )
            if fence is None:
                raise NotAcceptable("run_closed")
            await self._scopes.require_taken(connection, tenant_id, managed_tenant_id)
            policy = await self._scopes.policy(connection, tenant_id, run_id, managed_tenant_id)
            decisions = await Identities(connection, tenant_id).decided(policy.entra_tenant_id)
            progress = await Pages(connection, tenant_id).progress(fence)
        planner = UserPlanner(
            tenant_id=tenant_id,
            run_id=run_id,
            policy=policy,
            contacts=self._context.host.contacts,
            rule=FilterRule(policy.filters),
            decisions=decisions,
        )
        return _Attempt(fence=fence, policy=policy, planner=planner, progress=progress)

    async def _read(
        self,
        tenant_id: TenantId,
        directory: Directory,
        attempt: _Attempt,
        heartbeat: Heartbeat,
    ) -> None:
        number = attempt.progress.pages
        pages: AsyncIterator[UserPage] = directory.user_pages(
            attempt.policy.entra_tenant_id, resume=attempt.progress.next_link
        )
        plans = self._plans(tenant_id, attempt.planner, one_ahead(pages))
        async with aclosing(one_ahead(plans)) as ahead:
            async for page, planned in ahead:
                number += 1
                await self._write_page(tenant_id, attempt, number, page, planned)
                heartbeat(number)

    async def _plans(
        self, tenant_id: TenantId, planner: UserPlanner, pages: AsyncGenerator[UserPage, None]
    ) -> AsyncGenerator[tuple[UserPage, PlannedUsers], None]:
        async with aclosing(pages):
            async for page in pages:
                async with self._context.store.tenant_transaction(tenant_id) as connection:
                    planned = await planner.plan(connection, page.users)
                yield page, planned

    async def _write_page(
        self,
        tenant_id: TenantId,
        attempt: _Attempt,
        number: int,
        page: UserPage,
        planned: PlannedUsers,
    ) -> None:
        """Write a page's plan; its rows, its page row and the counters are one transaction."""
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await RunTenants(connection, tenant_id).advance(
                attempt.fence, pages=1, users=len(page.users)
            )
            counts = await attempt.planner.write(connection, planned, now)
            await Pages(connection, tenant_id).add(
                attempt.fence,
                page=number,
                next_link=page.next_link,
                object_ids=[user.object_id for user in page.users],
                counts=counts,
            )

    async def _start_anew(self, tenant_id: TenantId, attempt: _Attempt) -> _Attempt:
        """Begin the next reading: its pages replace those of the one that expired."""
        fence = attempt.fence
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            fence = await RunTenants(connection, tenant_id).start_reading_anew(attempt.fence)
            await Pages(connection, tenant_id).remove(fence.run_id, fence.managed_tenant_id)
            await Changes(connection, tenant_id).drop_planned(fence.run_id, fence.managed_tenant_id)
        return _Attempt(
            fence=fence,
            policy=attempt.policy,
            planner=attempt.planner,
            progress=Progress(pages=0, next_link=None),
        )
