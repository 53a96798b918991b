"""Runs are undone, planned first, as far as what they wrote is still there; and resumed."""

from collections.abc import Iterator

import pytest

from support.folders import client_id, tenant_id, write_seed
from support.program import Json, Program
from support.ruling import Meet, look_for_the_gone, questions, value
from support.running import RunningHost, running_devhost
from support.undoing import guard, rules

CUSTOMERS = 22
USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
CREATED = EVERYBODY - {"person1"}
"""One contact was there before, and is linked."""
FIELD_SYNC = "entra-integration-field-sync"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=CUSTOMERS, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture
def no_rules(admin: Program, meet: Meet) -> Iterator[None]:
    yield
    rules(admin)


def test_a_first_sync_is_undone_planned_first_and_then_left_alone(meet: Meet) -> None:
    customer = meet(1)
    run = customer.sync()
    assert customer.active() == EVERYBODY
    undo = customer.undo(run)
    assert {who: row["state"] for who, row in customer.rows(undo).items()} == {
        **{(name, "inactivate"): "planned" for name in CREATED},
        ("person1", "close_link"): "planned",
    }
    assert customer.active() == EVERYBODY, "nothing is written before it is applied"
    assert sum(undo["counts"].values()) == 0
    done = customer.apply(undo)
    assert done["state"] == "completed"
    assert done["appliedAt"] is not None
    assert done["counts"]["inactivated"] == len(CREATED)
    assert customer.active() == {"person1"}
    assert customer.linked() == set()
    assert set(customer.verdicts().values()) == {"undone"}
    assert {row["state"] for row in customer.rows(run).values()} == {"undone"}
    versions = customer.inside.versions()
    later = customer.sync()
    assert later["counts"]["unchanged"] == USERS
    assert customer.inside.versions() == versions, "later runs leave everybody alone"
    assert customer.admin.get(f"/runs/{run['runId']}").data["counts"]["created"] == len(CREATED)
    again = customer.admin.post(f"/runs/{run['runId']}/undo")
    assert again.failure == (422, "nothing_to_undo")
    assert customer.admin.post(f"/runs/{undo['runId']}/apply").failure == (409, "already_applied")
    assert customer.admin.post(f"/runs/{undo['runId']}/undo").failure == (422, "not_undoable")


def test_resuming_one_then_a_customer_wakes_them_unless_somebody_touched_them(meet: Meet) -> None:
    customer = meet(2)
    run = customer.sync()
    undo = customer.undone(run)
    identity = {
        "entraTenantId": customer.rows(run)[("person2", "create")]["identity"]["entraTenantId"],
        "objectId": customer.object_id(2),
    }
    assert customer.resume(undo, identity=identity) == 1
    assert customer.resume(undo, identity=identity) == 0
    one = customer.sync()
    assert customer.active() == {"person1", "person2"}
    assert customer.rows(one)[("person2", "reactivate")]["reason"] == "resumed"
    customer.edit(3, role="Edited while it was undone")
    assert customer.resume(run, managedTenantId=customer.managed_tenant) == USERS - 1
    both = customer.sync()
    assert customer.active() == EVERYBODY - {"person3"}
    assert ("person1", "link") in customer.rows(both)
    assert customer.linked() == EVERYBODY, "who was edited is linked anew, and stays inactive"
    assert customer.resume(run) == 0
    woken = customer.undone(both)
    assert woken["counts"]["inactivated"] == 3
    assert customer.active() == {"person1", "person2"}


def test_what_people_did_since_and_what_is_pinned_is_kept(meet: Meet) -> None:
    customer = meet(3)
    run = customer.sync()
    customer.edit(0, active=False)
    customer.pin("keep_active", 2)
    customer.pin("hands_off", 1)
    undo = customer.undo(run)
    rows = customer.rows(undo, kind="none")
    assert {who: (row["reason"], row["note"]["kept"]) for (who, _), row in rows.items()} == {
        "person0": ("edited_since", {"active": "edited_since"}),
        "person1": ("pinned", {"link": "pinned"}),
        "person2": ("pinned", {"active": "pinned"}),
    }
    customer.edit(3, active=False)
    customer.pin("keep_active", 4)
    done = customer.apply(undo)
    assert done["counts"]["stale"] == 2
    stale = customer.rows(undo, state="stale")
    assert {who: row["note"]["found"] for (who, _), row in stale.items()} == {
        "person3": "changed",
        "person4": "pinned",
    }
    assert customer.active() == {"person1", "person2", "person4"}
    assert customer.verdicts() == {
        **dict.fromkeys(EVERYBODY, "linked"),
        "person5": "undone",
    }


def test_fields_go_back_one_by_one_and_what_was_empty_is_empty_again(
    meet: Meet, no_rules: None
) -> None:
    customer = meet(4)
    customer.sync()
    names = customer.people()
    rules(customer.admin, displayName=True, phone=True, mobile=True, role=True)
    for number in range(4):
        customer.change(
            number, displayName=f"New {number}", mobilePhone="+1 555 9999", jobTitle="Chief"
        )
    run = customer.sync()
    assert run["counts"]["updated"] == 4
    customer.edit(1, role="By hand")
    customer.pin("lock_field", 2, "displayName")
    customer.change(3, displayName="Newest 3")
    later = customer.sync()
    undo = customer.undo(run)
    rows = customer.rows(undo)
    assert rows[("person0", "update")]["after"]["mobile"] is None
    assert set(rows[("person1", "update")]["after"]) == {"displayName", "phone", "mobile"}
    assert rows[("person1", "none")]["note"] == {"kept": {"role": "edited_since"}}
    assert rows[("person1", "none")]["before"] == {"role": "By hand"}
    assert rows[("person2", "none")]["reason"] == "pinned"
    assert rows[("person3", "none")]["note"] == {
        "kept": {"displayName": "changed_by_later_run"},
        "runId": later["runId"],
    }
    rules(customer.admin)
    customer.host.target(FIELD_SYNC, customer.host.tenant_id(0), "remove")
    try:
        assert customer.apply(undo)["counts"]["updated"] == 4
    finally:
        customer.host.target(FIELD_SYNC, customer.host.tenant_id(0), "add")
    people = customer.people()
    assert {name: people[name][0] for name in ("person0", "person1", "person2", "person3")} == {
        "person0": "Person 0",
        "person1": names["person1"][0],
        "person2": "New 2",
        "person3": "Newest 3",
    }
    left = customer.inside.rows(
        "SELECT count(*) FROM psa_contact_phones p JOIN psa_contacts c ON c.id = p.contact_id"
        " WHERE p.type = 'mobile' AND c.client_id = %s",
        customer.client,
    )
    assert left == [(0,)]
    rules(customer.admin, displayName=True)
    customer.sync()
    assert customer.people()["person0"][0] == "Person 0"
    assert customer.resume(undo) == 4
    customer.sync()
    assert customer.people()["person0"][0] == "New 0", "once resumed, the rule decides anew"


def test_leavers_come_back_and_who_came_back_leaves_again(meet: Meet) -> None:
    customer = meet(5)
    customer.sync()
    customer.change(0, accountEnabled=False)
    left = customer.sync()
    assert customer.active() == EVERYBODY - {"person0"}
    undo = customer.undone(left)
    assert undo["counts"]["reactivated"] == 1
    assert customer.active() == EVERYBODY
    customer.sync()
    assert customer.active() == EVERYBODY
    customer.resume(left)
    customer.change(0, accountEnabled=True)
    customer.sync()
    customer.change(0, accountEnabled=False)
    customer.sync()
    assert customer.active() == EVERYBODY - {"person0"}
    customer.change(0, accountEnabled=True)
    back = customer.sync()
    assert customer.active() == EVERYBODY
    again = customer.undone(back)
    assert again["counts"]["inactivated"] == 1
    assert "person0" in customer.linked()
    customer.sync()
    assert customer.active() == EVERYBODY - {"person0"}
    customer.resume(again)
    customer.sync()
    assert customer.active() == EVERYBODY


def test_a_remap_moves_who_is_ours_asks_about_the_others_and_can_be_undone(meet: Meet) -> None:
    customer = meet(8)
    customer.sync()
    customer.edit(2, role="Edited")
    other = client_id(9)
    told = customer.remap(other, dry_run=True)
    assert (told["links"]["moving"], told["links"]["asking"]) == (4, 2)
    assert "4 contacts" in told["statement"]
    assert customer.remap(other)["links"]["moving"] == 4
    run = customer.sync(other)
    moved = {"person0", "person3", "person4", "person5"}
    assert run["counts"]["moved"] == 4
    assert run["counts"]["queued"] == 2
    assert moved <= set(customer.people(other))
    assert customer.linked() == moved
    undo = customer.undone(run)
    assert undo["counts"]["moved"] == 4
    assert set(customer.people()) == EVERYBODY
    assert customer.linked() == set()
    customer.sync(other)
    assert set(customer.people()) == EVERYBODY
    customer.resume(undo)
    again = customer.sync(other)
    assert again["counts"]["moved"] == 4
    assert customer.linked() == moved


def test_a_contact_that_another_directory_took_meanwhile_is_not_moved(meet: Meet) -> None:
    customer, sister = meet(17), meet(18)
    customer.sync()
    other = client_id(19)
    customer.remap(other)
    started = customer.admin.post("/sync/preview", {"clientId": other})
    preview = customer.admin.finished(started.data["runId"])
    assert customer.rows(preview)[("person0", "move")]["state"] == "planned"
    change = {"id": sister.object_id(0), "set": {"mail": customer.address(0)}}
    sister.microsoft.control("/users", {"tenant": tenant_id(18), "change": [change]})
    sister.remap(customer.client)
    assert ("person0", "link") in sister.rows(sister.sync(customer.client))
    customer.apply(preview)
    row = customer.rows(preview)[("person0", "move")]
    assert (row["state"], row["note"]["found"]) == ("stale", "linked_elsewhere")
    assert "person0" in customer.people()
    assert "person2" in customer.people(other)


def test_who_was_undone_before_a_remap_is_moved_and_woken_by_a_resume(meet: Meet) -> None:
    customer = meet(10)
    run = customer.sync()
    undo = customer.undone(run)
    other = client_id(11)
    customer.remap(other)
    customer.sync(other)
    assert customer.active() == {"person1"}
    customer.resume(undo)
    woken = customer.sync(other)
    assert woken["counts"]["moved"] == len(CREATED)
    assert customer.active(other) >= CREATED
    back = customer.undone(woken)
    assert back["counts"]["moved"] == len(CREATED)
    assert customer.active() == {"person1"}
    assert set(customer.people()) == EVERYBODY


def test_a_held_overwrite_of_somebody_woken_twice_waits_on(meet: Meet, no_rules: None) -> None:
    del no_rules
    customer = meet(16)
    run = customer.sync()
    customer.undone(run)
    customer.change(2, jobTitle="Chief")
    rules(customer.admin, role=True)
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    customer.resume(run)
    woken = customer.sync()
    assert customer.rows(woken)[("person2", "update")]["state"] == "held"
    customer.undone(woken)
    customer.resume(woken)
    assert ("person2", "reactivate") in customer.rows(customer.sync())
    look_for_the_gone(customer)
    customer.sync()
    assert customer.rows(woken)[("person2", "update")]["state"] == "held"
    guard(customer.admin)


def test_what_was_edited_while_it_was_undone_stays_so_though_rules_were_off_meanwhile(
    meet: Meet, no_rules: None
) -> None:
    del no_rules
    customer = meet(21)
    rules(customer.admin, role=True)
    run = customer.sync()
    customer.undone(run)
    customer.edit(0, role="By hand")
    customer.host.target(FIELD_SYNC, customer.host.tenant_id(0), "remove")
    try:
        customer.resume(run)
        assert ("person0", "link") in customer.rows(customer.sync())
    finally:
        customer.host.target(FIELD_SYNC, customer.host.tenant_id(0), "add")
    customer.sync()
    assert value(customer, 0, "role") == "By hand"


def test_what_is_being_synced_is_not_undone_meanwhile(meet: Meet) -> None:
    customer = meet(12)
    run = customer.sync()
    undo = customer.undo(run)
    busy = (
        "UPDATE entra_sync_run_tenants SET state = %s WHERE run_id = %s AND managed_tenant_id = %s"
    )
    customer.inside.write(busy, "running", run["runId"], customer.managed_tenant)
    refused = customer.admin.post(f"/runs/{undo['runId']}/apply")
    assert refused.failure == (409, "sync_under_way")
    customer.inside.write(busy, "completed", run["runId"], customer.managed_tenant)
    after = customer.admin.get(f"/runs/{undo['runId']}").data
    assert (after["state"], after["appliedAt"]) == ("completed", None)
    assert customer.apply(undo)["state"] == "completed"
    assert customer.active() == {"person1"}


def test_what_cannot_be_undone_or_applied_is_refused(meet: Meet, admin: Program) -> None:
    customer = meet(13)
    run = customer.sync()
    nobody = "00000000-0000-4000-8000-000000000000"
    discovery = admin.items("/runs", type="discovery")[0]["runId"]
    assert admin.post(f"/runs/{nobody}/undo").failure == (404, "not_found")
    assert admin.post(f"/runs/{nobody}/apply").failure == (404, "not_found")
    assert admin.post(f"/runs/{nobody}/resume").failure == (404, "not_found")
    assert admin.post(f"/runs/{discovery}/undo").failure == (422, "not_undoable")
    assert admin.post(f"/runs/{run['runId']}/apply").failure == (422, "not_appliable")
    body = {"managedTenantId": nobody}
    for action in ("undo", "resume"):
        answer = admin.post(f"/runs/{run['runId']}/{action}", body)
        assert answer.failure == (404, "not_found"), action
        assert answer.body["details"] == body
    idle = customer.sync()
    assert admin.post(f"/runs/{idle['runId']}/undo").failure == (422, "nothing_to_undo")
    assert admin.post(f"/runs/{run['runId']}/undo", {"x": 1}).failure == (400, "malformed_request")


def test_a_preview_is_applied_once_through_the_guard_and_can_be_undone(
    meet: Meet, admin: Program
) -> None:
    customer = meet(15)
    preview = customer.preview()
    assert customer.people().keys() == {"person1"}
    assert admin.post(f"/runs/{preview['runId']}/undo").failure == (422, "not_undoable")
    done = customer.apply(preview)
    assert (done["state"], done["counts"]["created"]) == ("completed", len(CREATED))
    assert done["appliedAt"] is not None
    assert customer.active() == EVERYBODY
    assert admin.post(f"/runs/{preview['runId']}/apply").failure == (409, "already_applied")
    for number in range(3):
        customer.change(number, accountEnabled=False)
    leaving = customer.preview()
    held = customer.apply(leaving)
    assert (held["state"], held["counts"]["held"]) == ("held", 3)
    assert customer.active() == EVERYBODY
    customer.undone(preview)
    assert customer.active() == {"person1"}


def test_what_an_answer_to_a_question_changed_again_names_the_answer(
    meet: Meet, no_rules: None
) -> None:
    customer = meet(22)
    customer.sync()
    rules(customer.admin, displayName=True)
    customer.change(0, displayName="New 0")
    run = customer.sync()
    rules(customer.admin, displayName={"enabled": True, "mode": "ask"})
    customer.edit(0, full_name="By hand")
    customer.change(0, displayName="Newest 0")
    customer.sync()
    assert questions(customer) == {"person0": "field_conflict"}
    (item,) = customer.admin.items("/review-items", managedTenantId=customer.managed_tenant)
    answer = {"fields": {"displayName": "directory"}}
    answered = customer.admin.post(f"/review-items/{item['itemId']}/fields", answer).data
    assert customer.people()["person0"][0] == "Newest 0"
    assert customer.rows(customer.undo(run))[("person0", "none")]["note"] == {
        "kept": {"displayName": "changed_by_later_run"},
        "runId": answered["runId"],
    }


def test_a_preview_that_a_sync_overtook_makes_no_second_contact(meet: Meet) -> None:
    customer = meet(20)
    preview = customer.preview()
    customer.sync()
    customer.edit(2, email="by-hand@elsewhere.example", email_key="by-hand@elsewhere.example")
    people = customer.people()
    assert customer.apply(preview)["counts"]["created"] == 0
    assert customer.people() == people
    row = customer.rows(preview)[("person2", "create")]
    assert (row["state"], row["note"]["found"]) == ("stale", "decided_meanwhile")
    assert customer.verdicts() == dict.fromkeys(EVERYBODY, "linked")


@pytest.fixture(scope="module")
def initial(meet: Meet) -> Json:
    """A run over everybody: whoever was not synced before has got what he has from it."""
    return meet(1).admin.sync("initial")


def test_a_run_over_everybody_is_undone_for_one_customer(meet: Meet, initial: Json) -> None:
    first, second, run = meet(6), meet(7), initial
    undo = first.undone(run, managedTenantId=first.managed_tenant)
    assert [t["managedTenantId"] for t in undo["tenants"]] == [first.managed_tenant]
    assert first.active() == {"person1"}
    assert second.active() == EVERYBODY
    second.undone(run, managedTenantId=second.managed_tenant)
    assert second.active() == {"person1"}
    assert first.resume(run, managedTenantId=first.managed_tenant) == USERS
    assert first.resume(run) == USERS


def test_an_undo_needs_neither_mapping_nor_connection(
    meet: Meet, admin: Program, initial: Json
) -> None:
    customer = meet(14)
    admin.post("/mappings/unmap", {"managedTenantId": customer.managed_tenant})
    admin.post("/disconnect")
    undo = customer.undone(initial, managedTenantId=customer.managed_tenant)
    assert undo["counts"]["inactivated"] == len(CREATED)
    rows = customer.rows(undo, kind="none")
    assert rows[("person1", "none")]["note"]["kept"] == {"link": "edited_since"}
    assert customer.active() == {"person1"}
