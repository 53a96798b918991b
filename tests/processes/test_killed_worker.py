"""The worker is killed in the middle of the first sync: the run finishes, nobody is there twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from support.folders import client_id, tenant_id, write_seed
from support.inside import Inside
from support.oracle import Person, predict
from support.program import Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

USERS = 2500
TENANTS = 2

PAGES_READ = "SELECT count(*) FROM entra_sync_pages"
CONTACTS = "SELECT count(*) FROM psa_contacts WHERE creation_key IS NOT NULL"


@pytest.mark.parametrize(("query", "least"), [(PAGES_READ, 2), (CONTACTS, 1)])
def test_a_worker_killed_in_the_middle_of_the_first_sync_finishes_it_after_restart(
    tmp_path: Path, query: str, least: int
) -> None:
    write_seed(tmp_path, tenants=TENANTS, users=USERS)
    with (
        running_devhost(seed=str(tmp_path)) as host,
        Program(host.base_url, "admin@northwind.example") as admin,
    ):
        microsoft = Simulator.of(cast("dict[str, str]", host.facts["simulator"]))
        inside = Inside(host.facts)
        admin.connect(microsoft)
        admin.discover()
        before = inside.contacts(host.tenant_id(0))
        slow = {"match": r"GET /v1\.0/users\?", "delayMs": 300}
        microsoft.control("/faults", {"faults": [slow]})
        run = admin.accept_exact(then_sync=True)["run"]
        _wait(lambda: int(str(inside.rows(query)[0][0])) >= least)
        _kill(host, "worker")
        done = admin.finished(run["runId"], seconds=180)
        assert done["state"] == "completed", done
        people = inside.contacts(host.tenant_id(0))
        predicted = _predicted(microsoft, before)
        assert Counter(p.email for p in people).most_common(1)[0][1] == 1
        assert sorted(people, key=str) == sorted(predicted, key=str)
        assert done["counts"]["created"] == TENANTS * (USERS - 1)
        assert done["counts"]["linked"] == TENANTS
        assert len(inside.links()) == TENANTS * USERS
        versions = inside.versions()
        assert admin.sync("all")["counts"]["unchanged"] == TENANTS * USERS
        assert inside.versions() == versions


def _predicted(microsoft: Simulator, before: list[Person]) -> list[Person]:
    users = {t["entra_tenant_id"]: t["users"] for t in microsoft.directory()["tenants"]}
    created = [
        person
        for n in range(1, TENANTS + 1)
        for person in predict(users[tenant_id(n)], client_id(n), before).created
    ]
    return [*before, *created]


def _kill(host: RunningHost, name: str) -> None:
    processes = host.facts["processes"]
    assert isinstance(processes, dict)
    os.kill(int(processes[name]), signal.SIGKILL)


def _wait(good: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.01)
