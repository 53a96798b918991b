"""One person is synced now: under his customer's lock, by the same rules, on proof alone."""

from collections.abc import Iterator
from uuid import UUID, uuid5

import pytest

from support.connection_api import by_token
from support.folders import tenant_id, write_seed
from support.inside import Inside
from support.program import Json, Program, Reply
from support.ruling import Meet, changes, questions
from support.running import RunningHost, running_devhost
from support.simulator import Simulator
from support.undoing import Customer

CUSTOMERS = 10
USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=CUSTOMERS, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


def asked(customer: Customer, object_id: str) -> Reply:
    return customer.admin.post(f"/identities/{tenant_id(customer.number)}/{object_id}/sync")


def synced(customer: Customer, object_id: str) -> Json:
    started = asked(customer, object_id)
    assert (started.status, started.data["joined"]) == (202, False), started.body
    return customer.admin.finished(started.data["runId"])


def test_a_new_hire_gets_a_contact_and_nobody_else_is_looked_at(meet: Meet) -> None:
    customer = meet(1)
    customer.sync()
    customer.change(0, accountEnabled=False)
    new = str(uuid5(UUID(NOBODY), "new"))
    address = "new.hire@customer1.example"
    person = {"id": new, "userPrincipalName": address, "mail": address, "displayName": "New Hire"}
    customer.microsoft.control("/users", {"tenant": tenant_id(1), "add": [person]})
    stamps = "SELECT last_success_at, policy_fingerprint FROM entra_managed_tenants"
    before = customer.inside.rows(stamps), customer.inside.rows(_CURSORS)
    run = synced(customer, new)
    assert (run["type"], run["state"], run["counts"]["created"]) == ("person", "completed", 1)
    assert [(t["readingKind"], t["usersRead"]) for t in run["tenants"]] == [("person", 1)]
    assert customer.rows(run).keys() == {("new.hire", "create")}
    assert customer.active() == EVERYBODY | {"new.hire"}
    assert (customer.inside.rows(stamps), customer.inside.rows(_CURSORS)) == before
    assert customer.sync()["counts"]["inactivated"] == 1, "the next sync has missed nothing"


_CURSORS = "SELECT * FROM entra_delta_cursors ORDER BY managed_tenant_id"


def test_a_deleted_person_leaves_on_the_proof_that_he_is_gone(meet: Meet) -> None:
    customer = meet(2)
    customer.sync()
    body = {"tenant": tenant_id(2), "delete": [customer.object_id(3)]}
    customer.microsoft.control("/users", body)
    run = synced(customer, customer.object_id(3))
    assert customer.rows(run)["person3", "inactivate"]["reason"] == "deleted_upstream"
    assert customer.active() == EVERYBODY - {"person3"}
    nobody = synced(customer, NOBODY)
    assert (nobody["state"], customer.rows(nobody)) == ("completed", {})


def test_an_id_that_is_not_found_is_looked_for_in_the_deleted_items_and_proves_nothing_itself(
    meet: Meet,
) -> None:
    customer = meet(7)
    customer.sync()
    one, other = customer.object_id(0), customer.object_id(3)
    body = {"error": {"code": "Request_ResourceNotFound", "message": "x"}}
    fault = {"host": "graph", "tenants": [tenant_id(7)], "status": 404, "body": body}
    missing = [{**fault, "match": f"/users/{one}"}]
    customer.microsoft.control("/faults", {"faults": missing})
    try:
        run = synced(customer, one)
    finally:
        customer.microsoft.control("/faults", {"faults": []})
    assert (run["state"], changes(run)) == ("completed", {"queued": 1})
    assert customer.rows(run)["person0", "queue"]["reason"] == "missing_upstream"
    assert customer.active() == EVERYBODY
    customer.microsoft.control("/users", {"tenant": tenant_id(7), "deletePermanently": [other]})
    assert changes(synced(customer, other)) == {"queued": 1}
    assert questions(customer) == dict.fromkeys(("person0", "person3"), "missing_upstream")
    assert changes(synced(customer, other)) == {}, "the question is asked once"
    assert changes(synced(customer, one)) == {}
    assert questions(customer).keys() == {"person3"}, "who is found again is no question"
    assert changes(customer.sync()) == {"inactivated": 1}, "a removal is evidence"
    assert customer.active() == EVERYBODY - {"person3"}


def test_what_is_held_already_is_not_planned_twice_and_others_go_on_waiting(meet: Meet) -> None:
    customer = meet(3)
    customer.sync()
    for number in range(3):
        customer.change(number, accountEnabled=False)
    held = customer.sync()
    assert held["counts"]["held"] == 3
    assert customer.rows(synced(customer, customer.object_id(0))) == {}
    assert len(customer.rows(held, state="held")) == 3
    customer.change(1, accountEnabled=True)
    synced(customer, customer.object_id(1))
    assert customer.rows(held, state="superseded").keys() == {("person1", "inactivate")}
    assert customer.active() == EVERYBODY


@pytest.mark.parametrize(("number", "claimants"), [(8, (0, 2)), (9, (0, 1, 2))])
def test_what_several_claim_stays_a_question_when_one_of_them_is_synced(
    meet: Meet, number: int, claimants: tuple[int, ...]
) -> None:
    """Of a new contact's address, and of the contact that person1 would be linked to."""
    customer = meet(number)
    address = customer.address(1) if 1 in claimants else f"both@customer{number}.example"
    for claimant in claimants:
        customer.change(claimant, mail=address)
    customer.sync()
    before = customer.inside.rows(_QUESTIONS, customer.managed_tenant)
    assert [reason for _, reason, _, _ in before] == ["claimed_twice"] * len(claimants)
    run = synced(customer, customer.object_id(0))
    assert (run["state"], changes(run)) == ("completed", {})
    customer.change(2, jobTitle="Head")
    assert changes(synced(customer, customer.object_id(2))).keys() <= {"queued"}
    another = {"userPrincipalName": f"another@customer{number}.example", "mail": address}
    newcomer = {"id": customer.object_id(9), "displayName": "Another", **another}
    customer.microsoft.control("/users", {"tenant": tenant_id(number), "add": [newcomer]})
    assert changes(synced(customer, customer.object_id(9))) == {"queued": 1}
    found = customer.inside.rows(_QUESTIONS, customer.managed_tenant)
    assert [row for row in found if row[0] != customer.object_id(9)] == before
    assert [reason for _, reason, _, _ in found] == ["claimed_twice"] * (len(claimants) + 1)
    assert changes(customer.sync()).keys() <= {"queued"}
    assert changes(customer.sync()) == {}


_QUESTIONS = (
    "SELECT object_id::text, reason, candidates::text, (details ->> 'email') IS NULL"
    " FROM entra_reconciliation_items WHERE managed_tenant_id = %s AND state = 'open'"
    " ORDER BY object_id"
)


def test_a_sync_that_is_under_way_takes_the_person_along(meet: Meet, host: RunningHost) -> None:
    customer = meet(4)
    body = {"scope": "client", "clientId": customer.client}
    with host.paused("worker"):
        sync = customer.admin.post("/sync", body).data
        joined = asked(customer, customer.object_id(0)).data
        assert (joined["joined"], joined["runId"]) == (True, sync["runId"])
    customer.admin.finished(sync["runId"])
    with host.paused("worker"):
        first = asked(customer, customer.object_id(0)).data
        again = asked(customer, customer.object_id(0)).data
        assert (again["joined"], again["runId"]) == (True, first["runId"])
        other = asked(customer, customer.object_id(1))
        assert other.failure == (409, "sync_under_way")
        assert customer.admin.post("/sync", body).failure == (409, "sync_under_way")
    assert customer.admin.finished(first["runId"])["state"] == "completed"


def test_who_belongs_to_no_mapped_customer_is_not_synced(meet: Meet, admin: Program) -> None:
    customer = meet(5)
    assert admin.post(f"/identities/{NOBODY}/{NOBODY}/sync").failure == (404, "not_found")
    malformed = admin.post(f"/identities/{NOBODY}/x/sync")
    assert malformed.failure == (400, "malformed_request")
    assert malformed.body["details"] == {"path": "objectId"}
    admin.post("/mappings/unmap", {"managedTenantId": customer.managed_tenant})
    assert asked(customer, customer.object_id(0)).failure == (422, "not_mapped")


def test_a_person_whom_cipp_cannot_show_fails_the_run_and_tells_nothing_of_the_customer(
    meet: Meet, admin: Program, inside: Inside, microsoft: Simulator
) -> None:
    customer = meet(6)
    assert admin.post("/connect/cipp", by_token(microsoft)).status == 200
    customer.sync()
    health = "SELECT * FROM entra_managed_tenants WHERE entra_tenant_id = %s"
    before = inside.rows(health, tenant_id(6))
    seen = synced(customer, customer.object_id(0))
    assert (seen["state"], seen["counts"]["unchanged"]) == ("completed", 1)
    body = {"tenant": tenant_id(6), "delete": [customer.object_id(0)]}
    customer.microsoft.control("/users", body)
    run = synced(customer, customer.object_id(0))
    assert run["state"] == "failed"
    assert run["tenants"][0]["error"]["code"] == "user_unreadable"
    assert inside.rows(health, tenant_id(6)) == before
    assert customer.active() == EVERYBODY
