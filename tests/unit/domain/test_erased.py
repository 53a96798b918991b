"""Somebody who was erased stays so while he is to be ignored, and no longer."""

from msgspec.structs import replace

from entra_plugin.domain.pins import Pins
from entra_plugin.domain.planning import Known, Remembered
from entra_plugin.domain.states import ChangeKind, DecisionKind, Verdict, VerdictReason
from support.builders import person, plan_of

ADA = person("ada")
ERASED = Known(
    acted=b"",
    verdict=Verdict.IGNORED,
    reason=VerdictReason.DECIDED,
    linked=None,
    question=None,
    erased=True,
)
IGNORED = Remembered(kind=DecisionKind.IGNORED, contact_id=None)


def test_nothing_is_written_of_somebody_who_was_erased() -> None:
    known, decisions = {ADA.object_id: ERASED}, {ADA.object_id: IGNORED}
    for pins in (Pins(), Pins(ignored=frozenset({ADA.object_id}))):
        plan = plan_of([ADA], known=known, decisions=decisions, pins=pins)
        assert (plan.changes, plan.settled, plan.unchanged) == ([], [], 1)


def test_somebody_who_is_ignored_and_was_not_erased_is_remembered() -> None:
    for known in ({}, {ADA.object_id: replace(ERASED, erased=False)}):
        plan = plan_of([ADA], known=known, decisions={ADA.object_id: IGNORED})
        assert [settled.verdict for settled in plan.settled] == [Verdict.IGNORED]


def test_without_the_decision_somebody_erased_is_planned_anew() -> None:
    plan = plan_of([ADA], known={ADA.object_id: ERASED})
    assert [change.kind for change in plan.changes] == [ChangeKind.CREATE]
