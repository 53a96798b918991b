"""Housekeeping is done by itself, for every tenant, through a real Temporal."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from devhost.servers.postgres import Urls
from entra_plugin.application.housekeeping import Chore, KeepHouse
from entra_plugin.application.reap import YOUNG
from entra_plugin.application.runs import CancelRun
from entra_plugin.domain.ids import TenantId
from entra_plugin.workflows import housekeeping_schedule, interface
from entra_plugin.workflows.chores import Chores
from entra_plugin.workflows.messages import SyncJob
from entra_plugin.workflows.plugin import EntraWorkerPlugin
from entra_plugin.workflows.port import TemporalWorkflows
from support.devhost import NORTHWIND, SOUTHWIND
from support.house import House, housed
from support.scripted_workflows import RUN, Script, commands, connected, scripted
from support.temporal import made

OLD = YOUNG + timedelta(minutes=1)


@pytest.fixture(scope="module")
async def lasting(postgres_server: Urls, temporal_address: str) -> AsyncIterator[House]:
    async with housed(postgres_server, temporal=temporal_address) as house:
        house.host.task_queue = f"psa-{uuid4()}"
        yield house


@pytest.fixture
async def house(lasting: House) -> House:
    await lasting.clear()
    lasting.context = replace(lasting.context, workflows=TemporalWorkflows(lasting.context.host))
    return lasting


@pytest.fixture
async def temporal(temporal_address: str) -> Client:
    return await connected(temporal_address)


@pytest.fixture
def schedule(temporal: Client) -> ScheduleHandle:
    return temporal.get_schedule_handle(interface.HOUSEKEEPING_SCHEDULE)


async def one_round(temporal: Client, schedule: ScheduleHandle) -> list[str]:
    """Let the time come; answers what the workflow asked for, once it is through."""
    before = (await schedule.describe()).info.num_actions
    await schedule.trigger()
    found = await schedule.describe()
    for _ in range(2400):
        if found.info.num_actions > before:
            break
        await asyncio.sleep(0.05)
        found = await schedule.describe()
    action = found.info.recent_actions[-1].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    handle = temporal.get_workflow_handle(action.workflow_id)
    await handle.result()
    return commands(await handle.fetch_history())


async def state(house: House) -> list[tuple[str, str | None]]:
    query = "SELECT state, error_code FROM entra_sync_runs ORDER BY run_id"
    return [(row["state"], row["error_code"]) for row in await house.rows(query)]


async def test_a_worker_has_it_done_every_ten_minutes_one_round_at_a_time(
    house: House, temporal: Client, schedule: ScheduleHandle
) -> None:
    plugin = EntraWorkerPlugin(house.context)
    await house.run("running", age=OLD)
    for _ in range(2):  # another worker, or the same one again, makes no second schedule
        async with Worker(temporal, task_queue=house.host.task_queue, plugins=[plugin]):
            found = await made(schedule)
            (interval,) = found.schedule.spec.intervals
            assert interval.every == timedelta(minutes=10)
            assert found.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
            assert await one_round(temporal, schedule) == [interface.KEEP_HOUSE, "complete"]
    assert await state(house) == [("failed", "workflow_gone")]


async def test_a_schedule_that_is_paused_stays_so_and_is_otherwise_made_as_it_should_be(
    house: House, schedule: ScheduleHandle
) -> None:
    await housekeeping_schedule.keep(house.context.host)

    def seldom(found: ScheduleUpdateInput) -> ScheduleUpdate:
        found.description.schedule.spec.intervals[0].every = timedelta(days=9)
        return ScheduleUpdate(schedule=found.description.schedule)

    await schedule.update(seldom)
    await taken_over(schedule, lambda it: interval(it) == timedelta(days=9))
    await schedule.pause()  # in one go with the update it would be lost
    await taken_over(schedule, lambda it: it.state.paused)
    await housekeeping_schedule.keep(house.context.host)
    found = await taken_over(schedule, lambda it: interval(it) == timedelta(minutes=10))
    assert found.state.paused
    await schedule.unpause()


def interval(schedule: Schedule) -> timedelta:
    """How often it starts."""
    return schedule.spec.intervals[0].every


async def taken_over(schedule: ScheduleHandle, good: Callable[[Schedule], bool]) -> Schedule:
    """The schedule, once Temporal has taken over what it was told: it does so in time."""
    for _ in range(2400):
        found = (await schedule.describe()).schedule
        if good(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{schedule.id} is not as it was told to be")


async def test_a_worker_starts_without_a_temporal_to_keep_the_schedule(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)

    async def temporal() -> Client:
        return nowhere

    monkeypatch.setattr(house.host, "temporal", temporal)
    with caplog.at_level(logging.WARNING):
        async with housekeeping_schedule.kept(house.context.host):
            assert "no schedule of housekeeping" in caplog.text


async def test_a_run_is_gone_exactly_when_temporal_says_so(house: House, temporal: Client) -> None:
    workflows = house.context.workflows
    name = f"held-{uuid4()}"
    assert not await workflows.is_open(name)
    handle = await temporal.start_workflow(
        interface.APPLY_APPROVED, RUN, id=name, task_queue=f"nobody-{uuid4()}"
    )
    assert await workflows.is_open(name)
    await house.run("running", workflow_id=name, age=OLD)
    await ActivityEnvironment().run(Chores(house.context).keep_house)
    assert await state(house) == [("running", None)]
    await handle.terminate()
    assert not await workflows.is_open(name)
    await ActivityEnvironment().run(Chores(house.context).keep_house)
    assert await state(house) == [("failed", "workflow_gone")]


async def test_a_run_is_cancelled_by_its_workflow_while_there_is_one(
    house: House, temporal: Client
) -> None:
    name, cancel = f"apply-{uuid4()}", CancelRun(house.context)
    run = await house.run("running", workflow_id=name)
    handle = await temporal.start_workflow(
        interface.APPLY_APPROVED, RUN, id=name, task_queue=f"nobody-{uuid4()}"
    )
    await cancel(house.tenant_id, run)
    assert await state(house) == [("running", None)]
    await handle.terminate()
    await cancel(house.tenant_id, run)
    assert await state(house) == [("cancelled", None)]


async def test_a_run_whose_workflow_was_never_started_is_cancelled(house: House) -> None:
    run = await house.run("queued", workflow_id=f"sync-{uuid4()}")
    await CancelRun(house.context)(house.tenant_id, run)
    assert await state(house) == [("cancelled", None)]


async def test_a_workflow_that_went_on_as_another_execution_is_open(
    house: House, temporal: Client
) -> None:
    script = Script(customers=tuple(f"{n:03}" for n in range(60)), window=8)
    async with scripted(temporal, script) as queue:
        handle = await temporal.start_workflow(
            interface.SYNC_TENANTS, SyncJob(run=RUN), id=f"sync-{uuid4()}", task_queue=queue
        )
        while (await handle.describe()).run_id == handle.first_execution_run_id:
            assert await house.context.workflows.is_open(handle.id)
        await handle.result()
    assert not await house.context.workflows.is_open(handle.id)


async def fails() -> None:
    raise RuntimeError("secret of a row")


async def hangs() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("trouble", [fails, hangs])
async def test_a_tenant_in_trouble_does_not_stop_the_chores_of_the_others(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Callable[[], Awaitable[None]],
) -> None:
    broken = TenantId(uuid4())

    async def tenants() -> Sequence[TenantId]:
        return [broken, NORTHWIND, SOUTHWIND]

    monkeypatch.setattr(interface, "CHORE", timedelta(seconds=2))
    monkeypatch.setattr(house.host, "tenants", tenants)
    store = house.context.store
    enter = store.tenant_transaction

    @asynccontextmanager
    async def refuse(tenant_id: TenantId) -> AsyncIterator[AsyncConnection]:
        if tenant_id == broken:
            await trouble()
        async with enter(tenant_id) as connection:
            yield connection

    monkeypatch.setattr(store, "tenant_transaction", refuse)
    await house.run("running", age=OLD)
    with caplog.at_level(logging.WARNING):
        await ActivityEnvironment().run(Chores(house.context).keep_house)
    assert await state(house) == [("failed", "workflow_gone")]
    failed = [r.__dict__ for r in caplog.records if r.getMessage() == "chore failed"]
    assert {record["tenant"] for record in failed} == {str(broken)}
    assert "secret of a row" not in caplog.text


async def test_everybodys_runs_are_looked_after_before_anything_else_is_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert next(name for name, _ in KeepHouse(house.context).chores()) == "reap"
    done: list[tuple[str, TenantId]] = []

    def noted(name: str) -> tuple[str, Chore]:
        async def chore(tenant_id: TenantId) -> None:
            done.append((name, tenant_id))

        return name, chore

    monkeypatch.setattr(KeepHouse, "chores", lambda _: [noted("reap"), noted("another")])
    tenants = await house.host.tenants()
    assert len(tenants) > 1
    await ActivityEnvironment().run(Chores(house.context).keep_house)
    assert done == [(name, tenant) for name in ("reap", "another") for tenant in tenants]


async def test_what_the_host_says_when_it_has_no_tenants_to_name_stays_here(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(house.host, "tenants", fails)
    with caplog.at_level(logging.WARNING), pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(Chores(house.context).keep_house)
    assert (raised.value.type, raised.value.non_retryable) == ("internal_error", False)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert "no tenants to keep house for" in caplog.text
    assert "secret of a row" not in repr(raised.value) + caplog.text
