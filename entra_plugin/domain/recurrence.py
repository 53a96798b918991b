"""When the recurring sync of a tenant starts: at its own moments, spread over the tenants."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(days=30)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_JITTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """Moments that lie ``every`` apart, counted from the epoch and shifted by ``offset``.

    Counted so, they stay where they are however often the schedule is written again.
    """

    every: timedelta
    offset: timedelta

    @property
    def jitter(self) -> timedelta:
        """How much later than its moment a sync may start: a tenth of the interval at most."""
        return min(_MOST_JITTER, self.every / 10)

    def next_after(self, now: datetime) -> datetime:
        """The next moment; the sync starts then or, by the jitter, a little later."""
        passed = (now - _EPOCH - self.offset) // self.every
        return _EPOCH + self.offset + (passed + 1) * self.every


def recurrence(tenant: int, every: timedelta) -> Recurrence:
    """The moments of a tenant, which its number spreads, so that not all tenants sync at once."""
    offset = timedelta(seconds=tenant % int(every.total_seconds()))
    return Recurrence(every=every, offset=offset)
