"""Histories: short, replayed by the workflows of today, and made of the commands that we know."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer

from entra_plugin.workflows import interface
from entra_plugin.workflows.messages import CustomerRef, PlanJob, RunRef, SyncJob
from support.scripted_workflows import WORKFLOWS, Script, commands, connected, play, scripted

RECORDED = Path(__file__).parents[1] / "data" / "histories"
"""Written by ``python -m support.record_histories``, with the workflows of the day."""

RECORDINGS = {path.stem: path.read_text() for path in sorted(RECORDED.glob("*.json"))}

SCENARIOS = {
    "first sync": Script(),
    "unchanged": Script(rows=False),
    "preview": Script(writes=False),
    "applied later": Script(planned=False),
    "stopped": Script(customers=("a", "b", "c"), window=1, stop_at="b"),
    "many": Script(customers=tuple(f"{n:03}" for n in range(60)), window=8),
}

PARENT = ["entra.open_run", "entra.SyncManagedTenant", "entra.guard", "entra.finish"]
CLOSED = ["entra.close_run", "complete"]
PLANNED = ["entra.read_and_plan", "entra.apply", "complete"]

FINGERPRINTS: dict[str, list[list[str]]] = {
    "first sync": [[*PARENT, *CLOSED], PLANNED],
    "unchanged": [[*PARENT, *CLOSED], ["entra.read_and_plan", "complete"]],
    "preview": [
        ["entra.open_run", "entra.SyncManagedTenant", *CLOSED],
        ["entra.read_and_plan", "complete"],
    ],
    "applied later": [["entra.open_run", "entra.finish", *CLOSED]],
    "stopped": [
        ["entra.open_run", "entra.SyncManagedTenant", "entra.SyncManagedTenant", *CLOSED],
        PLANNED,
    ],
    "many": [
        ["entra.open_run", *["entra.SyncManagedTenant"] * 60, "entra.guard", "continue as new"],
        [*["entra.finish"] * 60, *CLOSED],
        PLANNED,
    ],
}


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await connected(temporal_address)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_workflow_asks_for_what_it_always_asked_for(client: Client, name: str) -> None:
    """Another list means that runs which are under way cannot go on with the new code."""
    histories = await play(client, SCENARIOS[name])
    assert [commands(history) for history in histories] == FINGERPRINTS[name]


@pytest.mark.parametrize("recorded", RECORDINGS)
async def test_recorded_histories_are_replayed(recorded: str) -> None:
    history = WorkflowHistory.from_json(recorded, json.loads(RECORDINGS[recorded]))
    result = await Replayer(workflows=WORKFLOWS).replay_workflow(history)
    assert result.replay_failure is None


def test_every_scenario_was_recorded() -> None:
    recorded = {stem.rpartition("-")[0] for stem in RECORDINGS}
    assert recorded == {name.replace(" ", "-") for name in SCENARIOS}


async def test_a_history_stays_short_however_many_customers_there_are(client: Client) -> None:
    script = Script(customers=tuple(f"{n:03}" for n in range(230)), window=8)
    histories = await play(client, script)
    assert max(len(history.events) for history in histories) < 2000
    assert sorted(a for a in script.asked if a.startswith("finish")) == [
        f"finish {name}" for name in script.customers
    ]
    assert script.asked.count("guard") == 1
    judged = script.asked.index("guard")
    assert not any(a.startswith("finish") for a in script.asked[:judged])
    assert not any(a.startswith(("read", "apply")) for a in script.asked[judged:])


async def test_the_guard_is_not_asked_when_a_customer_stops_the_run(client: Client) -> None:
    script = Script(customers=("a", "b", "c"), window=1, stop_at="a")
    await play(client, script)
    assert script.asked == ["read a", "close run not_connected applied=True"]


@pytest.mark.parametrize("writes", [True, False], ids=["sync", "preview"])
async def test_a_cancelled_run_begins_no_further_customer(client: Client, writes: bool) -> None:
    script = Script(customers=tuple("abcdef"), window=2, slow=("b", "c"), writes=writes)
    run = RunRef(tenant_id=str(uuid4()), run_id="run")
    async with scripted(client, script) as queue:
        handle = await client.start_workflow(
            interface.SYNC_TENANTS, SyncJob(run=run), id=f"sync-{uuid4()}", task_queue=queue
        )
        for _ in script.slow:
            await script.begun.get()
        await handle.cancel()
        await handle.result()
    assert {words for words in script.asked if words.startswith("read")} == {
        "read a",
        "read b",
        "read c",
    }
    assert sorted(words for words in script.asked if words.startswith("close")) == [
        "close b cancelled",
        "close c cancelled",
        "close run None applied=True",
    ]


async def is_waiting(handle: WorkflowHandle[Any, Any]) -> bool:
    """True once a workflow has set a timer."""
    history = await handle.fetch_history()
    return any(e.event_type == EventType.EVENT_TYPE_TIMER_STARTED for e in history.events)


async def test_the_workflow_of_a_customer_that_is_just_ending_is_waited_for(
    client: Client,
) -> None:
    script = Script(slow=("a",))
    run = RunRef(tenant_id=str(uuid4()), run_id="run")
    before = PlanJob(customer=CustomerRef(run.tenant_id, "before", "a"), writes=True)
    async with scripted(client, script) as queue:
        ending = await client.start_workflow(
            interface.SYNC_MANAGED_TENANT,
            before,
            id=interface.customer_workflow_id(run.tenant_id, "a"),
            task_queue=queue,
        )
        await script.begun.get()
        handle = await client.start_workflow(
            interface.SYNC_TENANTS, SyncJob(run=run), id=f"sync-{uuid4()}", task_queue=queue
        )
        while not await is_waiting(handle):
            pass
        script.slow = ()
        await handle.result()
        await ending.result()
    assert script.asked.count("read a") == 2
    assert not any("joined" in words for words in script.asked)
