"""A preview plans and writes nothing else; applied, it does what still holds, and only that."""

from collections.abc import Iterator

import pytest

from support.bad_listings import answering, pages_of, rows_of
from support.folders import tenant_id, write_seed
from support.inside import Inside
from support.program import Program
from support.ruling import Meet, look_for_the_gone, reading, users
from support.running import RunningHost, running_devhost
from support.simulator import Simulator
from support.undoing import Customer, rules

CUSTOMERS = 17
USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
CREATED = EVERYBODY - {"person1"}
"""One contact was there before, and is linked."""

FIELD_SYNC = "entra-integration-field-sync"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=CUSTOMERS, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture(autouse=True)
def no_rules(admin: Program) -> Iterator[None]:
    yield
    rules(admin)


def title(customer: Customer, number: int) -> object:
    query = "SELECT role FROM psa_contacts WHERE email = %s"
    return customer.inside.rows(query, customer.address(number))[0][0]


def test_a_preview_writes_its_run_and_its_plan_and_touches_no_other_row(
    meet: Meet, inside: Inside
) -> None:
    customer = meet(1)
    customer.sync()
    customer.change(0, accountEnabled=False)
    before = inside.everything()
    preview = customer.preview()
    after = inside.everything()
    written = {name for name, rows in after.items() if rows != before[name]}
    assert written == {"entra_sync_runs", "entra_sync_run_tenants", "entra_sync_changes"}
    assert all(before[name] <= after[name] for name in written), "rows of before are as they were"
    rows = customer.rows(preview)
    assert rows["person0", "inactivate"]["state"] == "planned"
    left = {who for who, kind in rows if kind == "none"}
    assert left == EVERYBODY - {"person0"}
    assert rows["person2", "none"]["reason"] == "created"
    assert rows["person2", "none"]["reasonText"].strip()


def test_identities_are_stored_when_a_preview_is_applied_and_who_is_left_alone_is_left(
    meet: Meet,
) -> None:
    customer = meet(2)
    customer.change(5, accountEnabled=False)
    preview = customer.preview()
    assert customer.verdicts() == {}
    done = customer.apply(preview)
    assert done["counts"]["created"] == len(CREATED) - 1
    assert (done["counts"]["linked"], done["counts"]["filtered"]) == (1, 1)
    assert customer.verdicts() == dict.fromkeys(EVERYBODY - {"person5"}, "linked")
    assert {state for _, state in _states(customer, preview["runId"], "none")} == {"planned"}
    following = customer.sync()
    assert customer.rows(following) == {}
    assert following["counts"]["unchanged"] == USERS - 1


def _states(customer: Customer, run_id: object, kind: str) -> set[tuple[str, str]]:
    found = customer.admin.items(f"/runs/{run_id}/changes", kind=kind)
    return {(str(row["kind"]), str(row["state"])) for row in found}


def test_several_previews_of_one_customer_run_beside_each_other(meet: Meet) -> None:
    customer = meet(3)
    body = {"clientId": customer.client}
    started = [customer.admin.post("/sync/preview", body) for _ in range(3)]
    assert {answer.status for answer in started} == {202}
    ids = {answer.data["runId"] for answer in started}
    assert len(ids) == len(started)
    assert not any(answer.data["joined"] for answer in started)
    ended = [customer.admin.finished(run_id) for run_id in ids]
    assert {run["state"] for run in ended} == {"completed"}
    plans = [{who: row["state"] for who, row in customer.rows(run).items()} for run in ended]
    assert plans[0] == plans[1] == plans[2]


def test_a_preview_with_unsaved_settings_shows_what_they_would_do_and_is_never_applied(
    meet: Meet,
) -> None:
    customer = meet(3)
    saved = customer.admin.get("/settings").data
    body = {
        "clientId": customer.client,
        "fieldSyncConfig": {"role": True},
        "userFilterConfig": {"excludePatterns": ["person0@*"]},
    }
    started = customer.admin.post("/sync/preview", body)
    preview = customer.admin.finished(started.data["runId"])
    rows = customer.rows(preview)
    assert rows["person0", "none"]["reason"] == "excluded_pattern"
    assert rows["person1", "update"]["after"] == {"role": "Clerk"}
    refused = customer.admin.post(f"/runs/{preview['runId']}/apply")
    assert refused.failure == (422, "what_if_preview")
    assert customer.admin.get("/settings").data == saved
    wrong = {"userFilterConfig": {"excludePatterns": ["a" * 300]}}
    assert customer.admin.post("/sync/preview", wrong).status in {400, 422}


def test_unsaved_field_rules_need_their_flag(meet: Meet, host: RunningHost) -> None:
    customer = meet(3)
    host.target(FIELD_SYNC, host.tenant_id(0), "remove")
    try:
        refused = customer.admin.post("/sync/preview", {"fieldSyncConfig": {"role": True}})
    finally:
        host.target(FIELD_SYNC, host.tenant_id(0), "add")
    assert refused.failure == (404, "not_found")
    assert refused.body["details"] == {"field": "fieldSyncConfig"}


def test_what_is_not_mapped_has_no_preview(admin: Program, meet: Meet) -> None:
    meet(1)
    assert admin.post("/sync/preview", {"clientId": UNKNOWN}).failure == (422, "not_mapped")
    assert admin.post("/sync/preview", {"x": 1}).failure == (400, "malformed_request")


def test_a_row_that_no_longer_holds_is_stale(meet: Meet) -> None:
    customer = meet(4)
    customer.sync()
    rules(customer.admin, role=True)
    for number in (2, 3, 4):
        customer.change(number, jobTitle="Head")
    preview = customer.preview()
    customer.edit(2, role="Owner")
    customer.pin("hands_off", 3)
    done = customer.apply(preview)
    rows = customer.rows(preview, kind="update")
    assert {who for (who, _), row in rows.items() if row["state"] == "stale"} == {
        "person2",
        "person3",
    }
    assert done["counts"]["stale"] == 2
    assert rows["person2", "update"]["note"]["found"] == "changed"
    assert rows["person3", "update"]["note"]["found"] == "pinned"
    assert [title(customer, n) for n in (2, 3, 4)] == ["Owner", "Clerk", "Head"]


def test_nothing_is_overwritten_while_the_rule_is_off_or_for_the_client_of_before(
    meet: Meet, admin: Program, host: RunningHost
) -> None:
    customer = meet(5)
    customer.sync()
    rules(admin, role=True)
    customer.change(2, jobTitle="Head")
    first, second = customer.preview(), customer.preview()
    host.target(FIELD_SYNC, host.tenant_id(0), "remove")
    try:
        customer.apply(first)
    finally:
        host.target(FIELD_SYNC, host.tenant_id(0), "add")
    assert customer.rows(first, state="stale")["person2", "update"]["note"]["found"] == "rule_off"
    assert admin.post("/mappings/unmap", {"managedTenantId": customer.managed_tenant}).status == 200
    done = customer.apply(second)
    assert done["tenants"][0]["state"] == "skipped"
    assert done["tenants"][0]["stateReason"] == "mapping_changed"
    assert title(customer, 2) == "Clerk"


def test_a_preview_is_older_than_what_a_sync_has_seen_since(meet: Meet) -> None:
    customer = meet(6)
    customer.sync()
    rules(customer.admin, role=True)
    customer.sync()
    customer.change(2, jobTitle="Head")
    customer.change(3, jobTitle="Head")
    preview = customer.preview()
    customer.change(2, jobTitle="Chief")
    customer.sync()
    assert title(customer, 2) == "Chief"
    done = customer.apply(preview)
    rows = customer.rows(preview, kind="update")
    assert {row["state"] for row in rows.values()} == {"stale"}
    assert rows["person2", "update"]["note"]["found"] == "seen_since"
    assert done["state"] == "completed"
    assert customer.rows(customer.sync()) == {}, "nobody goes back to what was seen before"
    assert (title(customer, 2), title(customer, 3)) == ("Chief", "Head")


@pytest.mark.parametrize(("number", "weekly"), [(17, False), (14, True)])
def test_a_preview_says_who_leaves_with_the_next_sync(
    meet: Meet, inside: Inside, number: int, *, weekly: bool
) -> None:
    customer = meet(number)
    customer.sync()
    users(customer, delete=[customer.object_id(0)])
    users(customer, deletePermanently=[customer.object_id(3)])
    if weekly:
        look_for_the_gone(customer)
    cursors = "SELECT managed_tenant_id::text, link FROM entra_delta_cursors ORDER BY 1"
    before = inside.rows(cursors)
    foreseen = customer.rows(customer.preview(), kind="inactivate")
    assert inside.rows(cursors) == before
    run = customer.sync()
    assert reading(customer, run) == (("full", True) if weekly else ("delta", False))
    assert {who: row["reason"] for who, row in foreseen.items()} == {
        who: row["reason"] for who, row in customer.rows(run).items()
    }
    assert {who for who, _ in foreseen} == {"person0", "person3"}
    assert customer.rows(customer.preview()).keys() == {
        (who, "none") for who in EVERYBODY - {"person0", "person3"}
    }


def test_a_preview_asks_nobody_about_who_is_missing_without_a_removal(meet: Meet) -> None:
    customer = meet(15)
    customer.sync()
    listed = rows_of(customer.microsoft, tenant_id(15))[1:]
    faults = answering(customer.microsoft, tenant_id(15), pages_of(listed, USERS))
    customer.microsoft.control("/faults", {"faults": faults})
    preview = customer.preview()
    customer.microsoft.control("/faults", {"faults": []})
    assert len(customer.rows(preview)) == USERS - 1
    assert {kind for _, kind in customer.rows(preview)} == {"none"}
    assert customer.rows(customer.sync()) == {}


def test_a_preview_asks_nothing_that_is_asked_already(meet: Meet) -> None:
    customer = meet(16)
    customer.sync()
    ask = {"enabled": True, "mode": "ask"}
    rules(customer.admin, role=ask, displayName=True)
    customer.sync()
    customer.edit(2, role="By hand")
    customer.edit(3, role="By hand")
    for number in (2, 3):
        customer.change(number, jobTitle="Chief")
    newcomers = [
        {
            "id": customer.object_id(number),
            "userPrincipalName": customer.address(number),
            "mail": "both@customer16.example",
            "displayName": f"Newcomer {number}",
        }
        for number in (7, 8)
    ]
    customer.microsoft.control("/users", {"tenant": tenant_id(16), "add": newcomers})
    conflict, claim = "field_conflict", "claimed_twice"
    asked = {("person2", conflict), ("person3", conflict), ("both", claim)}
    first = customer.preview()
    assert {
        (who, row["reason"]) for (who, _), row in customer.rows(first, kind="queue").items()
    } == asked
    run = customer.sync()
    assert run["counts"]["queued"] == 4
    again = customer.preview()
    assert customer.rows(again, kind="queue") == {}
    left = customer.rows(again, kind="none")
    assert {(who, row["reason"]) for (who, _), row in left.items()} >= asked
    assert left["person2", "none"]["note"] == {"verdict": "linked"}
    assert left["both", "none"]["note"] == {"verdict": "queued"}
    assert (left["person2", "none"]["after"], left["person2", "none"]["before"]) == (None, None)
    resting = customer.sync()
    assert again["counts"] == resting["counts"]
    customer.change(2, displayName="Somebody Else", jobTitle="Chief of all")
    customer.change(3, displayName="Another")
    foreseen = customer.rows(customer.preview())
    assert ("person2", "queue") in foreseen
    rows = customer.rows(customer.sync())
    assert foreseen.keys() - {key for key in foreseen if key[1] == "none"} == rows.keys()


def test_who_was_deleted_since_a_preview_stays_gone(meet: Meet) -> None:
    customer = meet(10)
    customer.sync()
    rules(customer.admin, role=True)
    customer.change(3, jobTitle="Head")
    customer.sync()
    customer.edit(3, role="Clerk")
    customer.change(3, jobTitle="Chief")
    preview = customer.preview()
    rules(customer.admin)
    customer.sync()
    body = {"tenant": tenant_id(10), "delete": [customer.object_id(3)]}
    customer.microsoft.control("/users", body)
    customer.sync()
    rules(customer.admin, role=True)
    customer.apply(preview)
    (row,) = customer.rows(preview, kind="update").values()
    assert (row["state"], row["note"]["found"]) == ("stale", "seen_since")
    path = f"/identities/{tenant_id(10)}/{customer.object_id(3)}/explain"
    assert customer.admin.get(path).data["departure"]["reason"] == "deleted_upstream"
    assert customer.active() == EVERYBODY - {"person3"}


def test_a_contact_that_came_meanwhile_is_linked_and_not_made_twice(meet: Meet) -> None:
    customer = meet(7)
    preview = customer.preview()
    customer.inside.write(
        "INSERT INTO psa_contacts (tenant_id, id, client_id, full_name, name_key, email,"
        " email_key, email_domain, active) SELECT tenant_id, gen_random_uuid(), client_id,"
        " 'Somebody', 'somebody', %s, %s, email_domain, true FROM psa_contacts WHERE email = %s",
        *(customer.address(0), customer.address(0), customer.address(1)),
    )
    done = customer.apply(preview)
    assert (done["counts"]["created"], done["counts"]["linked"]) == (len(CREATED) - 1, 2)
    assert customer.linked() == EVERYBODY
    assert len(customer.people()) == USERS


def test_a_link_that_a_sync_has_made_since_is_not_closed_for_the_one_of_before(meet: Meet) -> None:
    customer = meet(11)
    customer.sync()
    customer.inside.write("DELETE FROM psa_contacts WHERE email = %s", customer.address(0))
    preview = customer.preview()
    assert customer.sync()["counts"]["created"] == 1
    query = (
        "SELECT link_id, reason FROM entra_contact_links WHERE object_id = %s AND state = 'active'"
    )
    made = customer.inside.rows(query, customer.object_id(0))
    customer.apply(preview)
    row = customer.rows(preview)["person0", "close_link"]
    assert (row["state"], row["note"]) == ("stale", {"found": "link_gone"})
    assert customer.inside.rows(query, customer.object_id(0)) == made


def test_a_contact_that_lost_the_address_is_not_linked_and_keeps_its_name(meet: Meet) -> None:
    customer = meet(12)
    rules(customer.admin, displayName=True, role=True)
    name, _ = customer.people()["person1"]
    preview = customer.preview()
    bob = "bob@customer12.example"
    customer.inside.write(
        "UPDATE psa_contacts SET email = %s, email_key = %s, version = version + 1"
        " WHERE email = %s",
        *(bob, bob, customer.address(1)),
    )
    customer.apply(preview)
    row = customer.rows(preview)["person1", "link"]
    assert (row["state"], row["note"]["found"]) == ("stale", "address_changed")
    assert customer.people()["bob"] == (name, True)
    assert "person1" not in customer.linked()


def test_a_customer_that_is_being_written_waits_for_nobody(
    meet: Meet, admin: Program, host: RunningHost
) -> None:
    customer = meet(8)
    preview = customer.preview()
    with host.paused("worker"):
        body = {"scope": "client", "clientId": customer.client}
        sync = admin.post("/sync", body).data
        refused = admin.post(f"/runs/{preview['runId']}/apply")
        assert refused.failure == (409, "sync_under_way")
        assert admin.get(f"/runs/{preview['runId']}").data["state"] == "completed"
    admin.finished(sync["runId"])
    with host.paused("worker"):
        assert admin.post(f"/runs/{preview['runId']}/apply").status == 202
        again = admin.post(f"/runs/{preview['runId']}/apply")
        assert again.failure == (409, "already_applied")
        assert admin.post("/sync", body).failure == (409, "sync_under_way")
    done = admin.finished(preview["runId"])
    assert (done["state"], done["counts"]["created"]) == ("completed", 0)
    assert customer.active() == EVERYBODY


def test_without_temporal_nothing_is_begun_and_all_is_as_before(
    meet: Meet, admin: Program, host: RunningHost, inside: Inside
) -> None:
    customer = meet(9)
    preview = customer.preview()
    runs = "SELECT run_id::text, state, workflow_id FROM entra_sync_runs ORDER BY run_id"
    customers = "SELECT run_id::text, state, writes FROM entra_sync_run_tenants ORDER BY 1, 2"
    before = inside.rows(runs), inside.rows(customers)
    with host.paused("temporal"):
        for path in (
            f"/runs/{preview['runId']}/apply",
            "/sync/preview",
            f"/identities/{tenant_id(9)}/{customer.object_id(0)}/sync",
        ):
            assert admin.post(path).failure == (503, "temporal_unavailable")
    assert (inside.rows(runs), inside.rows(customers)) == before
    assert customer.apply(preview)["counts"]["created"] == len(CREATED)


def test_an_unreadable_customer_is_told_by_its_preview_and_nowhere_else(
    meet: Meet, microsoft: Simulator, inside: Inside
) -> None:
    customer = meet(9)
    before = inside.everything()["entra_managed_tenants"]
    fault = {"match": "/users", "host": "graph", "tenants": [tenant_id(9)], "status": 403}
    microsoft.control("/faults", {"faults": [fault]})
    started = customer.admin.post("/sync/preview", {"clientId": customer.client})
    run = customer.admin.finished(started.data["runId"])
    microsoft.control("/faults", {"faults": []})
    assert run["state"] == "failed"
    assert inside.everything()["entra_managed_tenants"] == before


def test_an_accent_is_one_whether_it_stands_in_its_letter_or_behind_it(meet: Meet) -> None:
    customer = meet(13)
    address, name = "jose\u0301@customer13.example", "Zoe\u0308 A"
    ((contact,),) = customer.inside.rows(
        "SELECT id::text FROM psa_contacts WHERE email = %s", customer.address(1)
    )
    customer.inside.write(
        "UPDATE psa_contacts SET email = %s, email_key = %s, full_name = %s, name_key = lower(%s)"
        " WHERE id = %s",
        *(address, address, name, name, contact),
    )
    customer.change(1, mail="jos\u00e9@customer13.example")
    customer.change(0, displayName="Zo\u00eb A")
    rows = customer.rows(customer.preview())
    linked = [row for (_, kind), row in rows.items() if kind == "link"]
    assert [(row["contactId"], row["reason"]) for row in linked] == [(contact, "matched_email")]
    assert rows["person0", "create"]["note"] == {"lookAlikes": [contact]}
