"""Discovery runs daily by itself: made with the connection, paused and resumed with it."""

from collections.abc import Iterator

import pytest
from temporalio.client import Client, ScheduleDescription, ScheduleOverlapPolicy
from temporalio.service import RPCError

from devhost.servers.postgres import Urls
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.remove_tenant import RemoveTenant
from entra_plugin.workflows.interface import HOUSEKEEPING_SCHEDULE, discovery_schedule_id
from support.devhost import NORTHWIND, running_host
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator
from support.temporal import gone, made

UI = "entra-integration-ui"
DAY = 86_400


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    with running_devhost() as running:
        yield running


@pytest.fixture(scope="module")
def microsoft(host: RunningHost) -> Simulator:
    facts = host.facts["simulator"]
    assert isinstance(facts, dict)
    return Simulator.of(facts)


@pytest.fixture(scope="module")
async def temporal(host: RunningHost) -> Client:
    return await Client.connect(str(host.facts["temporalAddress"]))


@pytest.fixture
def admin(host: RunningHost, microsoft: Simulator) -> Iterator[Program]:
    """Connected to Microsoft."""
    with Program(host.base_url, "admin@northwind.example") as program:
        if program.get("/").data["connection"]["status"] != "connected":
            program.connect(microsoft)
        yield program


async def schedule(temporal: Client, host: RunningHost) -> ScheduleDescription:
    return await temporal.get_schedule_handle(discovery_schedule_id(host.tenant_id(0))).describe()


async def triggered(temporal: Client, host: RunningHost, admin: Program) -> Json:
    """The run that the schedule starts when its time has come."""
    before = {run["runId"] for run in admin.items("/runs", type="discovery")}
    await temporal.get_schedule_handle(discovery_schedule_id(host.tenant_id(0))).trigger()

    def youngest() -> Json:
        return next(
            (r for r in admin.items("/runs", type="discovery") if r["runId"] not in before), {}
        )

    return admin.finished(admin.until(youngest, bool)["runId"])


async def test_connecting_has_discovery_run_daily_one_at_a_time(
    admin: Program, temporal: Client, host: RunningHost
) -> None:
    found = (await schedule(temporal, host)).schedule
    (interval,) = found.spec.intervals
    assert interval.every.total_seconds() == DAY
    assert found.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert not found.state.paused


async def test_its_run_says_that_nobody_started_it(
    admin: Program, temporal: Client, host: RunningHost
) -> None:
    run = await triggered(temporal, host, admin)
    assert (run["trigger"], run["actor"]) == ("scheduled", None)
    assert (run["state"], run["progress"]["listed"]) == ("partial", 8)


async def test_while_the_feature_is_off_it_does_nothing_and_says_so(
    admin: Program, temporal: Client, host: RunningHost, microsoft: Simulator
) -> None:
    ended = "SELECT run_id, state_reason FROM entra_sync_runs WHERE state = 'cancelled'"
    inside = Inside(host.facts)
    microsoft.forget_requests()
    host.target(UI, host.tenant_id(0), "remove")
    try:
        await temporal.get_schedule_handle(discovery_schedule_id(host.tenant_id(0))).trigger()
        admin.until(lambda: {"ended": inside.rows(ended)}, lambda found: bool(found["ended"]))
    finally:
        host.target(UI, host.tenant_id(0), "add")
    run = admin.items("/runs", type="discovery")[0]
    assert (run["state"], run["stateReason"]) == ("cancelled", "feature_off")
    assert microsoft.requests() == []


async def test_disconnecting_pauses_it_and_connecting_again_resumes_it(
    admin: Program, temporal: Client, host: RunningHost, microsoft: Simulator
) -> None:
    admin.post("/disconnect")
    assert (await schedule(temporal, host)).schedule.state.paused
    admin.connect(microsoft)
    assert not (await schedule(temporal, host)).schedule.state.paused


async def test_a_schedule_that_temporal_lost_is_made_again_after_a_day(
    admin: Program, temporal: Client, host: RunningHost
) -> None:
    """Housekeeping finds that no discovery has begun, and the discovery makes the schedules."""
    lost = temporal.get_schedule_handle(discovery_schedule_id(host.tenant_id(0)))
    await lost.delete()
    await gone(lost)
    inside = Inside(host.facts)
    for table in ("entra_partner_connections", "entra_sync_runs"):
        inside.write(f"UPDATE {table} SET created_at = created_at - interval '2 days'")
    before = {run["runId"] for run in admin.items("/runs", type="discovery")}
    await temporal.get_schedule_handle(HOUSEKEEPING_SCHEDULE).trigger()
    found = await made(lost)
    assert not found.schedule.state.paused
    (run,) = (r for r in admin.items("/runs", type="discovery") if r["runId"] not in before)
    assert (run["trigger"], run["actor"]) == ("scheduled", None)


async def test_removing_the_tenant_deletes_it(
    database: Urls, simulator: Simulator, temporal_address: str
) -> None:
    async with running_host(database, simulator.environment, temporal=temporal_address) as one:
        context, ports = one.opened.context, one.opened.ports
        person = await one.person()
        url = await StartSignIn(context, ports)(person)
        await CompleteSignIn(context, ports)(person, simulator.sign_in(url))
        client = await one.host.temporal()
        handle = client.get_schedule_handle(discovery_schedule_id(str(NORTHWIND)))
        assert (await handle.describe()).id
        await RemoveTenant(context, ports.journal)(NORTHWIND)
        with pytest.raises(RPCError, match="not found"):
            await handle.describe()
