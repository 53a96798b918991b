"""People are told of what needs them, each thing once, and only of what they want to hear."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from devhost.ports.flags import DatabaseFlags
from entra_plugin.access import FlagUnread
from entra_plugin.application.discover import Discover
from entra_plugin.application.notices import Notices
from entra_plugin.application.reap import Reap
from entra_plugin.application.warn_expiring import WarnExpiring
from entra_plugin.domain.errors import AuthorisationLost
from entra_plugin.domain.ids import RunId
from entra_plugin.store.connection_tables import partner_connections
from entra_plugin.store.run_tables import sync_settings
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import RunRef
from support.house import START, House

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


async def keys(house: House) -> list[str]:
    return [key for key, _ in await house.told()]


async def quiet_about(house: House, kind: str) -> None:
    """Settings by which people do not want to hear of this."""
    await house.add(sync_settings, notification_config={kind: False})


async def after(house: House, run_id: RunId, times: int = 1) -> None:
    for _ in range(times):
        await Notices(house.context).after_run(house.tenant_id, run_id)


# Review items


async def test_questions_that_came_up_are_told_once_with_their_number(house: House) -> None:
    customer = await house.customer()
    before, run = await house.run("completed", age=DAY), await house.run("completed")
    await house.item(customer, before)
    await house.item(customer, run)
    await house.item(customer, run)
    await house.item(customer, run, state="resolved")
    await after(house, run, times=3)
    ((key, params),) = await house.told()
    assert (key, params["count"]) == ("notice.review_items", 2)
    assert params["text"] == "2 people wait for your decision."


async def test_a_run_with_nothing_new_tells_nothing(house: House) -> None:
    customer = await house.customer()
    await house.item(customer, await house.run("completed", age=DAY))
    await after(house, await house.run("completed"))
    assert await house.told() == []


async def test_a_run_that_goes_on_tells_nothing_until_it_ends(house: House) -> None:
    customer = await house.customer()
    run = await house.run("running")
    await house.item(customer, run)
    await after(house, run)
    assert await house.told() == []
    query = "UPDATE entra_sync_runs SET state = 'completed', finished_at = :now RETURNING run_id"
    await house.rows(query, now=house.now)
    await after(house, run)
    assert await keys(house) == ["notice.review_items"]


# Held


async def test_a_held_run_is_told_with_what_waits(house: House) -> None:
    run = await house.run("held")
    await house.take(run, await house.customer(), "held", held=3)
    await house.take(run, await house.customer(), "held", held=4)
    await after(house, run, times=2)
    ((key, params),) = await house.told()
    assert (key, params["count"], params["runId"]) == ("notice.held", 7, str(run))


async def test_a_run_that_is_applied_later_tells_of_its_second_end(house: House) -> None:
    run = await house.run("completed", type_="preview")
    await after(house, run)
    query = "UPDATE entra_sync_runs SET state = 'held', finished_at = :now RETURNING run_id"
    await house.rows(query, now=house.now + HOUR)
    await house.take(run, await house.customer(), "held", held=1)
    await after(house, run, times=2)
    assert await keys(house) == ["notice.held"]


# Repeated failures


async def runs_of(house: House, customer: UUID, *states: str) -> RunId:
    """Runs of a customer, an hour apart, that ended so; answers the last."""
    run = RunId(uuid4())
    for position, state in enumerate(states):
        age = (len(states) - position) * HOUR
        run = await house.run("partial", age=age)
        code = "consent_missing" if state == "failed" else None
        await house.take(run, customer, state, error_code=code)
    return run


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["failed"], False),
        (["completed", "failed"], False),
        (["failed", "failed"], True),
        (["completed", "failed", "failed"], True),
        (["failed", "failed", "failed"], False),
        (["failed", "completed", "failed"], False),
        (["failed", "held", "failed"], False),
        (["failed", "skipped", "joined", "cancelled", "failed"], True),
        (["failed", "completed"], False),
    ],
)
async def test_the_second_failure_in_a_row_of_a_customer_is_told(
    house: House, states: list[str], told: bool
) -> None:
    customer = await house.customer(display_name="Alpine")
    other = await house.customer()
    run = await runs_of(house, customer, *states)
    await house.take(run, other, "failed", error_code="throttled")
    await after(house, run)
    assert await keys(house) == (["notice.customers_fail_again"] if told else [])
    if told:
        ((_, params),) = await house.told()
        assert (params["name"], params["code"]) == ("Alpine", "consent_missing")
        assert params["managedTenantIds"] == [str(customer)]
        assert params["text"].startswith("Alpine could not be synced twice in a row.")


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (["failed"], False),
        (["failed", "failed"], True),
        (["completed", "failed", "failed"], True),
        (["failed", "failed", "failed"], False),
        (["failed", "partial", "failed"], False),
        (["failed", "cancelled", "failed"], True),
        (["failed", "completed"], False),
    ],
)
async def test_the_second_run_in_a_row_that_could_not_be_carried_out_is_told(
    house: House, ends: list[str], told: bool
) -> None:
    run = RunId(uuid4())
    for position, state in enumerate(ends):
        code = "authorisation_lost" if state == "failed" else None
        age = (len(ends) - position) * HOUR
        type_ = "discovery" if position % 2 else "all"
        run = await house.run(state, type_=type_, age=age, error_code=code)
    await after(house, run)
    assert await keys(house) == (["notice.connection_fails_again"] if told else [])


async def test_a_run_whose_workflow_went_is_told_of_like_any_other(house: House) -> None:
    await house.run("failed", age=DAY, error_code="workflow_gone")
    await house.run("running", age=HOUR)
    await Reap(house.context)(house.tenant_id)
    ((key, params),) = await house.told()
    assert (key, params["code"]) == ("notice.connection_fails_again", "workflow_gone")


# What runs out


async def connected(house: House, **values: object) -> None:
    facts = {"type": "direct", "credential_source": "tenant-secret", "ended_at": None}
    await house.add(partner_connections, **{**facts, **values})


async def days_pass(house: House, end: datetime, days: list[float]) -> list[list[str]]:
    """What is told when so many days are left; every look is taken twice."""
    told: list[list[str]] = []
    for left in days:
        house.now = end - left * DAY
        before = len(await house.told())
        for _ in range(2):
            await WarnExpiring(house.context)(house.tenant_id)
        told.append((await keys(house))[before:])
    return told


async def test_a_secret_is_told_of_three_times_and_anew_when_it_is_another(house: House) -> None:
    end = house.now + 100 * DAY
    await connected(house)
    await house.add(sync_settings, client_secret_expires_at=end, notification_config={})
    warned = ["notice.secret_expires"]
    days = [31, 30, 29, 8, 7, 6, 1, 0.5, 0, -1]
    assert await days_pass(house, end, days) == [[], warned, [], [], warned, [], warned, [], [], []]
    end += 365 * DAY
    query = "UPDATE entra_sync_settings SET client_secret_expires_at = :end RETURNING version"
    await house.rows(query, end=end)
    assert await days_pass(house, end, [100, 30, 0.5]) == [[], warned, warned]
    assert (await house.told())[-1][1]["text"].endswith(f"on {end.date().isoformat()}.")


@pytest.mark.parametrize(
    "connection",
    [
        {"type": "cipp"},
        {"credential_source": "env"},
        {"ended_at": START},
    ],
)
async def test_a_secret_that_is_not_in_use_is_not_told_of(
    house: House, connection: dict[str, object]
) -> None:
    await connected(house, **connection)
    await house.add(
        sync_settings, client_secret_expires_at=house.now + DAY / 2, notification_config={}
    )
    await WarnExpiring(house.context)(house.tenant_id)
    assert await house.told() == []


async def test_ends_of_access_are_told_together_and_once_per_threshold(house: House) -> None:
    end = house.now + 100 * DAY
    await connected(house)
    facts: dict[str, Any] = {"relationship_end": end, "auto_extend": False}
    first = await house.customer(display_name="Alpine", **facts)
    second = await house.customer("create_new", display_name="Brook", **facts)
    await house.customer(display_name="Endless", relationship_end=end, auto_extend=True)
    await house.customer("unmapped", display_name="Unmapped", **facts)
    await house.customer(display_name="Gone", gone_at=house.now, **facts)
    warned = ["notice.relationships_end"]
    days: list[float] = [30.5, 29.9, 8, 7, 1, 0]
    assert await days_pass(house, end, days) == [[], warned, [], warned, warned, []]
    for _, params in await house.told():
        assert params["managedTenantIds"] == [str(first), str(second)]
        assert params["text"] == (
            f"The access to 2 customers ends by {end.date().isoformat()}, Alpine among them."
        )


# Wanted or not


async def a_question(house: House) -> None:
    run = await house.run("completed")
    await house.item(await house.customer(), run)
    await after(house, run)


async def a_held_run(house: House) -> None:
    await after(house, await house.run("held"))


async def a_failure(house: House) -> None:
    await after(house, await runs_of(house, await house.customer(), "failed", "failed"))


async def an_end(house: House) -> None:
    await connected(house)
    await house.customer(relationship_end=house.now + DAY / 2, auto_extend=False)
    await WarnExpiring(house.context)(house.tenant_id)


OCCASIONS: dict[str, Callable[[House], object]] = {
    "reviewItems": a_question,
    "held": a_held_run,
    "repeatedFailures": a_failure,
    "expiring": an_end,
}


@pytest.mark.parametrize("kind", OCCASIONS)
async def test_people_hear_only_of_what_they_want_to_hear(house: House, kind: str) -> None:
    await OCCASIONS[kind](house)  # type: ignore[misc]
    assert len(await house.told()) == 1
    await house.clear()
    await quiet_about(house, kind)
    await OCCASIONS[kind](house)  # type: ignore[misc]
    assert await house.told() == []


async def test_a_host_that_cannot_be_told_is_no_failure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise RuntimeError("no mail today")

    monkeypatch.setattr(house.host, "notify", refuse)
    run = await house.run("held")
    await after(house, run)
    monkeypatch.undo()
    await after(house, run)
    assert await house.told() == []


async def no_flags(*_: object, **__: object) -> None:
    raise RuntimeError("no flags today")


async def test_a_run_is_told_of_once_the_flags_can_be_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await house.run("held")
    with monkeypatch.context() as outage:
        outage.setattr(DatabaseFlags, "resolve_boolean_details_async", no_flags)
        with pytest.raises(FlagUnread):
            await after(house, run)
    assert await house.told() == []
    await after(house, run, times=2)
    assert await keys(house) == ["notice.held"]


async def test_a_discovery_that_failed_is_told_of_by_the_attempt_that_can_read_the_flags(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.run("failed", type_="discovery", age=DAY, error_code="authorisation_lost")
    run = await house.run("running", type_="discovery")
    ref = RunRef(tenant_id=str(house.tenant_id), run_id=str(run))

    async def refused(*_: object, **__: object) -> None:
        monkeypatch.setattr(DatabaseFlags, "resolve_boolean_details_async", no_flags)
        raise AuthorisationLost("authorisation_lost")

    with monkeypatch.context() as outage:
        outage.setattr(Discover, "__call__", refused)
        with pytest.raises(ApplicationError):
            await ActivityEnvironment().run(Activities(house.context).discover, ref)
    monkeypatch.undo()
    assert await house.told() == []
    await ActivityEnvironment().run(Activities(house.context).discover, ref)
    assert await keys(house) == ["notice.connection_fails_again"]


async def test_a_run_whose_workflow_went_is_closed_without_flags_as_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await house.run("running", type_="discovery", age=HOUR)
    monkeypatch.setattr(DatabaseFlags, "resolve_boolean_details_async", no_flags)
    await Reap(house.context)(house.tenant_id)
    (row,) = await house.rows("SELECT run_id, state FROM entra_sync_runs")
    assert (row["run_id"], row["state"]) == (run, "failed")
