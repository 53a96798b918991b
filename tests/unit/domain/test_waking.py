"""Who was undone is left alone until resumed, and who was left behind by a remap comes along."""

import pytest
from msgspec.structs import replace

from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.pins import NO_PINS, Pins
from entra_plugin.domain.planning import Dormant, Known, Link, PagePlan, Remembered
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    DepartureKind,
    FieldMode,
    FieldName,
    Verdict,
    VerdictReason,
)
from support.builders import CLIENT, NOW, OTHER_CLIENT, contact, plan_of, user

ADA = user()
OFF = replace(ADA, enabled=False)
ADDRESS = "ada@contoso.example"
UNDONE = {ADA.object_id: Remembered(kind=DecisionKind.UNDONE, contact_id=None)}
RULES = {FieldName.DISPLAY_NAME: FieldMode.DIRECTORY_WINS}
ASLEEP = contact("x", active=False, version=7)


def linked(
    of: DirectoryUser,
    to: Candidate,
    *,
    undone: bool,
    verdict: Verdict = Verdict.UNDONE,
    departure: Departure | None = None,
    inactive_version: int | None = None,
) -> PagePlan:
    """The plan of Ada, who is linked."""
    known = Known(
        acted=fingerprint(of),
        verdict=verdict,
        reason=VerdictReason.UNDONE,
        linked=to.contact_id,
        question=None,
        departure=departure,
    )
    return plan_of(
        [of],
        known={of.object_id: known},
        links={
            of.object_id: Link(
                reason=VerdictReason.CREATED, base={}, inactive_version=inactive_version, contact=to
            )
        },
        decisions=UNDONE if undone else {},
        fields=RULES,
    )


def dormant(of: DirectoryUser, behind: Dormant, pins: Pins = NO_PINS) -> PagePlan:
    """The plan of Ada, whose link is closed."""
    return plan_of([of], dormant={of.object_id: behind}, pins=pins)


@pytest.mark.parametrize("of", [ADA, OFF])
def test_who_was_undone_is_left_alone_though_linked_and_keeps_the_evidence(
    of: DirectoryUser,
) -> None:
    departure = Departure(kind=DepartureKind.DISABLED_UPSTREAM, since=NOW, settled=True)
    plan = linked(of, contact("x"), undone=True, departure=departure)
    (one,) = plan.settled
    assert not plan.changes
    assert (one.verdict, one.reason) == (Verdict.UNDONE, VerdictReason.UNDONE)
    assert one.departure == departure


def test_a_contact_that_the_undo_made_inactive_wakes_once_resumed() -> None:
    plan = linked(ADA, ASLEEP, undone=False, inactive_version=7)
    first = plan.changes[0]
    assert (first.kind, first.reason) == (ChangeKind.REACTIVATE, VerdictReason.RESUMED)


@pytest.mark.parametrize(
    ("version", "verdict"), [(6, Verdict.UNDONE), (None, Verdict.UNDONE), (7, Verdict.LINKED)]
)
def test_one_that_somebody_touched_or_that_was_never_undone_sleeps_on(
    version: int | None, verdict: Verdict
) -> None:
    plan = linked(ADA, ASLEEP, undone=False, inactive_version=version, verdict=verdict)
    assert ChangeKind.REACTIVATE not in {change.kind for change in plan.changes}


def test_a_contact_of_ours_is_moved_and_one_that_people_edited_is_asked_about() -> None:
    there = contact("x", client_id=OTHER_CLIENT)
    (moved,) = dormant(ADA, Dormant(contact=there, undone=False)).changes
    assert (moved.kind, moved.reason) == (ChangeKind.MOVE, VerdictReason.REMAPPED)
    assert moved.after == {"clientId": str(CLIENT), "active": True}
    (asked,) = dormant(ADA, Dormant(contact=there, undone=False, ours=False)).changes
    assert (asked.kind, asked.reason) == (ChangeKind.QUEUE, VerdictReason.OTHER_CLIENT)
    assert asked.candidates == (there.contact_id,)


@pytest.mark.parametrize(("ours", "then"), [(True, ChangeKind.MOVE), (False, ChangeKind.QUEUE)])
def test_who_was_not_to_be_moved_is_left_where_he_is_until_the_directory_changes(
    *, ours: bool, then: ChangeKind
) -> None:
    behind = Dormant(contact=contact("x", client_id=OTHER_CLIENT), undone=False, ours=ours)
    declined = Remembered(
        kind=DecisionKind.DISMISSED,
        contact_id=None,
        fingerprint=fingerprint(ADA),
        question=VerdictReason.REMAPPED,
        client_id=CLIENT,
    )
    decisions = {ADA.object_id: declined}
    plan = plan_of([ADA], dormant={ADA.object_id: behind}, decisions=decisions)
    assert not plan.changes
    assert [(s.verdict, s.reason) for s in plan.settled] == [
        (Verdict.IGNORED, VerdictReason.REMAPPED)
    ]
    renamed = replace(ADA, display_name="Ada King")
    (change,) = plan_of([renamed], dormant={ADA.object_id: behind}, decisions=decisions).changes
    assert change.kind == then


def test_nobody_is_asked_about_who_is_filtered_or_came_along_already() -> None:
    there = contact("x", client_id=OTHER_CLIENT)
    (left,) = dormant(OFF, Dormant(contact=there, undone=False, ours=False)).settled
    assert left.verdict == Verdict.FILTERED
    here = Dormant(contact=contact("x"), undone=False, ours=False)
    (created,) = dormant(ADA, here).changes
    assert created.kind == ChangeKind.CREATE


def test_who_was_undone_at_the_client_of_before_is_moved_and_woken() -> None:
    there = contact("x", client_id=OTHER_CLIENT, active=False)
    (moved,) = dormant(ADA, Dormant(contact=there, undone=True, asleep=True)).changes
    assert moved.before == {"clientId": str(OTHER_CLIENT), "active": False}
    assert moved.after == {"clientId": str(CLIENT), "active": True}


@pytest.mark.parametrize("ours", [True, False])
def test_hands_off_a_contact_that_is_behind(ours: bool) -> None:
    there = contact("x", client_id=OTHER_CLIENT)
    pins = Pins(hands_off=frozenset({there.contact_id}))
    plan = dormant(ADA, Dormant(contact=there, undone=False, ours=ours), pins)
    assert not plan.changes
    assert [(s.verdict, s.reason, s.waits) for s in plan.settled] == [
        (Verdict.IGNORED, VerdictReason.PINNED, True)
    ]
