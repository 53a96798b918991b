"""Find the managed tenants: list them, then ask each for its domains."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.check_customers import CheckCustomers, Checked
from entra_plugin.application.connect.renewal import renew_when_old
from entra_plugin.application.connect.swap import watch
from entra_plugin.application.context import Context
from entra_plugin.application.progress import Progress
from entra_plugin.directory.protocol import Directory, ListedTenant
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.managed_tenants import Listed, ManagedTenant, ManagedTenants
from entra_plugin.store.runs import OPEN_STATES, Run, Runs
from entra_plugin.store.settings import SettingsRows


@dataclass(slots=True, kw_only=True)
class _Counts(Progress):
    """What came of the list; ``failed`` are managed tenants whose details could not be read."""

    listed: int = 0
    failed: int = 0
    new: int = 0
    gone: int = 0

    async def take(self, checked: Checked) -> None:
        """Count it if it failed."""
        self.failed += checked.failure is not None

    def document(self) -> dict[str, object]:
        """The counts as they are stored."""
        return {
            "listed": self.listed,
            "checked": self.done,
            "failed": self.failed,
            "new": self.new,
            "gone": self.gone,
        }


class Discover:
    """Carries out a discovery run."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        heartbeat: Callable[[int], None],
        *,
        resume: bool = False,
    ) -> None:
        """Discover, and close the run; an attempt after a crash resumes with who is left.

        Raises:
            NotAcceptable: ``feature_off``, ``not_connected`` or ``run_closed``.
            EntraError: The list itself could not be read; what was known stays.
        """
        if not await self._context.flags.is_on_now(Flag.UI, tenant_id):
            raise NotAcceptable("feature_off")
        run, active = await self._begin(tenant_id, run_id)
        directory = await self._context.directories.of_tenant(tenant_id)
        await renew_when_old(self._context, active, directory)
        progress = _Counts(
            context=self._context, tenant_id=tenant_id, run_id=run_id, heartbeat=heartbeat
        )
        before = (run.progress or {}) if resume else {}
        await self._list(directory, progress, active, before=before)
        left = await self._left(progress, since=run.created_at if resume else None)
        await CheckCustomers(self._context, progress)(tenant_id, directory, left)
        if await self._finish(progress, run):
            await watch(self._context, tenant_id)

    async def _begin(self, tenant_id: TenantId, run_id: RunId) -> tuple[Run, Connection | None]:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            runs = Runs(connection, tenant_id)
            await runs.start(run_id, self._context.clock())
            run = await runs.get(run_id)
            active = await Connections(connection, tenant_id).active()
        if run is None or run.state not in OPEN_STATES:
            raise NotAcceptable("run_closed")
        return run, active

    async def _list(
        self,
        directory: Directory,
        progress: _Counts,
        active: Connection | None,
        *,
        before: Mapping[str, object],
    ) -> None:
        """Upsert what is listed; mark as gone what is not. An empty list marks nobody.

        ``before`` has what an earlier attempt found new and gone, which this one finds known.

        Raises:
            NotAcceptable: ``not_connected``: the connection whose list it is was ended or replaced
                meanwhile; ``run_closed``. Nothing was written.
        """
        listed = [tenant async for tenant in directory.managed_tenants()]
        now = self._context.clock()
        async with self._context.store.tenant_transaction(progress.tenant_id) as connection:
            await _require_current(connection, progress, active)
            tenants = ManagedTenants(connection, progress.tenant_id)
            known = {tenant.entra_tenant_id for tenant in await tenants.all()}
            progress.listed = len(listed)
            new = sum(tenant.entra_tenant_id not in known for tenant in listed)
            progress.new = int(str(before.get("new", 0))) + new
            progress.gone = int(str(before.get("gone", 0)))
            if listed:
                await tenants.upsert_listed([_listed(tenant) for tenant in listed], now)
                ids: list[EntraTenantId] = [tenant.entra_tenant_id for tenant in listed]
                progress.gone += await tenants.mark_gone(ids, now)
            await Runs(connection, progress.tenant_id).progress(
                progress.run_id, progress.document()
            )

    async def _left(self, progress: _Counts, *, since: datetime | None) -> list[ManagedTenant]:
        """Who has to be asked: all, or those whom no earlier attempt asked ``since`` then."""
        async with self._context.store.tenant_transaction(progress.tenant_id) as connection:
            tenants = await ManagedTenants(connection, progress.tenant_id).all()
        left = [t for t in tenants if not (since and t.health_at and t.health_at >= since)]
        waiting = {tenant.managed_tenant_id for tenant in left}
        progress.done = len(tenants) - len(left)
        progress.failed = sum(
            t.health_code is not None for t in tenants if t.managed_tenant_id not in waiting
        )
        return left

    async def _finish(self, progress: _Counts, run: Run) -> bool:
        """Close the run; False when somebody has closed it, or ended the connection, meanwhile."""
        tenant_id, now = progress.tenant_id, self._context.clock()
        reason = None if progress.listed else "no_managed_tenants"
        state = RunState.PARTIAL if progress.failed else RunState.COMPLETED
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            runs = Runs(connection, tenant_id)
            await runs.progress(progress.run_id, progress.document())
            if not await runs.finish(progress.run_id, state, now, reason=reason):
                return False
            await SettingsRows(connection, tenant_id).stamp_discovery(now)
            connections = Connections(connection, tenant_id)
            await connections.mark_validated(now, begun=run.created_at)
            return await connections.active() is not None


async def _require_current(
    connection: AsyncConnection, progress: _Counts, begun_with: Connection | None
) -> None:
    """Keep the connection as it was, and the run open, until this transaction ends."""
    connections = Connections(connection, progress.tenant_id)
    await connections.lock()
    active = await connections.active()
    if active is None or begun_with is None or active.connection_id != begun_with.connection_id:
        raise NotAcceptable("not_connected")
    if not await Runs(connection, progress.tenant_id).hold(progress.run_id):
        raise NotAcceptable("run_closed")


def _listed(tenant: ListedTenant) -> Listed:
    return Listed(
        managed_tenant_id=ManagedTenantId(uuid4()),
        entra_tenant_id=tenant.entra_tenant_id,
        display_name=tenant.display_name,
        listed_domain=tenant.default_domain,
        relationship_end=tenant.relationship_end,
        auto_extend=tenant.auto_extend,
        roles=tenant.roles,
        privilege_status=tenant.privilege_status,
        provider_errors=tenant.provider_errors,
    )
