"""Measures the sync and prints one table: ``python -m benchmarks --help``."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import peer, reading
from benchmarks.measure import Bench
from benchmarks.report import print_report
from devhost.servers import postgres
from devhost.servers.running import running_postgres, running_temporal

_SMALL_READING = ("--customers", "3", "--users", "50", "--repeat", "1")


def main(arguments: Sequence[str] | None = None) -> None:
    """Start what is needed, measure every size, print."""
    options = _parse(arguments)
    sizes = [int(size) for size in options.sizes.split(",")]
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres(tuple(postgres.DURABLE)))
        temporal = None if options.no_temporal else stack.enter_context(running_temporal())
        measured = []
        for size in sizes:
            print(f"measuring {size:,} users", flush=True)
            bench = Bench(server, size, repeat=options.repeat, temporal=temporal, peer=options.dlt)
            others = options.others if size == sizes[len(sizes) // 2] else 0
            measured.append(
                bench.run(others=others, latency=size == sizes[-1] and not options.small)
            )
    print_report(measured)
    print()
    reading.main(_SMALL_READING if options.small else ())


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--sizes", default="500,2000,10000", help="users per directory")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each scenario")
    parser.add_argument("--others", type=int, default=50_000, help="contacts at other clients")
    parser.add_argument("--no-temporal", action="store_true", help="leave the whole runs out")
    parser.add_argument(
        "--small", action="store_true", help="200 users, once, without Temporal: does it work?"
    )
    parser.add_argument(
        "--dlt", action="store_true", help="measure dlt, a generic loader, beside ours"
    )
    options = parser.parse_args(arguments)
    if options.dlt and not peer.PYTHON.exists():
        parser.error("dlt is not installed; `python3 dev.py bench --dlt` installs it")
    if options.small:
        options.sizes, options.repeat, options.others = "200", 1, 2000
        options.no_temporal = True
    return options


if __name__ == "__main__":
    main()
