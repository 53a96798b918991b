"""Whatever requests cost and whenever they come, a bucket keeps to its budget and its pauses."""

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.directory.throttle import BUDGET, WINDOW, Throttle
from support.clock import Clock

STEP = st.tuples(
    st.floats(0, 12),  # seconds before it
    st.integers(1, 400),  # requests at that moment
    st.integers(1, 40),  # units that each costs
)


@given(st.lists(STEP, max_size=30))
def test_no_request_is_admitted_into_a_window_that_is_full(
    steps: list[tuple[float, int, int]],
) -> None:
    clock = Clock(now=0.0)
    throttle = Throttle(clock=clock)
    charges: list[tuple[float, int]] = []
    for pause, requests, units in steps:
        clock.now += pause
        for _ in range(requests):
            inside = sum(cost for at, cost in charges if at > clock.now - WINDOW)
            admitted = throttle.admit("an-app/contoso") == 0
            assert admitted == (inside < BUDGET)
            if admitted:
                throttle.answered("an-app/contoso", {"x-ms-resource-unit": str(units)})
                charges.append((clock.now, units))


@given(st.lists(STEP, min_size=1, max_size=20), st.floats(0.1, 2))
def test_who_has_waited_as_long_as_was_said_may_go(
    steps: list[tuple[float, int, int]], used: float
) -> None:
    clock = Clock(now=0.0)
    throttle = Throttle(clock=clock)
    headers = {"x-ms-throttle-limit-percentage": str(used)}
    for pause, requests, units in steps:
        clock.now += pause
        for _ in range(requests):
            wait = throttle.admit("an-app/contoso")
            if wait:
                assert 0 < wait <= WINDOW
                clock.now += wait + 1e-6
                assert throttle.admit("an-app/contoso") == 0
            throttle.answered("an-app/contoso", {**headers, "x-ms-resource-unit": str(units)})


@given(
    st.lists(
        st.tuples(st.floats(0, 50), st.sampled_from(["a", "b"]), st.booleans(), st.floats(0, 50)),
        max_size=30,
    )
)
def test_nobody_goes_before_every_refusal_that_concerns_him_is_over(
    refusals: list[tuple[float, str, bool, float]],
) -> None:
    clock = Clock(now=0.0)
    throttle = Throttle(clock=clock)
    until = {"a": 0.0, "b": 0.0}
    for pause, bucket, everywhere, seconds in refusals:
        clock.now += pause
        for name, end in until.items():
            assert (throttle.admit(f"an-app/{name}") == 0) == (end <= clock.now)
        scope = {"x-ms-throttle-scope": "Application" if everywhere else "Tenant_Application"}
        throttle.refused(f"an-app/{bucket}", scope, seconds)
        for name in until if everywhere else (bucket,):
            until[name] = max(until[name], clock.now + seconds)
