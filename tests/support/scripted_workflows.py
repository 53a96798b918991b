"""Our workflows on a real Temporal server, with activities that only say what they are told to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Worker

from entra_plugin.workflows import interface
from entra_plugin.workflows.definitions import (
    ApplyApproved,
    SyncManagedTenant,
    SyncTenants,
)
from entra_plugin.workflows.messages import (
    FINISHING,
    PLANNING,
    CustomerEnd,
    CustomerRef,
    Opening,
    RunEnd,
    RunRef,
    Step,
    SyncJob,
)

WORKFLOWS = (SyncTenants, SyncManagedTenant, ApplyApproved)
RUN = RunRef(tenant_id="tenant", run_id="run")


@dataclass
class Script:
    """What the activities answer, and what they were asked."""

    customers: Sequence[str] = ("a",)
    window: int = 2
    writes: bool = True
    planned: bool = True
    """False for a run whose plan is there already."""
    rows: bool = True
    stop_at: str | None = None
    slow: Collection[str] = ()
    """Customers whose reading lasts until it is cancelled."""
    begun: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """The slow ones that are being read."""
    asked: list[str] = field(default_factory=list)

    def activities(self) -> Sequence[Callable[..., object]]:
        """What a worker registers."""
        return [
            self.open_run,
            self.read_and_plan,
            self.apply,
            self.guard,
            self.finish,
            self.close_customer,
            self.close_run,
            self.apply_held,
        ]

    @activity.defn(name=interface.OPEN_RUN)
    async def open_run(self, _: RunRef) -> Opening:
        """Open."""
        return Opening(
            managed_tenant_ids=list(self.customers),
            window=self.window,
            phase=PLANNING if self.planned else FINISHING,
            writes=self.writes,
        )

    @activity.defn(name=interface.READ_AND_PLAN)
    async def read_and_plan(self, customer: CustomerRef) -> Step:
        """Read."""
        self.asked.append(f"read {customer.managed_tenant_id}")
        if customer.managed_tenant_id in self.slow:
            self.begun.put_nowait(customer.managed_tenant_id)
        while customer.managed_tenant_id in self.slow:
            activity.heartbeat()
            await asyncio.sleep(0.1)
        stops = customer.managed_tenant_id == self.stop_at
        return Step(go_on=not stops, stop="not_connected" if stops else None, rows=self.rows)

    @activity.defn(name=interface.APPLY)
    async def apply(self, customer: CustomerRef) -> Step:
        """Apply what is additive."""
        self.asked.append(f"apply {customer.managed_tenant_id}")
        return Step(go_on=True)

    @activity.defn(name=interface.GUARD)
    async def guard(self, _: RunRef) -> Opening:
        """Judge."""
        self.asked.append("guard")
        return Opening(managed_tenant_ids=list(self.customers), window=self.window, phase=FINISHING)

    @activity.defn(name=interface.FINISH)
    async def finish(self, customer: CustomerRef) -> Step:
        """Apply the rest and record."""
        self.asked.append(f"finish {customer.managed_tenant_id}")
        return Step(go_on=True)

    @activity.defn(name=interface.CLOSE_CUSTOMER)
    async def close_customer(self, end: CustomerEnd) -> None:
        """Close a customer."""
        self.asked.append(f"close {end.customer.managed_tenant_id} {end.state}")

    @activity.defn(name=interface.CLOSE_RUN)
    async def close_run(self, end: RunEnd) -> None:
        """Close the run."""
        self.asked.append(f"close run {end.code} applied={end.applied}")

    @activity.defn(name=interface.APPLY_HELD)
    async def apply_held(self, customer: CustomerRef) -> None:
        """Apply what was approved."""
        self.asked.append(f"held {customer.managed_tenant_id}")


async def connected(address: str) -> Client:
    """A client of a server that may have only just begun to listen."""
    for _ in range(100):
        with suppress(RuntimeError):
            return await Client.connect(address, identity="recorder")
        await asyncio.sleep(0.1)
    return await Client.connect(address, identity="recorder")


@asynccontextmanager
async def scripted(client: Client, script: Script) -> AsyncIterator[str]:
    """A worker that plays the script; answers its task queue."""
    queue = f"scripted-{uuid4()}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=script.activities(),
        identity="scripted",
    ):
        yield queue


async def play(client: Client, script: Script) -> list[WorkflowHistory]:
    """Run a whole sync; answers the histories of its executions, the parent's first."""
    async with scripted(client, script) as queue:
        first = f"sync-{uuid4()}"
        handle = await client.start_workflow(
            interface.SYNC_TENANTS, SyncJob(run=RUN), id=first, task_queue=queue
        )
        await handle.result()
        histories = []
        run_id = handle.first_execution_run_id
        while run_id is not None:
            history = await client.get_workflow_handle(first, run_id=run_id).fetch_history()
            histories.append(history)
            run_id = _continued(history.events[-1])
        if script.planned:
            id_, child = _first_child(histories[0].events)
            histories.append(await client.get_workflow_handle(id_, run_id=child).fetch_history())
        return histories


def commands(history: WorkflowHistory) -> list[str]:
    """What a workflow asked of Temporal, in order."""
    return [words for event in history.events if (words := _command(event)) is not None]


def _command(event: HistoryEvent) -> str | None:
    match event.event_type:
        case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            return event.activity_task_scheduled_event_attributes.activity_type.name
        case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            attributes = event.start_child_workflow_execution_initiated_event_attributes
            return attributes.workflow_type.name
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            return "continue as new"
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            return "complete"
    return None


def _continued(event: HistoryEvent) -> str | None:
    attributes = event.workflow_execution_continued_as_new_event_attributes
    return attributes.new_execution_run_id or None


def _first_child(events: Sequence[HistoryEvent]) -> tuple[str, str]:
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
            execution = event.child_workflow_execution_started_event_attributes.workflow_execution
            return execution.workflow_id, execution.run_id
    raise AssertionError("no child was started")
