"""Discoveries and validations that are not let to their end: by a death, a person, or a flag."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from devhost.servers.postgres import Urls
from entra_plugin.application.close_run import CloseRun
from entra_plugin.application.connect.disconnect import Disconnect
from entra_plugin.application.runs import RunDetails
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import ConnectionStatus, RunState, RunType
from entra_plugin.store.runs import Failure
from support.checking import Checks, checking
from support.crashes import Killed
from support.flags import AllOff
from support.graph import ALPINE, DELTA, HARBOR
from support.simulator import Simulator

DISCOVERY, VALIDATION = RunType.DISCOVERY, RunType.VALIDATION
CUSTOMERS = 8
NEWCOMERS = 12

either = pytest.mark.parametrize("type_", [DISCOVERY, VALIDATION])


@pytest.fixture
async def checks(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Checks]:
    """Signed in and discovered; customers are asked one after the other."""
    async with checking(database, simulator, monkeypatch) as found:
        await found.sign_in()
        found.one_by_one()
        await found.discover()
        simulator.forget_requests()
        yield found


@either
async def test_two_starts_are_one_run(checks: Checks, type_: RunType) -> None:
    assert await checks.begin(type_) == await checks.begin(type_)


async def test_a_discovery_and_a_validation_go_on_beside_each_other(checks: Checks) -> None:
    discovery = await checks.begin(DISCOVERY)
    assert (await checks.validate()).run.state == RunState.PARTIAL
    assert (await checks.attempt(DISCOVERY, discovery)).run.state == RunState.PARTIAL


@either
async def test_with_the_feature_off_it_is_cancelled_with_that_reason_and_asks_nobody(
    checks: Checks, simulator: Simulator, type_: RunType
) -> None:
    run_id = await checks.begin(type_)
    checks.context = replace(checks.context, flags=AllOff())
    found = (await checks.attempt(type_, run_id)).run
    assert (found.state, found.state_reason) == (RunState.CANCELLED, "feature_off")
    assert simulator.requests() == []


@either
async def test_with_the_connection_gone_it_is_cancelled_with_that_reason(
    checks: Checks, type_: RunType
) -> None:
    run_id = await checks.begin(type_)
    await Disconnect(checks.context, checks.ports)(checks.tenant_id)
    found = (await checks.attempt(type_, run_id)).run
    assert (found.state, found.state_reason) == (RunState.CANCELLED, "not_connected")


async def died_after(checks: Checks, type_: RunType, customers: int) -> RunId:
    """A run whose process died when so many customers were done."""
    run_id = await checks.begin(type_)

    def die(*details: int) -> None:
        if details and details[-1] >= customers:
            raise Killed

    with pytest.raises(BaseException):  # noqa: B017, PT011 - it comes in a group
        await checks.attempt(type_, run_id, heartbeat=die)
    assert (await checks.run(run_id)).run.state == RunState.RUNNING
    return run_id


def customers_come_and_go(simulator: Simulator) -> None:
    newcomers = [
        {
            "tenant": f"f0000000-0000-4000-8000-{number:012d}",
            "displayName": f"Newcomer {number}",
            "defaultDomain": f"newcomer{number}.example",
            "verifiedDomains": [f"newcomer{number}.example"],
        }
        for number in range(NEWCOMERS)
    ]
    simulator.control("/tenants", {"add": newcomers, "remove": [str(HARBOR)]})


async def test_after_a_crash_a_discovery_asks_only_those_who_were_not_asked(
    checks: Checks, simulator: Simulator
) -> None:
    customers_come_and_go(simulator)
    run_id = await died_after(checks, DISCOVERY, 5)
    begun = (await checks.run(run_id)).run.created_at
    known = {str(key): t for key, t in (await checks.known()).items() if t.gone_at is None}
    done = {key for key, t in known.items() if t.health_at and t.health_at >= begun}
    simulator.forget_requests()
    await checks.attempt(DISCOVERY, run_id, number=2)
    again = Counter(checks.asked("/organization"))
    assert 5 <= len(done) < len(known)
    assert again.keys().isdisjoint(done)
    assert again.keys() | done | {str(DELTA)} == known.keys()
    assert set(again.values()) == {1}


async def test_after_a_crash_a_discovery_counts_as_if_nothing_had_happened(
    checks: Checks, simulator: Simulator
) -> None:
    customers_come_and_go(simulator)
    run_id = await died_after(checks, DISCOVERY, 5)
    found = (await checks.attempt(DISCOVERY, run_id, number=2)).run
    listed = CUSTOMERS - 1 + NEWCOMERS
    expected = {"listed": listed, "checked": listed, "failed": 1, "new": NEWCOMERS, "gone": 1}
    assert found.progress == expected


async def test_after_a_crash_a_validation_closes_nobody_twice(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/consent", {"tenant": str(ALPINE), "granted": False})
    await checks.context.directories.forget(checks.tenant_id)
    run_id = await died_after(checks, VALIDATION, 7)
    closed = {
        row.entra_tenant_id: row.finished_at
        for row in (await checks.run(run_id)).tenants
        if row.finished_at is not None
    }
    simulator.forget_requests()
    found = await checks.attempt(VALIDATION, run_id, number=2)
    assert closed
    after = {row.entra_tenant_id: row.finished_at for row in found.tenants}
    assert {key: after[key] for key in closed} == closed
    assert {str(key) for key in closed}.isdisjoint(checks.asked("/organization"))


async def test_after_a_crash_a_validation_counts_as_if_nothing_had_happened(
    checks: Checks,
) -> None:
    undisturbed = (await checks.validate()).run
    run_id = await died_after(checks, VALIDATION, 7)
    found = (await checks.attempt(VALIDATION, run_id, number=2)).run
    assert (found.state, found.progress) == (undisturbed.state, undisturbed.progress)


@either
async def test_a_run_that_was_closed_meanwhile_is_not_taken_up_again(
    checks: Checks, simulator: Simulator, type_: RunType
) -> None:
    run_id = await died_after(checks, type_, 3)
    await CloseRun(checks.context).cancelled(checks.tenant_id, run_id, None)
    simulator.forget_requests()
    found = await checks.attempt(type_, run_id, number=2)
    assert found.run.state == RunState.CANCELLED
    assert simulator.requests() == []


async def test_the_customers_that_a_cancelled_validation_did_not_reach_are_cancelled_too(
    checks: Checks,
) -> None:
    run_id = await died_after(checks, VALIDATION, 7)
    reached = {
        row.managed_tenant_id: row.state
        for row in (await checks.run(run_id)).tenants
        if row.finished_at is not None
    }
    await CloseRun(checks.context).cancelled(checks.tenant_id, run_id, None)
    after = {row.managed_tenant_id: row.state for row in (await checks.run(run_id)).tenants}
    assert 0 < len(reached) < len(after)
    assert after == dict.fromkeys(after, RunState.CANCELLED) | reached


async def test_a_validation_shows_where_it_is_while_it_runs(checks: Checks) -> None:
    run_id = await died_after(checks, VALIDATION, 3)
    assert states(await checks.run(run_id)) == ["passed"] * 3 + ["running", "pending"]


def states(found: RunDetails) -> list[object]:
    progress = found.run.progress
    assert progress is not None
    steps = progress["steps"]
    assert isinstance(steps, list)
    return [step["state"] for step in steps]


@pytest.mark.parametrize(
    ("broken", "status"),
    [(True, ConnectionStatus.VALIDATION_FAILED), (False, ConnectionStatus.CONNECTED)],
)
async def test_a_failed_run_marks_the_connection_only_when_that_is_to_blame(
    checks: Checks, broken: bool, status: ConnectionStatus
) -> None:
    code = "grant_revoked" if broken else "sign_in_unavailable"
    run_id = await checks.begin(DISCOVERY)
    failure = Failure(code=code, vendor_code=None, details={})
    await CloseRun(checks.context).failed(checks.tenant_id, run_id, failure, broken=broken)
    found = (await checks.run(run_id)).run
    assert (found.state, found.failure and found.failure.code) == (RunState.FAILED, code)
    assert (await checks.connection()).status == status


async def test_a_run_that_is_closed_already_says_nothing_of_the_connection_of_today(
    checks: Checks,
) -> None:
    """Its attempt may end long after a person has cancelled it and connected anew."""
    run_id = await checks.begin(DISCOVERY)
    closing = CloseRun(checks.context)
    await closing.cancelled(checks.tenant_id, run_id, None)
    await checks.sign_in()
    failure = Failure(code="grant_revoked", vendor_code=None, details={})
    await closing.failed(checks.tenant_id, run_id, failure, broken=True)
    assert (await checks.run(run_id)).run.state == RunState.CANCELLED
    assert (await checks.connection()).status == ConnectionStatus.CONNECTED


async def test_closing_a_run_that_is_unknown_harms_nothing(checks: Checks) -> None:
    run_id = await checks.begin(DISCOVERY)
    await CloseRun(checks.context).cancelled(checks.tenant_id, RunId(uuid4()), "gone")
    assert (await checks.run(run_id)).run.state == RunState.QUEUED
