"""One budget of resource units for each application and directory, kept as Microsoft counts it.

Pure bookkeeping: it says how long to wait and waits for nothing itself. The limits and headers are
those of Microsoft's throttling guidance for identity and access.
"""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

WINDOW = 10.0
"""Seconds over which Microsoft adds units up."""

BUDGET = 3_500
"""Units that the smallest directories have in a window; the larger ones have more."""

_NEARLY = 0.8
"""The share of its limit from which on Microsoft says how much an application has used."""

_LEAST = 10
"""Units that may always be in the window: one request a second is not what fills a budget."""

_DEAREST = 1_000
"""No single request costs as much; a header may hold any number."""


class Priority(StrEnum):
    """What Microsoft may drop first: a background sync before something a person waits for."""

    LOW = "low"
    HIGH = "high"


_priority: ContextVar[Priority] = ContextVar("entra_request_priority", default=Priority.LOW)


def priority() -> Priority:
    """The priority of the requests of this task."""
    return _priority.get()


@contextmanager
def interactive() -> Iterator[None]:
    """Let the requests inside go first: a person is waiting for them."""
    before = _priority.set(Priority.HIGH)
    try:
        yield
    finally:
        _priority.reset(before)


@dataclass(slots=True)
class _Bucket:
    """What one application did at one directory in the last window."""

    charges: deque[tuple[float, int]] = field(default_factory=deque)
    units: int = 0
    ceiling: float = BUDGET
    """Units that may be in the window, as the last answer lets us believe."""
    closed_until: float = -math.inf

    def charge(self, now: float, units: int) -> None:
        """Count units against the window."""
        self.charges.append((now, units))
        self.units += units

    def forget(self, now: float) -> None:
        """Drop what has left the window."""
        while self.charges and self.charges[0][0] <= now - WINDOW:
            self.units -= self.charges.popleft()[1]

    def wait(self, now: float) -> float:
        """Seconds until one more unit fits; one always fits into an empty window."""
        left = self.units
        until = now
        for at, units in self.charges:
            if left == 0 or left + 1 <= self.ceiling:
                break
            left -= units
            until = at + WINDOW
        return min(until - now, WINDOW)


class Throttle:
    """The budgets of all buckets of this process.

    A bucket is named ``<application>/<directory>``: Microsoft counts per pair, and sometimes closes
    a whole application.

    Args:
        clock: Seconds from any fixed moment, never going back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: defaultdict[str, _Bucket] = defaultdict(_Bucket)
        self._applications: dict[str, float] = {}

    def admit(self, bucket: str) -> float:
        """Let one request go, or say how many seconds it has to wait before it asks again.

        Zero means that it may go now, and it is counted.
        """
        now = self._clock()
        held = self._buckets[bucket]
        closed = max(held.closed_until, self._applications.get(_application(bucket), -math.inf))
        if closed > now:
            return closed - now
        held.forget(now)
        wait = held.wait(now)
        if wait <= 0:
            held.charge(now, 1)
            return 0.0
        return wait

    def answered(self, bucket: str, headers: Mapping[str, str]) -> None:
        """Take from an answer what the request cost, and how near the limit is.

        Near it, the window may hold as many units as keep us at four fifths of the limit; without
        the header we are below that anyway.
        """
        now = self._clock()
        held = self._buckets[bucket]
        held.forget(now)
        more = _units(headers.get("x-ms-resource-unit")) - 1
        if more:
            held.charge(now, more)
        used = _share(headers.get("x-ms-throttle-limit-percentage"))
        if used is None or used < _NEARLY:
            held.ceiling = BUDGET
        else:
            held.ceiling = max(_LEAST, held.units * _NEARLY / used)

    def refused(self, bucket: str, headers: Mapping[str, str], seconds: float) -> None:
        """Hold every request of the bucket back, its whole application if the scope says so."""
        until = self._clock() + seconds
        scope = headers.get("x-ms-throttle-scope", "").partition("/")[0].strip()
        if scope.lower() == "application":
            name = _application(bucket)
            self._applications[name] = max(until, self._applications.get(name, until))
        held = self._buckets[bucket]
        held.closed_until = max(until, held.closed_until)


def _application(bucket: str) -> str:
    return bucket.partition("/")[0]


def _units(value: str | None) -> int:
    """The cost of a request; one where nothing sensible is said."""
    return max(1, min(int(value), _DEAREST)) if value and value.isdecimal() else 1


def _share(value: str | None) -> float | None:
    """The used share of the limit, 0.8 to 1.8 in practice."""
    try:
        share = float(value or "")
    except ValueError:
        return None
    return share if math.isfinite(share) else None
