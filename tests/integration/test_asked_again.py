"""Who is asked about is looked at once more when a run has written: the next one finds the same."""

from uuid import uuid4

import pytest

from entra_plugin.application.context import Person
from entra_plugin.application.erase_person import ErasePerson
from entra_plugin.application.review.answers import Answer
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import RunId, UserId
from entra_plugin.domain.reviewing import Action
from support.builders import person
from support.case import Case
from support.desk import Desk
from support.office import CLIENTS, DIRECTORIES, Row


def address(local: str) -> str:
    """The address of somebody."""
    return f"{local}@contoso.example"


def asked(case: Case) -> dict[str, Row]:
    """The open questions, by whom they are about."""
    names = {str(person(name).object_id): name for name in ("ada", "bob", "cyd", "dan", "eve")}
    return {names[object_id]: item for (_, object_id), item in case.office.state().items.items()}


def test_a_contact_that_a_run_makes_answers_the_questions_of_the_same_run(case: Case) -> None:
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.change("eve", mail=address("cyd"))
    rows = case.rows(case.sync())
    assert sorted(map(str, rows)) == sorted(
        map(str, [("create", "applied"), ("create", "applied"), ("queue", "applied")])
    )
    (about,) = asked(case)
    assert about == "cyd"
    assert asked(case)["cyd"]["reason"] == "linked_elsewhere"
    assert asked(case)["cyd"]["candidates"] == [case.contact("dan")["id"]]
    case.nothing_is_left()


@pytest.mark.parametrize("applied", [False, True])
def test_a_preview_asks_whom_a_sync_answers_by_what_it_wrote(case: Case, applied: bool) -> None:
    """The sync itself or, where the preview is applied, the next one."""
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.change("eve", mail=address("cyd"))
    preview = case.preview()
    rows = [row for row in case.rows(preview) if row[0] != "none"]
    assert sorted(map(str, rows)) == [
        str(("create", "planned")),
        str(("queue", "planned")),
        str(("queue", "planned")),
    ]
    if applied:
        case.apply(preview)
        assert {item["reason"] for item in asked(case).values()} == {"claimed_twice"}
    assert ("create", "applied") in case.rows(case.sync())
    assert {about: item["reason"] for about, item in asked(case).items()} == {
        "cyd": "linked_elsewhere"
    }
    case.nothing_is_left()


def test_who_was_asked_about_before_is_looked_at_as_well(case: Case) -> None:
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.sync()
    assert {about: item["reason"] for about, item in asked(case).items()} == {
        "cyd": "claimed_twice",
        "dan": "claimed_twice",
    }
    case.change("eve", mail=address("cyd"))
    case.sync()
    assert {about: item["reason"] for about, item in asked(case).items()} == {
        "cyd": "linked_elsewhere"
    }
    case.nothing_is_left()


def test_two_who_claim_the_same_are_asked_about_once(case: Case) -> None:
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.change("eve")
    rows = case.rows(case.sync())
    assert sorted(rows, key=str) == [
        ("create", "applied"),
        ("queue", "applied"),
        ("queue", "applied"),
    ]
    case.nothing_is_left()


def test_two_who_come_to_claim_the_same_are_asked_about_that(case: Case) -> None:
    """Active contacts come before inactive ones, and Bob's becomes one."""
    case.office.hire(CLIENTS[0], "Pia", address("pia"))
    for local in ("cyd", "dan"):
        case.change(local, aliases=(address("pia"), address("bob")))
    case.change("bob", enabled=False)
    case.sync()
    pia = case.contact("pia")["id"]
    assert {about: (item["reason"], item["candidates"]) for about, item in asked(case).items()} == {
        "cyd": ("claimed_twice", [pia]),
        "dan": ("claimed_twice", [pia]),
    }
    case.nothing_is_left()


def test_a_contact_that_a_run_makes_inactive_is_asked_about_no_more(case: Case) -> None:
    """Active contacts come before inactive ones."""
    case.change("eve", aliases=(address("ada"), address("bob")))
    case.change("bob", enabled=False)
    case.sync()
    assert asked(case)["eve"]["reason"] == "linked_elsewhere"
    assert asked(case)["eve"]["candidates"] == [case.contact("ada")["id"]]
    case.nothing_is_left()


@pytest.mark.parametrize("at_once", [False, True])
def test_who_is_made_when_nobody_disputes_it_is_noted_beside_his_namesakes(
    case: Case, at_once: bool
) -> None:
    """Whether the other one's address changes, or a new contact of the same run settles it."""
    case.office.hire(CLIENTS[0], "Dan", address("another"))
    namesake = case.contact("another")["id"]
    case.change("cyd", mail=address("dan"), display_name="Cyd")
    case.change("dan", display_name="Dan")
    if at_once:
        case.change("eve", mail=address("cyd"))
    else:
        case.sync()
        case.change("cyd", mail=address("cyd"))
    run = case.sync()
    rows = case.office.state().of_run(run)
    notes = {(row["object"], row["kind"]): row["note"] for row in rows}
    dan, cyd = str(person("dan").object_id), str(person("cyd").object_id)
    assert notes[dan, "create"] == {"lookAlikes": [namesake]}
    assert notes[cyd, "queue" if at_once else "create"] is None


def test_who_is_missing_is_not_taken_for_there(case: Case) -> None:
    """What he is asked about stands, though a new contact would be another answer."""
    case.capable(proves_absence=False)
    case.change("cyd", aliases=(address("ada"), address("bob")))
    case.sync()
    case.vanish("cyd")
    case.engine.clock.move(days=8)
    case.sync()
    assert asked(case)["cyd"]["reason"] == "multiple_matches"
    case.change("eve", mail=address("cyd"))
    case.sync()
    key = (str(DIRECTORIES[0]), str(person("cyd").object_id))
    assert case.office.state().identities[key]["unlisted"]
    assert asked(case)["cyd"]["reason"] == "multiple_matches"
    case.nothing_is_left()


@pytest.mark.parametrize("crash_at", range(1, 60, 4))
def test_a_run_that_dies_meanwhile_looks_at_them_all_the_same(case: Case, crash_at: int) -> None:
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.change("eve", mail=address("cyd"))
    run = case.stage.run(case.engine.start())
    case.stage.run(case.engine.carry_out(run, crash_at=crash_at))
    assert [(about, item["reason"]) for about, item in asked(case).items()] == [
        ("cyd", "linked_elsewhere")
    ]
    case.nothing_is_left()


@pytest.mark.parametrize("crash_at", range(40, 66, 2))
def test_a_run_that_dies_after_its_last_row_looks_at_them_all_the_same(
    case: Case, crash_at: int
) -> None:
    case.change("eve", aliases=(address("ada"), address("bob")))
    case.change("bob", enabled=False)
    run = case.stage.run(case.engine.start())
    case.stage.run(case.engine.carry_out(run, crash_at=crash_at))
    assert asked(case)["eve"]["reason"] == "linked_elsewhere"
    case.nothing_is_left()


def test_who_could_not_be_linked_once_is_looked_at_later(case: Case) -> None:
    case.change("dan", aliases=(address("ada"), address("bob")))
    case.sync()
    case.office.hire(CLIENTS[0], "Pia", address("dan"))
    pia = str(case.contact("dan")["id"])
    case.sync(meanwhile=lambda: case.office.dismiss(pia))
    assert case.verdict("dan") == "failed"
    case.sync()
    assert asked(case)["dan"]["reason"] == "multiple_matches"
    case.change("bob", enabled=False)
    case.sync()
    assert asked(case)["dan"]["reason"] == "linked_elsewhere"
    case.nothing_is_left()


def test_who_is_asked_otherwise_does_not_count_as_unchanged_as_well(case: Case) -> None:
    case.capable(delta=False)
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.sync()
    case.change("eve", mail=address("cyd"))
    run_id = case.sync()
    (counts,) = (c for c in case.office.state().parts if c["run_id"] == str(run_id))
    found = {name: counts[name] for name in ("users_read", "created", "queued", "unchanged")}
    assert found == {"users_read": 5, "created": 2, "queued": 1, "unchanged": 2}


def test_what_a_second_look_overwrites_counts_for_the_guard_with_what_is_written(
    case: Case,
) -> None:
    """One may be overwritten: Ada is; then Cyd is linked, whose contact has to wait."""
    case.save(guard={"overwriteMin": 1, "overwritePercent": 0}, role="directory_wins")
    case.office.hire(CLIENTS[0], "Pia", address("pia"))
    case.office.edit(str(case.contact("pia")["id"]), "role", "Chief")
    case.office.edit(str(case.contact("ada")["id"]), "role", "Chief")
    case.change("cyd", aliases=(address("pia"), address("bob")), job_title="Boss")
    case.change("bob", enabled=False)
    case.change("ada", job_title="Pilot")
    updates = [state for kind, state in case.rows(case.sync()) if kind == "update"]
    assert sorted(map(str, updates)) == ["applied", "held"]


def made_and_undone(case: Case) -> RunId:
    """Cyd and Dan have one address; Dan gets a new contact, which is undone."""
    case.change("cyd", mail=address("dan"))
    case.change("dan", mail=address("dan"))
    case.sync()
    item = asked(case)["dan"]
    made = case.stage.run(Desk(case.engine).answer(item["id"], Answer(action=Action.CREATE)))
    assert made.run_id is not None
    undo = case.undo(made.run_id)
    case.apply(undo)
    assert not case.contact("dan")["active"]
    return undo


def test_a_contact_that_an_undo_made_inactive_stays_with_its_user(case: Case) -> None:
    undo = made_and_undone(case)
    contact = case.contact("dan")["id"]
    for resumed in (False, True):
        if resumed:
            assert case.stage.run(Desk(case.engine).resume(undo, None)) == 1
        rows = case.rows(case.sync())
        assert [kind for kind, _ in rows if kind != "queue"] == ["reactivate"] * resumed
        assert {about: (i["reason"], i["candidates"]) for about, i in asked(case).items()} == {
            "cyd": ("linked_elsewhere", [contact])
        }
        case.nothing_is_left()
    assert case.contact("dan")["active"]


def test_a_contact_that_was_edited_after_an_undo_is_nobodys(case: Case) -> None:
    made_and_undone(case)
    case.office.edit(str(case.contact("dan")["id"]), "role", "Chief")
    assert case.rows(case.sync()) == [("link", "applied")]
    assert case.verdict("cyd") == "linked"
    case.nothing_is_left()


def test_a_person_may_link_a_contact_that_an_undo_left_to_somebody_else(case: Case) -> None:
    undo = made_and_undone(case)
    case.sync()
    case.answer(Action.LINK)
    assert case.verdict("cyd") == "linked"
    assert case.stage.run(Desk(case.engine).resume(undo, None)) == 1
    case.sync()
    assert asked(case)["dan"]["reason"] == "linked_elsewhere"
    case.nothing_is_left()


def test_an_address_that_the_run_gives_to_a_new_contact_is_told_with_that_contact(
    case: Case,
) -> None:
    case.save(guard={}, email="directory_wins", role="directory_wins")
    case.change("cyd")
    case.sync()
    case.change("cyd", mail=address("dan"), job_title="Pilot")
    case.change("dan")
    run = case.sync()
    dan = case.contact("dan")["id"]
    (stale,) = [row for row in case.office.state().of_run(run) if row["state"] == "stale"]
    assert (stale["kind"], stale["note"]) == ("update", {"found": "exists", "contactId": dan})
    run = case.sync()
    (row,) = case.office.state().of_run(run)
    assert (row["after"], row["note"]) == ({"role": "Pilot"}, {"emailTaken": dan})
    case.nothing_is_left()


@pytest.mark.parametrize("erased", [False, True])
def test_who_was_undone_and_is_ignored_keeps_no_contact(case: Case, erased: bool) -> None:
    made_and_undone(case)
    dan = person("dan").object_id
    if erased:
        somebody = Person(tenant_id=case.engine.tenant_id, user_id=UserId(uuid4()), name="Somebody")
        key = IdentityKey(entra_tenant_id=DIRECTORIES[0], object_id=dan)
        case.stage.run(ErasePerson(case.engine.context)(somebody, key))
    else:
        case.office.pin("ignore_identity", directory=DIRECTORIES[0], object_id=dan)
    assert ("link", "applied") in case.rows(case.sync())
    assert case.verdict("cyd") == "linked"
    case.nothing_is_left()


@pytest.mark.parametrize("expired", [False, True])
def test_no_contact_is_made_for_somebody_whom_a_reading_did_not_list(
    case: Case, expired: bool
) -> None:
    """He is deleted, which a reading for new rules, or after an expired cursor, does not learn."""
    case.save(guard={}, email="directory_wins")
    case.change("cyd", mail=address("ada"))
    case.sync()
    assert asked(case)["cyd"]["reason"] == "linked_elsewhere"
    case.change("ada", mail=address("eve"))
    case.fire("cyd")
    if expired:
        case.paper.faults.append("cursor_expired")
    else:
        case.save(guard={"graceDays": 1}, email="directory_wins")
    assert case.rows(case.sync()) == [("update", "applied")]
    assert case.rows(case.sync()) == []
    assert asked(case) == {}
    case.nothing_is_left()


def test_who_is_resumed_while_he_is_asked_about_is_asked_about_again(case: Case) -> None:
    case.save(guard={}, role="directory_wins")
    case.office.hire(CLIENTS[0], "Cyd", address("cyd"))
    case.change("cyd", job_title="Pilot")
    run = case.sync()
    case.map(CLIENTS[1])
    case.sync()
    assert asked(case)["cyd"]["reason"] == "other_client"
    undo = case.undo(run)
    case.apply(undo)
    assert case.verdict("cyd") == "undone"
    assert case.stage.run(Desk(case.engine).resume(undo, None)) == 1
    case.sync()
    assert case.verdict("cyd") == "queued"
    assert asked(case)["cyd"]["reason"] == "other_client"
    case.nothing_is_left()
