"""The simulator's limits are Microsoft's: resource units by size of directory and by priority."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from devhost.simulator.throttle import Limits, Spender, Throttle, budget_of
from support.clock import Clock
from support.microsoft import Microsoft
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
BRIGHT = "e0000000-0000-4000-8000-000000000002"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(limits=Limits(units=10), clock=clock)


SPENDER = Spender(app="app", tenant=ALPINE, users=10)


@pytest.mark.parametrize(
    ("users", "units"), [(0, 3500), (49, 3500), (50, 5000), (500, 5000), (501, 8000)]
)
def test_a_budget_is_that_of_the_size(users: int, units: int) -> None:
    assert budget_of(users) == units


def test_the_real_budget_is_in_force_unless_another_is_set(clock: Clock) -> None:
    throttle = Throttle(clock=clock)

    assert throttle.take(SPENDER, 3500, "low").refusal is None
    assert throttle.take(SPENDER, 1, "low").refusal is not None


@pytest.mark.parametrize(("priority", "admitted"), [("low", 10), ("normal", 12), ("high", 12)])
def test_low_priority_is_refused_first(throttle: Throttle, priority: str, admitted: int) -> None:
    verdicts = [throttle.take(SPENDER, 1, priority) for _ in range(20)]

    assert sum(verdict.refusal is None for verdict in verdicts) == admitted


def test_without_a_priority_it_is_normal(throttle: Throttle) -> None:
    throttle.take(SPENDER, 11, "normal")

    assert throttle.take(SPENDER, 1, None).refusal is None


def test_a_share_is_told_from_eight_tenths_on(throttle: Throttle) -> None:
    shares = [
        throttle.take(SPENDER, 1, "high").headers.get("x-ms-throttle-limit-percentage")
        for _ in range(12)
    ]

    assert shares == [*[None] * 7, "0.80", "0.90", "1.00", "1.10", "1.20"]


def test_what_is_refused_costs_nothing(throttle: Throttle, clock: Clock) -> None:
    throttle.take(SPENDER, 10, "low")
    clock.now += 9
    assert throttle.take(SPENDER, 1, "low").refusal is not None

    clock.now += 1

    assert throttle.take(SPENDER, 10, "low").refusal is None


def test_each_directory_has_a_budget_of_its_own(throttle: Throttle) -> None:
    throttle.take(SPENDER, 10, "low")

    other = Spender(app="app", tenant=BRIGHT, users=10)

    assert throttle.take(other, 10, "low").refusal is None


def test_a_budget_may_be_that_of_the_application(clock: Clock) -> None:
    throttle = Throttle(limits=Limits(units=10, across_tenants=True), clock=clock)
    throttle.take(SPENDER, 10, "low")

    refusal = throttle.take(Spender(app="app", tenant=BRIGHT, users=10), 1, "low").refusal

    assert refusal is not None
    assert refusal.headers["x-ms-throttle-scope"] == "Application/ReadWrite/app"


def test_who_spends_more_than_there_is_hears_how_long_to_wait(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    other = microsoft.app_token(BRIGHT)
    simulator.control("/throttle", {"ratePer10s": None, "unitsPer10s": 4})

    answers = [microsoft.get("/v1.0/users", token, x_ms_throttle_priority="low") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["x-ms-throttle-limit-percentage"] == "1.00"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 10
    scope = f"Tenant_Application/ReadWrite/{simulator.client_id}/{ALPINE}"
    assert answers[2].headers["x-ms-throttle-scope"] == scope
    assert answers[2].headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert microsoft.get("/v1.0/users", other).status_code == 200


def test_a_click_goes_through_where_a_sync_does_not(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control("/throttle", {"ratePer10s": None, "unitsPer10s": 10})
    for _ in range(10):
        microsoft.get("/v1.0/domains", token)

    answers = {
        priority: microsoft.get("/v1.0/domains", token, x_ms_throttle_priority=priority)
        for priority in ("low", "high")
    }

    assert answers["low"].status_code == 429
    assert answers["high"].status_code == 200


def test_the_wait_may_be_a_date(microsoft: Microsoft, simulator: Simulator, token: str) -> None:
    simulator.control("/throttle", {"ratePer10s": 1, "retryAfterDate": True})
    microsoft.get("/v1.0/domains", token)

    answer = microsoft.get("/v1.0/domains", token)

    until = parsedate_to_datetime(answer.headers["retry-after"])
    assert -2 < (until - datetime.now(UTC)).total_seconds() <= 10


def test_the_wait_may_be_left_out(microsoft: Microsoft, simulator: Simulator, token: str) -> None:
    simulator.control("/throttle", {"ratePer10s": 1, "omitRetryAfter": True})
    microsoft.get("/v1.0/domains", token)

    answer = microsoft.get("/v1.0/domains", token)

    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
