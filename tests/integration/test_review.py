"""The review queue over HTTP: every answer takes effect at once, and outlives later syncs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support.inside import Inside
from support.program import API, Json, Program
from support.queue import (
    ALPINE,
    CLIENT,
    NO_DELETED_ITEMS,
    NOBODY,
    OTHER_CLIENT,
    Queue,
    conflicting,
    doubtful,
    missing,
)
from support.running import RunningHost
from support.simulator import Simulator

SLOW_CHANGES = {"match": r"GET /v1\.0/users/delta", "delayMs": 5000}


@pytest.fixture(scope="module")
def queue(admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost) -> Queue:
    found = Queue(admin, microsoft, inside, host)
    found.begin()
    return found


@pytest.fixture
def no_rules(queue: Queue) -> Iterator[None]:
    """Afterwards no field rule is on."""
    yield
    queue.rules()


@pytest.fixture
def flag_off(host: RunningHost, queue: Queue, request: pytest.FixtureRequest) -> Iterator[None]:
    """The named flag is off for the MSP."""
    del queue
    host.target(request.param, host.tenant_id(0), "remove")
    yield
    host.target(request.param, host.tenant_id(0), "add")


# --- Looking ---


def test_a_question_shows_both_sides_and_what_each_choice_would_do(queue: Queue) -> None:
    address, first, second = doubtful(queue, "olga", jobTitle="Dentist")
    queue.sync()
    found = queue.details(queue.item(address))
    assert found["reason"] == "multiple_matches"
    assert found["directory"]["values"]["role"] == "Dentist"
    assert {side["contactId"] for side in found["contacts"]} == {first, second}
    one = next(side for side in found["contacts"] if side["contactId"] == first)
    assert one["values"]["displayName"] == "olga one"
    assert {"displayName", "email", "role"} <= set(one["differing"])
    choices = [(c["action"], c["contactId"]) for c in found["choices"]]
    assert sorted(choices, key=str) == sorted(
        [("link", first), ("link", second), ("create", None), ("dismiss", None)], key=str
    )
    assert all(c["effectText"].endswith(".") for c in found["choices"])


def test_the_list_is_filtered_by_state_reason_customer_and_name(queue: Queue) -> None:
    everything = queue.items()
    assert {i["reason"] for i in everything} >= {"other_client", "multiple_matches"}
    some = queue.items(reason="other_client")
    assert [i["address"] for i in some] == ["felix.fischer@alpinedental.example"]
    tenant = some[0]["managedTenantId"]
    assert queue.items(managedTenantId=tenant) == everything
    assert queue.items(managedTenantId=NOBODY) == []
    assert queue.items(q="Felix") == queue.items(q="felix.fischer@") == some
    assert queue.items(state="resolved", q="felix") == []
    assert queue.admin.get("/").data["openReviewItems"] == len(everything)


def test_an_unknown_item_is_not_found(queue: Queue) -> None:
    assert queue.admin.get(f"/review-items/{NOBODY}").failure == (404, "not_found")
    assert queue.answer({"itemId": NOBODY}, "dismiss").failure == (404, "not_found")


# --- Users who have no contact ---


def test_link_takes_effect_at_once_and_a_run_has_it(queue: Queue) -> None:
    address, first, _ = doubtful(queue, "paula")
    queue.sync()
    open_before = queue.admin.get("/").data["openReviewItems"]
    item = queue.item(address)
    outcome = queue.answer(item, "link", contactId=first, version=item["version"]).data
    assert (outcome["state"], outcome["settledAs"]) == ("resolved", "linked")
    assert outcome["contactId"] == queue.linked(address) == first
    assert queue.verdict(address) == ("linked", "decided")
    run = queue.admin.get(f"/runs/{outcome['runId']}").data
    assert (run["type"], run["trigger"], run["state"]) == ("person", "api", "completed")
    assert run["actor"]
    assert run["counts"]["linked"] == 1
    (change,) = queue.admin.items(f"/runs/{outcome['runId']}/changes")
    assert (change["kind"], change["state"], change["reason"]) == ("link", "applied", "decided")
    panel = queue.admin.get(f"/contacts/{first}").data
    assert panel["lastChanges"][0]["runId"] == outcome["runId"]
    assert queue.admin.get("/").data["openReviewItems"] == open_before - 1
    settled = queue.item(address, state="resolved")["settled"]
    assert (settled["settledAs"], settled["byName"]) == ("linked", run["actor"])
    queue.is_settled()


def test_link_to_a_contact_of_another_client_stands(queue: Queue) -> None:
    elsewhere = queue.contact("Quentin", "quentin@alpinedental.example", OTHER_CLIENT)
    address = queue.user("quentin")
    queue.sync()
    item = queue.item(address)
    assert item["reason"] == "other_client"
    assert queue.actions(item) == ["create", "dismiss", "link", "move"]
    assert queue.answer(item, "create").failure == (422, "address_taken")
    assert queue.item(address) == item, "nothing half-written"
    assert queue.answer(item, "link", contactId=elsewhere).status == 200
    assert queue.of_contact(elsewhere)["clientId"] == OTHER_CLIENT
    queue.is_settled()


def test_link_of_somebody_who_is_disabled_by_now_is_no_departure(queue: Queue) -> None:
    address, first, _ = doubtful(queue, "ruben")
    queue.sync()
    item = queue.item(address)
    queue.microsoft.control("/users", {"tenant": ALPINE, "disable": [queue.object_id(address)]})
    queue.inside.rows(
        "UPDATE entra_identities SET attributes = jsonb_set(attributes, '{enabled}', 'false'),"
        " enabled = false WHERE address = %s RETURNING 1",
        address,
    )
    assert queue.answer(item, "link", contactId=first).status == 200
    queue.sync()
    assert queue.of_contact(first)["active"] is True
    queue.is_settled()


def test_link_follows_the_field_rules_at_once(queue: Queue, no_rules: None) -> None:
    address, first, _ = doubtful(queue, "sonja", displayName="Sonja Sommer")
    queue.rules(displayName=True)
    queue.sync()
    item = queue.item(address)
    (choice,) = [c for c in queue.details(item)["choices"] if c["contactId"] == first]
    assert choice["overwrites"] == ["displayName"]
    outcome = queue.answer(item, "link", contactId=first).data
    assert queue.of_contact(first)["name"] == "Sonja Sommer"
    changes = queue.admin.items(f"/runs/{outcome['runId']}/changes")
    assert sorted(c["kind"] for c in changes) == ["link", "update"]
    queue.is_settled()


def test_link_asks_about_conflicts_next(queue: Queue, no_rules: None) -> None:
    address, first, _ = doubtful(queue, "tamara", displayName="Tamara Thal")
    queue.rules(displayName={"enabled": True, "mode": "ask"})
    queue.sync()
    first_question = queue.item(address)
    assert queue.answer(first_question, "link", contactId=first).status == 200
    question = queue.item(address)
    assert question["itemId"] != first_question["itemId"]
    assert question["reason"] == "field_conflict"
    queue.is_settled()
    assert queue.answer(question, "fields", fields={"displayName": "local"}).status == 200
    queue.is_settled()


def test_create_makes_a_contact_of_its_own(queue: Queue) -> None:
    address, first, second = doubtful(queue, "ursula", displayName="Ursula Uhl")
    queue.sync()
    outcome = queue.answer(queue.item(address), "create").data
    assert outcome["settledAs"] == "created"
    assert outcome["contactId"] not in {first, second, None}
    assert queue.linked(address) == outcome["contactId"]
    made = {"name": "Ursula Uhl", "clientId": CLIENT, "active": True}
    assert queue.of_contact(outcome["contactId"]) == made
    queue.is_settled()


def test_move_brings_the_contact_to_the_mapped_client(queue: Queue) -> None:
    address = "felix.fischer@alpinedental.example"
    item = queue.item(address)
    (contact_id,) = item["candidates"]
    assert queue.of_contact(contact_id)["clientId"] == OTHER_CLIENT
    outcome = queue.answer(item, "move").data
    assert (outcome["settledAs"], outcome["contactId"]) == ("moved", contact_id)
    assert queue.of_contact(contact_id)["clientId"] == CLIENT
    assert queue.linked(address) == contact_id
    queue.is_settled()


def test_a_dismissed_user_is_ignored_until_the_question_is_reopened(queue: Queue) -> None:
    address, _, _ = doubtful(queue, "viktor")
    queue.sync()
    item = queue.item(address)
    outcome = queue.answer(item, "dismiss", reason="a robot").data
    assert (outcome["state"], outcome["runId"]) == ("dismissed", None)
    assert queue.verdict(address) == ("ignored", "decided")
    assert queue.details(item)["settled"]["reason"] == "a robot"
    (listed,) = queue.items(state="dismissed", q=address)
    assert listed["settled"]["reason"] == "a robot"
    queue.is_settled()
    queue.change(address, jobTitle="Robot")
    queue.sync()
    assert queue.items(q=address) == [], "not even when the directory changes"
    assert queue.actions(item) == ["reopen"]
    assert queue.answer(item, "reopen").data["state"] == "open"
    assert queue.item(address)["itemId"] == item["itemId"]
    assert queue.verdict(address) == ("queued", "multiple_matches")
    queue.is_settled()
    assert queue.answer(item, "reopen").failure == (422, "action_not_possible")


def test_a_reopened_question_that_has_an_answer_by_now_is_answered_by_the_next_run(
    queue: Queue,
) -> None:
    address, _, _ = doubtful(queue, "wanda")
    queue.sync()
    item = queue.item(address)
    assert queue.answer(item, "dismiss").status == 200
    exact = queue.contact("Wanda", address)
    assert queue.answer(item, "reopen").status == 200
    queue.sync()
    assert queue.linked(address) == exact
    assert queue.item(address, state="resolved")["settled"]["by"] is None
    queue.is_settled()


def test_two_who_claim_one_contact_are_asked_about_whatever_the_rules(
    queue: Queue, no_rules: None
) -> None:
    mail = "reni@alpinedental.example"
    contact_id = queue.contact("Reni", mail)
    queue.rules(displayName={"enabled": True, "mode": "ask"}, role=True)
    for local in ("reni.one", "reni.two"):
        queue.user(local, mail=mail, jobTitle="Dentist")
    queue.sync()
    first, second = queue.items(q=mail)
    assert {first["reason"], second["reason"]} == {"claimed_twice"}
    queue.is_settled()
    assert queue.answer(first, "link", contactId=contact_id).status == 200
    queue.sync()
    (asked,) = [i for i in queue.items(q=mail) if i["objectId"] == second["objectId"]]
    assert (asked["itemId"], asked["reason"]) == (second["itemId"], "linked_elsewhere")
    assert queue.answer(asked, "dismiss").status == 200
    queue.is_settled()


# --- Users who have a contact ---


def writable(queue: Queue, item: Json) -> object:
    """The fields that the directory's value may be chosen for."""
    choices = {choice["action"]: choice for choice in queue.details(item)["choices"]}
    return choices["fields"]["overwrites"]


def test_the_directory_may_win_a_field(queue: Queue, no_rules: None) -> None:
    address, contact_id, item = conflicting(queue, "xaver")
    assert item["details"]["fields"] == {
        "displayName": {"directory": "Xaver Directory", "local": "Xaver Local"}
    }
    assert queue.actions(item) == ["dismiss", "fields"]
    pin = {"kind": "lock_field", "contactId": contact_id, "field": "displayName"}
    assert writable(queue, item) == ["displayName"]
    assert queue.admin.post("/pins", pin, method="PUT").status == 200
    assert writable(queue, item) == []
    assert queue.admin.post("/pins", pin, method="DELETE").status == 200
    outcome = queue.answer(item, "fields", fields={"displayName": "directory"}).data
    assert outcome["settledAs"] == "fields"
    assert queue.of_contact(contact_id)["name"] == "Xaver Directory"
    (change,) = queue.admin.items(f"/runs/{outcome['runId']}/changes")
    assert change["before"] == {"displayName": "Xaver Local"}
    queue.is_settled()
    queue.change(address, displayName="Xaver Third")
    queue.sync()
    assert queue.of_contact(contact_id)["name"] == "Xaver Third", "nobody edited it since"


def test_the_contact_may_win_a_field_until_the_directory_changes(
    queue: Queue, no_rules: None
) -> None:
    address, contact_id, item = conflicting(queue, "yvonne")
    outcome = queue.answer(item, "fields", fields={"displayName": "local"}).data
    assert outcome["runId"] is None, "nothing of the contact changed"
    assert queue.of_contact(contact_id)["name"] == "Yvonne Local"
    queue.is_settled()
    queue.change(address, displayName="Yvonne Third")
    queue.sync()
    assert queue.item(address)["details"]["fields"]["displayName"]["directory"] == "Yvonne Third"


def test_every_field_is_answered_and_no_other(queue: Queue, no_rules: None) -> None:
    _, _, item = conflicting(queue, "zoe")
    fields: Json = {}
    assert queue.answer(item, "fields", fields=fields).failure == (422, "fields_unanswered")
    fields = {"displayName": "local", "role": "local"}
    assert queue.answer(item, "fields", fields=fields).failure == (422, "unknown_field")
    fields = {"displayName": "mine"}
    assert queue.answer(item, "fields", fields=fields).failure == (400, "malformed_request")
    assert queue.answer(item, "fields", fields={"displayName": "local"}).status == 200


def test_a_conflict_that_is_not_as_shown_any_more_is_not_decided(
    queue: Queue, no_rules: None
) -> None:
    address, contact_id, item = conflicting(queue, "adam")
    queue.edit(contact_id, "Adam Again")
    answer = queue.answer(item, "fields", fields={"displayName": "directory"})
    assert answer.failure == (409, "changed_meanwhile")
    assert answer.body["details"]["now"]["local"] == "Adam Again"
    assert queue.of_contact(contact_id)["name"] == "Adam Again"
    queue.sync()
    again = queue.item(address)
    assert again["itemId"] == item["itemId"]
    stale = queue.answer(again, "dismiss", version=item["version"])
    assert stale.failure == (409, "changed_meanwhile")
    assert queue.answer(again, "dismiss", version=again["version"]).status == 200


def test_a_dismissed_conflict_is_asked_again_when_the_directory_changes(
    queue: Queue, no_rules: None
) -> None:
    address, contact_id, item = conflicting(queue, "berta")
    assert queue.answer(item, "dismiss").data["state"] == "dismissed"
    assert queue.linked(address) == contact_id
    queue.is_settled()
    queue.change(address, displayName="Berta Third")
    queue.sync()
    again = queue.item(address)
    assert again["itemId"] != item["itemId"]
    reopened = queue.answer(item, "reopen")
    assert reopened.failure == (409, "changed_meanwhile"), "it is asked anew already"
    assert queue.answer(again, "fields", fields={"displayName": "local"}).status == 200


def test_a_dismissed_conflict_may_be_reopened(queue: Queue, no_rules: None) -> None:
    address, _, item = conflicting(queue, "cora")
    assert queue.answer(item, "dismiss").status == 200
    assert queue.answer(item, "reopen").status == 200
    queue.is_settled()
    assert queue.item(address)["itemId"] == item["itemId"]
    assert queue.answer(item, "fields", fields={"displayName": "local"}).status == 200


@pytest.fixture
def unproved(queue: Queue) -> Iterator[None]:
    """The directory does not say whom it deleted."""
    queue.microsoft.control("/faults", {"faults": [NO_DELETED_ITEMS]})
    yield
    queue.microsoft.control("/faults", {"faults": []})


def test_somebody_missing_stays_in_question_while_only_changes_are_read(
    queue: Queue, unproved: None
) -> None:
    _, contact_id, item = missing(queue, "dora")
    assert item["reason"] == "missing_upstream"
    assert queue.actions(item) == ["dismiss", "inactivate", "keep"]
    queue.is_settled()
    assert queue.of_contact(contact_id)["active"] is True


def test_a_missing_user_may_be_made_inactive_and_comes_back(queue: Queue, unproved: None) -> None:
    address = queue.user("emil")
    queue.sync()
    contact_id, object_id = queue.linked(address), queue.object_id(address)
    assert contact_id is not None
    queue.microsoft.control("/users", {"tenant": ALPINE, "delete": [object_id]})
    queue.look_for_absent()
    outcome = queue.answer(queue.item(address), "inactivate").data
    assert outcome["settledAs"] == "inactivated"
    assert queue.of_contact(contact_id)["active"] is False
    queue.is_settled()
    queue.look_for_absent()
    assert queue.items(q=address) == []
    queue.microsoft.control("/users", {"tenant": ALPINE, "restore": [object_id]})
    queue.sync()
    assert queue.of_contact(contact_id)["active"] is True
    queue.is_settled()


def test_a_missing_user_may_be_kept(queue: Queue, unproved: None) -> None:
    address, contact_id, item = missing(queue, "fritz")
    assert queue.answer(item, "keep").data["settledAs"] == "kept"
    queue.is_settled()
    queue.look_for_absent()
    assert queue.items(q=address) == []
    assert queue.of_contact(contact_id)["active"] is True


# --- Refusals ---


def test_a_question_admits_only_its_own_answers(queue: Queue) -> None:
    address, _, _ = doubtful(queue, "gerd")
    queue.sync()
    item = queue.item(address)
    for action in ("move", "inactivate", "keep", "reopen"):
        answer = queue.answer(item, action)
        assert answer.failure == (422, "action_not_possible"), action
        assert answer.body["details"]["possible"] == ["link", "create", "dismiss"]
    assert queue.answer(item, "link", contactId=NOBODY).failure == (422, "unknown_contact")
    assert queue.answer(item, "link").failure == (400, "malformed_request")
    assert queue.answer(item, "dismiss", who="me").failure == (400, "malformed_request")


def test_an_answer_with_nothing_more_to_say_needs_no_body(queue: Queue) -> None:
    address, _, _ = doubtful(queue, "grete")
    queue.sync()
    path = f"{API}/review-items/{queue.item(address)['itemId']}"
    headers = {"X-CSRF-Token": queue.admin.csrf}
    for action, state in (("dismiss", "dismissed"), ("reopen", "open"), ("create", "resolved")):
        answer = queue.admin.http.post(f"{path}/{action}", headers=headers)
        assert answer.json()["data"]["state"] == state, answer.text


def test_a_contact_that_vanished_or_was_taken_meanwhile_is_not_linked(queue: Queue) -> None:
    address, first, second = doubtful(queue, "hilde")
    other = queue.user(
        "hilde.other", otherMails=[f"hilde.{n}@alpinedental.example" for n in (1, 2)]
    )
    queue.sync()
    items = {queue.item(a)["objectId"]: queue.item(a) for a in (address, other)}
    mine, theirs = items[queue.object_id(address)], items[queue.object_id(other)]
    assert queue.answer(theirs, "link", contactId=first).status == 200
    answer = queue.answer(mine, "link", contactId=first)
    assert answer.failure == (409, "changed_meanwhile")
    assert answer.body["details"]["found"] == "linked_elsewhere"
    queue.inside.rows("DELETE FROM psa_contacts WHERE id = %s::uuid RETURNING 1", second)
    answer = queue.answer(mine, "link", contactId=second)
    assert answer.body["details"]["found"] == "contact_gone"
    assert queue.item(address)["state"] == "open"
    queue.sync()
    item = queue.item(address)
    assert item["reason"] == "linked_elsewhere"
    assert queue.actions(item) == ["create", "dismiss"]
    assert queue.answer(item, "link", contactId=first).failure == (422, "contact_linked")


def test_pins_are_honoured(queue: Queue, no_rules: None) -> None:
    address, first, second = doubtful(queue, "ida")
    _, contact_id, conflict = conflicting(queue, "jakob")
    item = queue.item(address)
    pins = [
        queue.pin("hands_off", first),
        queue.pin("lock_field", contact_id, "displayName"),
    ]
    offered = [c["contactId"] for c in queue.details(item)["choices"] if c["action"] == "link"]
    assert offered == [second]
    assert queue.answer(item, "link", contactId=first).failure == (422, "pinned")
    fields = {"displayName": "directory"}
    assert queue.answer(conflict, "fields", fields=fields).failure == (422, "pinned")
    assert queue.of_contact(contact_id)["name"] == "Jakob Local"
    for pin in pins:
        queue.unpin(pin)
    assert queue.answer(item, "link", contactId=first).status == 200


def test_somebody_who_must_stay_active_is_not_made_inactive(queue: Queue, unproved: None) -> None:
    _, contact_id, item = missing(queue, "karl")
    pin = queue.pin("keep_active", contact_id)
    assert queue.actions(item) == ["dismiss", "keep"]
    assert queue.answer(item, "inactivate").failure == (422, "pinned")
    assert queue.of_contact(contact_id)["active"] is True
    queue.unpin(pin)


def test_of_many_who_answer_at_once_one_wins(queue: Queue) -> None:
    address, first, second = doubtful(queue, "lena")
    queue.sync()
    item = queue.item(address)
    answers = [
        ("link", {"contactId": first}),
        ("link", {"contactId": second}),
        ("create", {}),
        ("dismiss", {}),
    ] * 2
    with ThreadPoolExecutor(len(answers)) as together:
        replies = list(together.map(lambda a: queue.answer(item, a[0], **a[1]), answers))
    won = [reply for reply in replies if reply.status == 200]
    lost = [reply for reply in replies if reply.status != 200]
    assert len(won) == 1
    outcome = won[0].data
    for reply in lost:
        assert reply.failure == (409, "already_resolved")
        assert reply.body["details"]["settledAs"] == outcome["settledAs"]
        assert reply.body["details"]["settledByName"]
        assert reply.body["details"]["settledAt"]
    assert queue.linked(address) == outcome["contactId"]
    queue.is_settled()


def test_two_questions_about_one_contact_give_it_to_one_of_them(queue: Queue) -> None:
    mails = [f"mia.{n}@alpinedental.example" for n in (1, 2)]
    address, first, _ = doubtful(queue, "mia")
    other = queue.user("mia.other", otherMails=mails)
    queue.sync()
    items = [i for i in queue.items(q="mia") if i["address"] in {address, other}]
    assert len(items) == 2
    with ThreadPoolExecutor(2) as together:
        replies = list(together.map(lambda i: queue.answer(i, "link", contactId=first), items))
    assert sorted(reply.status for reply in replies) == [200, 409]
    (lost,) = [reply for reply in replies if reply.status == 409]
    assert lost.failure == (409, "changed_meanwhile")


# --- While a sync is under way ---


@contextmanager
def sync_that_has_planned(queue: Queue, address: str) -> Iterator[str]:
    """A sync that has planned a user anew, and still waits for Microsoft; ended afterwards."""
    queue.microsoft.control("/faults", {"faults": [SLOW_CHANGES]})
    run_id = str(queue.admin.post("/sync", {"scope": "all"}).data["runId"])
    try:
        queue.admin.until(
            lambda: queue.admin.get(f"/runs/{run_id}/changes", q=address).data,
            lambda page: page["items"] != [],
        )
        yield run_id
    finally:
        queue.microsoft.control("/faults", {"faults": []})
        queue.admin.finished(run_id)


def row_of(queue: Queue, run_id: str, address: str) -> tuple[str, str, object]:
    (row,) = queue.admin.items(f"/runs/{run_id}/changes", q=address)
    return row["kind"], row["state"], (row["note"] or {}).get("found")


def test_who_is_dismissed_during_a_sync_is_not_linked_by_it(queue: Queue) -> None:
    address, _, _ = doubtful(queue, "walter")
    queue.sync()
    queue.contact("Walter", address)
    with sync_that_has_planned(queue, address) as run_id:
        assert row_of(queue, run_id, address) == ("link", "planned", None)
        assert queue.answer(queue.item(address), "dismiss").status == 200
    assert row_of(queue, run_id, address) == ("link", "stale", "decided_meanwhile")
    assert queue.linked(address) is None
    assert queue.verdict(address) == ("ignored", "decided")
    queue.is_settled()


def test_who_is_linked_during_a_sync_gets_no_second_contact_by_it(queue: Queue) -> None:
    address, first, second = doubtful(queue, "xenia")
    chosen = queue.contact("Xenia elsewhere", "xenia@private.example")
    queue.sync()
    for contact_id in (first, second):
        gone = "DELETE FROM psa_contacts WHERE id = %s::uuid RETURNING 1"
        queue.inside.rows(gone, contact_id)
    with sync_that_has_planned(queue, address) as run_id:
        assert row_of(queue, run_id, address) == ("create", "planned", None)
        assert queue.answer(queue.item(address), "link", contactId=chosen).status == 200
    assert row_of(queue, run_id, address) == ("create", "stale", "decided_meanwhile")
    assert queue.linked(address) == chosen
    with_address = "SELECT count(*) FROM psa_contacts WHERE email_key = %s"
    assert queue.inside.rows(with_address, address) == [(0,)]
    queue.is_settled()


# --- Many at once ---


def test_many_are_dismissed_at_once_and_each_has_its_outcome(queue: Queue) -> None:
    addresses = [doubtful(queue, name)[0] for name in ("nadja", "otto")]
    queue.sync()
    items = [queue.item(address) for address in addresses]
    assert queue.answer(items[0], "dismiss").status == 200
    ids = [*(i["itemId"] for i in items), NOBODY]
    done = queue.admin.post("/review-items/bulk", {"ids": ids, "action": "dismiss"}).data
    assert done["runId"] is None
    outcomes = [(o["state"], (o["error"] or {}).get("code")) for o in done["items"]]
    assert outcomes == [(None, "already_resolved"), ("dismissed", None), (None, "not_found")]
    queue.is_settled()


def test_many_are_linked_at_once_where_one_contact_is_in_question(queue: Queue) -> None:
    two, _, _ = doubtful(queue, "petra")
    single = []
    for local in ("rolf", "susi"):
        queue.contact(local, f"{local}@alpinedental.example", OTHER_CLIENT)
        single.append(queue.user(local))
    queue.sync()
    items = [queue.item(address) for address in (single[0], two, single[1])]
    body = {"ids": [i["itemId"] for i in items], "action": "link"}
    done = queue.admin.post("/review-items/bulk", body).data
    outcomes = [(o["state"], (o["error"] or {}).get("code")) for o in done["items"]]
    assert outcomes == [("resolved", None), (None, "contact_required"), ("resolved", None)]
    run = queue.admin.get(f"/runs/{done['runId']}").data
    assert (run["state"], run["counts"]["linked"]) == ("completed", 2)
    assert [queue.linked(address) for address in single] == [
        done["items"][0]["contactId"],
        done["items"][2]["contactId"],
    ]
    queue.is_settled()


def test_many_are_moved_at_once(queue: Queue) -> None:
    contacts, items = [], []
    for local in ("tilo", "ulla"):
        address = f"{local}@alpinedental.example"
        contacts.append(queue.contact(local, address, OTHER_CLIENT))
        queue.user(local)
    queue.sync()
    items = [queue.item(f"{local}@alpinedental.example") for local in ("tilo", "ulla")]
    body = {"ids": [i["itemId"] for i in items], "action": "move"}
    done = queue.admin.post("/review-items/bulk", body).data
    assert [o["state"] for o in done["items"]] == ["resolved", "resolved"]
    assert {queue.of_contact(c)["clientId"] for c in contacts} == {CLIENT}
    queue.is_settled()


# --- Gates ---


def test_without_the_field_flag_the_directory_cannot_be_chosen(
    queue: Queue, host: RunningHost, no_rules: None
) -> None:
    _, contact_id, item = conflicting(queue, "vera")
    host.target("entra-integration-field-sync", host.tenant_id(0), "remove")
    try:
        answer = queue.answer(item, "fields", fields={"displayName": "directory"})
        assert answer.failure == (404, "not_found")
        assert queue.of_contact(contact_id)["name"] == "Vera Local"
        (choice,) = [c for c in queue.details(item)["choices"] if c["action"] == "fields"]
        assert (choice["effect"], choice["overwrites"]) == ("fields_local", [])
        assert queue.answer(item, "fields", fields={"displayName": "local"}).status == 200
    finally:
        host.target("entra-integration-field-sync", host.tenant_id(0), "add")


@pytest.mark.parametrize("flag_off", ["entra-integration-ambiguous-queue"], indirect=True)
def test_without_the_queue_flag_nothing_of_it_is_there(queue: Queue, flag_off: None) -> None:
    del flag_off
    assert queue.admin.get("/review-items").failure == (404, "not_found")
    assert queue.admin.get(f"/review-items/{NOBODY}").failure == (404, "not_found")
    for action in ("link", "dismiss", "reopen"):
        assert queue.answer({"itemId": NOBODY}, action).failure == (404, "not_found")
    bulk = queue.admin.post("/review-items/bulk", {"ids": [NOBODY], "action": "dismiss"})
    assert bulk.failure == (404, "not_found")


def test_a_reader_may_look_and_not_answer(queue: Queue, host: RunningHost) -> None:
    with Program(host.base_url, "tech@northwind.example") as reader:
        (item, *_) = reader.items("/review-items")
        assert reader.get(f"/review-items/{item['itemId']}").status == 200
        answer = reader.post(f"/review-items/{item['itemId']}/dismiss", {})
    assert answer.failure == (403, "permission_missing")


def test_another_msp_does_not_see_the_queue(queue: Queue, host: RunningHost) -> None:
    item = queue.items()[0]
    with Program(host.base_url, "admin@southwind.example") as other:
        assert other.items("/review-items") == []
        assert other.get(f"/review-items/{item['itemId']}").failure == (404, "not_found")
        answer = other.post(f"/review-items/{item['itemId']}/dismiss", {})
    assert answer.failure == (404, "not_found")
