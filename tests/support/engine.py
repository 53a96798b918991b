"""The whole engine in this process: runs by the activities, one after the other, without Temporal.

Time stands still until it is moved, but for a second per run and per decision: what follows one
upon the other never happens at the same moment. The directories are on paper, and every attempt may
be its last before or after any of its commits. The database and the host's contacts are real.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import uuid4

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from devhost.host import DevHost
from entra_plugin.access import Flags
from entra_plugin.application.context import Context
from entra_plugin.application.decide import put_in_force
from entra_plugin.application.held import ApproveHeld, DiscardHeld, HeldCommand
from entra_plugin.application.sync.start import Actor, StartSync, StartSyncCommand, SyncScope
from entra_plugin.directory.protocol import Directory
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import MappingState
from entra_plugin.store.mappings import Author, Mappings, NewMapping
from entra_plugin.store.transaction import Store
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import PLANNING, CustomerEnd, CustomerRef, RunEnd, RunRef
from support.crashes import Killed, Moments, MortalStore
from support.mortal import NoWorkflows
from support.paper import PaperDirectory

if TYPE_CHECKING:
    from entra_plugin.host import Host
    from entra_plugin.workflows.messages import Step

Result = TypeVar("Result")

NOBODY = Actor(user_id=None, name=None)

_TRIES = 4
"""How often a step is begun that fails for a reason that may pass."""


@dataclass(slots=True)
class Switches(Flags):
    """Flags that a test switches; the same for every tenant."""

    on: set[Flag] = field(default_factory=lambda: set(Flag))

    async def is_on(self, flag: Flag, tenant_id: TenantId) -> bool:
        """Whether it is on."""
        return flag in self.on

    async def is_on_now(self, flag: Flag, tenant_id: TenantId) -> bool:
        """Whether it is on."""
        return flag in self.on


@dataclass(slots=True)
class PaperDirectories:
    """Opens the one connection that there is."""

    directory: PaperDirectory

    async def of_tenant(self, tenant_id: TenantId) -> Directory:
        """The connection."""
        return self.directory

    async def forget(self, tenant_id: TenantId) -> None:
        """Nothing is cached."""


@dataclass(slots=True)
class StandingClock:
    """Time that a test moves."""

    now: datetime = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def move(self, **by: float) -> None:
        """Let time pass, in the words of ``timedelta``."""
        self.now += timedelta(**by)


@dataclass(slots=True, kw_only=True)
class Engine:
    """One MSP's engine."""

    context: Context
    tenant_id: TenantId
    clock: StandingClock
    switches: Switches
    moments: Moments
    crashes: int = 0
    """How often an attempt died."""

    async def start(
        self, scope: SyncScope = SyncScope.ALL, client_id: ClientId | None = None
    ) -> RunId:
        """Ask for a sync."""
        command = StartSyncCommand(
            tenant_id=self.tenant_id, scope=scope, client_id=client_id, actor=NOBODY
        )
        return (await StartSync(self.context)(command)).run_id

    async def carry_out(
        self,
        run_id: RunId,
        *,
        crash_at: int | None = None,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Carry a run out as its workflow does.

        ``crash_at`` is the moment, counted from one, at which an attempt dies; the step is begun
        again by another process. ``meanwhile`` happens when all is planned and nothing applied.
        """
        self.clock.move(seconds=1)
        self.moments.passed.clear()
        self.moments.bad = crash_at
        run = RunRef(tenant_id=str(self.tenant_id), run_id=str(run_id))
        activities = Activities(self.context)
        end = RunEnd(run=run)
        try:
            end = await self._whole(activities, run, meanwhile)
        except ApplicationError as error:
            end = RunEnd(run=run, code=error.type)
        await self.attempt(lambda: activities.close_run(end))
        self.moments.bad = None

    async def _whole(
        self, activities: Activities, run: RunRef, meanwhile: Callable[[], Awaitable[None]] | None
    ) -> RunEnd:
        opened = await self.attempt(lambda: activities.open_run(run))
        if opened.phase == PLANNING:
            customers = self._customers(run, opened.managed_tenant_ids)
            stop, planned = await self._each(activities, customers, activities.read_and_plan)
            if meanwhile is not None and stop is None:
                await meanwhile()
            if stop is not None or not opened.writes:
                return RunEnd(run=run, code=stop, applied=stop is not None)
            stop, _ = await self._each(activities, planned, activities.apply)
            if stop is not None:
                return RunEnd(run=run, code=stop)
            opened = await self.attempt(lambda: activities.guard(run))
        customers = self._customers(run, opened.managed_tenant_ids)
        stop, _ = await self._each(activities, customers, activities.finish)
        return RunEnd(run=run, code=stop)

    async def _each(
        self,
        activities: Activities,
        customers: Sequence[CustomerRef],
        work: "Callable[[CustomerRef], Awaitable[Step]]",
    ) -> tuple[str | None, list[CustomerRef]]:
        """Do a step of each; answers what stops the run, and who has rows to be applied."""
        left: list[CustomerRef] = []
        for customer in customers:
            step = await self._step(activities, customer, work)
            if step is not None and step.stop:
                return step.stop, left
            if step is not None and step.go_on and step.rows:
                left.append(customer)
        return None, left

    async def _step(
        self,
        activities: Activities,
        customer: CustomerRef,
        step: "Callable[[CustomerRef], Awaitable[Step]]",
    ) -> "Step | None":
        """One step of a customer; None when he was given up."""
        try:
            return await self.attempt(lambda: step(customer))
        except ApplicationError as error:
            end = CustomerEnd(customer=customer, state="failed", code=error.type)
            await self.attempt(lambda: activities.close_customer(end))
            return None

    def _customers(self, run: RunRef, ids: Sequence[str]) -> list[CustomerRef]:
        return [
            CustomerRef(run.tenant_id, run.run_id, managed_tenant_id) for managed_tenant_id in ids
        ]

    async def attempt(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do a step until it is done, as Temporal does.

        Raises:
            ApplicationError: It cannot be done, or failed too often.
        """

        async def working() -> Result:
            return await work()

        attempt = tries = 0
        while True:
            attempt += 1
            environment = ActivityEnvironment()
            environment.info = replace(environment.info, attempt=attempt)
            try:
                return await environment.run(working)
            except Killed:
                self.crashes += 1
                self.moments.dead, self.moments.bad = False, None
            except ApplicationError as error:
                tries += 1
                if error.type == "internal_error" and error.__context__ is not None:
                    raise error.__context__ from None
                if error.non_retryable or tries >= _TRIES:
                    raise

    # --- People ---

    async def map(
        self,
        managed_tenant_id: ManagedTenantId,
        client_id: ClientId | None,
        overrides: Mapping[str, object],
    ) -> None:
        """Decide on a customer: a client, or None to unmap."""
        self.clock.move(seconds=1)
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            version = await Mappings(connection, self.tenant_id).lock_version() + 1
            decision = NewMapping(
                mapping_id=uuid4(),
                managed_tenant_id=managed_tenant_id,
                state=MappingState.MAPPED if client_id else MappingState.UNMAPPED,
                client_id=client_id,
                evidence={},
                filter_overrides=overrides,
                paused_until=None,
            )
            author = Author(user_id=None, name=None, now=self.clock())
            await put_in_force(
                self.context,
                connection,
                self.tenant_id,
                [decision],
                version=version,
                author=author,
            )

    async def approve(
        self, run_id: RunId, customers: Sequence[ManagedTenantId], **which: object
    ) -> int:
        """Approve held rows, and let them be applied."""
        count = await ApproveHeld(self.context)(self._held(run_id, which))
        activities = Activities(self.context)
        run = RunRef(tenant_id=str(self.tenant_id), run_id=str(run_id))
        for customer in self._customers(run, [str(i) for i in customers]):
            await self.attempt(lambda c=customer: activities.apply_held(c))  # type: ignore[misc]
        return count

    async def discard(self, run_id: RunId, **which: object) -> int:
        """Discard held rows."""
        return await DiscardHeld(self.context)(self._held(run_id, which))

    def _held(self, run_id: RunId, which: Mapping[str, object]) -> HeldCommand:
        return HeldCommand(
            tenant_id=self.tenant_id,
            run_id=run_id,
            user_id=None,
            name=None,
            **which,  # type: ignore[arg-type]
        )


def engine_over(host: DevHost, directory: PaperDirectory, tenant_id: TenantId) -> Engine:
    """Compose the engine over a host."""
    moments, clock, switches = Moments(), StandingClock(), Switches()
    context = Context(
        host=cast("Host", host),
        store=MortalStore(Store(host.database.engine), moments),
        secrets=host.secrets,
        flags=switches,
        directories=PaperDirectories(directory),
        workflows=NoWorkflows(),
        clock=clock,
    )
    return Engine(
        context=context,
        tenant_id=tenant_id,
        clock=clock,
        switches=switches,
        moments=moments,
    )
