"""The budget of a bucket: what it lets through, and whom a refusal holds back."""

import asyncio

import pytest

from entra_plugin.directory.throttle import (
    BUDGET,
    WINDOW,
    Priority,
    Throttle,
    interactive,
    priority,
)
from support.clock import Clock

BUCKET = "an-app/contoso"
SIBLING = "an-app/fabrikam"
STRANGER = "another-app/contoso"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock=clock)


def spend(throttle: Throttle, units: int, *, bucket: str = BUCKET, used: str | None = None) -> None:
    """One admitted request that cost so much."""
    assert throttle.admit(bucket) == 0
    headers = {"x-ms-resource-unit": str(units)}
    if used is not None:
        headers["x-ms-throttle-limit-percentage"] = used
    throttle.answered(bucket, headers)


def test_a_bucket_that_is_not_full_lets_everybody_through(throttle: Throttle) -> None:
    for _ in range(BUDGET):
        assert throttle.admit(BUCKET) == 0


def test_a_full_bucket_waits_until_its_first_charge_leaves_the_window(
    throttle: Throttle, clock: Clock
) -> None:
    for _ in range(4):
        spend(throttle, 875)
        clock.now += 1
    assert throttle.admit(BUCKET) == pytest.approx(WINDOW - 4)
    clock.now += WINDOW - 4
    assert throttle.admit(BUCKET) == 0


def test_what_a_request_costs_is_what_the_answer_says(throttle: Throttle) -> None:
    for _ in range(3):
        spend(throttle, 1000)
    spend(throttle, 500)
    assert throttle.admit(BUCKET) > 0


@pytest.mark.parametrize("value", ["", "many", "-3", "0", "1.5"])
def test_a_cost_that_means_nothing_is_one(throttle: Throttle, value: str) -> None:
    assert throttle.admit(BUCKET) == 0
    throttle.answered(BUCKET, {"x-ms-resource-unit": value})
    for _ in range(BUDGET - 1):
        assert throttle.admit(BUCKET) == 0
    assert throttle.admit(BUCKET) > 0


def test_one_answer_cannot_close_a_bucket_for_longer_than_a_window(
    throttle: Throttle, clock: Clock
) -> None:
    for _ in range(4):
        spend(throttle, 10**9)
    assert throttle.admit(BUCKET) == WINDOW


@pytest.mark.parametrize("used", ["0.8", "1.0", "1.8", "250"])
def test_near_the_limit_the_next_one_waits_until_the_window_has_room(
    throttle: Throttle, clock: Clock, used: str
) -> None:
    for _ in range(9):
        spend(throttle, 10)
        clock.now += 0.5
    spend(throttle, 10, used=used)
    wait = throttle.admit(BUCKET)
    assert 0 < wait <= WINDOW
    clock.now += wait
    assert throttle.admit(BUCKET) == 0


def test_the_nearer_the_limit_the_longer_the_wait(clock: Clock) -> None:
    waits = []
    for used in ("0.8", "1.0", "1.4", "1.8"):
        throttle = Throttle(clock=clock)
        for _ in range(9):
            spend(throttle, 10)
            clock.now += 0.5
        spend(throttle, 10, used=used)
        waits.append(throttle.admit(BUCKET))
    assert waits == sorted(set(waits))


@pytest.mark.parametrize("used", [None, "0.79", "nonsense", "nan", "inf", ""])
def test_an_answer_that_is_not_near_the_limit_lifts_the_brake(
    throttle: Throttle, clock: Clock, used: str | None
) -> None:
    spend(throttle, 10, used="1.2")
    assert throttle.admit(BUCKET) > 0
    clock.now += WINDOW
    spend(throttle, 10, used=used)
    assert throttle.admit(BUCKET) == 0


def test_a_refusal_holds_every_request_of_the_bucket_back(throttle: Throttle, clock: Clock) -> None:
    throttle.refused(BUCKET, {}, 7)
    assert throttle.admit(BUCKET) == 7
    clock.now += 3
    assert throttle.admit(BUCKET) == 4
    clock.now += 4
    assert throttle.admit(BUCKET) == 0


def test_a_refusal_of_a_bucket_leaves_the_others_alone(throttle: Throttle) -> None:
    scope = {"x-ms-throttle-scope": "Tenant_Application/ReadWrite/an-app/contoso"}
    throttle.refused(BUCKET, scope, 7)
    assert [throttle.admit(SIBLING), throttle.admit(STRANGER)] == [0, 0]


@pytest.mark.parametrize("scope", ["Application/ReadWrite/an-app", "application"])
def test_a_refusal_of_the_application_closes_all_its_buckets(
    throttle: Throttle, clock: Clock, scope: str
) -> None:
    throttle.refused(BUCKET, {"x-ms-throttle-scope": scope}, 7)
    assert [throttle.admit(BUCKET), throttle.admit(SIBLING)] == [7, 7]
    assert throttle.admit(STRANGER) == 0
    clock.now += 7
    assert throttle.admit(SIBLING) == 0


def test_a_shorter_refusal_does_not_end_a_longer_one(throttle: Throttle) -> None:
    everywhere = {"x-ms-throttle-scope": "Application"}
    throttle.refused(BUCKET, everywhere, 60)
    throttle.refused(BUCKET, everywhere, 1)
    assert [throttle.admit(BUCKET), throttle.admit(SIBLING)] == [60, 60]


def test_requests_are_low_in_the_background_and_high_for_a_person() -> None:
    assert priority() == Priority.LOW
    with interactive():
        assert priority() == Priority.HIGH
    assert priority() == Priority.LOW


async def test_a_task_that_a_person_started_goes_first_as_well() -> None:
    async def seen() -> Priority:
        return priority()

    background = asyncio.create_task(seen())
    with interactive():
        clicked = asyncio.create_task(seen())
    assert [await background, await clicked] == [Priority.LOW, Priority.HIGH]
