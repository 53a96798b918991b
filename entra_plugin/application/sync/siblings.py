"""Several directories of one client: who claims what shows once all of them are planned."""

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.apply import ADDITIVE
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.changes import Changes
from entra_plugin.store.fences import Fences
from entra_plugin.store.pages import Pages
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.standing import StandingQuestions

_AT_WORK = (RunState.QUEUED, RunState.RUNNING)
_PLANNED = (RunState.COMPLETED,)


class Siblings:
    """The managed tenants of a run that are mapped to the same client."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def beside(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> bool:
        """True when another one of the run is at work for the client: nobody is linked yet."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = RunTenants(connection, tenant_id)
            return any(
                managed_tenant_id in group for group in await tenants.sharing(run_id, _AT_WORK)
            )

    async def settle(self, tenant_id: TenantId, run_id: RunId) -> list[ManagedTenantId]:
        """Ask about what two of them claim; answers who has rows that do not wait for the guard.

        Nobody else is at work on them: all are planned, and none is applied.
        """
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            changes = Changes(connection, tenant_id)
            groups = await RunTenants(connection, tenant_id).sharing(run_id, _AT_WORK)
            for group in groups:
                await changes.queue_claimed_twice(run_id, group)
                for managed_tenant_id in group:
                    claim = await Fences(connection, tenant_id).claim(
                        run_id, managed_tenant_id, now
                    )
                    standing = StandingQuestions(connection, tenant_id)
                    repeated = await standing.drop(run_id, managed_tenant_id)
                    if claim is not None:
                        await Pages(connection, tenant_id).count_unchanged(claim.fence, repeated)
            everybody = [managed_tenant_id for group in groups for managed_tenant_id in group]
            return [id_ for id_ in everybody if await changes.has_planned(run_id, id_, ADDITIVE)]


async def foresee_siblings(connection: AsyncConnection, tenant_id: TenantId, run_id: RunId) -> None:
    """Let a preview that is planned ask what a sync would ask about them."""
    tenants = RunTenants(connection, tenant_id)
    for group in await tenants.sharing(run_id, _PLANNED):
        await Changes(connection, tenant_id).queue_claimed_twice(run_id, group)
        standing = StandingQuestions(connection, tenant_id)
        for managed_tenant_id in group:
            repeated = await standing.leave_alone(run_id, managed_tenant_id)
            await tenants.count_unchanged(run_id, managed_tenant_id, repeated)
