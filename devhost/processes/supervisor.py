"""Starts children, starts them again when they die, and stops them all.

Every child gets a signal from the kernel when the supervisor dies, however it dies; pids are also
written down, so that a start finds what an earlier one may have left.
"""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devhost.processes.tether import die_with_parent
from devhost.settings import write_private

_STOP_SECONDS = 15
_BACK_OFF = (0.2, 0.5, 1, 2, 5, 10)
_CALM_SECONDS = 60
"""A child that lived so long starts again without waiting."""

Say = Callable[[str], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What to run, and as whom; ``stop_signal`` asks it to end in good order."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    group: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(slots=True)
class Child:
    """A running child."""

    spec: ChildSpec
    process: asyncio.subprocess.Process
    started: float
    deaths: int = 0


class Supervisor:
    """The children of one devhost."""

    def __init__(self, folder: Path, say: Say, changed: Callable[[], Awaitable[None]]) -> None:
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._pid_file = folder / "pids.json"
        self._say = say
        self._changed = changed
        self._children: dict[str, Child] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    def sweep(self) -> None:
        """End what an earlier supervisor left.

        Only processes that are still the ones written down.
        """
        if not self._pid_file.exists():
            return
        for name, (pid, born) in json.loads(self._pid_file.read_text()).items():
            if birth(pid) == born:
                self._say(f"stopping {name} of an earlier start (pid {pid})")
                os.kill(pid, signal.SIGTERM)
                _wait_for_end(pid, born)

    async def start(self, spec: ChildSpec) -> None:
        """Start a child and watch over it; the log of the last start is kept beside the new one."""
        log = self._logs / f"{spec.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        process = await self._spawn(spec)
        self._children[spec.name] = Child(spec, process, time.monotonic())
        self._watchers.append(asyncio.create_task(self._watch(spec.name)))
        self._write_pids()

    def pids(self) -> dict[str, int]:
        """The pids of the children that run now."""
        return {name: child.process.pid for name, child in self._children.items()}

    def alive(self, name: str) -> bool:
        """True while a child runs."""
        return self._children[name].process.returncode is None

    def log_tail(self, name: str, lines: int = 15) -> str:
        """The end of a child's log."""
        text = (self._logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    async def stop(self) -> None:
        """Stop all children, the last started first."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        for child in reversed(self._children.values()):
            await _stop(child)
        self._pid_file.unlink(missing_ok=True)

    async def _spawn(self, spec: ChildSpec) -> asyncio.subprocess.Process:
        with (self._logs / f"{spec.name}.log").open("ab") as out:
            return await asyncio.create_subprocess_exec(
                *spec.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **spec.environment},
                user=spec.user,
                group=spec.group,
                extra_groups=[] if spec.user else None,
                preexec_fn=die_with_parent(spec.stop_signal),
                start_new_session=True,
                cwd="/" if spec.user else None,
            )

    async def _watch(self, name: str) -> None:
        while True:
            child = self._children[name]
            code = await child.process.wait()
            if self._stopping:
                return
            lived = time.monotonic() - child.started
            deaths = 0 if lived > _CALM_SECONDS else child.deaths
            pause = _BACK_OFF[min(deaths, len(_BACK_OFF) - 1)]
            self._say(f"{name} ended ({_describe(code)}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            process = await self._spawn(child.spec)
            self._children[name] = Child(child.spec, process, time.monotonic(), deaths + 1)
            self._write_pids()
            await self._changed()

    def _write_pids(self) -> None:
        known = {name: (pid, birth(pid)) for name, pid in self.pids().items()}
        write_private(self._pid_file, json.dumps(known))


async def _stop(child: Child) -> None:
    process = child.process
    if process.returncode is not None:
        return
    process.send_signal(child.spec.stop_signal)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def birth(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None if there is none.

    Tells reused pids apart.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields: Sequence[str] = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _wait_for_end(pid: int, born: str) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while birth(pid) == born:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
