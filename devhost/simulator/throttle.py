"""Microsoft's limits: resource units for each application in each directory, in ten seconds.

The sizes, the headers and what a priority is worth are those of the documented limits of identity
and access; a limit on the number of requests can be set beside them.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import msgspec
from starlette.responses import Response

WINDOW = 10.0
_SMALL, _MEDIUM = 50, 500
_WARNING = 0.8
_MOST = 1.8
_ALLOWANCE = {"low": 1.0}
_OTHERWISE = 1.2
"""Requests of low priority are refused first, the others when the limit is clearly passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """Whose budget a request draws on: an application in a directory of some size."""

    app: str
    tenant: str
    users: int


@dataclass(slots=True, kw_only=True)
class Limits:
    """What is in force; everything but the real budgets is for tests to set."""

    requests: int | None = None
    units: int | None = None
    """In place of the budget that belongs to the size of the directory."""
    across_tenants: bool = False
    omit_retry_after: bool = False
    retry_after_date: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the limits say to a request."""

    refusal: Response | None
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Throttle:
    """The spending of the last ten seconds."""

    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    arrivals: dict[str, deque[float]] = field(default_factory=dict)
    spent: dict[tuple[str, str], deque[tuple[float, int]]] = field(default_factory=dict)

    def put(self, limits: Limits) -> None:
        """Begin anew with other limits."""
        self.limits = limits
        self.arrivals.clear()
        self.spent.clear()

    def take(self, spender: Spender, units: int, priority: str | None) -> Verdict:
        """Let a request through, or refuse it, in which case it costs nothing."""
        now = self.clock()
        wait = self._too_many(spender, now)
        if wait is not None:
            return Verdict(refusal=self._refusal(spender, wait, {}), headers={})
        return self._charge(spender, units, (priority or "normal").lower(), now)

    def _too_many(self, spender: Spender, now: float) -> float | None:
        """Seconds to wait when a directory has had its number of requests."""
        if self.limits.requests is None:
            return None
        times = self.arrivals.setdefault(self._tenant(spender), deque())
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if len(times) < self.limits.requests:
            times.append(now)
            return None
        return times[0] + WINDOW - now

    def _charge(self, spender: Spender, units: int, priority: str, now: float) -> Verdict:
        entries = self.spent.setdefault((spender.app, self._tenant(spender)), deque())
        while entries and entries[0][0] <= now - WINDOW:
            entries.popleft()
        budget = self.limits.units or budget_of(spender.users)
        share = (sum(cost for _, cost in entries) + units) / budget
        headers = {}
        if share >= _WARNING:
            headers["x-ms-throttle-limit-percentage"] = f"{min(share, _MOST):.2f}"
        if share > _ALLOWANCE.get(priority, _OTHERWISE):
            wait = entries[0][0] + WINDOW - now if entries else WINDOW
            return Verdict(refusal=self._refusal(spender, wait, headers), headers=headers)
        entries.append((now, units))
        return Verdict(refusal=None, headers=headers)

    def _tenant(self, spender: Spender) -> str:
        return "" if self.limits.across_tenants else spender.tenant

    def _refusal(self, spender: Spender, wait: float, headers: dict[str, str]) -> Response:
        own = str(uuid4())
        inner = {"code": "429", "request-id": own, "client-request-id": own}
        error = {"code": "TooManyRequests", "message": "Too many requests.", "innerError": inner}
        scope = f"Tenant_Application/ReadWrite/{spender.app}/{spender.tenant}"
        if self.limits.across_tenants:
            scope = f"Application/ReadWrite/{spender.app}"
        sent = {
            **headers,
            **self._retry_after(wait),
            "request-id": own,
            "x-ms-throttle-scope": scope,
            "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        }
        body = msgspec.json.encode({"error": error})
        return Response(body, 429, sent, "application/json")

    def _retry_after(self, wait: float) -> dict[str, str]:
        if self.limits.omit_retry_after:
            return {}
        seconds = max(1, round(wait))
        if self.limits.retry_after_date:
            when = datetime.now(UTC) + timedelta(seconds=seconds)
            return {"retry-after": format_datetime(when, usegmt=True)}
        return {"retry-after": str(seconds)}


def budget_of(users: int) -> int:
    """Resource units in ten seconds for a directory with so many users."""
    if users < _SMALL:
        return 3500
    return 5000 if users <= _MEDIUM else 8000
