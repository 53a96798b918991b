"""Programs and the schedule start syncs at the same moment, through a real Temporal."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from temporalio.client import Client, ScheduleHandle

from entra_plugin.workflows.interface import sync_schedule_id
from support.folders import client_id, tenant_id, write_seed
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

ADMIN = "admin@northwind.example"
TENANTS = 5
SLOW = {"match": r"GET /v1\.0/users", "delayMs": 1500}
WRITERS = """
    SELECT managed_tenant_id::text, count(*) FROM entra_sync_run_tenants
    WHERE writes AND state IN ('queued', 'running') GROUP BY 1
"""
OF_RUNS = """
    SELECT t.managed_tenant_id::text, t.state, t.writes, t.run_id::text, t.joined_run_id::text,
        r.type
    FROM entra_sync_run_tenants t JOIN entra_sync_runs r USING (tenant_id, run_id)
    WHERE t.run_id = ANY (%s)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A devhost with a few customers, all of them mapped, and a schedule that is far away."""
    folder = tmp_path_factory.mktemp("seed")
    _seed(folder)
    with running_devhost(seed=str(folder)) as running:
        with Program(running.base_url, ADMIN) as admin:
            admin.connect(_microsoft(running))
            admin.discover()
            admin.accept_exact()
            weekly = {"syncEnabled": True, "syncIntervalMinutes": 10_080}
            assert admin.post("/schedule", weekly, method="PUT").data == weekly
        yield running


@pytest.fixture(scope="module")
async def schedule(host: RunningHost) -> ScheduleHandle:
    temporal = await Client.connect(str(host.facts["temporalAddress"]))
    return temporal.get_schedule_handle(sync_schedule_id(host.tenant_id(0)))


@pytest.fixture
async def programs(host: RunningHost) -> AsyncIterator[list[Program]]:
    """Sessions that are signed in already, one for each start."""
    made = [Program(host.base_url, ADMIN) for _ in range(5 + 2 * TENANTS)]
    yield made
    for program in made:
        program.http.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_all_that_start_at_once_each_customer_has_one_that_writes(
    host: RunningHost, programs: list[Program], schedule: ScheduleHandle, seed: int
) -> None:
    inside, microsoft = Inside(host.facts), _microsoft(host)
    bodies = [{"scope": "all"}] * 5
    bodies += [
        {"scope": "client", "clientId": client_id(n)} for n in range(1, TENANTS + 1) for _ in "ab"
    ]
    random.Random(seed).shuffle(bodies)
    before = {str(run["runId"]) for run in programs[0].items("/runs")}
    microsoft.control("/faults", {"faults": [SLOW]})
    microsoft.forget_requests()
    watching = asyncio.create_task(_most_writers(inside))
    answers, *_ = await asyncio.gather(
        asyncio.gather(
            *(
                asyncio.to_thread(program.post, "/sync", body)
                for program, body in zip(programs, bodies, strict=True)
            )
        ),
        schedule.trigger(),
        schedule.trigger(),
    )
    started = [answer.data for answer in answers]
    microsoft.control("/faults", {"faults": []})
    for answer in started:
        done = await asyncio.to_thread(programs[0].finished, answer["runId"])
        assert done["state"] == "completed", done
    watching.cancel()
    assert await watching == 1
    _check_one_run_per_scope(bodies, started, programs[0], before)
    _check_one_writer_per_customer(inside, programs[0], before)
    assert _read(microsoft) == dict.fromkeys((tenant_id(n) for n in range(1, TENANTS + 1)), 1)


def _check_one_run_per_scope(
    bodies: list[dict[str, str]], started: list[Json], admin: Program, before: set[str]
) -> None:
    """One run of everything, and for a client at most one of its own, else that of everything."""
    runs = {str(run["runId"]): run for run in admin.items("/runs") if run["runId"] not in before}
    (everything,) = [run_id for run_id, run in runs.items() if run["type"] == "all"]
    fresh = {str(answer["runId"]) for answer in started if not answer["joined"]}
    assert runs.keys() - fresh <= {everything}, "the schedule may have been the first"
    for body, answer in zip(bodies, started, strict=True):
        if body["scope"] == "all":
            assert answer["runId"] == everything
        else:
            assert answer["runId"] == everything or (
                runs[str(answer["runId"])]["clientId"] == body["clientId"]
            )
    first = Counter(str(answer["runId"]) for answer in started if not answer["joined"])
    assert set(first.values()) <= {1}, "of all that name a run, one started it"


def _check_one_writer_per_customer(inside: Inside, admin: Program, before: set[str]) -> None:
    """Of all rows of a customer one wrote, and every other says which run it joined."""
    runs = [str(run["runId"]) for run in admin.items("/runs") if run["runId"] not in before]
    rows = inside.rows(OF_RUNS, runs)
    writers = {row[0]: row[3] for row in rows if row[2]}
    assert len(writers) == TENANTS
    assert sum(bool(row[2]) for row in rows) == TENANTS
    for managed_tenant_id, state, writes, _, joined_run_id, _ in rows:
        if not writes:
            assert (state, joined_run_id) == ("joined", writers[managed_tenant_id])


async def _most_writers(inside: Inside) -> int:
    """The most rows that were open for writing one customer, looked at until told to stop."""
    most = 0
    try:
        while True:
            found = await asyncio.to_thread(inside.rows, WRITERS)
            most = max([most, *(int(str(count)) for _, count in found)])
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return most


def _read(microsoft: Simulator) -> dict[str, int]:
    """How often the users of each directory were listed, or what changed among them."""
    return Counter(
        str(request["tenant"])
        for request in microsoft.requests()
        if request["path"] == "/v1.0/users"
        or (request["path"] == "/v1.0/users/delta" and "latest" not in str(request["query"]))
    )


def _microsoft(host: RunningHost) -> Simulator:
    return Simulator.of(cast("dict[str, str]", host.facts["simulator"]))


def _seed(folder: Path) -> None:
    write_seed(folder, tenants=TENANTS, users=20)
