"""``dev.py up`` as an operator sees it: it comes up, goes down, and leaves nothing running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import httpx
import pytest

from devhost.processes.ports import free_port
from devhost.processes.tether import die_with_parent
from support.inside import Inside
from support.program import Program
from support.running import open_folder

Facts = dict[str, Any]
CHILDREN = {"web", "worker", "postgres", "temporal", "simulator"}


class Up:
    """One start on a data directory."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.log = folder.parent / f"{folder.name}-{time.monotonic_ns()}.log"
        argv = [sys.executable, "-m", "devhost", "up", "--data-dir", str(folder), *options]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),
            )

    def ready(self) -> Facts:
        """What it wrote down once it was ready."""
        wait_for(lambda: "\nready http://" in self.log.read_text(), self)
        return self.facts()

    def facts(self) -> Facts:
        """``devhost.json`` as it is now."""
        found = json.loads((self.folder / "devhost.json").read_text())
        assert isinstance(found, dict)
        return found


@contextmanager
def started(folder: Path, *options: str) -> Iterator[Up]:
    """A start that is ended in any case."""
    up = Up(folder, *options)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.send_signal(signal.SIGINT)
            up.process.wait(timeout=60)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory."""
    with open_folder() as place:
        yield place / "data"


def test_it_comes_up_keeps_its_data_and_leaves_no_process(folder: Path) -> None:
    with started(folder, "--port", str(free_port())) as up:
        first = up.ready()
        assert set(first["processes"]) == CHILDREN
        assert (folder / "devhost.json").stat().st_mode & 0o777 == 0o600
        people = Inside(first).contacts(first["tenants"][0]["id"])
        assert len(people) == 12
    wait_for(lambda: not alive(first), up)
    with started(folder, "--port", str(free_port())) as again:
        second = again.ready()
        assert Inside(second).contacts(second["tenants"][0]["id"]) == people
        assert second["masterApiKey"] == first["masterApiKey"]
    wait_for(lambda: not alive(second), again)


def test_killing_the_parent_leaves_no_process(folder: Path) -> None:
    with started(folder, "--port", str(free_port())) as up:
        facts = up.ready()
        assert alive(facts) == CHILDREN
        up.process.kill()
        up.process.wait(timeout=10)
        wait_for(lambda: not alive(facts), None)


@pytest.mark.parametrize("name", ["web", "worker", "simulator", "postgres", "temporal"])
def test_a_child_that_dies_is_started_again_and_the_job_still_works(shared: Up, name: str) -> None:
    before = shared.facts()["processes"][name]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: shared.facts()["processes"][name] != before, shared)
    assert f"{name} ended" in shared.log.read_text()
    wait_for(lambda: answers(shared), shared)


def test_nobody_takes_the_port_of_the_pages_before_their_process_is_there(folder: Path) -> None:
    port = free_port()
    with started(folder, "--port", str(port)) as up:
        wait_for(lambda: "data in" in up.log.read_text(), up)
        with socket() as thief, pytest.raises(OSError, match="in use"):
            thief.bind(("127.0.0.1", port))


@pytest.fixture(scope="module")
def shared() -> Iterator[Up]:
    """One devhost whose children die one after the other."""
    with open_folder() as place, started(place / "data", "--port", str(free_port())) as up:
        up.ready()
        yield up


def test_outside_the_enterprise_edition_nothing_is_there(folder: Path) -> None:
    with started(folder, "--port", str(free_port()), "--edition", "community") as up:
        facts = up.ready()
        with Program(facts["baseUrl"], "admin@northwind.example") as admin:
            for path in (
                "/api/integrations/entra/",
                "/integrations/entra/setup",
                "/api/auth/microsoft/entra/callback",
            ):
                assert admin.http.get(path).status_code == 404
            assert "Entra" not in admin.http.get("/settings").text
        tables = Inside(facts).rows("SELECT to_regclass('entra_sync_runs') IS NOT NULL")
        assert tables == [(True,)], "migrations run in every edition"


def test_a_seed_that_is_none_is_refused_in_words(folder: Path) -> None:
    with started(folder, "--port", str(free_port()), "--seed", "no-such-seed") as up:
        assert up.process.wait(timeout=60) != 0
        assert "no seed called 'no-such-seed'" in up.log.read_text()


def answers(up: Up) -> bool:
    """True when an administrator gets the plugin's first answer."""
    try:
        with Program(up.facts()["baseUrl"], "admin@northwind.example") as admin:
            return admin.get("/").status == 200
    except httpx.HTTPError:
        return False


def alive(facts: Facts) -> set[str]:
    """The children that still run."""
    return {name for name, pid in facts["processes"].items() if _runs(int(pid))}


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(good: Callable[[], bool], up: Up | None, seconds: float = 60) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not good():
        if up is not None and "ready" not in up.log.read_text():
            assert up.process.poll() is None, up.log.read_text()
        assert time.monotonic() < deadline, up.log.read_text() if up else "it is not so"
        time.sleep(0.05)
