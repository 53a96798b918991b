"""When the recurring sync starts."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from entra_plugin.domain.recurrence import LONGEST, SHORTEST, recurrence

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("every", [SHORTEST, timedelta(minutes=61), timedelta(days=1), LONGEST])
def test_the_next_moment_is_ahead_and_within_one_interval(every: timedelta) -> None:
    moments = recurrence(uuid4().int, every)
    following = moments.next_after(NOW)
    assert NOW < following <= NOW + every
    assert moments.next_after(following) - following == every


def test_a_moment_that_has_come_is_no_longer_the_next() -> None:
    moments = recurrence(0, HOUR)
    assert moments.next_after(NOW) == NOW.replace(hour=2, minute=0)
    assert moments.next_after(NOW.replace(hour=2, minute=0)) == NOW.replace(hour=3, minute=0)


def test_tenants_are_spread_over_the_interval() -> None:
    offsets = {recurrence(uuid4().int, HOUR).offset for _ in range(50)}
    assert len(offsets) > 25
    assert all(timedelta(0) <= offset < HOUR for offset in offsets)


def test_a_short_interval_is_not_drowned_by_its_jitter() -> None:
    assert recurrence(0, SHORTEST).jitter == timedelta(seconds=90)
    assert recurrence(0, LONGEST).jitter == timedelta(minutes=10)
