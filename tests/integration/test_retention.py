"""What was kept long enough goes: held rows, old change rows, people whom nobody syncs."""

from datetime import timedelta
from uuid import UUID

import pytest

from entra_plugin.application import retention
from entra_plugin.application.retention import DeleteOldChanges, DiscardLapsed, EraseAbandoned
from entra_plugin.domain.ids import RunId
from entra_plugin.store.run_tables import sync_settings
from support.house import House, Row

DAY = timedelta(days=1)


async def changes(house: House) -> dict[UUID, Row]:
    return {r["change_id"]: r for r in await house.rows("SELECT * FROM entra_sync_changes")}


async def run_state(house: House, run_id: RunId) -> str:
    query = "SELECT state FROM entra_sync_runs WHERE run_id = :id"
    (row,) = await house.rows(query, id=run_id)
    return str(row["state"])


async def held_run(house: House, days: float) -> tuple[RunId, UUID]:
    customer = await house.customer()
    run = await house.run("held", age=days * DAY)
    await house.take(run, customer, "held", held=1, finished_at=house.now - days * DAY)
    return run, await house.change(run, customer, "held", note={"maybeSharedMailbox": True})


async def test_held_rows_lapse_after_thirty_days_and_their_run_is_held_no_more(
    house: House,
) -> None:
    lapsed, its_row = await held_run(house, 30.01)
    waiting, other_row = await held_run(house, 29.99)
    await DiscardLapsed(house.context)(house.tenant_id)
    found = await changes(house)
    assert found[its_row]["state"] == "discarded"
    assert found[its_row]["reason"] == "fields_changed"
    assert found[its_row]["note"] == {"maybeSharedMailbox": True, "discarded": "lapsed"}
    assert (found[other_row]["state"], found[other_row]["note"]) == (
        "held",
        {"maybeSharedMailbox": True},
    )
    assert await run_state(house, lapsed) == "completed"
    assert await run_state(house, waiting) == "held"


@pytest.mark.parametrize(("days", "config"), [(400, {}), (30, {"keepChangesDays": 30})])
async def test_change_rows_are_deleted_when_they_are_old_enough(
    house: House, monkeypatch: pytest.MonkeyPatch, days: int, config: Row
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)  # so that it takes several
    await house.add(sync_settings, guard_config=config)
    customer = await house.customer()
    old = await house.run("completed", age=days * DAY + DAY)
    await house.take(old, customer, "completed", updated=7)
    for state in ("applied", "stale", "failed", "superseded", "discarded"):
        await house.change(old, customer, state)
    waiting = {await house.change(old, customer, state) for state in ("planned", "held")}
    young = await house.run("completed", age=days * DAY - DAY)
    kept = await house.change(young, customer, "applied")
    await DeleteOldChanges(house.context)(house.tenant_id)
    assert set(await changes(house)) == {*waiting, kept}
    assert await run_state(house, old) == "completed"
    (counted,) = await house.rows("SELECT updated FROM entra_sync_run_tenants")
    assert counted["updated"] == 7


async def test_one_round_deletes_no_more_than_it_may(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "BATCHES", 2)
    customer = await house.customer()
    old = await house.run("completed", age=500 * DAY)
    for _ in range(5):
        await house.change(old, customer, "applied")
    await DeleteOldChanges(house.context)(house.tenant_id)
    assert len(await changes(house)) == 1
    await DeleteOldChanges(house.context)(house.tenant_id)
    assert len(await changes(house)) == 0


async def identity(house: House, object_id: UUID) -> Row:
    query = "SELECT * FROM entra_identities WHERE object_id = :id"
    (row,) = await house.rows(query, id=object_id)
    return row


@pytest.mark.parametrize(
    ("state", "days", "erased"),
    [
        ("unmapped", 90.01, True),
        ("skipped", 90.01, True),
        ("unmapped", 89.99, False),
        ("mapped", 500, False),
        ("create_new", 500, False),
        (None, 0, False),
    ],
)
async def test_people_of_a_customer_are_erased_after_ninety_days_unmapped(
    house: House, state: str | None, days: float, erased: bool
) -> None:
    customer = await house.customer(state, days=days)
    somebody = await house.person(customer, verdict="linked", reason="matched_email")
    await EraseAbandoned(house.context)(house.tenant_id)
    found = await identity(house, somebody)
    assert (found["attributes"] == {}) is erased
    assert (found["address"] is None) is erased
    assert (found["verdict"], found["reason"]) == ("linked", "matched_email")


async def test_their_links_tell_later_who_was_whom_and_nobody_is_ignored(house: House) -> None:
    customer = await house.customer("unmapped", days=91)
    directory = await house.directory(customer)
    somebody = await house.person(customer)
    closed = {"state": "closed", "closed_reason": "mapping_changed", "base": {"role": "Chief"}}
    link = await house.link(customer, somebody, **closed)
    run = await house.run("completed", age=100 * DAY)
    change = await house.change(
        run, customer, "applied", entra_tenant_id=directory, after={"role": "Chief"}
    )
    item = await house.item(customer, run, details={"fullName": "Ada"})
    other = await house.person(await house.customer())
    await EraseAbandoned(house.context)(house.tenant_id)
    (kept,) = await house.rows("SELECT * FROM entra_contact_links WHERE link_id = :id", id=link)
    assert (kept["state"], kept["closed_reason"], kept["base"]) == (
        "closed",
        "mapping_changed",
        None,
    )
    emptied = (await changes(house))[change]
    assert (emptied["state"], emptied["after"], emptied["label"]) == ("applied", None, "")
    query = "SELECT * FROM entra_reconciliation_items WHERE item_id = :id"
    (settled,) = await house.rows(query, id=item)
    assert (settled["state"], settled["details"], settled["label"]) == ("resolved", None, "")
    assert await house.rows("SELECT * FROM entra_decisions") == []
    assert (await identity(house, other))["attributes"] != {}


async def test_people_are_not_erased_while_a_run_looks_at_their_customer(house: House) -> None:
    customer = await house.customer("unmapped", days=91)
    somebody = await house.person(customer)
    run = await house.run("running", type_="validation")
    await house.take(run, customer, writes=False)
    await EraseAbandoned(house.context)(house.tenant_id)
    assert (await identity(house, somebody))["attributes"] != {}
    await house.rows("UPDATE entra_sync_run_tenants SET state = 'completed' RETURNING run_id")
    await EraseAbandoned(house.context)(house.tenant_id)
    assert (await identity(house, somebody))["attributes"] == {}
