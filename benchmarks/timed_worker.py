"""The devhost's worker with stopwatches: where the time of many customers at once goes.

What it adds up are seconds of all lanes together, so that there are more of them than of the clock.
At SIGUSR1 it writes them where ``TIMED_WORKER`` says, and begins anew.
"""

import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.child import peak_mb
from devhost import worker
from entra_plugin.directory.microsoft import adapter, pages
from entra_plugin.directory.transport import Transport
from entra_plugin.domain.planner import Planner
from entra_plugin.workflows.activities import Activities

Given = ParamSpec("Given")
Result = TypeVar("Result")

STEPS, MICROSOFT, DECODING, PLANNING, DATABASE = (
    "steps",
    "microsoft",
    "decoding",
    "planning",
    "database",
)

_seconds: defaultdict[str, float] = defaultdict(float)
_cpu_before = [0.0]


def _awaited(
    name: str, work: Callable[Given, Awaitable[Result]]
) -> Callable[Given, Awaitable[Result]]:
    async def timed(*given: Given.args, **named: Given.kwargs) -> Result:
        begun = time.perf_counter()
        try:
            return await work(*given, **named)
        finally:
            _seconds[name] += time.perf_counter() - begun

    return timed


def _called(name: str, work: Callable[Given, Result]) -> Callable[Given, Result]:
    def timed(*given: Given.args, **named: Given.kwargs) -> Result:
        begun = time.perf_counter()
        try:
            return work(*given, **named)
        finally:
            _seconds[name] += time.perf_counter() - begun

    return timed


def main() -> None:
    """Work until told to stop."""
    for owner, method, name in (
        (Activities, "_step", STEPS),
        (Transport, "get_json", MICROSOFT),
        (AsyncConnection, "execute", DATABASE),
        (AsyncConnection, "commit", DATABASE),
    ):
        setattr(owner, method, _awaited(name, getattr(owner, method)))
    setattr(adapter, "user_page", _called(DECODING, pages.user_page))  # noqa: B010 - not exported
    setattr(Planner, "plan", _called(PLANNING, Planner.plan))  # noqa: B010 - a method
    signal.signal(signal.SIGUSR1, _report)
    asyncio.run(worker.run())


def _report(*_: object) -> None:
    path = Path(os.environ["TIMED_WORKER"])
    partial = path.with_suffix(".partial")
    cpu = time.process_time() - _cpu_before[0]
    partial.write_text(json.dumps({**_seconds, "cpu": cpu, "peak_mb": peak_mb()}))
    partial.replace(path)
    _seconds.clear()
    _cpu_before[0] += cpu


if __name__ == "__main__":
    main()
