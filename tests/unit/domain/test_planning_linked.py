"""What is planned for identities that have a contact: leaving, coming back, field rules, pins."""

from datetime import timedelta

import pytest

from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.ids import ContactId
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.pins import Pins
from entra_plugin.domain.planning import Known, Link, PagePlan, Remembered
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    DepartureKind,
    FieldMode,
    FieldName,
    Verdict,
    VerdictReason,
)
from support.builders import NOW, OTHER_CLIENT, contact, guid, identity, plan_of, user

ADA = user()
GONE = user(enabled=False)
LEFT = Departure(kind=DepartureKind.DISABLED_UPSTREAM, since=NOW)
ROLE = {FieldName.ROLE: FieldMode.DIRECTORY_WINS}


def of_ada(values: dict[FieldName, str | None] | None = None, **more: object) -> Candidate:
    """Ada's contact."""
    return contact("ada", linked_to=identity(ADA), values=values or {}, **more)  # type: ignore[arg-type]


def plan(
    now_user: DirectoryUser = ADA,
    held: Candidate | None = None,
    *,
    before: DirectoryUser = ADA,
    departure: Departure | None = None,
    base: dict[str, str] | None = None,
    inactive_version: int | None = None,
    question: tuple[VerdictReason, tuple[ContactId, ...]] | None = None,
    held_as: tuple[Verdict, VerdictReason] = (Verdict.LINKED, VerdictReason.CREATED),
    **more: object,
) -> PagePlan:
    """The plan of Ada, who is linked, and was held as linked before unless told."""
    held = held or of_ada()
    known = Known(
        acted=fingerprint(before),
        verdict=held_as[0],
        reason=held_as[1],
        linked=held.contact_id,
        question=question,
        departure=departure,
    )
    link = Link(
        reason=VerdictReason.MATCHED_EMAIL,
        base=base or {},
        inactive_version=inactive_version,
        contact=held,
    )
    return plan_of(
        [now_user],
        known={ADA.object_id: known},
        links={ADA.object_id: link},
        **more,  # type: ignore[arg-type]
    )


def kinds(found: PagePlan) -> list[tuple[ChangeKind, VerdictReason]]:
    return [(change.kind, change.reason) for change in found.changes]


# --- Leaving and coming back ---


def test_who_is_disabled_becomes_inactive_with_the_evidence() -> None:
    found = plan(GONE)
    assert kinds(found) == [(ChangeKind.INACTIVATE, VerdictReason.DISABLED_UPSTREAM)]
    (row,) = found.changes
    assert (row.before, row.after, row.note) == ({"active": True}, {"active": False}, None)
    assert row.departure == LEFT.acted_on()


def test_a_suspected_shared_mailbox_is_noted() -> None:
    (row,) = plan(user(enabled=False, licensed=False)).changes
    assert row.note == {"maybeSharedMailbox": True}


def test_the_departure_waits_for_its_grace() -> None:
    guard = Guard(grace_days=3)
    waiting = plan(GONE, guard=guard)
    assert waiting.changes == []
    assert waiting.settled[0].departure == LEFT
    due = plan(GONE, before=GONE, departure=LEFT, guard=guard, now=NOW + timedelta(days=3))
    assert kinds(due) == [(ChangeKind.INACTIVATE, VerdictReason.DISABLED_UPSTREAM)]


def test_without_the_rule_nobody_becomes_inactive() -> None:
    assert plan(GONE, guard=Guard(mark_inactive_when_disabled=False)).changes == []


def test_a_contact_that_a_person_made_active_again_stays_so() -> None:
    assert plan(GONE, before=GONE, departure=LEFT.acted_on()).changes == []


def test_a_contact_that_is_inactive_already_settles_the_departure() -> None:
    found = plan(GONE, of_ada(active=False))
    assert found.changes == []
    assert found.settled[0].departure == LEFT.acted_on()


def test_who_is_enabled_again_comes_back_if_nobody_touched_the_contact() -> None:
    held = of_ada(active=False, version=7)
    found = plan(ADA, held, before=GONE, departure=LEFT.acted_on(), inactive_version=7)
    assert kinds(found) == [(ChangeKind.REACTIVATE, VerdictReason.ENABLED_UPSTREAM)]
    touched = plan(ADA, held, before=GONE, departure=LEFT.acted_on(), inactive_version=6)
    assert touched.changes == []
    assert touched.settled[0].departure is None


def test_a_vanished_contact_closes_the_link_and_the_user_is_matched_anew() -> None:
    known = Known(
        acted=fingerprint(ADA),
        verdict=Verdict.LINKED,
        reason=VerdictReason.CREATED,
        linked=ContactId(guid("ada")),
        question=None,
    )
    gone = Link(reason=VerdictReason.CREATED, base={}, inactive_version=None, contact=None)
    found = plan_of([ADA], known={ADA.object_id: known}, links={ADA.object_id: gone})
    assert kinds(found) == [
        (ChangeKind.CLOSE_LINK, VerdictReason.CONTACT_GONE),
        (ChangeKind.CREATE, VerdictReason.CREATED),
    ]


@pytest.mark.parametrize(
    "held_as",
    [
        (Verdict.IGNORED, VerdictReason.PINNED),
        (Verdict.UNDONE, VerdictReason.UNDONE),
        (Verdict.QUEUED, VerdictReason.FIELD_CONFLICT),
    ],
)
@pytest.mark.parametrize("hands_off", [False, True])
def test_who_was_held_otherwise_is_linked_for_the_reason_of_the_link(
    held_as: tuple[Verdict, VerdictReason], hands_off: bool
) -> None:
    held = of_ada()
    pins = Pins(hands_off=frozenset({held.contact_id} if hands_off else ()))
    (settled,) = plan(ADA, held, held_as=held_as, pins=pins).settled
    assert (settled.verdict, settled.reason) == (Verdict.LINKED, VerdictReason.MATCHED_EMAIL)


def test_who_is_linked_keeps_the_reason_that_he_was_last_written_for() -> None:
    held_as = (Verdict.LINKED, VerdictReason.FIELDS_CHANGED)
    (settled,) = plan(GONE, of_ada(active=False), held_as=held_as).settled
    assert (settled.verdict, settled.reason) == held_as


# --- Field rules ---


@pytest.mark.parametrize("why", ["kept", "rule off", "in grace"])
def test_who_left_and_is_active_still_follows_the_field_rules(why: str) -> None:
    held = of_ada({FieldName.ROLE: "Clerk"})
    pins = Pins(keep_active=frozenset({held.contact_id} if why == "kept" else ()))
    guard = Guard(
        mark_inactive_when_disabled=why != "rule off", grace_days=3 if why == "in grace" else 0
    )
    found = plan(GONE, held, base={"role": "Clerk"}, fields=ROLE, pins=pins, guard=guard)
    assert kinds(found) == [(ChangeKind.UPDATE, VerdictReason.FIELDS_CHANGED)]
    assert found.changes[0].departure == LEFT
    again = plan(
        GONE,
        of_ada({FieldName.ROLE: GONE.job_title}),
        departure=LEFT,
        base={"role": str(GONE.job_title)},
        fields=ROLE,
        pins=pins,
        guard=guard,
    )
    assert (again.changes, again.settled[0].departure) == ([], LEFT)


def test_who_becomes_inactive_or_is_inactive_gets_no_other_row() -> None:
    values: dict[FieldName, str | None] = {FieldName.ROLE: "Clerk"}
    base = {"role": "Clerk"}
    leaving = plan(GONE, of_ada(values), base=base, fields=ROLE)
    assert [kind for kind, _ in kinds(leaving)] == [ChangeKind.INACTIVATE]
    assert plan(GONE, of_ada(values, active=False), base=base, fields=ROLE).changes == []


def test_a_newer_value_is_written_over_the_one_that_we_wrote() -> None:
    held = of_ada({FieldName.ROLE: "Clerk"})
    (row,) = plan(ADA, held, base={"role": "Clerk"}, fields=ROLE).changes
    assert (row.kind, row.before, row.after) == (
        ChangeKind.UPDATE,
        {"role": "Clerk"},
        {"role": "Engineer"},
    )


def test_agreement_becomes_the_base_without_a_write() -> None:
    found = plan(ADA, of_ada({FieldName.ROLE: " Engineer "}), fields=ROLE)
    assert found.changes == []
    assert found.rebased == {ADA.object_id: {"role": "Engineer"}}


def test_ask_queues_the_two_values_until_they_agree() -> None:
    held = of_ada({FieldName.ROLE: "Boss"})
    asking = {FieldName.ROLE: FieldMode.ASK}
    (row,) = plan(ADA, held, base={"role": "Clerk"}, fields=asking).changes
    assert (row.kind, row.reason) == (ChangeKind.QUEUE, VerdictReason.FIELD_CONFLICT)
    assert row.after == {"fields": {"role": {"directory": "Engineer", "local": "Boss"}}}
    agreed = plan(
        ADA,
        of_ada({FieldName.ROLE: "Engineer"}),
        base={"role": "Clerk"},
        fields=asking,
        question=(VerdictReason.FIELD_CONFLICT, (held.contact_id,)),
    )
    assert agreed.changes == []
    assert agreed.answered == [ADA.object_id]


@pytest.mark.parametrize(("seen", "asked"), [(ADA, False), (user(job_title="Chief"), True)])
def test_what_was_dismissed_is_asked_again_once_the_directory_changes(
    seen: DirectoryUser, asked: bool
) -> None:
    dismissed = Remembered(
        kind=DecisionKind.DISMISSED,
        contact_id=None,
        fingerprint=fingerprint(ADA),
        question=VerdictReason.FIELD_CONFLICT,
        fields=frozenset({"role"}),
    )
    found = plan(
        seen,
        of_ada({FieldName.ROLE: "Boss"}),
        base={"role": "Clerk"},
        fields={FieldName.ROLE: FieldMode.ASK},
        decisions={ADA.object_id: dismissed},
    )
    assert bool(found.changes) is asked


def test_an_address_that_somebody_else_has_is_left_and_the_rest_is_written() -> None:
    rules = {FieldName.EMAIL: FieldMode.DIRECTORY_WINS, **ROLE}
    held = of_ada({FieldName.ROLE: None, FieldName.EMAIL: "old@contoso.example"})
    other = contact("other", client_id=OTHER_CLIENT)
    (row,) = plan(ADA, held, fields=rules, index={"ada@contoso.example": [other]}).changes
    assert row.after == {"role": "Engineer"}
    assert row.note == {"emailTaken": str(other.contact_id)}


@pytest.mark.parametrize("taken", [True, False])
def test_who_has_nothing_to_write_but_a_taken_address_waits_for_it(*, taken: bool) -> None:
    held = of_ada({FieldName.EMAIL: "old@contoso.example" if taken else "ada@contoso.example"})
    other = contact("other", client_id=OTHER_CLIENT)
    rules = {FieldName.EMAIL: FieldMode.DIRECTORY_WINS}
    index = {"ada@contoso.example": [other]} if taken else {}
    (settled,) = plan(ADA, held, fields=rules, index=index).settled
    assert settled.waits is taken


def test_the_first_rule_fills_what_only_it_fills_on_a_new_contact() -> None:
    hired = user(department="Sales")
    (bare,) = plan_of([hired]).changes
    (ruled,) = plan_of([hired], fields={FieldName.DEPARTMENT: FieldMode.DIRECTORY_WINS}).changes
    assert "department" not in (bare.after or {})
    assert (ruled.after or {})["department"] == "Sales"
    assert ruled.base == {"department": "Sales"}


# --- Pins ---


def test_hands_off_means_no_row_at_all() -> None:
    held = of_ada({FieldName.ROLE: "Clerk"})
    pins = Pins(hands_off=frozenset({held.contact_id}))
    assert plan(GONE, held, base={"role": "Clerk"}, fields=ROLE, pins=pins).changes == []


def test_keep_active_outlasts_a_departure() -> None:
    held = of_ada()
    pins = Pins(keep_active=frozenset({held.contact_id}))
    assert plan(GONE, held, pins=pins).changes == []


def test_a_locked_field_is_not_overwritten() -> None:
    held = of_ada({FieldName.ROLE: "Clerk"})
    pins = Pins(locked={held.contact_id: frozenset({"role"})})
    assert plan(ADA, held, base={"role": "Clerk"}, fields=ROLE, pins=pins).changes == []


def test_an_ignored_identity_has_that_verdict() -> None:
    found = plan(GONE, pins=Pins(ignored=frozenset({ADA.object_id})))
    assert found.changes == []
    assert (found.settled[0].verdict, found.settled[0].reason) == (
        Verdict.IGNORED,
        VerdictReason.PINNED,
    )
