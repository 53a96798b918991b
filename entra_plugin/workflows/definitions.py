"""The workflows: order, windows, and what happens when a step fails.

They decide nothing about people.
"""

import asyncio
from collections import deque

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from entra_plugin.workflows import interface
    from entra_plugin.workflows.messages import (
        CustomerEnd,
        CustomerRef,
        Opening,
        RunEnd,
        RunRef,
        Step,
        SyncJob,
        TenantRef,
    )


@workflow.defn(name=interface.DISCOVER_MANAGED_TENANTS)
class DiscoverManagedTenants:
    """Carry out one discovery run."""

    @workflow.run
    async def run(self, run: RunRef) -> None:
        """Discover; whatever happens, the run is closed."""
        await _check(interface.DISCOVER, run)


@workflow.defn(name=interface.VALIDATE_CONNECTION)
class ValidateConnection:
    """Carry out one validation run."""

    @workflow.run
    async def run(self, run: RunRef) -> None:
        """Validate; whatever happens, the run is closed."""
        await _check(interface.VALIDATE, run)


@workflow.defn(name=interface.SCHEDULED_DISCOVERY)
class ScheduledDiscovery:
    """What the daily schedule starts: it only starts a discovery, or finds that one is running."""

    @workflow.run
    async def run(self, tenant: TenantRef) -> None:
        """Start the discovery of a tenant."""
        await workflow.execute_activity(
            interface.START_DISCOVERY,
            tenant,
            schedule_to_close_timeout=interface.WAITING,
            heartbeat_timeout=interface.HEARTBEAT,
            retry_policy=interface.RETRY,
        )


@workflow.defn(name=interface.SCHEDULED_SYNC)
class ScheduledSync:
    """What the schedule of a tenant starts: it only starts a sync, or finds that one is running."""

    @workflow.run
    async def run(self, tenant: TenantRef) -> str | None:
        """Start the sync of a tenant; answers why nothing was started, if nothing was."""
        reason: str | None = await workflow.execute_activity(
            interface.START_SCHEDULED_SYNC,
            tenant,
            result_type=str | None,  # type: ignore[arg-type]
            schedule_to_close_timeout=interface.SHORT,
            heartbeat_timeout=interface.HEARTBEAT,
            retry_policy=interface.RETRY,
        )
        return reason


@workflow.defn(name=interface.SYNC_TENANTS)
class SyncTenants:
    """Sync the managed tenants of a run, a window of them at a time."""

    def __init__(self) -> None:
        self._done = 0
        self._left = 0

    @workflow.query
    def progress(self) -> dict[str, int]:
        """How many managed tenants are done and left in this execution."""
        return {"done": self._done, "left": self._left}

    @workflow.run
    async def run(self, job: SyncJob) -> None:
        """Open the run, sync, close the run."""
        try:
            job = await self._opened(job)
            stop = await self._sync(job)
        except (ActivityError, asyncio.CancelledError) as error:
            await _close(interface.CLOSE_RUN, _run_end(job.run, error))
            return
        rest = (job.remaining or [])[interface.CONTINUE_AFTER :]
        if rest and stop is None:
            workflow.continue_as_new(SyncJob(run=job.run, remaining=rest, window=job.window))
        await _close(interface.CLOSE_RUN, RunEnd(run=job.run, code=stop))

    async def _opened(self, job: SyncJob) -> SyncJob:
        """The job with its managed tenants; a later execution has them already."""
        if job.remaining is not None:
            return job
        opening = await workflow.execute_activity(
            interface.OPEN_RUN,
            job.run,
            result_type=Opening,
            schedule_to_close_timeout=interface.WAITING,
            heartbeat_timeout=interface.HEARTBEAT,
            retry_policy=interface.RETRY,
        )
        return SyncJob(run=job.run, remaining=opening.managed_tenant_ids, window=opening.window)

    async def _sync(self, job: SyncJob) -> str | None:
        """Keep a window of children busy; answers the code that stopped the run, if one did."""
        waiting = deque((job.remaining or [])[: interface.CONTINUE_AFTER])
        self._left = len(waiting)
        stops: list[str] = []

        async def lane() -> None:
            while waiting and not stops:
                managed_tenant_id = waiting.popleft()
                stop = await self._child(job.run, managed_tenant_id)
                self._done += 1
                self._left -= 1
                if stop is not None:
                    stops.append(stop)

        await asyncio.gather(*(lane() for _ in range(max(1, job.window))))
        return stops[0] if stops else None

    async def _child(self, run: RunRef, managed_tenant_id: str) -> str | None:
        customer = CustomerRef(run.tenant_id, run.run_id, managed_tenant_id)
        try:
            stop: str | None = await workflow.execute_child_workflow(
                interface.SYNC_MANAGED_TENANT,
                customer,
                result_type=str | None,  # type: ignore[arg-type]
                id=interface.customer_workflow_id(run.tenant_id, managed_tenant_id),
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            )
        except WorkflowAlreadyStartedError:
            end = CustomerEnd(customer=customer, state="joined", code=None)
            await _close(interface.CLOSE_CUSTOMER, end)
            return None
        except ChildWorkflowError as error:
            if isinstance(error.cause, CancelledError):
                raise asyncio.CancelledError from error
            end = CustomerEnd(customer=customer, state="failed", code="internal_error")
            await _close(interface.CLOSE_CUSTOMER, end)
            return None
        return stop


@workflow.defn(name=interface.SYNC_MANAGED_TENANT)
class SyncManagedTenant:
    """Sync one managed tenant: read and plan, apply, record."""

    @workflow.run
    async def run(self, customer: CustomerRef) -> str | None:
        """Answer a code when the whole run has to stop."""
        try:
            for name, limit in (
                (interface.READ_AND_PLAN, interface.READING),
                (interface.APPLY, interface.WAITING),
                (interface.RECORD, interface.SHORT),
            ):
                step: Step = await workflow.execute_activity(
                    name,
                    customer,
                    result_type=Step,
                    schedule_to_close_timeout=limit,
                    heartbeat_timeout=interface.HEARTBEAT,
                    retry_policy=interface.RETRY,
                )
                if not step.go_on:
                    return step.stop
        except asyncio.CancelledError:
            end = CustomerEnd(customer=customer, state="cancelled", code=None)
            await _close(interface.CLOSE_CUSTOMER, end)
            raise
        except ActivityError as error:
            if _is_cancelled(error):
                end = CustomerEnd(customer=customer, state="cancelled", code=None)
            else:
                code = _code(error) or "timed_out"
                end = CustomerEnd(customer=customer, state="failed", code=code)
            await _close(interface.CLOSE_CUSTOMER, end)
        return None


async def _check(activity: str, run: RunRef) -> None:
    """Do the one activity of a run that writes no contact; whatever happens, close the run."""
    try:
        await workflow.execute_activity(
            activity,
            run,
            schedule_to_close_timeout=interface.WAITING,
            heartbeat_timeout=interface.HEARTBEAT,
            retry_policy=interface.RETRY,
        )
    except (ActivityError, asyncio.CancelledError) as error:
        await _close(interface.CLOSE_CHECK, _run_end(run, error))


async def _close(activity: str, end: CustomerEnd | RunEnd) -> None:
    """Close something, and go on trying until it is closed."""
    await workflow.execute_activity(
        activity,
        end,
        start_to_close_timeout=interface.SHORT,
        heartbeat_timeout=interface.HEARTBEAT,
        retry_policy=interface.RETRY,
    )


def _run_end(run: RunRef, error: BaseException) -> RunEnd:
    if isinstance(error, ActivityError) and not _is_cancelled(error):
        return RunEnd(run=run, code=_code(error) or "timed_out")
    return RunEnd(run=run, cancelled=True)


def _is_cancelled(error: ActivityError) -> bool:
    """An activity that was cancelled arrives as an ActivityError with that cause."""
    return isinstance(error.cause, CancelledError)


def _code(error: ActivityError) -> str | None:
    """The stable code that the activity gave; none when its time was over."""
    return error.cause.type if isinstance(error.cause, ApplicationError) else None
