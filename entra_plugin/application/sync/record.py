"""Close what a run did: managed tenants from their committed rows, then the run from those."""

from entra_plugin.application.context import Context
from entra_plugin.application.sync.open import PLANNED_FIRST
from entra_plugin.application.sync.outcome import outcome
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.siblings import foresee_siblings
from entra_plugin.application.sync.start import WHOLE
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ReadingKind, RunState, RunType
from entra_plugin.store.changes import Changes
from entra_plugin.store.connections import Connections
from entra_plugin.store.cursors import Cursors
from entra_plugin.store.fences import Fences
from entra_plugin.store.identities import Identities
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.pages import Pages
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import OPEN_STATES, Failure, Runs


class Record:
    """Writes the outcomes of managed tenants and runs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def completed(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> bool:
        """Close a managed tenant whose plan is applied, with counters from the rows.

        Answers False, and closes nothing, while rows are left to be applied. If its mapping was
        decided anew meanwhile, though as before, the next sync looks at everybody.

        Raises:
            NotAcceptable: ``run_closed``, ``not_connected`` or ``mapping_changed``.
        """
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = RunTenants(connection, tenant_id)
            run = await Runs(connection, tenant_id).get(run_id)
            claim = await Fences(connection, tenant_id).claim(run_id, managed_tenant_id, now)
            if run is None or claim is None:
                raise NotAcceptable("run_closed")
            row, holds = claim.row, True
            if run.type in WHOLE:
                found = await self._scopes.conditions_of(connection, tenant_id, run, row)
                holds = row.started_at is None or found.mapping.decided_at <= row.started_at
            if await Changes(connection, tenant_id).has_left(run_id, managed_tenant_id):
                return False
            pages = await Pages(connection, tenant_id).take(run_id, managed_tenant_id)
            counts = await Changes(connection, tenant_id).counts(run_id, managed_tenant_id)
            plan = row.plan
            users, unchanged, filtered = row.users_read, pages.unchanged, pages.filtered
            if plan is not None and plan.kind == ReadingKind.DELTA:
                tally = await Identities(connection, tenant_id).tally(
                    row.entra_tenant_id, run_id, managed_tenant_id
                )
                users, unchanged, filtered = tally.every, tally.unchanged, tally.filtered
            if run.type == RunType.PREVIEW:
                unchanged, filtered = row.counts["unchanged"], row.counts["filtered"]
            counts |= {"unchanged": unchanged, "filtered": filtered}
            state = RunState.HELD if counts["held"] else RunState.COMPLETED
            await tenants.close(run_id, [managed_tenant_id], state, now, counts=counts)
            if run.type in WHOLE and plan is not None:
                fingerprint = plan.policy_fingerprint if holds else None
                await ManagedTenants(connection, tenant_id).stamp_success(
                    managed_tenant_id, fingerprint, users, now
                )
                if plan.cursor_link is not None and plan.select_fingerprint is not None:
                    await Cursors(connection, tenant_id).put(
                        managed_tenant_id,
                        plan.cursor_link,
                        select_fingerprint=plan.select_fingerprint,
                        now=now,
                        verified=plan.absences,
                    )
        return True

    async def so_far(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Count what is applied of a managed tenant that waits for the others of its run."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            counts = await Changes(connection, tenant_id).counts(run_id, managed_tenant_id)
            await RunTenants(connection, tenant_id).count(run_id, managed_tenant_id, counts)

    async def undone(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Close a managed tenant of an undo that is applied: it read nothing, and stamps nothing.

        Raises:
            NotAcceptable: ``run_closed``.
        """
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = RunTenants(connection, tenant_id)
            if await Fences(connection, tenant_id).claim(run_id, managed_tenant_id, now) is None:
                raise NotAcceptable("run_closed")
            counts = await Changes(connection, tenant_id).counts(run_id, managed_tenant_id)
            await tenants.close(run_id, [managed_tenant_id], RunState.COMPLETED, now, counts=counts)

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
        """Close a managed tenant that did not get through; what it applied is counted and stays.

        One that is closed already stays as it is, with what waits of it.
        """
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).lock(run_id, managed_tenant_id)
            row = await RunTenants(connection, tenant_id).get(run_id, managed_tenant_id)
            if row is None or row.state not in OPEN_STATES:
                return
            changes = Changes(connection, tenant_id)
            await changes.drop_unsettled(run_id, managed_tenant_id)
            counts = await changes.counts(run_id, managed_tenant_id)
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
            run = await Runs(connection, tenant_id).get(run_id)
            if failure is not None and run is not None and run.type in WHOLE:
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
        applied: bool = True,
    ) -> RunState:
        """Close the run; managed tenants that were never reached are closed with it.

        ``applied`` is False for a preview, or an undo, that has only been planned; one whose
        planning ended otherwise was not applied either. While the feature is off, the run ends as
        cancelled for that: its managed tenants that were begun have finished, no other did begin.
        """
        now = self._context.clock()
        if not cancelled and failure is None and not await self._scopes.is_on(tenant_id):
            cancelled, reason = True, "feature_off"
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants, runs = RunTenants(connection, tenant_id), Runs(connection, tenant_id)
            await runs.lock(run_id)
            unfinished = await tenants.lock_open(run_id)
            run = await runs.get(run_id)
            if run is not None and run.type in PLANNED_FIRST:
                applied = applied and run.applying
            if run is not None and run.type == RunType.PREVIEW and not run.applying:
                await foresee_siblings(connection, tenant_id, run_id)
            if unfinished:
                await Changes(connection, tenant_id).drop_unsettled_of_open(run_id)
            left = RunState.CANCELLED if cancelled else RunState.SKIPPED
            rows = await tenants.of_run(run_id)
            unreached = [row.managed_tenant_id for row in rows if row.state in OPEN_STATES]
            for managed_tenant_id in unreached:
                counts = await Changes(connection, tenant_id).counts(run_id, managed_tenant_id)
                await tenants.close(
                    run_id, [managed_tenant_id], left, now, reason=reason, counts=counts
                )
                await Pages(connection, tenant_id).remove(run_id, managed_tenant_id)
            if unreached:
                rows = await tenants.of_run(run_id)
            state = outcome(rows, cancelled=cancelled, failed=failure is not None)
            await runs.finish(run_id, state, now, reason=reason, failure=failure, applied=applied)
        return state
