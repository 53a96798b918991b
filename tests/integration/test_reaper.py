"""Nothing stays running whose workflow is gone, and nothing is closed whose workflow is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from entra_plugin.application.housekeeping import KeepHouse
from entra_plugin.application.reap import YOUNG, Reap
from entra_plugin.application.runs import CancelRun
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import RunId
from support.house import House, Row
from support.mortal import NoWorkflows

OLD = YOUNG + timedelta(seconds=1)


async def stored(house: House, run_id: RunId) -> Row:
    (row,) = await house.rows("SELECT * FROM entra_sync_runs WHERE run_id = :id", id=run_id)
    return row


async def outcome(house: House, run_id: RunId) -> tuple[str, str | None]:
    row = await stored(house, run_id)
    return row["state"], row["error_code"]


async def states(house: House, run_id: RunId) -> list[str]:
    query = "SELECT state FROM entra_sync_changes WHERE run_id = :id ORDER BY state"
    return [row["state"] for row in await house.rows(query, id=run_id)]


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_run_whose_workflow_is_open_is_left_alone(house: House, state: str) -> None:
    run = await house.run(state, age=timedelta(days=9))
    house.workflows.open = {f"workflow {run}"}
    before = await stored(house, run)
    await Reap(house.context)(house.tenant_id)
    assert await stored(house, run) == before
    assert house.workflows.asked == []


@pytest.mark.parametrize(
    ("type_", "started"),
    [
        ("all", "start sync"),
        ("person", "start sync"),
        ("discovery", "start discovery"),
        ("validation", "start validation"),
    ],
)
async def test_what_was_just_queued_is_started_again(
    house: House, type_: str, started: str
) -> None:
    run = await house.run("queued", type_=type_, age=YOUNG - timedelta(seconds=1))
    await Reap(house.context)(house.tenant_id)
    assert house.workflows.asked == [(started, str(run))]
    assert await outcome(house, run) == ("queued", None)


@pytest.mark.parametrize("type_", ["all", "client", "preview", "discovery", "validation"])
@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_run_that_is_gone_is_closed_as_failed(house: House, type_: str, state: str) -> None:
    run = await house.run(state, type_=type_, age=OLD)
    await Reap(house.context)(house.tenant_id)
    assert await outcome(house, run) == ("failed", "workflow_gone")
    assert (await stored(house, run))["finished_at"] == house.now
    assert house.workflows.asked == []


async def test_its_customers_are_closed_and_what_was_not_applied_is_dropped(house: House) -> None:
    begun, untouched, done = [await house.customer() for _ in range(3)]
    run = await house.run("running")
    await house.take(run, begun)
    await house.take(run, untouched, "queued")
    await house.take(run, done, "held", held=1)
    for state in ("applied", "planned", "held"):
        await house.change(run, begun, state)
    await house.change(run, done, "held")
    await Reap(house.context)(house.tenant_id)
    assert await outcome(house, run) == ("failed", "workflow_gone")
    query = "SELECT managed_tenant_id, state, updated FROM entra_sync_run_tenants"
    found = {r["managed_tenant_id"]: (r["state"], r["updated"]) for r in await house.rows(query)}
    assert found[begun] == ("skipped", 1)
    assert found[untouched][0] == "skipped"
    assert found[done][0] == "held"
    assert await states(house, run) == ["applied", "held"]


async def test_a_customer_of_a_closed_run_can_be_synced_again(house: House) -> None:
    customer = await house.customer()
    first = await house.run("running")
    await house.take(first, customer)
    await Reap(house.context)(house.tenant_id)
    second = await house.run("running")
    await house.take(second, customer)  # of writers, the database admits one
    house.workflows.open = {f"workflow {second}"}
    await Reap(house.context)(house.tenant_id)
    assert await outcome(house, second) == ("running", None)


class Away(NoWorkflows):
    """A Temporal that cannot be reached."""

    async def is_open(self, workflow_id: str) -> bool:
        raise TransientFailure("temporal_unavailable")


async def test_nothing_is_closed_while_temporal_is_away(house: House) -> None:
    run = await house.run("running", age=OLD)
    context = replace(house.context, workflows=Away())
    with pytest.raises(TransientFailure):
        await Reap(context)(house.tenant_id)
    assert await outcome(house, run) == ("running", None)


async def test_a_run_that_ends_while_it_is_looked_at_keeps_its_own_end(house: House) -> None:
    run = await house.run("running", age=OLD)

    class Ending(NoWorkflows):
        """A workflow that closes its run, and is gone the next moment."""

        async def is_open(self, workflow_id: str) -> bool:
            query = (
                "UPDATE entra_sync_runs SET state = 'completed', finished_at = :at,"
                " applied_at = :at RETURNING run_id"
            )
            await house.rows(query, at=ended)
            return False

    ended = house.now - timedelta(seconds=1)
    await Reap(replace(house.context, workflows=Ending()))(house.tenant_id)
    found = await stored(house, run)
    assert (found["state"], found["finished_at"], found["applied_at"]) == (
        "completed",
        ended,
        ended,
    )


@pytest.mark.parametrize("type_", ["preview", "undo"])
async def test_the_applying_of_a_plan_is_started_again_however_old_it_is(
    house: House, type_: str
) -> None:
    planned = house.now - timedelta(days=2)
    run = await house.run("running", type_=type_, age=timedelta(days=3), finished_at=planned)
    await house.change(run, await house.customer(), "planned")
    await Reap(house.context)(house.tenant_id)
    assert house.workflows.asked == [("start apply", str(run))]
    assert await outcome(house, run) == ("running", None)
    assert await states(house, run) == ["planned"]


@pytest.mark.parametrize("type_", ["all", "preview", "discovery"])
@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_run_without_a_workflow_is_cancelled_for_good(
    house: House, type_: str, state: str
) -> None:
    run = await house.run(state, type_=type_, started_at=None)
    await CancelRun(house.context)(house.tenant_id, run)
    assert await outcome(house, run) == ("cancelled", None)
    house.workflows.asked.clear()
    await Reap(house.context)(house.tenant_id)
    assert house.workflows.asked == []


async def test_a_run_that_is_cancelled_by_its_workflow_is_closed_by_it(house: House) -> None:
    run = await house.run("running")
    house.workflows.open = {f"workflow {run}"}
    await CancelRun(house.context)(house.tenant_id, run)
    assert house.workflows.asked == [("cancel", f"workflow {run}")]
    assert await outcome(house, run) == ("running", None)


@pytest.mark.parametrize("type_", ["preview", "undo"])
async def test_what_is_left_of_an_applying_without_a_workflow_is_cancelled(
    house: House, type_: str
) -> None:
    customer = await house.customer()
    run = await house.run("running", type_=type_, finished_at=house.now - timedelta(minutes=1))
    await house.take(run, customer)
    for state in ("applied", "planned"):
        await house.change(run, customer, state)
    await CancelRun(house.context)(house.tenant_id, run)
    assert await outcome(house, run) == ("cancelled", None)
    assert await states(house, run) == ["applied"]
    house.workflows.asked.clear()
    await Reap(house.context)(house.tenant_id)
    assert house.workflows.asked == []


@pytest.mark.parametrize(("state", "asked"), [("planned", True), ("held", False)])
async def test_what_was_approved_is_applied_although_its_workflow_is_gone(
    house: House, state: str, asked: bool
) -> None:
    run, customer = await house.run("held", age=OLD), await house.customer()
    await house.take(run, customer, "held", writes=False)
    await house.change(run, customer, state)
    await Reap(house.context)(house.tenant_id)
    assert house.workflows.asked == ([("start held", str(run))] if asked else [])


async def test_runs_are_closed_while_the_feature_is_off_and_nothing_else_is_done(
    house: House,
) -> None:
    class Off:
        """No flag is on."""

        async def is_on(self, *_: object) -> bool:
            return False

        enabled = is_on

    names = [name for name, _ in KeepHouse(house.context).chores()]
    assert names[0] == "reap"
    context = replace(house.context, flags=Off())  # type: ignore[arg-type]
    customer = await house.customer("unmapped", days=1000)
    await house.person(customer)
    old = await house.run("completed", age=timedelta(days=1000))
    await house.change(old, customer, "applied")
    before = await house.rows("SELECT attributes FROM entra_identities")
    for _, chore in KeepHouse(context).chores()[1:]:
        await chore(house.tenant_id)
    assert await states(house, old) == ["applied"]
    assert await house.rows("SELECT attributes FROM entra_identities") == before
