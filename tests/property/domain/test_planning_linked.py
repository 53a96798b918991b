"""What is planned for people in any state: linked or not, left or not, pinned, decided, asked."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.filters import address_of
from entra_plugin.domain.merging import normal
from entra_plugin.domain.planning import Change, PagePlan
from entra_plugin.domain.states import ChangeKind, DecisionKind, FieldName, VerdictReason
from support.builders import NOW
from support.situations import Person, Situation, situations


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


@given(situations)
def test_nobody_becomes_inactive_without_evidence_that_is_due(found: Situation) -> None:
    plan = found.plan()
    for row in plan.changes:
        if row.kind != ChangeKind.INACTIVATE:
            continue
        assert not row.user.enabled
        assert found.guard.mark_inactive_when_disabled
        assert row.departure is not None
        assert row.departure.settled
        assert row.departure.since + found.guard.grace <= NOW
        before = found.person(row.user.object_id).departure
        assert before is None or not before.settled, "a departure is acted on once"


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


@given(situations)
def test_no_update_takes_an_address_that_somebody_else_has(found: Situation) -> None:
    holders = found.holders()
    for row in found.plan().changes:
        if row.kind == ChangeKind.UPDATE and FieldName.EMAIL.value in (row.after or {}):
            wanted = address_of(row.user)
            assert wanted is not None
            assert (row.after or {})[FieldName.EMAIL.value] == wanted
            assert {held.contact_id for held in holders.get(wanted, ())} <= {row.contact_id}


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


@given(situations)
def test_who_is_undone_is_left_alone(found: Situation) -> None:
    plan = found.plan()
    for person in found.people:
        if person.decision is not None and person.decision.kind == DecisionKind.UNDONE:
            assert of(plan, person) == []


@given(situations)
def test_planning_again_after_applying_plans_nothing_but_the_same_questions(
    found: Situation,
) -> None:
    still = replace(found, fields={n: m for n, m in found.fields.items() if n != FieldName.EMAIL})
    assert is_at_rest(still.plan(), still.applied(still.plan()))


@given(situations)
def test_addresses_that_change_hands_come_to_rest_after_as_many_rounds_as_people(
    found: Situation,
) -> None:
    for _ in found.people:
        found = found.applied(found.plan())
    assert is_at_rest(found.plan(), found.applied(found.plan()))


@given(situations, st.booleans())
def test_somebody_absent_leaves_with_proof_and_is_asked_about_without(
    found: Situation, proved: bool
) -> None:
    plan = found.plan_absent(proved=proved)
    for row in plan.changes:
        assert row.contact_id not in found.pins.hands_off
        assert row.user.object_id not in found.pins.ignored
        if proved:
            assert row.kind == ChangeKind.INACTIVATE
            assert row.reason == VerdictReason.DELETED_UPSTREAM
            assert row.contact_id not in found.pins.keep_active
        else:
            assert (row.kind, row.reason) == (ChangeKind.QUEUE, VerdictReason.MISSING_UPSTREAM)
