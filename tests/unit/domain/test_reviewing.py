"""The review queue's rules: which answers a question admits, and what the two sides differ in."""

import pytest

from entra_plugin.domain.filters import FilterRule, Filters
from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.identity import fingerprint
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.planning import Known, PagePlan, Reading, Rules, Surroundings, read
from entra_plugin.domain.reviewing import (
    ACTIONS,
    LINKED_REASONS,
    SETTLEMENTS,
    Action,
    PersonPlanner,
    differing,
    matched_by,
    shown_fields,
)
from entra_plugin.domain.states import (
    ChangeKind,
    DepartureKind,
    FieldName,
    Verdict,
    VerdictReason,
)
from support.builders import CLIENT, NOW, OTHER_CLIENT, SCOPE, contact, user

ADA = user()
RULES = Rules(filters=FilterRule(Filters()), fields={}, guard=Guard(), decisions={})


def planner() -> PersonPlanner:
    return PersonPlanner(SCOPE, RULES, NOW)


def reading(departure: Departure | None = None) -> Reading:
    known = Known(
        acted=fingerprint(ADA),
        verdict=Verdict.LINKED,
        reason=VerdictReason.CREATED,
        linked=contact("x").contact_id,
        question=None,
        departure=departure,
    )
    (one,) = read([ADA], {ADA.object_id: known})
    return one


@pytest.mark.parametrize("reason", ACTIONS)
def test_every_question_can_be_dismissed_and_every_answer_is_a_settlement(
    reason: VerdictReason,
) -> None:
    assert ACTIONS[reason][-1] == Action.DISMISS
    assert set(ACTIONS[reason]) <= SETTLEMENTS.keys()


def test_only_who_has_no_contact_is_linked_created_or_moved() -> None:
    gives_a_contact = {Action.LINK, Action.CREATE, Action.MOVE}
    for reason, actions in ACTIONS.items():
        assert bool(gives_a_contact & set(actions)) == (reason not in LINKED_REASONS)


def test_a_move_keeps_the_contact_as_active_as_it_is() -> None:
    plan = PagePlan()
    there = contact("x", client_id=OTHER_CLIENT, active=False)
    planner().move(reading(), there, Surroundings(index={}), plan)
    (change,) = plan.changes
    assert (change.kind, change.reason) == (ChangeKind.MOVE, VerdictReason.DECIDED)
    assert change.before == {"clientId": str(OTHER_CLIENT), "active": False}
    assert change.after == {"clientId": str(CLIENT), "active": False}


def test_a_created_contact_is_ours_as_any_other() -> None:
    plan = PagePlan()
    planner().create(reading(), plan)
    assert [(c.kind, c.reason) for c in plan.changes] == [
        (ChangeKind.CREATE, VerdictReason.CREATED)
    ]


def test_who_is_made_inactive_by_a_person_has_left_and_that_is_acted_on() -> None:
    plan = PagePlan()
    planner().inactivate(reading(), contact("x"), plan)
    (change,) = plan.changes
    gone = Departure(kind=DepartureKind.DELETED_UPSTREAM, since=NOW, settled=True)
    assert (change.before, change.after, change.departure) == (
        {"active": True},
        {"active": False},
        gone,
    )


def test_an_older_departure_stays_what_it_is() -> None:
    plan = PagePlan()
    known = Departure(kind=DepartureKind.DISABLED_UPSTREAM, since=NOW)
    planner().inactivate(reading(known), contact("x"), plan)
    assert plan.changes[0].departure == known.acted_on()


def test_fields_differ_in_normal_form() -> None:
    directory = {FieldName.PHONE: "+1 (555) 0100", FieldName.ROLE: "Boss", FieldName.EMAIL: None}
    local = {FieldName.PHONE: "+15550100", FieldName.ROLE: "boss", FieldName.EMAIL: "a@b.example"}
    assert differing(directory, local) == [FieldName.EMAIL, FieldName.ROLE]


def test_a_question_shows_the_fields_that_it_is_about() -> None:
    details = {"fields": {"role": {"directory": "Boss", "local": None}}}
    assert shown_fields(details) == {FieldName.ROLE: ("Boss", None)}
    assert shown_fields({"active": True}) == {}


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("Ada@One.example", VerdictReason.MATCHED_EMAIL),
        ("a.lovelace@one.example", VerdictReason.MATCHED_ALIAS),
        ("ada@two.example", None),
        (None, None),
    ],
)
def test_a_contact_is_in_question_by_the_address_that_it_has(
    email: str | None, reason: VerdictReason | None
) -> None:
    ada = user(mail="ada@one.example", aliases=("ada@one.example", "a.lovelace@one.example"))
    candidate = contact("x", values={FieldName.EMAIL: email})
    assert matched_by(ada, candidate) == reason
