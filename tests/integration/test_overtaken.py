"""What waited for a person is compared with what has been learned since, before it is applied."""

from collections.abc import Iterator

import pytest

from support.folders import client_id, tenant_id, write_seed
from support.program import Json
from support.ruling import Meet, changes, look_for_the_gone, questions, users
from support.running import RunningHost, running_devhost
from support.undoing import Customer, guard, rules

USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
LEAVING = (0, 2, 3)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=12, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture(autouse=True)
def usual_settings(meet: Meet) -> Iterator[None]:
    yield
    rules(meet(1).admin)
    guard(meet(1).admin)


def held(customer: Customer, **how: list[str]) -> Json:
    """A run that holds the departure of three people, in the way given or disabled."""
    customer.sync()
    users(customer, **(how or {"disable": [customer.object_id(n) for n in LEAVING]}))
    run = customer.sync()
    assert changes(run) == {"held": 3}
    return run


def approved(customer: Customer, run: Json) -> dict[tuple[str, str], Json]:
    """The rows of a run that waited, once an approval of it is through."""
    waited = customer.rows(run, state="held")
    answer = customer.admin.post(f"/runs/{run['runId']}/approve", {})
    assert answer.status == 202, answer.body
    customer.admin.until(
        lambda: {
            "waiting": [*customer.rows(run, state="planned"), *customer.rows(run, state="held")]
        },
        lambda found: not found["waiting"],
    )
    rows = customer.rows(run)
    return {of: rows[of] for of in waited}


def enabled(customer: Customer, number: int) -> bool:
    """True once a sync has seen one of its people enabled."""
    found = customer.inside.rows(
        "SELECT enabled FROM entra_identities WHERE object_id = %s", customer.object_id(number)
    )
    return bool(found[0][0])


def test_who_was_seen_enabled_since_stays_though_that_sync_was_cancelled(meet: Meet) -> None:
    customer = meet(1)
    run = held(customer)
    users(customer, enable=[customer.object_id(n) for n in LEAVING])
    users(customer, delete=[customer.object_id(5)])
    look_for_the_gone(customer)
    busy = {"match": "/directory/deletedItems", "host": "graph", "tenants": [tenant_id(1)]}
    retry = {"status": 503, "headers": {"Retry-After": "30"}}
    customer.microsoft.control("/faults", {"faults": [busy | retry]})
    sync = customer.admin.post("/sync", {"scope": "client", "clientId": customer.client}).data
    customer.admin.until(lambda: {"seen": enabled(customer, 0)}, lambda found: bool(found["seen"]))
    customer.admin.post(f"/runs/{sync['runId']}/cancel")
    assert customer.admin.finished(sync["runId"])["state"] == "cancelled"
    customer.microsoft.control("/faults", {"faults": []})
    rows = approved(customer, run)
    assert {(r["state"], r["note"]["found"]) for r in rows.values()} == {("stale", "seen_since")}
    assert customer.active() == EVERYBODY
    assert changes(customer.sync()) == {"inactivated": 1}


def with_changes(customer: Customer) -> Json:
    """The first sync of a customer of whom a title and a departure have not been seen yet."""
    first = customer.sync()
    rules(customer.admin, role=True)
    customer.sync()
    customer.change(0, jobTitle="Chief")
    users(customer, disable=[customer.object_id(2)])
    return first


def test_whom_an_undo_leaves_alone_is_written_by_no_preview(meet: Meet) -> None:
    customer = meet(2)
    first = with_changes(customer)
    preview = customer.preview()
    customer.undone(first)
    customer.apply(preview)
    rows = customer.rows(preview)
    found = [rows["person0", "update"], rows["person2", "inactivate"]]
    assert [(row["state"], row["note"]["found"]) for row in found] == [
        ("stale", "decided_meanwhile")
    ] * 2
    assert set(customer.verdicts().values()) == {"undone"}


def test_whom_an_undo_leaves_alone_is_written_by_no_approval(meet: Meet) -> None:
    customer = meet(12)
    first = with_changes(customer)
    guard(
        customer.admin,
        inactivateMin=0,
        inactivatePercent=0,
        overwriteMin=0,
        overwritePercent=0,
    )
    waiting = customer.sync()
    assert changes(waiting) == {"held": 2}
    guard(customer.admin)
    customer.undone(first)
    states = {row["state"] for row in approved(customer, waiting).values()}
    assert states == {"stale"}
    assert set(customer.verdicts().values()) == {"undone"}


def test_who_comes_back_stays_inactive_if_somebody_edited_the_contact(meet: Meet) -> None:
    customer = meet(3)
    customer.sync()
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    users(customer, enable=[customer.object_id(0)])
    preview = customer.preview()
    customer.edit(0, role="Left, do not call")
    customer.apply(preview)
    row = customer.rows(preview)["person0", "reactivate"]
    assert (row["state"], row["note"]["found"]) == ("stale", "edited_since")
    assert customer.active() == EVERYBODY - {"person0"}
    assert changes(customer.sync()) == {}


def test_a_held_move_of_a_contact_that_was_edited_since_is_not_made(meet: Meet) -> None:
    customer = meet(4)
    customer.sync()
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    customer.remap(client_id(5))
    run = customer.sync(client_id(5))
    assert run["state"] == "held"
    customer.edit(0, role="By hand")
    rows = approved(customer, run)
    moved = rows.pop(("person0", "move"))
    assert (moved["state"], moved["note"]["found"]) == ("stale", "edited_since")
    assert rows
    assert {row["state"] for row in rows.values()} == {"applied"}
    customer.sync(client_id(5))
    assert questions(customer)["person0"] == "other_client"


def test_who_was_pinned_while_he_came_back_comes_back_when_the_pin_is_out(meet: Meet) -> None:
    customer = meet(6)
    customer.sync()
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    users(customer, enable=[customer.object_id(0)])
    preview = customer.preview()
    customer.pin("hands_off", 0)
    customer.apply(preview)
    assert customer.rows(preview)["person0", "reactivate"]["state"] == "stale"
    customer.inside.write("DELETE FROM entra_pins")
    assert changes(customer.sync()) == {"reactivated": 1}
    assert customer.active() == EVERYBODY


def test_what_is_held_for_the_deleted_outlives_the_weekly_reading(meet: Meet) -> None:
    customer = meet(7)
    run = held(customer, deletePermanently=[customer.object_id(n) for n in LEAVING])
    look_for_the_gone(customer)
    assert changes(customer.sync()) == {}
    assert len(customer.rows(run, state="held")) == 3
    assert questions(customer) == {}
    assert {row["state"] for row in approved(customer, run).values()} == {"applied"}
    assert customer.active() == EVERYBODY - {f"person{n}" for n in LEAVING}


def test_evidence_within_the_grace_outlives_the_weekly_reading(meet: Meet) -> None:
    customer = meet(8)
    customer.sync()
    guard(customer.admin, graceDays=10)
    customer.sync()
    users(customer, deletePermanently=[customer.object_id(n) for n in LEAVING])
    customer.sync()
    look_for_the_gone(customer)
    assert changes(customer.sync()) == {}
    assert questions(customer) == {}
    customer.inside.write(
        "UPDATE entra_identities SET departed_at = departed_at - interval '11 days'"
        " WHERE departure IS NOT NULL"
    )
    assert changes(customer.sync()) == {"held": 3}


def test_a_deletion_that_was_told_while_a_pin_held_is_acted_on_without_it(meet: Meet) -> None:
    customer = meet(9)
    customer.sync()
    customer.pin("hands_off", 0)
    customer.sync()
    users(customer, deletePermanently=[customer.object_id(0)])
    assert changes(customer.sync()) == {}
    customer.inside.write("DELETE FROM entra_pins")
    assert changes(customer.sync()) == {"inactivated": 1}
    assert customer.active() == EVERYBODY - {"person0"}


def test_a_deletion_that_was_told_while_undone_is_known_after_a_resume(meet: Meet) -> None:
    customer = meet(10)
    customer.sync()
    rules(customer.admin, role=True)
    customer.sync()
    customer.change(0, jobTitle="Chief")
    updated = customer.sync()
    customer.undone(updated)
    users(customer, deletePermanently=[customer.object_id(0)])
    assert changes(customer.sync()) == {}
    customer.resume(updated)
    assert changes(customer.sync()) == {"inactivated": 1}
    assert customer.active() == EVERYBODY - {"person0"}


def test_nobody_is_asked_about_a_person_who_was_pinned_since_the_preview(meet: Meet) -> None:
    customer = meet(11)
    for number in (0, 2):
        customer.change(number, mail="both@customer11.example")
    preview = customer.preview()
    assert {("both", "queue")} == {of for of in customer.rows(preview) if of[1] == "queue"}
    ignored = {"entraTenantId": tenant_id(11), "objectId": customer.object_id(0)}
    pin = {"kind": "ignore_identity", **ignored}
    assert customer.admin.post("/pins", pin, method="PUT").status == 200
    customer.apply(preview)
    assert len(customer.admin.items("/review-items", managedTenantId=customer.managed_tenant)) == 1
    customer.sync()
    verdicts = customer.inside.rows(
        "SELECT verdict, reason FROM entra_identities WHERE object_id IN (%s, %s) ORDER BY verdict",
        customer.object_id(0),
        customer.object_id(2),
    )
    assert verdicts == [("ignored", "pinned"), ("linked", "created")]
    assert questions(customer) == {}
