"""A question about fields ends with what decides them, and not before."""

from threading import Timer
from typing import Final

import psycopg
import pytest

from entra_plugin.application.review.answers import Answer
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.reviewing import Action, Side
from entra_plugin.domain.states import FieldName
from support.case import Case
from support.desk import Desk
from support.office import CLIENTS, CUSTOMERS

HELD: Final = {"overwriteMin": 0, "overwritePercent": 0}
"""A guard that holds every overwrite."""


@pytest.fixture
def torn(case: Case) -> Case:
    """Ada was changed in the directory and at her contact, in two fields; a person is asked."""
    case.save(guard={}, role="directory_wins", mobile="directory_wins")
    case.sync()
    case.change("ada", job_title="Pilot", mobile_phone="+1 555 0100")
    contact = str(case.contact("ada")["id"])
    case.office.edit(contact, "role", "Chief")
    case.office.edit(contact, "mobile", "+1 555 0199")
    case.save(guard={}, role="ask", mobile="ask")
    case.sync()
    assert case.questions() == [("ada", "field_conflict")]
    return case


def test_a_conflict_is_closed_when_a_rule_that_decides_it_has_written(torn: Case) -> None:
    (item,) = torn.office.state().items.values()
    torn.save(guard={}, role="directory_wins", mobile="directory_wins")
    torn.sync()
    assert torn.contact("ada")["role"] == "Pilot"
    assert torn.questions() == []
    assert torn.office.settled_as(item["id"]) == "answered_itself"
    torn.nothing_is_left()


def test_a_conflict_stays_open_as_long_as_what_decides_it_is_held(torn: Case) -> None:
    torn.save(guard=HELD, role="directory_wins", mobile="directory_wins")
    run_id = torn.sync()
    assert torn.questions() == [("ada", "field_conflict")]
    torn.stage.run(torn.engine.approve(run_id, [CUSTOMERS[0]]))
    assert torn.contact("ada")["role"] == "Pilot"
    assert torn.questions() == []


def test_what_is_left_of_a_conflict_is_asked_on(torn: Case) -> None:
    torn.save(guard={}, role="directory_wins", mobile="ask")
    torn.sync()
    assert torn.contact("ada")["role"] == "Pilot"
    assert torn.questions() == [("ada", "field_conflict")]
    (item,) = torn.office.state().items.values()
    details = item["details"]
    assert isinstance(details, dict)
    assert list(details["fields"]) == ["mobile"]


def test_a_conflict_stays_open_when_another_field_is_written(torn: Case) -> None:
    torn.office.edit(str(torn.contact("ada")["id"]), "full_name", "Countess")
    torn.save(guard={}, role="ask", mobile="ask", displayName="directory_wins")
    assert torn.rows(torn.sync()) == [("update", "applied")]
    assert torn.questions() == [("ada", "field_conflict")]
    torn.nothing_is_left()
    assert torn.questions() == [("ada", "field_conflict")]


def test_a_field_that_a_person_settles_at_the_contact_is_asked_about_no_more(torn: Case) -> None:
    torn.save(guard={}, role="directory_wins", mobile="ask")
    torn.office.edit(str(torn.contact("ada")["id"]), "mobile", "+1 555 0100")
    torn.sync()
    assert torn.contact("ada")["role"] == "Pilot"
    assert torn.questions() == []
    torn.nothing_is_left()


def test_a_field_that_is_to_stay_is_asked_about_no_more(torn: Case) -> None:
    torn.save(guard={}, role="local_wins", mobile="directory_wins")
    torn.sync()
    assert torn.contact("ada")["role"] == "Chief"
    assert torn.contact("ada")["mobile"] == "+1 555 0100"
    assert torn.questions() == []
    torn.nothing_is_left()


def test_what_is_held_is_asked_on_without_what_is_settled(torn: Case) -> None:
    torn.save(guard=HELD, role="local_wins", mobile="directory_wins")
    torn.sync()
    (item,) = torn.office.state().items.values()
    details = item["details"]
    assert isinstance(details, dict)
    assert list(details["fields"]) == ["mobile"]
    answer = Answer(action=Action.FIELDS, fields={FieldName.MOBILE: Side.DIRECTORY})
    torn.stage.run(Desk(torn.engine).answer(item["id"], answer))
    assert torn.contact("ada")["mobile"] == "+1 555 0100"


def test_a_conflict_that_is_none_any_more_ends_though_something_else_is_held(torn: Case) -> None:
    contact = str(torn.contact("ada")["id"])
    torn.office.edit(contact, "role", "Pilot")
    torn.office.edit(contact, "mobile", "+1 555 0100")
    torn.office.edit(contact, "full_name", "Countess")
    (item,) = torn.office.state().items.values()
    torn.save(guard=HELD, role="ask", mobile="ask", displayName="directory_wins")
    assert torn.rows(torn.sync()) == [("update", "held")]
    assert torn.questions() == []
    assert torn.office.settled_as(item["id"]) == "answered_itself"


def test_a_preview_leaves_a_conflict_as_it_is(torn: Case) -> None:
    torn.save(guard={}, role="local_wins", mobile="directory_wins")
    before = torn.office.state().items
    torn.preview()
    assert torn.office.state().items == before


def test_an_answer_is_carried_out_though_a_rule_has_settled_the_field_meanwhile(
    torn: Case,
) -> None:
    (item,) = torn.office.state().items.values()
    desk = Desk(torn.engine)
    torn.stage.run(desk.answer(item["id"], Answer(action=Action.DISMISS)))
    torn.save(guard={}, role="local_wins", mobile="local_wins")
    torn.sync()
    torn.stage.run(desk.answer(item["id"], Answer(action=Action.REOPEN)))
    sides: dict[str, Side] = {FieldName.ROLE: Side.DIRECTORY, FieldName.MOBILE: Side.LOCAL}
    answer = Answer(action=Action.FIELDS, fields=sides)
    torn.stage.run(desk.answer(item["id"], answer))
    assert torn.contact("ada")["role"] == "Pilot"


@pytest.mark.parametrize("field", ["role", "displayName"])
def test_an_answer_that_comes_meanwhile_stays_as_it_is(torn: Case, field: str) -> None:
    """Whether something of the question is left, or nothing is."""
    (item,) = torn.office.state().items.values()
    torn.office.edit(str(torn.contact("ada")["id"]), "full_name", "Countess")
    torn.save(guard={}, **{field: "directory_wins"})
    database = torn.stage.administrator.info
    with psycopg.connect(database.dsn, password=database.password) as beside:
        beside.execute(
            "UPDATE entra_reconciliation_items"
            " SET state = 'dismissed', settled_as = 'dismissed', version = version + 1"
            " WHERE item_id = %s",
            [item["id"]],
        )
        answering = Timer(1, beside.commit)
        answering.start()
        torn.sync()
        answering.join()
    assert torn.office.settled_as(item["id"]) == "dismissed"


@pytest.mark.parametrize("previewed", [False, True])
def test_a_conflict_that_outlives_an_undo_stays_open(case: Case, previewed: bool) -> None:
    case.change("cyd")
    created = case.sync()
    case.office.edit(str(case.contact("cyd")["id"]), "full_name", "Two")
    case.save(guard={}, displayName="ask")
    case.sync()
    assert case.questions() == [("cyd", "field_conflict")]
    undo = case.undo(created)
    case.apply(undo)
    case.stage.run(Desk(case.engine).resume(undo, None))
    if previewed:
        case.apply(case.preview())
    else:
        case.sync()
    assert case.contacts()["cyd"][0]
    assert case.questions() == [("cyd", "field_conflict")]
    case.nothing_is_left()


@pytest.mark.parametrize("answer", [None, Action.DISMISS, Side.LOCAL, Side.DIRECTORY])
def test_an_address_that_is_free_by_now_is_written_beside_a_question(
    case: Case, answer: Action | Side | None
) -> None:
    case.save(guard={}, email="directory_wins", role="ask")
    case.sync()
    bob = str(case.contact("bob")["id"])
    case.office.edit(bob, "role", "Chief")
    case.change("bob", mail="ada@contoso.example", job_title="Pilot")
    case.sync()
    ((_, item),) = case.office.state().items.items()
    assert item["reason"] == "field_conflict"
    if isinstance(answer, Side):
        answered = Answer(action=Action.FIELDS, fields={FieldName.ROLE: answer})
        case.stage.run(Desk(case.engine).answer(item["id"], answered))
    elif answer is not None:
        case.answer(answer)
    case.change("ada", mail="eve@contoso.example")
    case.sync()
    case.sync()
    assert case.office.state().contacts[bob]["email"] == "ada@contoso.example"
    case.nothing_is_left()


def test_an_answer_whose_address_is_taken_says_by_whom_and_writes_nothing(case: Case) -> None:
    case.save(guard={}, email="ask")
    case.sync()
    case.change("ada", mail="eve@contoso.example")
    ada = str(case.contact("ada")["id"])
    case.office.edit(ada, "email", "countess@contoso.example")
    case.sync()
    assert case.questions() == [("ada", "field_conflict")]
    case.office.hire(CLIENTS[0], "Eve", "eve@contoso.example")
    (item,) = case.office.state().items.values()
    wanted = Answer(action=Action.FIELDS, fields={FieldName.EMAIL: Side.DIRECTORY})
    with pytest.raises(NotAcceptable, match="address_taken") as refused:
        case.stage.run(Desk(case.engine).answer(item["id"], wanted))
    assert refused.value.details["contactId"] == case.contact("eve")["id"]
    assert case.contact("countess")["id"] == ada
    assert case.questions() == [("ada", "field_conflict")]


@pytest.mark.parametrize("proved", [False, True])
def test_a_conflict_that_outlives_an_undo_ends_when_its_person_is_deleted(
    case: Case, proved: bool
) -> None:
    """A reading of everybody finds him missing."""
    case.capable(delta=False, proves_absence=proved)
    case.save(guard={}, displayName="ask")
    case.office.hire(CLIENTS[0], "Cyd of ours", "cyd@contoso.example")
    case.change("cyd", display_name="Cyd")
    run = case.sync()
    assert case.questions() == [("cyd", "field_conflict")]
    case.apply(case.undo(run))
    assert case.questions() == [("cyd", "field_conflict")]
    case.fire("cyd", purge=True)
    case.engine.clock.move(days=8)
    case.sync()
    assert case.questions() == ([] if proved else [("cyd", "field_conflict")])
    case.nothing_is_left()
