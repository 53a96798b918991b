"""Who left, by what evidence, and who comes back; nobody leaves for not being listed."""

from collections.abc import Iterator, Sequence

import pytest

from support.folders import tenant_id, write_seed
from support.program import Json
from support.ruling import Meet, changes, look_for_the_gone, questions, reading, rests, users
from support.running import RunningHost, running_devhost
from support.undoing import Customer, guard

USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
CIPP = "entra-integration-cipp"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=20, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture
def usual_guard(meet: Meet) -> Iterator[None]:
    yield
    guard(meet(1).admin)


def left(customer: Customer, run: Json, number: int) -> str:
    """The reason for which a run made a contact inactive; nobody else's changed."""
    assert changes(run) == {"inactivated": 1}
    assert customer.active() == EVERYBODY - {f"person{number}"}
    assert customer.linked() == EVERYBODY, "a link outlasts the departure"
    return str(customer.rows(run)[f"person{number}", "inactivate"]["reason"])


def test_who_is_disabled_becomes_inactive_once(meet: Meet) -> None:
    customer = meet(1)
    customer.sync()
    users(customer, disable=[customer.object_id(0)])
    run = customer.sync()
    assert left(customer, run, 0) == "disabled_upstream"
    rests(customer)
    look_for_the_gone(customer)
    rests(customer)


def test_what_may_be_a_shared_mailbox_is_noted_and_a_licensed_leaver_is_not(meet: Meet) -> None:
    customer = meet(2)
    customer.change(2, assignedLicenses=[{"skuId": customer.object_id(0), "disabledPlans": []}])
    customer.sync()
    users(customer, disable=[customer.object_id(0), customer.object_id(2)])
    rows = customer.rows(customer.sync())
    assert rows["person0", "inactivate"]["note"] == {"maybeSharedMailbox": True}
    assert rows["person2", "inactivate"]["note"] is None


@pytest.mark.parametrize(("number", "how"), [(3, "delete"), (4, "deletePermanently")])
def test_a_deletion_among_the_changes_is_evidence(meet: Meet, number: int, how: str) -> None:
    customer = meet(number)
    customer.sync()
    users(customer, **{how: [customer.object_id(0)]})
    run = customer.sync()
    assert reading(customer, run) == ("delta", False)
    assert left(customer, run, 0) == "deleted_upstream"
    rests(customer)


@pytest.mark.parametrize(
    ("number", "how", "proof"),
    [
        (5, "delete", "/directory/deletedItems/"),
        (6, "deletePermanently", "/users/"),
    ],
)
def test_a_full_reading_asks_for_proof_of_those_whom_it_does_not_list(
    meet: Meet, number: int, how: str, proof: str
) -> None:
    customer = meet(number)
    customer.sync()
    users(customer, **{how: [customer.object_id(0)]})
    look_for_the_gone(customer)
    customer.microsoft.forget_requests()
    run = customer.sync()
    assert reading(customer, run) == ("full", True)
    assert left(customer, run, 0) == "deleted_upstream"
    asked = [str(request["path"]) for request in customer.microsoft.requests()]
    assert any(proof in path for path in asked)
    singles = [path for path in asked if path.endswith(customer.object_id(0))]
    assert len(singles) == (how == "deletePermanently"), "only whom the deleted items lack"
    look_for_the_gone(customer)
    rests(customer)


def test_who_is_restored_comes_back_and_who_was_touched_does_not(meet: Meet) -> None:
    customer = meet(7)
    customer.sync()
    gone = [customer.object_id(0), customer.object_id(2)]
    users(customer, delete=gone)
    assert changes(customer.sync()) == {"inactivated": 2}
    customer.edit(2, role="Edited while away")
    users(customer, restore=gone)
    run = customer.sync()
    assert changes(run) == {"reactivated": 1}
    assert customer.rows(run)["person0", "reactivate"]["reason"] == "enabled_upstream"
    assert customer.active() == EVERYBODY - {"person2"}
    rests(customer)


def test_who_is_enabled_again_comes_back_and_may_leave_again(meet: Meet) -> None:
    customer = meet(8)
    customer.sync()
    for _ in range(2):
        users(customer, disable=[customer.object_id(0)])
        assert left(customer, customer.sync(), 0) == "disabled_upstream"
        users(customer, enable=[customer.object_id(0)])
        assert changes(customer.sync()) == {"reactivated": 1}
        assert customer.active() == EVERYBODY
        rests(customer)


def test_whom_a_person_makes_active_again_stays_so_until_the_next_departure(meet: Meet) -> None:
    customer = meet(9)
    customer.sync()
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    customer.edit(0, active=True)
    customer.change(0, jobTitle="Chief")
    customer.sync()
    assert customer.active() == EVERYBODY
    look_for_the_gone(customer)
    rests(customer)
    users(customer, enable=[customer.object_id(0)])
    assert changes(customer.sync()) == {}
    users(customer, disable=[customer.object_id(0)])
    assert left(customer, customer.sync(), 0) == "disabled_upstream"


def test_a_departure_is_acted_on_when_its_grace_is_over(meet: Meet, usual_guard: None) -> None:
    customer = meet(10)
    customer.sync()
    guard(customer.admin, graceDays=3)
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    assert customer.active() == EVERYBODY
    let_days_go_by(customer, 2)
    rests(customer)
    let_days_go_by(customer, 1)
    run = customer.sync()
    assert reading(customer, run) == ("delta", False), "nobody changed at Microsoft"
    assert left(customer, run, 0) == "disabled_upstream"
    rests(customer)


def test_who_is_deleted_in_the_grace_of_being_disabled_is_no_suspected_mailbox(
    meet: Meet, usual_guard: None
) -> None:
    customer = meet(20)
    customer.sync()
    guard(customer.admin, graceDays=3, holdSharedMailboxSuspects=True)
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    users(customer, delete=[customer.object_id(0)])
    customer.sync()
    customer.inside.write(
        "UPDATE entra_identities SET departed_at = departed_at - interval '4 days'"
        " WHERE object_id = %s",
        customer.object_id(0),
    )
    run = customer.sync()
    assert left(customer, run, 0) == "deleted_upstream"
    assert customer.rows(run)["person0", "inactivate"]["note"] is None


def test_who_is_enabled_again_within_the_grace_never_left(meet: Meet, usual_guard: None) -> None:
    customer = meet(11)
    customer.sync()
    guard(customer.admin, graceDays=3)
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    users(customer, enable=[customer.object_id(0)])
    customer.sync()
    let_days_go_by(customer, 4)
    rests(customer)
    assert customer.active() == EVERYBODY


def test_a_reading_for_new_settings_looks_for_nobody_and_the_next_one_learns_who_is_gone(
    meet: Meet, usual_guard: None
) -> None:
    customer = meet(12)
    customer.sync()
    guard(customer.admin, graceDays=1)
    users(customer, delete=[customer.object_id(0)])
    assert reading(customer, customer.sync()) == ("full", False)
    assert customer.active() == EVERYBODY
    assert reading(customer, customer.sync()) == ("delta", False)
    assert customer.active() == EVERYBODY, "the grace begins with the evidence"
    let_days_go_by(customer, 1)
    assert left(customer, customer.sync(), 0) == "deleted_upstream"
    rests(customer)


def test_a_deletion_that_only_the_changes_told_is_acted_on_when_its_grace_is_over(
    meet: Meet, usual_guard: None
) -> None:
    customer = meet(13)
    customer.sync()
    guard(customer.admin, graceDays=3)
    customer.sync()
    users(customer, deletePermanently=[customer.object_id(0)])
    assert reading(customer, customer.sync()) == ("delta", False)
    assert customer.active() == EVERYBODY
    rests(customer)
    let_days_go_by(customer, 3)
    run = customer.sync()
    assert reading(customer, run) == ("delta", False)
    assert left(customer, run, 0) == "deleted_upstream"
    rests(customer)


def test_without_the_rule_nobody_leaves_and_with_it_again_all_of_them_do(
    meet: Meet, usual_guard: None
) -> None:
    customer = meet(14)
    customer.sync()
    guard(customer.admin, markInactiveWhenDisabled=False)
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    assert customer.active() == EVERYBODY
    rests(customer)
    guard(customer.admin)
    assert left(customer, customer.sync(), 0) == "disabled_upstream"


def test_through_cipp_absence_is_a_question_and_only_a_deleted_item_is_evidence(
    meet: Meet,
) -> None:
    customer = meet(15)
    customer.sync()
    cipp = {"baseUrl": customer.microsoft.cipp_url, "apiToken": customer.microsoft.cipp_token}
    assert customer.admin.post("/disconnect").status == 200
    assert customer.admin.post("/connect/cipp", cipp).data["valid"] is True
    users(customer, deletePermanently=[customer.object_id(0)], delete=[customer.object_id(2)])
    run = customer.sync()
    assert changes(run) == {"inactivated": 1, "queued": 1}
    assert customer.rows(run)["person2", "inactivate"]["reason"] == "deleted_upstream"
    assert questions(customer) == {"person0": "missing_upstream"}
    assert customer.active() == EVERYBODY - {"person2"}
    rests(customer)
    users(customer, disable=[customer.object_id(3)])
    run = customer.sync()
    assert customer.rows(run)["person3", "inactivate"]["reason"] == "disabled_upstream"
    users(customer, restore=[customer.object_id(2)])
    assert changes(customer.sync()) == {"reactivated": 1}
    assert customer.active() == EVERYBODY - {"person3"}
    rests(customer)


def let_days_go_by(customer: Customer, days: int) -> None:
    """Let the evidence of departures grow older."""
    customer.inside.write(
        "UPDATE entra_identities SET departed_at = departed_at - make_interval(days => %s)"
        " WHERE address = %s",
        days,
        customer.address(0),
    )


def test_a_pin_forgets_no_departure(meet: Meet) -> None:
    customer = meet(17)
    customer.sync()
    users(customer, disable=[customer.object_id(0), customer.object_id(2)])
    assert changes(customer.sync()) == {"inactivated": 2}
    customer.edit(0, active=True)
    customer.sync()
    _ignored(customer, (0, 2), "PUT")
    customer.sync()
    _ignored(customer, (0, 2), "DELETE")
    assert changes(customer.sync()) == {}, "nobody left since somebody made the contact active"
    _ignored(customer, (2,), "PUT")
    customer.sync()
    _ignored(customer, (2,), "DELETE")
    users(customer, enable=[customer.object_id(2)])
    assert changes(customer.sync()) == {"reactivated": 1}
    why = customer.inside.rows(
        "SELECT verdict, reason FROM entra_identities WHERE object_id = %s", customer.object_id(2)
    )
    assert why == [("linked", "created")], "no more that he is pinned"


def _ignored(customer: Customer, numbers: Sequence[int], method: str) -> None:
    """Put, or take out, a pin that leaves these identities alone."""
    for number in numbers:
        pin = {
            "kind": "ignore_identity",
            "entraTenantId": tenant_id(customer.number),
            "objectId": customer.object_id(number),
        }
        assert customer.admin.post("/pins", pin, method=method).status == 200


def test_whom_a_person_keeps_stays_when_the_grace_of_his_departure_is_over(
    meet: Meet, usual_guard: None
) -> None:
    customer = meet(19)
    guard(customer.admin, graceDays=10)
    customer.sync()
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    users(customer, deletePermanently=[customer.object_id(0)])
    refused = {"error": {"code": "Authorization_RequestDenied", "message": "No."}}
    unproved = {"match": "/directory/deletedItems", "host": "graph", "tenants": [tenant_id(19)]}
    customer.microsoft.control("/faults", {"faults": [unproved | {"status": 403, "body": refused}]})
    look_for_the_gone(customer)
    customer.sync()
    customer.microsoft.control("/faults", {"faults": []})
    (item,) = customer.admin.items("/review-items", managedTenantId=customer.managed_tenant)
    assert item["reason"] == "missing_upstream"
    assert customer.admin.post(f"/review-items/{item['itemId']}/keep").status == 200
    let_days_go_by(customer, 11)
    for _ in range(2):
        assert changes(customer.sync()) == {}
        look_for_the_gone(customer)
    assert customer.active() == EVERYBODY
