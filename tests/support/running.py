"""The devhost as people start it: one process that supervises all others."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx

from devhost.processes.ports import free_port
from devhost.processes.tether import die_with_parent

FLAGS = "/api/v1/platform-feature-flags"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHost:
    """A devhost that has said ``ready``."""

    base_url: str
    facts: dict[str, object]
    folder: Path
    """Its data folder; ``logs`` is in it."""

    @property
    def control_url(self) -> str:
        """The simulator's control interface."""
        return str(cast("dict[str, object]", self.facts["simulator"])["controlUrl"])

    def tenant_id(self, position: int) -> str:
        """The id of an MSP."""
        return str(cast("list[dict[str, object]]", self.facts["tenants"])[position]["id"])

    def pid(self, name: str) -> int:
        """The process that has this name now."""
        pid, _ = json.loads((self.folder / "pids.json").read_text())[name]
        return int(pid)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """A process takes calls and answers none."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def control(self, path: str, body: object) -> None:
        """Tell the simulator something."""
        with httpx.Client(base_url=self.control_url, trust_env=False) as client:
            client.post(path, json=body).raise_for_status()

    def target(self, key: str, tenant_id: str, action: str) -> None:
        """Add an MSP to those that have a flag, or remove it."""
        headers = {"x-api-key": str(self.facts["masterApiKey"])}
        with httpx.Client(base_url=self.base_url, trust_env=False, headers=headers) as client:
            flags = client.get(FLAGS).raise_for_status().json()["data"]
            found = next(flag["id"] for flag in flags if flag["key"] == key)
            body = {"__action": action, "tenantId": tenant_id}
            client.post(f"{FLAGS}/{found}/tenants", json=body).raise_for_status()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that the database's user can enter, as he cannot enter pytest's own."""
    with tempfile.TemporaryDirectory(prefix="psa-test-up-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def running_devhost(seed: str = "demo", seconds: float = 120) -> Iterator[RunningHost]:
    """Start one in a temporary folder and wait until it is ready; it dies with this process."""
    with open_folder() as folder:
        argv = [sys.executable, "-m", "devhost", "up", "--data-dir", str(folder)]
        argv += ["--port", str(free_port()), "--seed", seed]
        log = folder / "up.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),
            )
        try:
            _wait_until_ready(process, log, seconds)
            facts = json.loads((folder / "devhost.json").read_text())
            yield RunningHost(base_url=facts["baseUrl"], facts=facts, folder=folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not any(line.startswith("ready ") for line in log.read_text().splitlines()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
