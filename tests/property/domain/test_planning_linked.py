"""What is planned for people in any state: linked or not, left or not, pinned, decided, asked."""

from hypothesis import given, settings
from hypothesis import strategies as st

from entra_plugin.domain.filters import address_of
from entra_plugin.domain.merging import normal
from entra_plugin.domain.planning import Change, PagePlan
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    DepartureKind,
    FieldName,
    VerdictReason,
)
from support.builders import NOW
from support.situations import Person, Situation, situations

often = settings(max_examples=200)
"""A situation has to come together of several things before a rule is touched."""


def of(plan: PagePlan, person: Person) -> list[Change]:
    """The rows about a person."""
    return [row for row in plan.changes if row.user.object_id == person.user.object_id]


def is_at_rest(before: PagePlan, after: Situation) -> bool:
    """True if nothing is planned but questions that were asked before, word for word."""
    asked = {(row.user.object_id, row.reason, str(row.after)) for row in before.changes}
    again = after.plan()
    return again.rebased == {} and all(
        row.kind == ChangeKind.QUEUE and (row.user.object_id, row.reason, str(row.after)) in asked
        for row in again.changes
    )


@often
@given(situations)
def test_everybody_has_one_verdict_or_rows(found: Situation) -> None:
    plan = found.plan()
    verdicts = [one.user.object_id for one in (*plan.settled, *plan.standing)]
    assert len(verdicts) == len(set(verdicts)) == plan.unchanged + plan.filtered
    for person in found.people:
        kinds = [row.kind for row in of(plan, person)]
        assert len(kinds) == len(set(kinds))
        open_end = [kind for kind in kinds if kind != ChangeKind.CLOSE_LINK]
        assert bool(open_end) != (person.user.object_id in verdicts)


def leaves(found: Situation, person: Person) -> bool:
    """True if the evidence against a linked person is due, and nobody stands in the way."""
    held = found.contacts.get(person.linked) if person.linked is not None else None
    if held is None or not held.active or person.user.enabled:
        return False
    pins, since = found.pins, person.departure.since if person.departure is not None else NOW
    return (
        found.guard.mark_inactive_when_disabled
        and since + found.guard.grace <= NOW
        and not (person.departure is not None and person.departure.settled)
        and not (person.decision is not None and person.decision.kind == DecisionKind.UNDONE)
        and person.user.object_id not in pins.ignored
        and held.contact_id not in pins.keep_active | pins.hands_off
    )


@often
@given(situations)
def test_exactly_those_leave_against_whom_there_is_evidence_that_is_due(found: Situation) -> None:
    plan = found.plan()
    rows = [row for row in plan.changes if row.kind == ChangeKind.INACTIVATE]
    assert {row.user.object_id for row in rows} == {
        person.user.object_id for person in found.people if leaves(found, person)
    }
    assert all(row.departure is not None and row.departure.settled for row in rows)


@often
@given(situations)
def test_who_is_linked_while_disabled_had_left_before(found: Situation) -> None:
    for row in found.plan().changes:
        if row.kind == ChangeKind.LINK:
            left = row.departure is not None and row.departure.settled
            assert left == (not row.user.enabled)


@often
@given(situations)
def test_pins_are_stronger_than_rules(found: Situation) -> None:
    plan, pins = found.plan(), found.pins
    for row in plan.changes:
        assert row.user.object_id not in pins.ignored
        if row.kind == ChangeKind.CLOSE_LINK:
            continue
        assert row.contact_id not in pins.hands_off
        assert row.kind != ChangeKind.INACTIVATE or row.contact_id not in pins.keep_active
        if row.kind == ChangeKind.UPDATE and row.contact_id is not None:
            locked = pins.locked.get(row.contact_id, frozenset())
            assert locked.isdisjoint(row.after or {})


@often
@given(situations)
def test_only_fields_under_a_rule_are_overwritten_where_they_differ(found: Situation) -> None:
    for row in found.plan().changes:
        if row.kind != ChangeKind.UPDATE:
            continue
        held = found.contact(row.contact_id)
        assert set(row.after or {}) == set(row.before or {}) != set()
        for name, value in (row.after or {}).items():
            there = FieldName(name)
            assert there in found.fields
            assert (row.before or {})[name] == held.values[there]
            assert normal(there, str(value)) not in {None, normal(there, held.values[there])}


@often
@given(situations)
def test_no_update_takes_an_address_that_somebody_else_has(found: Situation) -> None:
    holders = found.holders()
    for row in found.plan().changes:
        if row.kind == ChangeKind.UPDATE and FieldName.EMAIL.value in (row.after or {}):
            wanted = address_of(row.user)
            assert wanted is not None
            assert (row.after or {})[FieldName.EMAIL.value] == wanted
            assert {held.contact_id for held in holders.get(wanted, ())} <= {row.contact_id}


@often
@given(situations)
def test_only_who_we_made_inactive_and_nobody_touched_comes_back(found: Situation) -> None:
    for row in found.plan().changes:
        if row.kind != ChangeKind.REACTIVATE or row.reason == VerdictReason.RESUMED:
            continue
        person = found.person(row.user.object_id)
        held = found.contact(row.contact_id)
        assert not held.active
        assert person.inactive_version == held.version
        assert person.departure is not None
        assert row.user.enabled


@often
@given(situations)
def test_who_is_undone_is_left_alone(found: Situation) -> None:
    plan = found.plan()
    for person in found.people:
        if person.decision is not None and person.decision.kind == DecisionKind.UNDONE:
            assert of(plan, person) == []


@often
@given(situations)
def test_planning_again_after_applying_plans_nothing_but_the_same_questions(
    found: Situation,
) -> None:
    found = found.apart()
    assert is_at_rest(found.plan(), found.applied(found.plan()))


@often
@given(situations)
def test_whatever_rows_do_to_each_other_all_is_at_rest_after_as_many_rounds_as_people(
    found: Situation,
) -> None:
    for _ in found.people:
        found = found.applied(found.plan())
    assert is_at_rest(found.plan(), found.applied(found.plan()))


def was_proved(person: Person) -> bool:
    """True if it was learnt before that the directory has deleted him."""
    left = person.departure
    return left is not None and left.kind == DepartureKind.DELETED_UPSTREAM


@often
@given(situations, st.booleans())
def test_somebody_absent_leaves_with_proof_and_is_asked_about_without(
    found: Situation, proved: bool
) -> None:
    plan = found.plan_absent(proved=proved)
    for row in plan.changes:
        assert row.contact_id not in found.pins.hands_off
        if row.kind == ChangeKind.CLOSE_LINK:
            assert row.contact_id not in found.contacts
            continue
        assert row.user.object_id not in found.pins.ignored
        if proved or was_proved(found.person(row.user.object_id)):
            assert row.kind == ChangeKind.INACTIVATE
            assert row.reason == VerdictReason.DELETED_UPSTREAM
            assert row.contact_id not in found.pins.keep_active
        else:
            assert (row.kind, row.reason) == (ChangeKind.QUEUE, VerdictReason.MISSING_UPSTREAM)
