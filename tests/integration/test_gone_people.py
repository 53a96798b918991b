"""People who are gone: what is remembered of them, and that nothing is written from memory."""

import pytest

from entra_plugin.application.sync.start_person import StartPerson, StartPersonCommand
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.reviewing import Action
from support.builders import person
from support.case import Case
from support.desk import Desk
from support.engine import NOBODY
from support.office import CLIENTS, DIRECTORIES


@pytest.fixture
def cyd(case: Case) -> Case:
    """A customer of which Cyd has been an employee for some time."""
    case.change("cyd")
    case.sync()
    case.sync()
    return case


def discharge(case: Case) -> None:
    """Delete Cyd's contact, as only the host can."""
    case.office.dismiss(str(case.contact("cyd")["id"]))


def let_two_go(case: Case) -> None:
    """Of four who came, Cyd is among the deleted items, and Dan is nowhere."""
    for local in ("cyd", "dan", "eve", "fay"):
        case.change(local)
    case.sync()
    case.capable(delta=False)
    case.fire("cyd")
    case.fire("dan", purge=True)


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize("delta", [True, False])
def test_who_is_deleted_on_both_sides_is_not_made_anew(
    cyd: Case, *, delta: bool, purge: bool
) -> None:
    cyd.capable(delta=delta)
    discharge(cyd)
    cyd.fire("cyd", purge=purge)
    cyd.engine.clock.move(days=8)
    cyd.sync()
    assert "cyd" not in cyd.contacts()
    assert len(cyd.office.state().links) == 2
    for _ in range(2):
        assert cyd.rows(cyd.sync()) == []


def test_the_sync_of_one_person_makes_a_contact_anew_that_was_deleted(cyd: Case) -> None:
    discharge(cyd)
    key = IdentityKey(entra_tenant_id=DIRECTORIES[0], object_id=person("cyd").object_id)
    command = StartPersonCommand(tenant_id=cyd.engine.tenant_id, identity=key, actor=NOBODY)
    started = cyd.stage.run(StartPerson(cyd.engine.context)(command))
    cyd.stage.run(cyd.engine.carry_out(started.run_id))
    rows = cyd.rows(started.run_id)
    assert sorted(rows) == [("close_link", "applied"), ("create", "applied")]


def test_what_the_deleted_items_prove_holds_although_a_lookup_is_refused(case: Case) -> None:
    let_two_go(case)
    case.paper.faults.append("refused_lookup")
    assert sorted(case.rows(case.sync())) == [("inactivate", "applied"), ("queue", "applied")]
    assert not case.contact("cyd")["active"]
    assert case.contact("dan")["active"]


def test_a_preview_has_one_word_on_who_is_gone_on_both_sides(cyd: Case) -> None:
    cyd.capable(delta=False)
    discharge(cyd)
    cyd.fire("cyd")
    rows = [kind for kind, _ in cyd.rows(cyd.preview())]
    assert sorted(map(str, rows)) == ["close_link", "none", "none"]


def test_the_link_of_a_leaver_is_closed_once_his_contact_is_deleted(cyd: Case) -> None:
    cyd.fire("cyd")
    cyd.sync()
    assert not cyd.contact("cyd")["active"]
    discharge(cyd)
    assert cyd.rows(cyd.sync()) == [("close_link", "applied")]
    assert cyd.rows(cyd.sync()) == []


def test_nobody_is_asked_about_a_missing_user_whose_contact_is_deleted(cyd: Case) -> None:
    cyd.capable(delta=False, proves_absence=False)
    cyd.vanish("cyd")
    cyd.sync()
    assert cyd.questions() == [("cyd", "missing_upstream")]
    discharge(cyd)
    cyd.sync()
    assert cyd.questions() == []
    assert cyd.rows(cyd.sync()) == []
    cyd.change("cyd")
    assert cyd.rows(cyd.sync()) == [("create", "applied")]


def test_the_question_about_a_missing_user_answers_itself_with_the_proof(cyd: Case) -> None:
    cyd.capable(delta=False, proves_absence=False)
    cyd.vanish("cyd")
    cyd.sync()
    (item,) = cyd.office.state().items.values()
    cyd.capable(proves_absence=True)
    cyd.sync()
    assert not cyd.contact("cyd")["active"]
    assert cyd.office.settled_as(item["id"]) == "answered_itself"


@pytest.mark.parametrize("kept", ["pinned", "in grace"])
def test_a_proof_that_is_not_acted_on_yet_is_written_once(cyd: Case, kept: str) -> None:
    cyd.capable(delta=False, proves_absence=False)
    if kept == "pinned":
        cyd.office.pin("keep_active", contact_id=str(cyd.contact("cyd")["id"]))
    else:
        cyd.save(guard={"graceDays": 10})
    cyd.fire("cyd")
    cyd.sync()
    before = cyd.office.versions()
    cyd.sync()
    assert cyd.office.versions() == before
    assert cyd.contact("cyd")["active"]


def test_a_question_about_somebody_who_is_there_again_is_looked_at_by_every_sync(
    case: Case,
) -> None:
    case.office.hire(CLIENTS[2], "Cyd", "cyd@contoso.example")
    case.change("cyd")
    case.sync()
    case.sync()
    there = case.paper.users[person("cyd").object_id]
    case.vanish("cyd")
    case.engine.clock.move(days=8)
    case.paper.faults.append("refused_proofs")
    case.sync()
    case.paper.put(there)
    case.sync()
    case.sync()
    discharge(case)
    assert case.rows(case.sync()) == [("create", "applied")]


def test_a_question_about_a_missing_user_is_closed_by_the_proof(cyd: Case) -> None:
    cyd.capable(delta=False, proves_absence=False)
    missing = cyd.paper.users[person("cyd").object_id]
    cyd.vanish("cyd")
    cyd.sync()
    cyd.office.edit(str(cyd.contact("cyd")["id"]), "active", value=False)
    cyd.paper.deleted[missing.object_id] = missing
    cyd.sync()
    assert cyd.questions() == []


def test_who_waited_for_a_contact_and_is_gone_is_not_created(case: Case) -> None:
    case.office.hire(CLIENTS[0], "Cyd", "cyd@contoso.example")
    case.office.pin("hands_off", contact_id=str(case.contact("cyd")["id"]))
    case.change("cyd")
    case.sync()
    case.sync()
    case.engine.clock.move(days=8)
    case.fire("cyd", purge=True)
    case.sync()
    discharge(case)
    for _ in range(2):
        assert case.rows(case.sync()) == []
    assert "cyd" not in case.contacts()


def test_who_was_asked_about_and_is_missing_is_not_created(case: Case) -> None:
    case.office.hire(CLIENTS[2], "Cyd", "cyd@contoso.example")
    case.change("cyd")
    case.sync()
    case.sync()
    case.engine.clock.move(days=8)
    case.fire("cyd", purge=True)
    case.paper.faults.append("refused_proofs")
    case.sync()
    discharge(case)
    case.sync()
    assert "cyd" not in case.contacts()
    case.change("cyd")
    case.sync()
    assert case.contacts()["cyd"] == (True, str(CLIENTS[0]))


def test_who_was_undone_and_is_gone_stays_so_when_he_is_resumed(case: Case) -> None:
    case.change("cyd")
    run = case.sync()
    case.apply(case.undo(run))
    case.sync()
    case.engine.clock.move(days=8)
    case.fire("cyd", purge=True)
    case.sync()
    case.stage.run(Desk(case.engine).resume(run, None))
    assert case.rows(case.sync()) == []
    assert not case.contact("cyd")["active"]


def test_who_is_kept_though_missing_is_asked_about_when_he_goes_again(cyd: Case) -> None:
    cyd.capable(delta=False, proves_absence=False)
    there = cyd.paper.users[person("cyd").object_id]
    cyd.vanish("cyd")
    cyd.sync()
    cyd.answer(Action.KEEP)
    assert cyd.rows(cyd.sync()) == []
    cyd.paper.users[there.object_id] = there
    assert cyd.rows(cyd.sync()) == []
    cyd.vanish("cyd")
    cyd.sync()
    assert cyd.questions() == [("cyd", "missing_upstream")]


@pytest.mark.parametrize("tells", ["a lookup", "the deleted items", "the changes"])
def test_who_is_kept_though_missing_stays_when_the_proof_comes_later(cyd: Case, tells: str) -> None:
    cyd.capable(delta=False, proves_absence=False)
    there = cyd.paper.users[person("cyd").object_id]
    if tells == "the deleted items":
        cyd.vanish("cyd")
    else:
        cyd.fire("cyd", purge=True)
    cyd.sync()
    cyd.answer(Action.KEEP)
    cyd.capable(delta=True, proves_absence=True)
    if tells == "the changes":
        cyd.sync()
        cyd.paper.log.append((there.object_id, None))
    elif tells == "the deleted items":
        cyd.paper.deleted[there.object_id] = there
    cyd.engine.clock.move(days=0 if tells == "the changes" else 8)
    assert cyd.rows(cyd.sync()) == []
    assert cyd.contact("cyd")["active"]
    cyd.nothing_is_left()
    cyd.paper.put(there)
    cyd.sync()
    cyd.fire("cyd")
    assert cyd.rows(cyd.sync()) == [("inactivate", "applied")]


def test_what_is_proved_already_counts_among_those_who_are_looked_up(case: Case) -> None:
    case.save(guard={"inactivateMin": 2, "inactivatePercent": 0})
    let_two_go(case)
    case.fire("eve", purge=True)
    rows = sorted(case.rows(case.sync()))
    assert rows == [("inactivate", "applied"), ("inactivate", "applied"), ("queue", "applied")]


@pytest.mark.parametrize("deleted", [False, True])
def test_an_inactivation_that_was_undone_is_done_again_once_that_is_resumed(
    cyd: Case, deleted: bool
) -> None:
    if deleted:
        cyd.fire("cyd")
    else:
        cyd.change("cyd", enabled=False)
    run = cyd.sync()
    undo = cyd.undo(run)
    cyd.apply(undo)
    assert cyd.contact("cyd")["active"]
    cyd.nothing_is_left()
    assert cyd.stage.run(Desk(cyd.engine).resume(undo, None)) == 1
    assert cyd.rows(cyd.sync()) == [("inactivate", "applied")]
    assert not cyd.contact("cyd")["active"]
    cyd.nothing_is_left()


def test_one_question_waved_away_does_not_silence_that_a_user_is_missing(cyd: Case) -> None:
    cyd.change("cyd", job_title="Head")
    cyd.sync()
    cyd.office.edit(str(cyd.contact("cyd")["id"]), "role", "Engineer")
    cyd.save(guard={}, role="ask")
    cyd.sync()
    assert cyd.questions() == [("cyd", "field_conflict")]
    cyd.answer(Action.DISMISS)
    cyd.capable(delta=False, proves_absence=False)
    cyd.vanish("cyd")
    cyd.sync()
    assert cyd.questions() == [("cyd", "missing_upstream")]
