"""Reading what changed: one request for who is as he was, and nothing lost, whatever happens."""

from collections.abc import Iterator

import pytest

from support.bad_listings import answering, link_to, pages_of, rows_of
from support.folders import tenant_id, write_seed
from support.program import Json
from support.ruling import Meet, changes, look_for_the_gone, questions, reading, rests, users, value
from support.running import RunningHost, running_devhost
from support.undoing import Customer, filters, guard, rules

USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
DELTA, FULL, WEEKLY = ("delta", False), ("full", False), ("full", True)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=18, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


def asked(customer: Customer) -> list[str]:
    """The paths of Graph that were asked for about a customer."""
    return [
        str(request["path"])
        for request in customer.microsoft.requests()
        if request["host"] == "graph" and request["tenant"] == tenant_id(customer.number)
    ]


def newcomer(customer: Customer) -> dict[str, object]:
    """A user who was not there before."""
    address = customer.address(9)
    return {
        "id": customer.object_id(9),
        "userPrincipalName": address,
        "mail": address,
        "displayName": "Nina New",
        "accountEnabled": True,
        "userType": "Member",
    }


def result(customer: Customer, run: Json) -> str:
    """The page that tells how a run ended."""
    path = f"/integrations/entra/setup/sync/progress?run={run['runId']}"
    return str(customer.admin.http.get(path).text)


def test_an_unchanged_customer_costs_one_request(meet: Meet) -> None:
    customer = meet(1)
    assert reading(customer, customer.sync()) == WEEKLY
    customer.microsoft.forget_requests()
    run = rests(customer)
    assert reading(customer, run) == DELTA
    assert asked(customer) == ["/v1.0/users/delta"]
    assert run["counts"]["unchanged"] == USERS
    assert [tenant["readingKind"] for tenant in run["tenants"]] == ["delta"]


def test_the_counters_of_a_reading_of_changes_are_those_of_a_full_one(meet: Meet) -> None:
    customer = meet(2)
    users(customer, disable=[customer.object_id(0)])
    customer.sync()
    customer.change(2, jobTitle="Chief")
    by_changes = customer.sync()
    assert reading(customer, by_changes) == DELTA
    look_for_the_gone(customer)
    by_all = customer.sync()
    assert reading(customer, by_all) == WEEKLY
    assert by_changes["counts"] == by_all["counts"]
    assert (by_all["counts"]["unchanged"], by_all["counts"]["filtered"]) == (USERS - 1, 1)
    told = "changes only"
    assert (told in result(customer, by_changes), told in result(customer, by_all)) == (True, False)


def test_whoever_came_changed_or_went_is_among_the_changes(meet: Meet) -> None:
    customer = meet(3)
    customer.sync()
    rules(customer.admin, role=True)
    customer.sync()
    users(customer, add=[newcomer(customer)], delete=[customer.object_id(0)])
    customer.change(2, jobTitle="Chief")
    run = customer.sync()
    assert reading(customer, run) == DELTA
    assert changes(run) == {"created": 1, "updated": 1, "inactivated": 1}
    assert customer.active() == (EVERYBODY | {"person9"}) - {"person0"}
    assert value(customer, 2, "role") == "Chief"
    rests(customer)
    rules(customer.admin)


def test_a_property_that_was_cleared_is_told_from_one_that_is_not_named(meet: Meet) -> None:
    customer = meet(4)
    customer.sync()
    customer.change(0, department="Sales")
    customer.sync()
    customer.change(0, jobTitle=None)
    assert reading(customer, customer.sync()) == DELTA
    stored = customer.inside.rows(
        "SELECT attributes ->> 'job_title', attributes ->> 'department',"
        " attributes ->> 'display_name' FROM entra_identities WHERE object_id = %s",
        customer.object_id(0),
    )
    assert stored == [(None, "Sales", "Person 0")]
    rests(customer)


def test_a_change_whose_user_is_not_found_proves_nothing_without_the_deleted_items(
    meet: Meet,
) -> None:
    customer = meet(17)
    customer.sync()
    body = {"error": {"code": "Request_ResourceNotFound", "message": "x"}}
    for number in (0, 2):
        customer.change(number, otherMails=[f"also{number}@customer17.example"])
    faults = [
        {"match": f"/users/{customer.object_id(n)}", "host": "graph", "status": 404, "body": body}
        for n in (0, 2)
    ]
    customer.microsoft.control("/faults", {"faults": faults})
    try:
        run = customer.sync()
    finally:
        customer.microsoft.control("/faults", {"faults": []})
    assert reading(customer, run) == ("delta", False)
    assert changes(run) == {"queued": 2}
    assert questions(customer) == dict.fromkeys(("person0", "person2"), "missing_upstream")
    assert customer.active() == EVERYBODY


def test_an_expired_cursor_means_reading_everybody_and_nobody_leaves_by_absence(
    meet: Meet,
) -> None:
    customer = meet(5)
    customer.sync()
    users(customer, deletePermanently=[customer.object_id(0)], add=[newcomer(customer)])
    customer.microsoft.control("/delta", {"expire": True})
    run = customer.sync()
    assert reading(customer, run) == FULL
    assert changes(run) == {"created": 1}
    assert customer.active() == EVERYBODY | {"person9"}
    assert questions(customer) == {}
    assert reading(customer, rests(customer)) == DELTA
    look_for_the_gone(customer)
    assert changes(customer.sync()) == {"inactivated": 1}
    rests(customer)


def test_other_properties_than_those_of_the_cursor_mean_reading_everybody(meet: Meet) -> None:
    customer = meet(6)
    customer.sync()
    customer.inside.write(
        "UPDATE entra_delta_cursors SET select_fingerprint = 'of before'"
        " WHERE managed_tenant_id = %s",
        customer.managed_tenant,
    )
    assert reading(customer, rests(customer)) == FULL
    assert reading(customer, rests(customer)) == DELTA


def test_other_rules_mean_reading_everybody_once(meet: Meet) -> None:
    customer = meet(7)
    customer.sync()
    rules(customer.admin, department=True)
    assert reading(customer, customer.sync()) == FULL
    assert reading(customer, rests(customer)) == DELTA
    rules(customer.admin)


def test_limits_of_the_guard_concern_nobody_who_is_as_he_was(meet: Meet) -> None:
    customer = meet(8)
    customer.sync()
    guard(customer.admin, inactivatePercent=20, overwriteMin=30)
    assert reading(customer, rests(customer)) == DELTA
    guard(customer.admin)


def test_every_week_everybody_is_read_and_that_starts_the_week_anew(meet: Meet) -> None:
    customer = meet(9)
    customer.sync()
    look_for_the_gone(customer)
    assert reading(customer, rests(customer)) == WEEKLY
    assert reading(customer, rests(customer)) == DELTA


def test_what_could_not_be_written_is_taken_up_though_microsoft_reports_no_change(
    meet: Meet,
) -> None:
    customer = meet(10)
    customer.sync()
    before = held(customer)
    rules(customer.admin, role=True)
    customer.sync()
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    customer.change(0, jobTitle="Chief")
    assert held(customer, customer.sync()) == before + 1
    customer.edit(0, role="By hand")
    guard(customer.admin)
    run = customer.sync()
    assert reading(customer, run) == DELTA
    assert changes(run) == {"updated": 1}
    assert value(customer, 0, "role") == "Chief"
    rests(customer)
    rules(customer.admin)


def test_a_contact_that_is_gone_is_noticed_though_microsoft_reports_no_change(meet: Meet) -> None:
    customer = meet(11)
    customer.sync()
    customer.inside.write("DELETE FROM psa_contacts WHERE email = %s", customer.address(0))
    run = customer.sync()
    assert reading(customer, run) == DELTA
    assert set(customer.rows(run)) == {("person0", "close_link"), ("person0", "create")}
    assert customer.active() == EVERYBODY
    rests(customer)


def test_changes_on_many_pages_are_all_taken(meet: Meet) -> None:
    customer = meet(12)
    customer.sync()
    rules(customer.admin, role=True)
    customer.sync()
    for number in range(USERS):
        customer.change(number, jobTitle="Chief")
    customer.microsoft.control("/pages", {"largest": 2})
    run = customer.sync()
    customer.microsoft.control("/pages", {"largest": None})
    assert reading(customer, run) == DELTA
    assert changes(run) == {"updated": USERS}
    rests(customer)
    rules(customer.admin)


def test_what_changes_while_everybody_is_read_comes_with_the_next_reading(meet: Meet) -> None:
    customer = meet(13)
    run_id = _while_reading(customer)
    assert customer.admin.finished(run_id)["state"] == "completed"
    customer.sync()
    stored = customer.inside.rows(
        "SELECT attributes ->> 'job_title' FROM entra_identities WHERE object_id = %s",
        customer.object_id(0),
    )
    assert stored == [("Chief",)]


def test_who_moves_between_pages_while_rules_change_gets_them_with_the_next_reading(
    meet: Meet,
) -> None:
    customer, away = meet(14), 2
    customer.sync()
    customer.inside.write(
        "UPDATE psa_contacts SET role = 'Edited', version = version + 1 WHERE email LIKE %s",
        "%@customer14.example",
    )
    rules(customer.admin, role=True)
    listed = [
        row
        for row in rows_of(customer.microsoft, tenant_id(14))
        if row["id"] != customer.object_id(away)
    ]
    faults = answering(customer.microsoft, tenant_id(14), pages_of(listed, 2))
    customer.microsoft.control("/faults", {"faults": faults})
    run = customer.sync()
    customer.microsoft.control("/faults", {"faults": []})
    assert reading(customer, run) == FULL
    assert changes(run) == {"updated": USERS - 1}
    assert value(customer, away, "role") == "Edited"
    assert changes(customer.sync()) == {"updated": 1}
    assert value(customer, away, "role") == "Clerk"
    rests(customer)
    rules(customer.admin)


def test_rules_that_were_taken_back_before_their_reading_was_through_leave_no_trace(
    meet: Meet,
) -> None:
    customer = meet(16)
    customer.sync()
    users(customer, add=[newcomer(customer)])
    filters(customer.admin, excludePatterns=["person9@*"])
    simulator, tenant = customer.microsoft, tenant_id(16)
    listed = list(reversed(rows_of(simulator, tenant)))
    faults = answering(simulator, tenant, pages_of(listed, 4), last=link_to(simulator, 9))
    faults.append({"match": "skiptoken=page9", "tenants": [tenant], "status": 403})
    simulator.control("/faults", {"faults": faults})
    assert customer.sync()["state"] == "failed"
    simulator.control("/faults", {"faults": []})
    assert customer.verdicts()["person9"] == "filtered"
    filters(customer.admin)
    assert changes(customer.sync()) == {"created": 1}
    rests(customer)


def _while_reading(customer: Customer) -> object:
    """Start a sync, and change a user when the first page is out and the second is not."""
    simulator = customer.microsoft
    simulator.control("/pages", {"largest": 3})
    simulator.control(
        "/faults",
        {
            "match": r"^GET /v1\.0/users\?.*skiptoken",
            "tenants": [tenant_id(customer.number)],
            "delayMs": 1500,
            "times": 1,
        },
    )
    started = customer.admin.post("/sync", {"scope": "client", "clientId": customer.client})
    customer.admin.until(
        lambda: {"asked": asked(customer)}, lambda found: "/v1.0/users" in found["asked"]
    )
    customer.change(0, jobTitle="Chief")
    simulator.control("/pages", {"largest": None})
    return started.data["runId"]


def held(customer: Customer, run: Json | None = None) -> int:
    """How many rows the guard holds for the customer; of a run, that it holds some."""
    assert run is None or run["state"] == "held"
    ((count,),) = customer.inside.rows(
        "SELECT count(*) FROM entra_sync_changes WHERE managed_tenant_id = %s AND state = 'held'",
        customer.managed_tenant,
    )
    assert isinstance(count, int)
    return count
