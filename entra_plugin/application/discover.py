"""Find the managed tenants: list them, then ask each for its domains.

One that refuses stops no other.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from entra_plugin.application.context import Context
from entra_plugin.directory.protocol import Directory, ListedTenant
from entra_plugin.domain.errors import AuthorisationLost, ConsentMissing, EntraError, NotAcceptable
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.connections import Connections
from entra_plugin.store.managed_tenants import Listed, ManagedTenant, ManagedTenants
from entra_plugin.store.runs import Failure, Runs
from entra_plugin.store.settings import SettingsRows

_PROGRESS_EVERY = 10


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What people see while it runs.

    ``failed`` are managed tenants whose details could not be read.
    """

    listed: int = 0
    checked: int = 0
    failed: int = 0
    new: int = 0
    gone: int = 0

    def document(self) -> dict[str, object]:
        return {
            "listed": self.listed,
            "checked": self.checked,
            "failed": self.failed,
            "new": self.new,
            "gone": self.gone,
        }


class Discover:
    """Carries out a discovery run."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, tenant_id: TenantId, run_id: RunId, heartbeat: Callable[[int], None]
    ) -> None:
        """Discover, and close the run; repeating it after a crash is harmless.

        Raises:
            EntraError: The list itself could not be read; what was known stays.
        """
        if not await self._context.flags.is_on(Flag.UI, tenant_id):
            raise NotAcceptable("feature_off")
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Runs(connection, tenant_id).start(run_id, self._context.clock())
        directory = await self._context.directories.of_tenant(tenant_id)
        listed = [tenant async for tenant in directory.managed_tenants()]
        progress = await self._store_list(tenant_id, run_id, listed)
        heartbeat(0)
        await self._read_details(tenant_id, run_id, directory, progress, heartbeat)
        await self._finish(tenant_id, run_id, progress)

    async def _store_list(
        self, tenant_id: TenantId, run_id: RunId, listed: Sequence[ListedTenant]
    ) -> _Progress:
        """Upsert what is listed; mark as gone what is not. An empty list marks nobody."""
        now = self._context.clock()
        progress = _Progress(listed=len(listed))
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = ManagedTenants(connection, tenant_id)
            known = {tenant.entra_tenant_id for tenant in await tenants.all()}
            progress.new = sum(tenant.entra_tenant_id not in known for tenant in listed)
            if listed:
                await tenants.upsert_listed([_listed(tenant) for tenant in listed], now)
                ids: list[EntraTenantId] = [tenant.entra_tenant_id for tenant in listed]
                progress.gone = await tenants.mark_gone(ids, now)
            await Runs(connection, tenant_id).progress(run_id, progress.document())
        return progress

    async def _read_details(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        directory: Directory,
        progress: _Progress,
        heartbeat: Callable[[int], None],
    ) -> None:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = await ManagedTenants(connection, tenant_id).all()
        window = asyncio.Semaphore(directory.capabilities.concurrency)

        async def check(tenant: ManagedTenant) -> None:
            async with window:
                if not await self._read_one(tenant_id, directory, tenant):
                    progress.failed += 1
            progress.checked += 1
            heartbeat(progress.checked)
            if progress.checked % _PROGRESS_EVERY == 0:
                async with self._context.store.tenant_transaction(tenant_id) as connection:
                    await Runs(connection, tenant_id).progress(run_id, progress.document())

        try:
            async with asyncio.TaskGroup() as group:
                for tenant in tenants:
                    group.create_task(check(tenant))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _read_one(
        self, tenant_id: TenantId, directory: Directory, tenant: ManagedTenant
    ) -> bool:
        """Read one managed tenant's details, or note why that was not possible."""
        managed_tenant_id: ManagedTenantId = tenant.managed_tenant_id
        try:
            details = await directory.tenant_details(tenant.entra_tenant_id)
        except AuthorisationLost:
            raise
        except EntraError as error:
            failure = Failure.of(error)
            kind = "tenant" if isinstance(error, ConsentMissing) else "other"
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await ManagedTenants(connection, tenant_id).set_health(
                    managed_tenant_id,
                    failure.code,
                    {**failure.details, "vendorCode": failure.vendor_code, "kind": kind},
                    self._context.clock(),
                )
            return False
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await ManagedTenants(connection, tenant_id).set_details(
                managed_tenant_id,
                domains=[(d.name, d.is_default, d.is_initial) for d in details.domains],
                now=self._context.clock(),
            )
        return True

    async def _finish(self, tenant_id: TenantId, run_id: RunId, progress: _Progress) -> None:
        now = self._context.clock()
        reason = None if progress.listed else "no_managed_tenants"
        state = RunState.PARTIAL if progress.failed else RunState.COMPLETED
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            runs = Runs(connection, tenant_id)
            await runs.progress(run_id, progress.document())
            await runs.finish(run_id, state, now, reason=reason)
            await SettingsRows(connection, tenant_id).stamp_discovery(now)
            await Connections(connection, tenant_id).mark_validated(now)

    async def failed(self, tenant_id: TenantId, run_id: RunId, failure: Failure) -> None:
        """Close a discovery that could not be carried out; a dead connection is marked as such."""
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Runs(connection, tenant_id).finish(run_id, RunState.FAILED, now, failure=failure)
            if failure.code not in {"throttled", "provider_unreachable", "feature_off"}:
                await Connections(connection, tenant_id).mark_failed(failure, now)

    async def cancelled(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Close a discovery that a person cancelled."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Runs(connection, tenant_id).finish(
                run_id, RunState.CANCELLED, self._context.clock()
            )


def _listed(tenant: ListedTenant) -> Listed:
    return Listed(
        managed_tenant_id=ManagedTenantId(uuid4()),
        entra_tenant_id=tenant.entra_tenant_id,
        display_name=tenant.display_name,
        relationship_end=tenant.relationship_end,
        auto_extend=tenant.auto_extend,
        roles=tenant.roles,
    )
