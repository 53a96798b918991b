"""A process that is told what to do by JSON lines, so that its memory and CPU are its own."""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from devhost.processes.tether import die_with_parent

Order = Mapping[str, str]
Handler = Callable[[Order], Awaitable[float]]
"""Carries out one order; answers the seconds that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an order took: seconds of wall time and of CPU, and the process's peak memory so far."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class Child:
    """The measuring side."""

    def __init__(
        self,
        module: str,
        *,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [python, "-m", module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(),
        )

    def __enter__(self) -> Self:
        """Nothing more to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """No more orders: the process ends by itself."""
        self._pipe(self._process.stdin).close()
        self._pipe(self._process.stdout).close()
        self._process.wait(timeout=30)

    def ask(self, **order: str) -> Report:
        """Give an order and wait until it is carried out.

        Raises:
            RuntimeError: The process ended instead; its standard error says why.
        """
        to_child = self._pipe(self._process.stdin)
        to_child.write(json.dumps(order) + "\n")
        to_child.flush()
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the process ended while it was asked to {order['do']}")
        return Report(**json.loads(line))

    def _pipe(self, pipe: IO[str] | None) -> IO[str]:
        if pipe is None:
            raise RuntimeError("the process was started without pipes")
        return pipe


async def serve(handlers: Mapping[str, Handler]) -> None:
    """The measured side: carry out orders until there are no more."""
    collect_seldom()
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        seconds = await handlers[order["do"]](order)
        report = Report(seconds=seconds, cpu_seconds=Stopwatch.last_cpu, peak_mb=peak_mb())
        print(json.dumps(asdict(report)), flush=True)


def collect_seldom() -> None:
    """Leave what was loaded by now out of garbage collection, as the devhost's worker does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(3_000, 10, 10)


class Stopwatch:
    """Times what happens inside a ``with`` block, and this process's CPU in it."""

    last_cpu = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        self.seconds = 0.0
        self._cpu = time.process_time()
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.seconds = time.perf_counter() - self._begun
        Stopwatch.last_cpu = time.process_time() - self._cpu


def peak_mb() -> float:
    """The most memory that this process has had in use.

    Not ``ru_maxrss``: a child begins with that of its parent.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
