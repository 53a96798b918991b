"""Syncs start by themselves: through a real Temporal, as often as told and no more."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleOverlapPolicy,
)
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls, libpq
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.connect.disconnect import Disconnect
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import ConfirmMappings
from entra_plugin.application.remove_tenant import RemoveTenant
from entra_plugin.application.schedule import Schedule, StartScheduledSync, SyncSchedule
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.states import MappingState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.interface import sync_schedule_id
from entra_plugin.workflows.messages import RunRef
from support.checking import NOBODY, Checks, checking
from support.devhost import NORTHWIND, running_host
from support.folders import client_id, write_seed
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost, running_devhost
from support.schema import enter_tenant
from support.simulator import Simulator
from support.temporal import gone, made

UI = "entra-integration-ui"
SLOW = {"match": r"GET /v1\.0/users\?", "delayMs": 700}
HARBORVIEW = "Harborview"


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    with running_devhost() as running:
        yield running


@pytest.fixture(scope="module")
def inside(host: RunningHost) -> Inside:
    return Inside(host.facts)


@pytest.fixture(scope="module")
def microsoft(host: RunningHost) -> Simulator:
    facts = host.facts["simulator"]
    assert isinstance(facts, dict)
    return Simulator.of(facts)


@pytest.fixture(scope="module")
async def temporal(host: RunningHost) -> Client:
    return await Client.connect(str(host.facts["temporalAddress"]))


@pytest.fixture(scope="module")
def handle(temporal: Client, host: RunningHost) -> ScheduleHandle:
    return temporal.get_schedule_handle(sync_schedule_id(host.tenant_id(0)))


@pytest.fixture(scope="module")
def admin(host: RunningHost) -> Iterator[Program]:
    with Program(host.base_url, "admin@northwind.example") as program:
        yield program


def save(admin: Program, *, enabled: bool, minutes: int) -> None:
    body = {"syncEnabled": enabled, "syncIntervalMinutes": minutes}
    assert admin.post("/schedule", body, method="PUT").data == body


def every(found: ScheduleDescription) -> timedelta:
    (interval,) = found.schedule.spec.intervals
    return interval.every


async def is_paused(handle: ScheduleHandle) -> bool:
    return (await handle.describe()).schedule.state.paused


async def comes_due(temporal: Client, handle: ScheduleHandle) -> object:
    """Let the time come; answers why nothing was started."""
    before = (await handle.describe()).info.num_actions
    await handle.trigger()
    found = await handle.describe()
    for _ in range(600):
        if found.info.num_actions > before:
            break
        await asyncio.sleep(0.05)
        found = await handle.describe()
    action = found.info.recent_actions[-1].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    return await temporal.get_workflow_handle(action.workflow_id).result()


async def decided(checks: Checks, state: MappingState, client: ClientId | None = None) -> None:
    """Discover, and decide the same about all that is found."""
    await checks.sign_in()
    await checks.discover()
    decide = ConfirmMappings(checks.context)
    version = await decide.current_version(checks.tenant_id)
    decisions = [
        MappingDecision(managed_tenant_id=one.managed_tenant_id, state=state, client_id=client)
        for one in (await checks.known()).values()
    ]
    await decide(checks.person, version=version, decisions=decisions)


def clients(urls: Urls) -> int:
    with psycopg.connect(libpq(urls.owner)) as connection:
        found = connection.execute("SELECT count(*) FROM psa_clients").fetchone()
    assert found is not None
    return int(found[0])


def by_person(checks: Checks) -> StartSyncCommand:
    return StartSyncCommand(tenant_id=checks.tenant_id, scope=SyncScope.ALL, actor=NOBODY)


def syncs(admin: Program) -> list[Json]:
    """The runs of everything, youngest first."""
    return admin.items("/runs", type="all")


async def test_what_is_saved_without_a_connection_begins_with_it(
    admin: Program, handle: ScheduleHandle, microsoft: Simulator
) -> None:
    save(admin, enabled=True, minutes=60)
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
    admin.connect(microsoft)
    found = await handle.describe()
    assert every(found) == timedelta(hours=1)
    assert found.schedule.spec.jitter == timedelta(minutes=6)
    assert found.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert not found.schedule.state.paused


async def test_a_changed_interval_is_in_force_when_the_answer_comes(
    admin: Program, handle: ScheduleHandle
) -> None:
    save(admin, enabled=True, minutes=15)
    assert every(await handle.describe()) == timedelta(minutes=15)
    save(admin, enabled=True, minutes=43_200)
    assert every(await handle.describe()) == timedelta(days=30)


@pytest.mark.parametrize("minutes", [15, 1440, 43_200])
async def test_the_overview_says_the_time_that_temporal_has(
    admin: Program, handle: ScheduleHandle, minutes: int
) -> None:
    save(admin, enabled=True, minutes=minutes)
    found = await handle.describe()
    said = datetime.fromisoformat(admin.get("/").data["schedule"]["nextSyncAt"])
    jitter = found.schedule.spec.jitter
    assert jitter is not None
    assert any(said <= at <= said + jitter for at in found.info.next_action_times[:2])


async def test_saving_the_same_again_moves_nothing(admin: Program, handle: ScheduleHandle) -> None:
    save(admin, enabled=True, minutes=720)
    before = (await handle.describe()).info.next_action_times
    save(admin, enabled=True, minutes=720)
    assert (await handle.describe()).info.next_action_times[1:] == before[1:]


async def test_where_nothing_is_mapped_nothing_is_started(
    admin: Program, temporal: Client, handle: ScheduleHandle
) -> None:
    assert await comes_due(temporal, handle) == "nothing_mapped"
    assert syncs(admin) == []


async def test_a_client_to_be_created_alone_is_nothing_to_sync(
    admin: Program, temporal: Client, handle: ScheduleHandle
) -> None:
    admin.discover()
    preview = admin.get("/mappings/preview").data
    rows = [*preview["needsReview"], *preview["unmatched"]]
    wanted = next(r for r in rows if str(r["displayName"]).startswith(HARBORVIEW))
    decision = {"managedTenantId": wanted["managedTenantId"], "state": "create_new"}
    body = {"version": preview["version"], "decisions": [decision]}
    assert admin.post("/mappings/confirm", body).data["createNew"] == 1
    assert await comes_due(temporal, handle) == "nothing_mapped"
    assert syncs(admin) == []


async def test_its_run_is_a_sync_of_everything_that_nobody_started_and_creates_no_client(
    admin: Program, temporal: Client, handle: ScheduleHandle, inside: Inside
) -> None:
    clients = "SELECT count(*) FROM psa_clients"
    before = inside.rows(clients)
    admin.accept_exact()
    assert await comes_due(temporal, handle) is None
    (listed,) = syncs(admin)
    run = admin.finished(listed["runId"])
    assert (run["type"], run["trigger"], run["actor"]) == ("all", "scheduled", None)
    assert run["counts"]["created"] > 0
    assert all(row["clientId"] for row in run["tenants"])
    assert inside.rows(clients) == before
    assert admin.get("/").data["counts"]["createNew"] == 1


async def test_a_second_one_on_unchanged_data_writes_nothing(
    admin: Program, temporal: Client, handle: ScheduleHandle, inside: Inside
) -> None:
    before = inside.versions()
    await comes_due(temporal, handle)
    admin.finished(syncs(admin)[0]["runId"])
    assert len(syncs(admin)) == 2
    assert inside.versions() == before


async def test_while_a_run_is_under_way_the_schedule_joins_it(
    admin: Program, temporal: Client, handle: ScheduleHandle, microsoft: Simulator
) -> None:
    count = len(syncs(admin))
    microsoft.control("/faults", {"faults": [SLOW]})
    started = admin.post("/sync", {"scope": "all"}).data
    assert await comes_due(temporal, handle) is None
    microsoft.control("/faults", {"faults": []})
    assert admin.finished(started["runId"])["trigger"] == "api"
    assert len(syncs(admin)) == count + 1


async def test_a_person_and_the_schedule_at_the_same_moment_give_one_run(
    admin: Program, temporal: Client, handle: ScheduleHandle, microsoft: Simulator
) -> None:
    count = len(syncs(admin))
    microsoft.control("/faults", {"faults": [SLOW]})
    reason, answer = await asyncio.gather(
        comes_due(temporal, handle), asyncio.to_thread(admin.post, "/sync", {"scope": "all"})
    )
    microsoft.control("/faults", {"faults": []})
    assert reason is None
    found = syncs(admin)
    assert len(found) == count + 1
    assert found[0]["runId"] == answer.data["runId"]
    assert answer.data["joined"] == (found[0]["trigger"] == "scheduled")
    admin.finished(found[0]["runId"])


async def test_while_the_feature_is_off_a_run_ends_at_once_and_the_schedule_stays(
    admin: Program,
    temporal: Client,
    handle: ScheduleHandle,
    host: RunningHost,
    inside: Inside,
    microsoft: Simulator,
) -> None:
    before = inside.versions()
    ended = "SELECT run_id FROM entra_sync_runs WHERE type = 'all' AND state = 'cancelled'"
    microsoft.forget_requests()
    host.target(UI, host.tenant_id(0), "remove")
    try:
        await comes_due(temporal, handle)
        admin.until(lambda: {"ended": inside.rows(ended)}, lambda found: bool(found["ended"]))
        assert not await is_paused(handle)
    finally:
        host.target(UI, host.tenant_id(0), "add")
    run = syncs(admin)[0]
    assert (run["state"], run["stateReason"]) == ("cancelled", "feature_off")
    assert microsoft.requests() == []
    assert inside.versions() == before


async def test_switched_off_it_is_paused_and_starts_nothing_even_when_it_is_triggered(
    admin: Program, temporal: Client, handle: ScheduleHandle
) -> None:
    count = len(syncs(admin))
    save(admin, enabled=False, minutes=720)
    assert await is_paused(handle)
    assert await comes_due(temporal, handle) == "switched_off"
    assert len(syncs(admin)) == count
    save(admin, enabled=True, minutes=720)
    assert not await is_paused(handle)


async def test_disconnecting_pauses_it_and_connecting_again_resumes_it(
    admin: Program, temporal: Client, handle: ScheduleHandle, microsoft: Simulator
) -> None:
    count = len(syncs(admin))
    admin.post("/disconnect")
    assert await is_paused(handle)
    assert await comes_due(temporal, handle) == "not_connected"
    assert len(syncs(admin)) == count
    save(admin, enabled=True, minutes=30)
    assert await is_paused(handle)
    admin.connect(microsoft)
    assert not await is_paused(handle)
    assert every(await handle.describe()) == timedelta(minutes=30)


async def test_connecting_again_resumes_nothing_that_was_switched_off(
    admin: Program, handle: ScheduleHandle, microsoft: Simulator
) -> None:
    save(admin, enabled=False, minutes=30)
    admin.post("/disconnect")
    admin.connect(microsoft)
    assert await is_paused(handle)


async def test_a_discovery_makes_good_what_temporal_lost(
    admin: Program, handle: ScheduleHandle
) -> None:
    save(admin, enabled=True, minutes=45)
    await handle.delete()
    await gone(handle)
    admin.discover()
    found = await made(handle)
    assert (every(found), found.schedule.state.paused) == (timedelta(minutes=45), False)


async def test_saving_and_disconnecting_at_once_never_leaves_it_running(
    database: Urls, simulator: Simulator, temporal_address: str
) -> None:
    async with running_host(database, simulator.environment, temporal=temporal_address) as one:
        context, ports = one.opened.context, one.opened.ports
        person, client = await one.person(), await one.host.temporal()
        handle = client.get_schedule_handle(sync_schedule_id(str(NORTHWIND)))
        hourly = SyncSchedule(enabled=True, interval_minutes=60)
        for _ in range(5):
            url = await StartSignIn(context, ports)(person)
            await CompleteSignIn(context, ports)(person, simulator.sign_in(url))
            await Schedule(context).write(person, hourly)
            assert not await is_paused(handle)
            await asyncio.gather(
                Schedule(context).write(person, hourly), Disconnect(context, ports)(NORTHWIND)
            )
            assert await is_paused(handle)


async def test_many_starts_at_the_same_moment_give_one_run(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_seed(tmp_path, tenants=2, users=1)
    simulator.control("/seed", {"dir": str(tmp_path)})
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await decided(checks, MappingState.MAPPED, ClientId(UUID(client_id(1))))
        hourly = SyncSchedule(enabled=True, interval_minutes=60)
        await Schedule(checks.context).write(checks.person, hourly)
        checks.workflows.asked.clear()
        by_schedule, start = StartScheduledSync(checks.context), StartSync(checks.context)
        reasons, started = await asyncio.gather(
            asyncio.gather(*(by_schedule(checks.tenant_id) for _ in range(4))),
            asyncio.gather(*(start(by_person(checks)) for _ in range(4))),
        )
        assert reasons == [None] * 4
        assert set(checks.workflows.asked) == {("start sync", str(started[0].run_id))}


async def test_a_client_that_became_one_to_create_after_the_start_is_not_created(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with checking(database, simulator, monkeypatch) as checks:
        await decided(checks, MappingState.CREATE_NEW)
        started = await StartSync(checks.context)(by_person(checks))
        run = RunRef(tenant_id=str(checks.tenant_id), run_id=str(started.run_id))
        with psycopg.connect(libpq(database.owner)) as connection:
            enter_tenant(connection, checks.tenant_id)
            connection.execute("UPDATE entra_sync_runs SET trigger = 'scheduled'")
        before = clients(database)
        await ActivityEnvironment().run(Activities(checks.context).open_run, run)
        assert clients(database) == before


async def test_removing_the_tenant_deletes_it(
    database: Urls, simulator: Simulator, temporal_address: str
) -> None:
    async with running_host(database, simulator.environment, temporal=temporal_address) as one:
        context, ports = one.opened.context, one.opened.ports
        person, client = await one.person(), await one.host.temporal()
        handle = client.get_schedule_handle(sync_schedule_id(str(NORTHWIND)))
        await Schedule(context).write(person, SyncSchedule(enabled=True, interval_minutes=60))
        url = await StartSignIn(context, ports)(person)
        await CompleteSignIn(context, ports)(person, simulator.sign_in(url))
        assert (await handle.describe()).id
        await RemoveTenant(context, ports.journal)(NORTHWIND)
        with pytest.raises(RPCError, match="not found"):
            await handle.describe()
        assert not (await Schedule(context).read(NORTHWIND)).enabled
