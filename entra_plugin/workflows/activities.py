"""The activities: each calls one use case, and turns what it raises into a step or a retry.

Nothing that an exception says leaves here: Temporal keeps histories, and a database error can quote
a row.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import NoReturn, TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio import activity
from temporalio.exceptions import ApplicationError

from entra_plugin.application.close_run import CloseRun
from entra_plugin.application.context import Context
from entra_plugin.application.discover import Discover
from entra_plugin.application.held import ApplyHeld
from entra_plugin.application.notices import Notices
from entra_plugin.application.schedule import StartScheduledSync
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.sync.apply import ADDITIVE, Apply
from entra_plugin.application.sync.guard import GuardRun
from entra_plugin.application.sync.open import OpenedRun, OpenRun
from entra_plugin.application.sync.read import ReadAndPlan
from entra_plugin.application.sync.record import Record
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.siblings import Siblings
from entra_plugin.application.sync.start import Actor
from entra_plugin.application.undo.apply import ApplyUndo
from entra_plugin.application.undo.plan import PlanUndo
from entra_plugin.application.validate_chain import ValidateChain
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    EntraError,
    NotAcceptable,
    TransientFailure,
)
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState, RunType, Trigger
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Failure, Runs
from entra_plugin.workflows import interface
from entra_plugin.workflows.messages import (
    FINISHING,
    PLANNING,
    CustomerEnd,
    CustomerRef,
    Opening,
    RunEnd,
    RunRef,
    Step,
    TenantRef,
)

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_BEAT_SECONDS = 4.0
_UNTOLD = 30.0
"""Seconds that a wait counts for which nobody named."""

_UNREACHABLE_TRIES = 6
"""How often a step is tried when the provider does not answer at all.

Throttling is waited for longer.
"""

_HOPELESS_TRIES = 4
"""How often a step is tried that fails for no reason that could pass."""

_STOP_REASONS = frozenset({"feature_off", "not_connected"})
"""Conditions without which a run does not begin, and ends as cancelled."""

_REMEMBERED = 1000
"""Runs whose type a worker keeps in mind."""


class _Tries:
    """How often the present step was tried in vain.

    A try that was told to wait does not count, nor one that got ahead: six breaks of a line while
    hundreds of pages are read are no reason to give up. The next try is told by the heartbeat.
    """

    def __init__(self) -> None:
        told = activity.info().heartbeat_details
        self._left_out, self._furthest, self._done = map(int, told) if told else (0, 0, 0)

    @property
    def counted(self) -> int:
        """Those that count, this one included."""
        return activity.info().attempt - self._left_out

    @property
    def first(self) -> bool:
        """True for the first of all."""
        return activity.info().attempt == 1

    def beat(self, done: int | None = None) -> None:
        """Tell Temporal that we are alive, and how much is ``done``, for who looks there."""
        self._done = self._done if done is None else done
        activity.heartbeat(self._left_out, self._furthest, self._done)

    def got_ahead(self, page: int) -> None:
        """A page is done: if none was so far before, this try and those in vain are left out.

        A listing that has to start again from its first page does not get ahead by that.
        """
        if page > self._furthest:
            self._left_out, self._furthest = activity.info().attempt, page
        self.beat(page)

    def was_told_to_wait(self) -> None:
        """The provider has named a time: leave this try out."""
        self._left_out = min(self._left_out + 1, activity.info().attempt)
        self.beat()


_tries: ContextVar[_Tries] = ContextVar("tries")
"""Those of the activity that runs here."""


class Activities:
    """The activities with what they depend on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open = OpenRun(context)
        self._read = ReadAndPlan(context)
        self._apply = Apply(context)
        self._plan_undo = PlanUndo(context)
        self._apply_undo = ApplyUndo(context)
        self._guard = GuardRun(context)
        self._siblings = Siblings(context)
        self._apply_held = ApplyHeld(context)
        self._scopes = Scopes(context)
        self._record = Record(context)
        self._discover = Discover(context)
        self._validate = ValidateChain(context)
        self._start_discovery = StartCheck(context, RunType.DISCOVERY)
        self._start_scheduled_sync = StartScheduledSync(context)
        self._close_run = CloseRun(context)
        self._notices = Notices(context)
        self._types: dict[RunId, RunType] = {}

    def all(self) -> Sequence[Callable[..., object]]:
        """What the worker registers."""
        return (
            self.open_run,
            self.read_and_plan,
            self.apply,
            self.guard,
            self.finish,
            self.apply_held,
            self.close_customer,
            self.close_run,
            self.discover,
            self.validate,
            self.close_check,
            self.start_discovery,
            self.start_scheduled_sync,
        )

    @activity.defn(name=interface.OPEN_RUN)
    async def open_run(self, run: RunRef) -> Opening:
        """Mark the run as running and say what it has to sync."""

        async def work() -> Opening:
            try:
                opened = await self._open(_tenant(run), _run(run))
            except TransientFailure as error:
                await self._note_run_waiting(run, error)
                raise
            except (AuthorisationLost, ConfigurationInvalid) as error:
                failure = Failure.of(error)
                await self._record.connection_failed(_tenant(run), _run(run), failure)
                raise
            return _opening(opened)

        return await _guarded(work)

    @activity.defn(name=interface.READ_AND_PLAN)
    async def read_and_plan(self, customer: CustomerRef) -> Step:
        """Read the directory and write the plan; an undo is planned from what the run wrote."""
        rows = False

        async def work() -> None:
            nonlocal rows
            if await self._is_undo(customer):
                await self._plan_undo(*_customer(customer), _tries.get().beat)
            else:
                rows = await self._read(*_customer(customer), _tries.get().got_ahead)

        step = await self._step(customer, work)
        return replace(step, rows=rows) if step.go_on else step

    @activity.defn(name=interface.APPLY)
    async def apply(self, customer: CustomerRef) -> Step:
        """Apply what does not wait for the guard, nor for another directory of the client."""

        async def work() -> None:
            if not await self._siblings.beside(*_customer(customer)):
                await self._apply_additive(customer)

        return await self._step(customer, work)

    @activity.defn(name=interface.GUARD)
    async def guard(self, run: RunRef) -> Opening:
        """Hold what a person has to look at; answers what is left to be finished.

        What waited for another directory of the client, and not for the guard, is applied first.
        """
        for customer in await _guarded(lambda: self._settled_siblings(run)):
            await self._step(customer, partial(self._apply_additive, customer))

        async def work() -> Opening:
            await self._guard(_tenant(run), _run(run))
            left = await self._open.planned(_tenant(run), _run(run))
            return Opening(managed_tenant_ids=[str(i) for i in left], phase=FINISHING)

        return await _guarded(work)

    @activity.defn(name=interface.FINISH)
    async def finish(self, customer: CustomerRef) -> Step:
        """Apply what the guard let through, and record the outcome.

        A try before this one may have applied the last row, and not have looked at what it changed.
        """

        async def work() -> None:
            if await self._is_undo(customer):
                await self._apply_undo(*_customer(customer))
                await self._record.undone(*_customer(customer))
                return
            if not _tries.get().first:
                await self._apply(*_customer(customer))
            while not await self._record.completed(*_customer(customer)):
                await self._apply(*_customer(customer))

        return await self._step(customer, work)

    @activity.defn(name=interface.APPLY_HELD)
    async def apply_held(self, customer: CustomerRef) -> None:
        """Apply what was approved."""
        await _guarded(lambda: self._apply_held(*_customer(customer)))

    @activity.defn(name=interface.CLOSE_CUSTOMER)
    async def close_customer(self, end: CustomerEnd) -> None:
        """Close a managed tenant that did not get through."""
        failure = Failure(code=end.code, vendor_code=None, details={}) if end.code else None
        await _guarded(
            lambda: self._record.closed(
                *_customer(end.customer), state=RunState(end.state), failure=failure
            )
        )

    @activity.defn(name=interface.CLOSE_RUN)
    async def close_run(self, end: RunEnd) -> None:
        """Close the run from its managed tenants."""
        stopped = end.code in _STOP_REASONS
        failure = Failure(code=end.code, vendor_code=None, details={}) if end.code else None

        async def work() -> None:
            await self._record.run(
                _tenant(end.run),
                _run(end.run),
                cancelled=end.cancelled or stopped,
                reason=end.code if stopped else None,
                failure=None if stopped else failure,
                applied=end.applied,
            )
            if end.applied:
                await self._notices.after_run(_tenant(end.run), _run(end.run))

        await _guarded(work)

    @activity.defn(name=interface.DISCOVER)
    async def discover(self, run: RunRef) -> None:
        """Find the managed tenants."""
        resume = activity.info().attempt > 1
        await self._check(
            run,
            lambda: self._discover(_tenant(run), _run(run), _tries.get().beat, resume=resume),
        )

    @activity.defn(name=interface.VALIDATE)
    async def validate(self, run: RunRef) -> None:
        """Walk the chain that a sync depends on."""
        await self._check(run, lambda: self._validate(_tenant(run), _run(run), _tries.get().beat))

    @activity.defn(name=interface.CLOSE_CHECK)
    async def close_check(self, end: RunEnd) -> None:
        """Close a discovery or validation that did not get through."""
        tenant_id, run_id = _tenant(end.run), _run(end.run)

        async def work() -> None:
            if end.code is None:
                await self._close_run.cancelled(tenant_id, run_id, None)
                return
            failure = Failure(code=end.code, vendor_code=None, details={})
            await self._close_run.failed(tenant_id, run_id, failure, broken=False)
            await self._notices.after_run(tenant_id, run_id)

        await _guarded(work)

    @activity.defn(name=interface.START_DISCOVERY)
    async def start_discovery(self, tenant: TenantRef) -> None:
        """Start the daily discovery; a tenant that is not connected has none."""

        async def work() -> None:
            with suppress(NotAcceptable):
                await self._start_discovery(
                    TenantId(UUID(tenant.tenant_id)),
                    Actor(user_id=None, name=None),
                    Trigger.SCHEDULED,
                )

        await _guarded(work)

    @activity.defn(name=interface.START_SCHEDULED_SYNC)
    async def start_scheduled_sync(self, tenant: TenantRef) -> str | None:
        """Start the sync that is due; answers why not, where there is nothing to do."""
        tenant_id = TenantId(UUID(tenant.tenant_id))
        return await _guarded(lambda: self._start_scheduled_sync(tenant_id))

    async def _apply_additive(self, customer: CustomerRef) -> None:
        await self._apply(*_customer(customer), kinds=ADDITIVE)
        await self._record.so_far(*_customer(customer))

    async def _settled_siblings(self, run: RunRef) -> list[CustomerRef]:
        found = await self._siblings.settle(_tenant(run), _run(run))
        return [CustomerRef(run.tenant_id, run.run_id, str(id_)) for id_ in found]

    async def _check(self, run: RunRef, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work of a run that writes no contact; what cannot be retried closes the run."""

        async def attempt() -> None:
            try:
                await work()
            except TransientFailure as error:
                await self._note_run_waiting(run, error)
                raise
            except NotAcceptable as error:
                # An attempt before this one may have closed the run and not have told of it.
                await self._close_run.cancelled(_tenant(run), _run(run), error.code)
                await self._notices.after_run(_tenant(run), _run(run))
            except EntraError as error:
                broken = isinstance(error, AuthorisationLost | ConfigurationInvalid)
                failure = Failure.of(error)
                await self._close_run.failed(_tenant(run), _run(run), failure, broken=broken)
                await self._notices.after_run(_tenant(run), _run(run))

        await _guarded(attempt)

    async def _note_run_waiting(self, run: RunRef, error: TransientFailure) -> None:
        until = self._context.clock() + timedelta(seconds=error.retry_after or 0)
        async with self._context.store.tenant_transaction(_tenant(run)) as connection:
            await Runs(connection, _tenant(run)).wait(_run(run), until)

    async def _step(self, customer: CustomerRef, work: Callable[[], Awaitable[None]]) -> Step:
        """Do one step; what cannot be retried closes the managed tenant, and perhaps the run."""

        async def attempt() -> Step:
            try:
                await self._scopes.require_begun(*_customer(customer))
                await work()
            except TransientFailure as error:
                if await self._waited_too_long(customer, error):
                    failure = Failure.of(error, self._context.clock())
                    await self._close(customer, RunState.FAILED, failure=failure)
                    return Step(go_on=False)
                raise
            except NotAcceptable as error:
                return await self._leave(customer, error)
            except (AuthorisationLost, ConfigurationInvalid) as error:
                await self._close(customer, RunState.SKIPPED, reason=error.code)
                tenant_id, run_id, _ = _customer(customer)
                await self._record.connection_failed(tenant_id, run_id, Failure.of(error))
                return Step(go_on=False, stop=error.code)
            except EntraError as error:
                # Whoever lost his fence is no longer asked: a later attempt is at work.
                if error.code != "fence_lost":
                    await self._close(customer, RunState.FAILED, failure=Failure.of(error))
                return Step(go_on=False)
            return Step(go_on=True)

        return await _guarded(attempt)

    async def _is_undo(self, customer: CustomerRef) -> bool:
        """True for a run that reverts another; what a run is never changes."""
        tenant_id, run_id, _ = _customer(customer)
        if run_id not in self._types:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                run = await Runs(connection, tenant_id).get(run_id)
            if run is None:
                return False
            if len(self._types) == _REMEMBERED:
                self._types.clear()
            self._types[run_id] = run.type
        return self._types[run_id] == RunType.UNDO

    async def _leave(self, customer: CustomerRef, error: NotAcceptable) -> Step:
        """The conditions of the sync are gone: for this managed tenant, or for all of them.

        With the feature off, those that are begun finish, so the run goes on to its end.
        """
        if error.code in _STOP_REASONS:
            await self._close(customer, RunState.CANCELLED, reason=error.code)
            stop = error.code if error.code != "feature_off" else None
            return Step(go_on=False, stop=stop)
        if error.code != "run_closed":
            await self._close(customer, RunState.SKIPPED, reason=error.code)
        return Step(go_on=False)

    async def _close(
        self,
        customer: CustomerRef,
        state: RunState,
        *,
        reason: str | None = None,
        failure: Failure | None = None,
    ) -> None:
        await self._record.closed(*_customer(customer), state=state, reason=reason, failure=failure)

    async def _waited_too_long(self, customer: CustomerRef, error: TransientFailure) -> bool:
        """Let people see until when we were asked to wait; True when that is enough waiting."""
        tenant_id, run_id, managed_tenant_id = _customer(customer)
        seconds = error.retry_after or _UNTOLD
        until = self._context.clock() + timedelta(seconds=seconds)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            waited = await RunTenants(connection, tenant_id).wait(
                run_id, managed_tenant_id, until=until, seconds=seconds
            )
        return timedelta(seconds=waited) > interface.WAITING


async def _guarded(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do the work with heartbeats, and let nothing out but stable codes."""
    tries = _Tries()
    _tries.set(tries)
    try:
        async with _beating(tries):
            return await work()
    except TransientFailure as error:
        _retry_later(error, tries)
    except EntraError as error:
        raise ApplicationError(error.code, type=error.code, non_retryable=True) from None
    except Exception as error:  # noqa: BLE001 - the worker's boundary
        log.error(  # noqa: TRY400 - log.exception would write what the exception says
            "activity failed",
            extra={
                "activity": activity.info().activity_type,
                "error": type(error).__name__,
                "trace": "".join(traceback.format_tb(error.__traceback__)),
            },
        )
        hopeless = tries.counted >= _HOPELESS_TRIES and not _may_pass(error)
        raise ApplicationError(
            "internal_error", type="internal_error", non_retryable=hopeless
        ) from None


def _may_pass(error: Exception) -> bool:
    """True when the database or the network may be back later; a defect of ours stays one."""
    passing = (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError)
    return isinstance(error, passing) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _retry_later(error: TransientFailure, tries: _Tries) -> NoReturn:
    """Ask Temporal to come back when the provider said so; give up on one that never answers."""
    hopeless = False
    if error.code == "throttled":
        tries.was_told_to_wait()
    else:
        hopeless = tries.counted >= _UNREACHABLE_TRIES
    delay = timedelta(seconds=error.retry_after) if error.retry_after else None
    raise ApplicationError(
        error.code, type=error.code, non_retryable=hopeless, next_retry_delay=delay
    ) from None


@asynccontextmanager
async def _beating(tries: _Tries) -> AsyncIterator[None]:
    """Tell Temporal that we are alive, also while we wait for something."""

    async def beat() -> None:
        while True:
            tries.beat()
            await asyncio.sleep(_BEAT_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _opening(opened: OpenedRun) -> Opening:
    return Opening(
        managed_tenant_ids=[str(i) for i in opened.managed_tenant_ids],
        window=opened.window,
        phase=PLANNING if opened.plans else FINISHING,
        writes=opened.writes,
    )


def _tenant(run: RunRef) -> TenantId:
    return TenantId(UUID(run.tenant_id))


def _run(run: RunRef) -> RunId:
    return RunId(UUID(run.run_id))


def _customer(customer: CustomerRef) -> tuple[TenantId, RunId, ManagedTenantId]:
    return (
        TenantId(UUID(customer.tenant_id)),
        RunId(UUID(customer.run_id)),
        ManagedTenantId(UUID(customer.managed_tenant_id)),
    )
