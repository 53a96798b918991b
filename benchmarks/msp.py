"""Measures a whole MSP of 300 customers and 150,000 users: ``python -m benchmarks.msp``.

A first sync of everybody through Temporal, then one in which nothing changed, by delta. The worker
has stopwatches, and at the second one the tokens of the first. It fails when the second one wrote
to another table than those that are the run's own.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.composed import ACTOR, TENANT, composed, prepare_everybody, settings
from benchmarks.counters import OWN_TABLES, REPORTED_SECONDS, Counters, Counts
from benchmarks.people import many, write_customers
from benchmarks.timed_worker import DATABASE, DECODING, MICROSOFT, PLANNING, STEPS
from devhost import settings as settings_file
from devhost.processes.tether import die_with_parent
from devhost.servers import postgres
from devhost.servers.running import fresh_database, running_postgres, running_temporal
from devhost.settings import Settings
from devhost.simulator.running import Simulator, running_simulator
from entra_plugin.application.context import Context
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.directory.microsoft.adapter import CAPABILITIES
from entra_plugin.store.runs import OPEN_STATES, Run, Runs

MEMORY_TARGET = 300
"""Megabytes of the worker."""

FIRST, DELTA = "first sync", "unchanged sync, by delta"

_CUSTOMERS = 300
_POLL_SECONDS = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Start what is needed, sync twice, print; answers the exit code."""
    options = _parse(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="psa-bench-") as name,
        running_postgres(tuple(postgres.DURABLE)) as server,
        running_temporal() as temporal,
        running_simulator(seed := _seed(Path(name), options)) as simulator,
        fresh_database(server) as urls,
    ):
        folder = Path(name)
        facts = settings(urls, str(folder / "host"), seed=seed, temporal=temporal)
        settings_file.save(facts, folder / "settings.json")
        os.environ.update(
            simulator.environment,
            NEXT_PUBLIC_EDITION="enterprise",
            DEVHOST_SETTINGS=str(folder / "settings.json"),
            TIMED_WORKER=str(folder / "worker.json"),
        )
        print(f"preparing {options.customers} customers", flush=True)
        asyncio.run(prepare_everybody(facts, simulator))
        counters = Counters(urls)
        strange: list[str] = []
        with _worker() as worker:
            for scenario in (FIRST, DELTA):
                simulator.forget_requests()
                before = counters.read()
                run, seconds = asyncio.run(_synced(facts))
                time.sleep(REPORTED_SECONDS)
                counts = counters.read().since(before)
                print(f"\n{scenario}: {run.state.value}, {seconds:.1f} s, {_counted(run)}")
                print(
                    f"  {_asked(simulator)}, {counts.statements:,} statements, {counts.rows:,} rows"
                )
                _print_tables(counts)
                strange = sorted(set(counts.tables) - OWN_TABLES)
                _print_split(_reported(worker, folder / "worker.json"), seconds)
        counters.close()
    if strange:
        print(f"\nan unchanged sync wrote to {', '.join(strange)}")
    return 1 if strange else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.msp", description=__doc__)
    parser.add_argument("--customers", type=int, default=_CUSTOMERS)
    parser.add_argument("--users", type=int, help="of each customer; else as the seed msp has them")
    options = parser.parse_args(arguments)
    if options.customers != _CUSTOMERS and options.users is None:
        parser.error("--customers needs --users")
    return options


def _seed(folder: Path, options: argparse.Namespace) -> str:
    """The seed of 300 customers, or a folder of another size."""
    if options.users is None:
        return "msp"
    write_customers(
        folder / "seed", [(customer, options.users) for customer in many(options.customers)]
    )
    return str(folder / "seed")


def _print_tables(counts: Counts) -> None:
    ordered = sorted(counts.tables.items(), key=lambda item: -item[1])
    print("  rows by table: " + ", ".join(f"{name} {rows:,}" for name, rows in ordered))


def _reported(worker: "subprocess.Popen[bytes]", path: Path) -> dict[str, float]:
    """What the worker has timed since the last time."""
    path.unlink(missing_ok=True)
    worker.send_signal(signal.SIGUSR1)
    while not path.exists():
        time.sleep(_POLL_SECONDS)
    timed: dict[str, float] = json.loads(path.read_text())
    return timed


def _print_split(timed: dict[str, float], seconds: float) -> None:
    lanes = seconds * CAPABILITIES.concurrency
    steps = timed.get(STEPS, 0.0)
    known = {
        "waiting for Microsoft": timed.get(MICROSOFT, 0.0),
        "decoding": timed.get(DECODING, 0.0),
        "planning": timed.get(PLANNING, 0.0),
        "database": timed.get(DATABASE, 0.0),
    }
    split = {
        **known,
        "other work and waiting for a turn": steps - sum(known.values()),
        "workflow": lanes - steps,
    }
    print(f"  seconds of {CAPABILITIES.concurrency} lanes, {lanes:.0f} in all:")
    for name, value in split.items():
        print(f"    {name}: {value:.1f}")
    print(
        f"  worker: {timed['peak_mb']:.0f} MB at most (target {MEMORY_TARGET}),"
        f" {timed['cpu']:.1f} s of CPU"
    )


def _counted(run: Run) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in run.counts.items() if count)


def _asked(simulator: Simulator) -> str:
    asked = [str(request["path"]) for request in simulator.requests()]
    graph = sum(path.startswith("/v1.0/") for path in asked)
    return f"{graph:,} requests to Graph, {len(asked) - graph:,} others"


async def _synced(facts: Settings) -> tuple[Run, float]:
    """One run of everything, and the seconds from its start to its end."""
    async with composed(facts, workflows=True) as parts:
        command = StartSyncCommand(tenant_id=TENANT, scope=SyncScope.ALL, actor=ACTOR)
        begun = time.perf_counter()
        started = await StartSync(parts.context)(command)
        while True:
            run = await _run(parts.context, started.run_id)
            if run.state not in OPEN_STATES:
                return run, time.perf_counter() - begun
            await asyncio.sleep(_POLL_SECONDS)


async def _run(context: Context, run_id: object) -> Run:
    async with context.store.tenant_transaction(TENANT) as connection:
        run = await Runs(connection, TENANT).get(run_id)  # type: ignore[arg-type]
    if run is None:
        raise RuntimeError("the run is gone")
    return run


@contextmanager
def _worker() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.timed_worker"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
