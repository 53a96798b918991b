"""Look at runs and their plan rows, and cancel them."""

from dataclasses import dataclass

from entra_plugin.application.close_gone import CloseGone
from entra_plugin.application.context import Context
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import (
    ChangeKind,
    ChangeState,
    RunState,
    RunType,
    Trigger,
    Verdict,
)
from entra_plugin.store.changes import ChangeRow, Changes
from entra_plugin.store.identities import Identities, IdentityRow
from entra_plugin.store.paging import Page
from entra_plugin.store.run_tenants import RunTenant, RunTenants
from entra_plugin.store.runs import OPEN_STATES, Run, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """A run with its managed tenants."""

    run: Run
    tenants: tuple[RunTenant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Filters of the list of runs."""

    limit: int | None = None
    cursor: str | None = None
    types: tuple[RunType, ...] = ()
    states: tuple[RunState, ...] = ()
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeQuery:
    """Filters of a run's plan rows; ``q`` is the start of an address or a name."""

    limit: int | None = None
    cursor: str | None = None
    managed_tenant_id: ManagedTenantId | None = None
    kind: ChangeKind | None = None
    state: ChangeState | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityQuery:
    """Filters of the list of identities; ``q`` is the start of an address or a name."""

    limit: int | None = None
    cursor: str | None = None
    managed_tenant_id: ManagedTenantId | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    q: str | None = None


class ReadRuns:
    """The reading side: runs, changes and identities of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def runs(self, tenant_id: TenantId, query: RunQuery) -> Page[Run]:
        """Runs, youngest first."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Runs(connection, tenant_id).page(
                limit=query.limit,
                cursor=query.cursor,
                types=query.types,
                states=query.states,
                client_id=query.client_id,
            )

    async def last_by_itself(self, tenant_id: TenantId) -> Run | None:
        """The youngest sync that the schedule started."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Runs(connection, tenant_id).latest([RunType.ALL], Trigger.SCHEDULED)

    async def run(self, tenant_id: TenantId, run_id: RunId) -> RunDetails:
        """One run, live while it is running.

        Raises:
            NotFound: Unknown here.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            run = await Runs(connection, tenant_id).get(run_id)
            if run is None:
                raise NotFound("not_found", details={"runId": str(run_id)})
            tenants = await RunTenants(connection, tenant_id).of_run(run_id)
        return RunDetails(run=run, tenants=tuple(tenants))

    async def changes(
        self, tenant_id: TenantId, run_id: RunId, query: ChangeQuery
    ) -> Page[ChangeRow]:
        """The plan rows of a run, in the order they were planned."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if await Runs(connection, tenant_id).get(run_id) is None:
                raise NotFound("not_found", details={"runId": str(run_id)})
            return await Changes(connection, tenant_id).page(
                run_id,
                limit=query.limit,
                cursor=query.cursor,
                managed_tenant_id=query.managed_tenant_id,
                kind=query.kind,
                state=query.state,
                q=query.q,
            )

    async def identities(self, tenant_id: TenantId, query: IdentityQuery) -> Page[IdentityRow]:
        """Identities with verdict and reason, by object id."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Identities(connection, tenant_id).page(
                limit=query.limit,
                cursor=query.cursor,
                managed_tenant_id=query.managed_tenant_id,
                verdict=query.verdict,
                reason=query.reason,
                q=query.q,
            )


class CancelRun:
    """Ask a running run to stop; what it has applied stays."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._close_gone = CloseGone(context)

    async def __call__(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Cancel the run's workflow, or close the run if there is none, lest it be started later.

        A run that is over already stays as it is.

        Raises:
            NotFound: Unknown here.
            TransientFailure: ``temporal_unavailable``.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            run = await Runs(connection, tenant_id).get(run_id)
        if run is None:
            raise NotFound("not_found", details={"runId": str(run_id)})
        if run.state not in OPEN_STATES:
            return
        if await self._context.workflows.is_open(run.workflow_id):
            await self._context.workflows.cancel(run.workflow_id)
        else:
            await self._close_gone.cancelled(tenant_id, run_id, run.type)
