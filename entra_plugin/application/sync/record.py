"""Close what a run did: managed tenants from their committed rows, then the run from those."""

from collections.abc import Sequence

from entra_plugin.application.context import Context
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.changes import Changes
from entra_plugin.store.connections import Connections
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.pages import Pages
from entra_plugin.store.run_tenants import RunTenant, RunTenants
from entra_plugin.store.runs import Failure, Runs


class Record:
    """Writes the outcomes of managed tenants and runs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def completed(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Close a managed tenant whose plan is applied, with counters from the rows.

        Raises:
            NotAcceptable: ``run_closed``, ``not_connected`` or ``mapping_changed``.
        """
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = RunTenants(connection, tenant_id)
            fence = await tenants.claim(run_id, managed_tenant_id, now)
            if fence is None:
                raise NotAcceptable("run_closed")
            policy = await self._scopes.policy(connection, tenant_id, run_id, managed_tenant_id)
            pages = await Pages(connection, tenant_id).counts(run_id, managed_tenant_id)
            counts = await Changes(connection, tenant_id).counts(run_id, managed_tenant_id)
            counts |= {"unchanged": pages.unchanged, "filtered": pages.filtered}
            await tenants.close(run_id, [managed_tenant_id], RunState.COMPLETED, now, counts=counts)
            row = await tenants.get(run_id, managed_tenant_id)
            await ManagedTenants(connection, tenant_id).stamp_success(
                managed_tenant_id, policy.fingerprint, row.users_read if row else 0, now
            )
            await Pages(connection, tenant_id).remove(run_id, managed_tenant_id)

    async def closed(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        *,
        state: RunState,
        reason: str | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Close a managed tenant that did not get through; what it applied is counted and stays."""
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await RunTenants(connection, tenant_id).lock(run_id, managed_tenant_id)
            changes = Changes(connection, tenant_id)
            counts = await changes.counts(run_id, managed_tenant_id)
            await changes.drop_planned(run_id, managed_tenant_id)
            await RunTenants(connection, tenant_id).close(
                run_id,
                [managed_tenant_id],
                state,
                now,
                reason=reason,
                failure=failure,
                counts=counts,
            )
            await Pages(connection, tenant_id).remove(run_id, managed_tenant_id)
            if failure is not None:
                await ManagedTenants(connection, tenant_id).set_failure(
                    managed_tenant_id, failure, now
                )

    async def connection_failed(self, tenant_id: TenantId, run_id: RunId, failure: Failure) -> None:
        """Mark the connection, so that people see one cause and repair it once.

        One that was made after the run began is another.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            run = await Runs(connection, tenant_id).get(run_id)
            begun = run.created_at if run is not None else None
            await Connections(connection, tenant_id).mark_failed(
                failure, self._context.clock(), begun=begun
            )

    async def run(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        *,
        cancelled: bool = False,
        reason: str | None = None,
        failure: Failure | None = None,
    ) -> RunState:
        """Close the run; managed tenants that were never reached are closed with it."""
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = RunTenants(connection, tenant_id)
            left = RunState.CANCELLED if cancelled else RunState.SKIPPED
            await tenants.close(run_id, None, left, now, reason=reason)
            state = outcome(
                await tenants.of_run(run_id), cancelled=cancelled, failed=failure is not None
            )
            runs = Runs(connection, tenant_id)
            await runs.finish(run_id, state, now, reason=reason, failure=failure)
            await runs.mark_applied(run_id, now)
        return state


def outcome(tenants: Sequence[RunTenant], *, cancelled: bool, failed: bool) -> RunState:
    """The state of a run from those of its managed tenants.

    Joined and skipped ones do not count.
    """
    if cancelled:
        return RunState.CANCELLED
    states = [t.state for t in tenants if t.state not in {RunState.JOINED, RunState.SKIPPED}]
    failures = sum(state == RunState.FAILED for state in states)
    if failed or (states and failures == len(states)):
        return RunState.FAILED
    if RunState.HELD in states:
        return RunState.HELD
    return RunState.PARTIAL if failures else RunState.COMPLETED
