"""The workflows: order, windows, and what happens when a step fails.

They decide nothing about people.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

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
        PLANNING,
        CustomerEnd,
        CustomerRef,
        Opening,
        PlanJob,
        RunEnd,
        RunRef,
        Step,
        SyncJob,
        TenantRef,
    )

_UNTIL_FREE = (1, 2, 4, 8, 16, 30)
"""Seconds between the tries to begin a customer whose workflow has not ended yet."""


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
        """Open the run, plan, let the guard judge, finish, close the run."""
        try:
            job = await self._opened(job)
            if job.phase == PLANNING:
                job = await self._planned(job)
            stop = await self._in_window(job, self._finish) if job.writes else None
            if stop is None and (rest := _rest(job)):
                workflow.continue_as_new(replace(job, remaining=rest))
            await _close(interface.CLOSE_RUN, RunEnd(run=job.run, code=stop, applied=job.writes))
        except _StoppedError as error:
            await _close(interface.CLOSE_RUN, RunEnd(run=job.run, code=error.code))
        except (ActivityError, asyncio.CancelledError) as error:
            await _close(interface.CLOSE_RUN, _run_end(job.run, error))

    async def _opened(self, job: SyncJob) -> SyncJob:
        """The job with its managed tenants; a later execution has them already."""
        if job.remaining is not None:
            return job
        opening = await _opening(interface.OPEN_RUN, job.run)
        return SyncJob(
            run=job.run,
            remaining=opening.managed_tenant_ids,
            window=opening.window,
            phase=opening.phase,
            writes=opening.writes,
        )

    async def _planned(self, job: SyncJob) -> SyncJob:
        """Plan all managed tenants; what is additive is applied on the way, then the guard judges.

        The job that comes back has the managed tenants that are left to be finished.
        """
        stop = await self._in_window(job, self._plan)
        if stop is not None:
            raise _StoppedError(stop)
        if rest := _rest(job):
            workflow.continue_as_new(replace(job, remaining=rest))
        if not job.writes:
            return job
        left = await _opening(interface.GUARD, job.run)
        following = replace(job, remaining=left.managed_tenant_ids, phase=left.phase)
        if len(job.remaining or []) > interface.CONTINUE_AFTER // 2:
            workflow.continue_as_new(following)
        return following

    async def _in_window(
        self, job: SyncJob, work: Callable[[SyncJob, str], Awaitable[str | None]]
    ) -> str | None:
        """Keep a window of managed tenants busy; answers the code that stopped the run, if any.

        A run that is cancelled begins none any more, and waits for those that are ending.
        """
        waiting = deque((job.remaining or [])[: interface.CONTINUE_AFTER])
        self._left = len(waiting)
        stops: list[str] = []

        async def lane() -> None:
            while waiting and not stops and workflow.cancellation_reason() is None:
                stop = await work(job, waiting.popleft())
                self._done += 1
                self._left -= 1
                if stop is not None:
                    stops.append(stop)

        lanes = (lane() for _ in range(max(1, job.window)))
        for error in await asyncio.gather(*lanes, return_exceptions=True):
            if error is not None:
                raise error
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        return stops[0] if stops else None

    async def _plan(self, job: SyncJob, managed_tenant_id: str) -> str | None:
        """Read and plan one managed tenant, in a child that nobody else can run meanwhile.

        That of a run before this one may not have come to its end yet, though its customer is
        closed: it is waited for.
        """
        run = job.run
        customer = CustomerRef(run.tenant_id, run.run_id, managed_tenant_id)
        id_ = (
            interface.customer_workflow_id(run.tenant_id, managed_tenant_id)
            if job.writes
            else interface.planning_workflow_id(run.tenant_id, run.run_id, managed_tenant_id)
        )
        for pause in (*_UNTIL_FREE, None):
            try:
                stop: str | None = await workflow.execute_child_workflow(
                    interface.SYNC_MANAGED_TENANT,
                    PlanJob(customer=customer, writes=job.writes),
                    result_type=str | None,  # type: ignore[arg-type]
                    id=id_,
                    parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                )
            except WorkflowAlreadyStartedError:
                if pause is not None:
                    await workflow.sleep(pause)
            except ChildWorkflowError as error:
                if isinstance(error.cause, CancelledError):
                    raise asyncio.CancelledError from error
                end = CustomerEnd(customer=customer, state="failed", code="internal_error")
                await _close(interface.CLOSE_CUSTOMER, end)
                return None
            else:
                return stop
        end = CustomerEnd(customer=customer, state="joined", code=None)
        await _close(interface.CLOSE_CUSTOMER, end)
        return None

    async def _finish(self, job: SyncJob, managed_tenant_id: str) -> str | None:
        """Apply what the guard let through, and record."""
        customer = CustomerRef(job.run.tenant_id, job.run.run_id, managed_tenant_id)
        try:
            step = await _step(interface.FINISH, customer, interface.WAITING)
        except (ActivityError, asyncio.CancelledError) as error:
            await _end_customer(customer, error)
            if _is_cancelled(error):
                raise asyncio.CancelledError from error
            return None
        return step.stop


@workflow.defn(name=interface.SYNC_MANAGED_TENANT)
class SyncManagedTenant:
    """Read and plan one managed tenant, and apply what is additive."""

    @workflow.run
    async def run(self, job: PlanJob) -> str | None:
        """Answer a code when the whole run has to stop."""
        customer = job.customer
        try:
            step = await _step(interface.READ_AND_PLAN, customer, interface.READING)
            if step.go_on and step.rows and job.writes:
                step = await _step(interface.APPLY, customer, interface.WAITING)
        except asyncio.CancelledError as error:
            await _end_customer(customer, error)
            raise
        except ActivityError as error:
            await _end_customer(customer, error)
            if _is_cancelled(error):
                raise asyncio.CancelledError from error
            return None
        return step.stop


@workflow.defn(name=interface.APPLY_APPROVED)
class ApplyApproved:
    """Apply what a person approved of one managed tenant of a held run."""

    @workflow.run
    async def run(self, customer: CustomerRef) -> None:
        """Apply; nothing stays open while a hold waits for its person."""
        await workflow.execute_activity(
            interface.APPLY_HELD,
            customer,
            schedule_to_close_timeout=interface.WAITING,
            heartbeat_timeout=interface.HEARTBEAT,
            retry_policy=interface.RETRY,
        )


class _StoppedError(Exception):
    """Something that concerns every managed tenant ends the run."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def _opening(activity: str, run: RunRef) -> Opening:
    """Ask what a run has before it."""
    opening: Opening = await workflow.execute_activity(
        activity,
        run,
        result_type=Opening,
        schedule_to_close_timeout=interface.WAITING,
        heartbeat_timeout=interface.HEARTBEAT,
        retry_policy=interface.RETRY,
    )
    return opening


async def _step(activity: str, customer: CustomerRef, limit: timedelta) -> Step:
    """Do one step of a managed tenant."""
    step: Step = await workflow.execute_activity(
        activity,
        customer,
        result_type=Step,
        schedule_to_close_timeout=limit,
        heartbeat_timeout=interface.HEARTBEAT,
        retry_policy=interface.RETRY,
    )
    return step


async def _end_customer(customer: CustomerRef, error: BaseException) -> None:
    """Close a managed tenant whose step failed or was cancelled."""
    if isinstance(error, ActivityError) and not _is_cancelled(error):
        end = CustomerEnd(customer=customer, state="failed", code=_code(error) or "timed_out")
    else:
        end = CustomerEnd(customer=customer, state="cancelled", code=None)
    await _close(interface.CLOSE_CUSTOMER, end)


def _rest(job: SyncJob) -> list[str]:
    """The managed tenants beyond those that one execution takes."""
    return (job.remaining or [])[interface.CONTINUE_AFTER :]


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


def _is_cancelled(error: BaseException) -> bool:
    """An activity that was cancelled arrives as an ActivityError with that cause."""
    if isinstance(error, ActivityError):
        return isinstance(error.cause, CancelledError)
    return isinstance(error, asyncio.CancelledError)


def _code(error: ActivityError) -> str | None:
    """The stable code that the activity gave; none when its time was over."""
    return error.cause.type if isinstance(error.cause, ApplicationError) else None
