"""Prints what was measured: a table, then the ratios beside the targets."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.measure import (
    AGAIN,
    FIRST,
    FLOOR_AGAIN,
    FLOOR_FIRST,
    WHOLE_AGAIN,
    WHOLE_FIRST,
    Measured,
    Sample,
)
from benchmarks.peer import STYLES

_HEAD = ("users", "scenario", "users/s", "range", "of floor", "statements/user", "rows",
         "WAL MB", "CPU s", "database CPU s", "peak MB")  # fmt: skip

_FLOORS = {
    FIRST: FLOOR_FIRST,
    AGAIN: FLOOR_AGAIN,
    WHOLE_FIRST: FLOOR_FIRST,
    WHOLE_AGAIN: FLOOR_AGAIN,
    **{style.first: FLOOR_FIRST for style in STYLES},
    **{style.again: FLOOR_AGAIN for style in STYLES},
}

_FLOOR_TARGET, _FLOOR_GOAL = 0.25, 0.5
_STATEMENTS_TARGET = 0.05
_MEMORY_TARGET = 1.15


def print_report(measured: Sequence[Measured]) -> None:
    """Print everything; medians of the repeats, and ratios within the one run."""
    rows = [_HEAD, *(row for each in measured for row in _rows(each))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    print()
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()
    for line in _judged(measured):
        print(line)


def throughput(measured: Measured, scenario: str) -> float:
    """Users per second, median; 0 for a scenario that was not measured."""
    samples = measured.samples.get(scenario)
    return measured.users / median(s.report.seconds for s in samples) if samples else 0.0


def _rows(measured: Measured) -> list[tuple[str, ...]]:
    return [_row(measured, scenario) for scenario in measured.samples]


def _row(measured: Measured, scenario: str) -> tuple[str, ...]:
    samples = measured.samples[scenario]
    speeds = [measured.users / s.report.seconds for s in samples]
    ratio = _of_floor(measured, scenario)
    counted = [s for s in samples if s.counts is not None]
    return (
        f"{measured.users:,}",
        scenario,
        f"{median(speeds):,.0f}",
        f"{min(speeds):,.0f}-{max(speeds):,.0f}",
        f"{ratio:.2f}" if ratio else "",
        _middle(counted, lambda s: s.counts.statements / measured.users if s.counts else 0, 3),
        _middle(counted, lambda s: s.counts.rows if s.counts else 0, 0),
        _middle(counted, lambda s: s.counts.wal_mb if s.counts else 0, 1),
        _middle(counted, lambda s: s.report.cpu_seconds, 2),
        _middle(counted, lambda s: s.counts.cpu_seconds if s.counts else 0, 2),
        f"{max(s.report.peak_mb for s in counted):.0f}" if counted else "",
    )


def _middle(samples: Sequence[Sample], value: Callable[[Sample], float], digits: int) -> str:
    return f"{median(map(value, samples)):,.{digits}f}" if samples else ""


def _of_floor(measured: Measured, scenario: str) -> float | None:
    """The scenario's throughput as a part of its floor's."""
    for begin, least in _FLOORS.items():
        if scenario == begin:
            return throughput(measured, scenario) / throughput(measured, least)
    for begin, least in ((FIRST, FLOOR_FIRST), (AGAIN, FLOOR_AGAIN)):
        rest = scenario.removeprefix(begin)
        if rest != scenario and throughput(measured, least + rest):
            return throughput(measured, scenario) / throughput(measured, least + rest)
    return None


def _judged(measured: Sequence[Measured]) -> list[str]:
    """Each claim beside its target; nothing here fails a run."""
    lines = []
    for each in measured:
        for scenario in (FIRST, AGAIN):
            ratio = _of_floor(each, scenario) or 0.0
            statements = _statements(each, scenario)
            lines.append(
                f"{each.users:,} users, {scenario}: {ratio:.2f} of the floor "
                f"(at least {_FLOOR_TARGET}, goal {_FLOOR_GOAL}), {statements:.3f} statements "
                f"per user (at most {_STATEMENTS_TARGET} where pages are full)"
            )
    first, last = measured[0], measured[-1]
    if last is not first:
        ratio = _peak(last) / _peak(first)
        lines.append(
            f"peak memory at {last.users:,} users: {ratio:.2f} times that at {first.users:,} "
            f"(at most {_MEMORY_TARGET})"
        )
    lines += [line for each in measured for line in _beside_peer(each)]
    return lines + [line for each in measured for line in _beside_others(each)]


def _beside_peer(measured: Measured) -> list[str]:
    """Our first and unchanged sync beside the generic loader's, where that was measured."""
    return [
        f"{measured.users:,} users, {ours}: "
        f"{throughput(measured, ours) / throughput(measured, theirs):.2f} of {theirs}"
        for style in STYLES
        for ours, theirs in ((FIRST, style.first), (AGAIN, style.again))
        if theirs in measured.samples
    ]


def _beside_others(measured: Measured) -> list[str]:
    """How much the contacts of other clients slow a sync down."""
    lines = []
    for scenario in measured.samples:
        for begin in (FIRST, AGAIN):
            if scenario.startswith(begin) and scenario.endswith("other contacts"):
                beside = _of_floor(measured, scenario) or 0.0
                alone = _of_floor(measured, begin) or 0.0
                lines.append(
                    f"{measured.users:,} users, {scenario}: {beside:.2f} of the floor there, "
                    f"{alone:.2f} of the floor without them (the same within the spread)"
                )
    return lines


def _statements(measured: Measured, scenario: str) -> float:
    counts = [s.counts.statements for s in measured.samples[scenario] if s.counts is not None]
    return median(counts) / measured.users


def _peak(measured: Measured) -> float:
    samples = [*measured.samples[FIRST], *measured.samples[AGAIN]]
    return max(s.report.peak_mb for s in samples)
