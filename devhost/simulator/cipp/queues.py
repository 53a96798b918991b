"""CIPP's background queues, and the cache that their results go to for an hour.

Nothing runs in the background here: a queue takes a step each time that somebody asks for it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

_HOUR = 3600.0

Work = Callable[[str], tuple[Sequence[bytes], bool]]
"""The rows of one tenant, and whether it could be reached."""


@dataclass(slots=True, kw_only=True)
class Queue:
    """The tasks of one request: one for each tenant."""

    partner: str
    name: str
    reference: str
    tenants: tuple[str, ...]
    steps: int
    """How often it will still be found running."""
    work: Work
    failed: dict[str, bool] = field(default_factory=dict)
    """Which tasks are done, and whether they failed."""
    results: dict[str, Sequence[bytes]] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def status(self) -> str:
        """Running, or how it ended."""
        if len(self.failed) < len(self.tenants):
            return "Running"
        return "Completed (with errors)" if any(self.failed.values()) else "Completed"

    def row(self) -> dict[str, object]:
        """As ListCippQueue shows it."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        total, done, failed = len(self.tenants), len(self.failed), sum(self.failed.values())
        states = {name: "Failed" if bad else "Completed" for name, bad in self.failed.items()}
        return {
            "PartitionKey": "CippQueue",
            "RowKey": self.id,
            "Name": self.name,
            "Link": None,
            "Reference": self.reference,
            "TotalTasks": max(total, 1),
            "CompletedTasks": done,
            "RunningTasks": total - done,
            "FailedTasks": failed,
            "PercentComplete": _percent(done, total),
            "PercentFailed": _percent(failed, total),
            "PercentRunning": _percent(total - done, total),
            "Tasks": [
                {"Timestamp": now, "Name": name, "Status": states.get(name, "Running")}
                for name in self.tenants
            ],
            "Status": self.status,
            "Timestamp": now,
        }


@dataclass(slots=True)
class Queues:
    """The queues and the cache of all partners."""

    queues: dict[str, Queue] = field(default_factory=dict)
    cached: dict[tuple[str, str], tuple[float, Mapping[str, Sequence[bytes]]]] = field(
        default_factory=dict
    )
    """By partner and reference: when, and the rows by what the tenant was called."""

    def clear(self) -> None:
        """Forget all."""
        self.queues.clear()
        self.cached.clear()

    def start(self, queue: Queue) -> Queue:
        """A queue more."""
        self.queues[queue.id] = queue
        return queue

    def running(self, partner: str, reference: str) -> Queue | None:
        """The queue of a reference that runs now; being looked at, it takes a step."""
        for queue in self.queues.values():
            if (queue.partner, queue.reference, queue.status) == (partner, reference, "Running"):
                self._step(queue)
                return queue if queue.status == "Running" else None
        return None

    def listed(self, partner: str, *, queue_id: str | None, reference: str | None) -> list[Queue]:
        """The queues of a partner, the last first; those that run take a step."""
        found = [
            queue
            for queue in reversed(self.queues.values())
            if queue.partner == partner
            and queue_id in {None, queue.id}
            and (queue_id is not None or reference in {None, queue.reference})
        ]
        for queue in found:
            self._step(queue)
        return found

    def results_of(self, partner: str, queue_id: str) -> list[bytes]:
        """The rows of one queue; none while it runs."""
        queue = self.queues.get(queue_id)
        if queue is None or queue.partner != partner:
            return []
        return [row for rows in queue.results.values() for row in rows]

    def rows(self, partner: str, reference: str) -> Mapping[str, Sequence[bytes]]:
        """What is cached, if it is no older than an hour."""
        at, rows = self.cached.get((partner, reference), (0.0, {}))
        return rows if rows and time.monotonic() - at < _HOUR else {}

    def _step(self, queue: Queue) -> None:
        if queue.status != "Running":
            return
        if queue.steps > 0:
            queue.steps -= 1
            return
        for tenant in queue.tenants:
            queue.results[tenant], reached = queue.work(tenant)
            queue.failed[tenant] = not reached
        self.cached[queue.partner, queue.reference] = (time.monotonic(), queue.results)


def _percent(part: int, total: int) -> float:
    return round(100 * part / max(total, 1), 1)
