"""A dismissal is of one question: it silences no other, and no move to another client."""

from uuid import UUID

import pytest

from entra_plugin.domain.ids import RunId
from entra_plugin.domain.reviewing import Action
from support.case import Case
from support.desk import Desk
from support.office import CLIENTS

HOLD_ALL = {"overwriteMin": 0, "overwritePercent": 0}


@pytest.fixture
def conflict(case: Case) -> Case:
    """Cyd's title at his contact is another than in the directory, and a person did not mind."""
    case.change("cyd", job_title="Engineer", department="Works")
    case.sync()
    contact = str(case.contact("cyd")["id"])
    case.office.edit(contact, "role", "Chief")
    case.office.edit(contact, "department", "Sales")
    case.save(guard={}, role="ask")
    case.sync()
    assert case.questions() == [("cyd", "field_conflict")]
    case.answer(Action.DISMISS)
    case.sync()
    assert case.questions() == []
    return case


def test_a_conflict_about_another_field_is_asked(conflict: Case) -> None:
    conflict.save(guard={}, role="ask", department="ask")
    conflict.sync()
    (item,) = conflict.office.state().items.values()
    assert list(item["details"]["fields"]) == ["department"]  # type: ignore[index]
    conflict.answer(Action.DISMISS)
    conflict.sync()
    assert conflict.questions() == []


def test_a_remap_asks_about_the_contact_all_the_same(conflict: Case) -> None:
    conflict.map(CLIENTS[1])
    conflict.sync()
    assert conflict.questions() == [("cyd", "other_client")]


def test_moves_that_were_discarded_stay_so_and_those_to_a_third_client_are_planned(
    case: Case,
) -> None:
    case.save(guard=HOLD_ALL)
    case.map(CLIENTS[1])
    case.stage.run(case.engine.discard(case.sync()))
    assert case.rows(case.sync()) == []
    case.save(guard={})
    case.map(CLIENTS[2])
    assert case.rows(case.sync()) == [("move", "applied")] * 2
    assert set(case.contacts().values()) == {(True, str(CLIENTS[2]))}


def test_an_undo_leaves_alone_whoever_was_not_to_be_moved(case: Case) -> None:
    (first, *_) = case.office.state().runs
    case.save(guard=HOLD_ALL)
    case.map(CLIENTS[1])
    case.stage.run(case.engine.discard(case.sync()))
    assert case.verdict("ada") == "ignored"
    case.apply(case.undo(RunId(UUID(first))))
    assert case.verdict("ada") == "undone"
    assert case.rows(case.sync()) == []


def test_a_move_that_is_discarded_after_an_undo_does_not_lift_it(case: Case) -> None:
    case.change("cyd")
    created = case.sync()
    case.save(guard=HOLD_ALL)
    case.map(CLIENTS[1])
    held = case.sync()
    undo = case.undo(created)
    case.apply(undo)
    case.stage.run(case.engine.discard(held))
    assert case.verdict("cyd") == "undone"
    case.sync()
    assert case.verdict("cyd") == "undone"
    assert not case.contacts()["cyd"][0]
    case.stage.run(Desk(case.engine).resume(undo, None))
    case.map(CLIENTS[0])
    case.sync()
    assert case.contacts()["cyd"][0]
