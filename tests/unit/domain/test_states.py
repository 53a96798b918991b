"""The closed sets are written as the interface and the database know them."""

import re
from enum import StrEnum

import pytest

from entra_plugin.domain import flags, states
from entra_plugin.domain.flags import EffectiveFlags, Flag
from entra_plugin.domain.states import (
    ChangeKind,
    ConnectionStatus,
    DecisionKind,
    MappingState,
    PinKind,
    RunState,
    RunType,
    Trigger,
    Verdict,
    VerdictReason,
)

SETS = [v for v in vars(states).values() if isinstance(v, type) and issubclass(v, StrEnum)]


@pytest.mark.parametrize(
    "closed", [s for s in SETS if s not in (StrEnum, states.CredentialSource, states.FieldName)]
)
def test_a_value_is_the_name_in_lower_case(closed: type[StrEnum]) -> None:
    for member in closed:
        assert member.value == member.name.lower()
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", member.value)


@pytest.mark.parametrize(
    ("closed", "values"),
    [
        (ConnectionStatus, "not_connected connected validation_failed disconnected"),
        (MappingState, "mapped create_new skipped unmapped"),
        (RunType, "initial all client person preview undo discovery validation"),
        (Trigger, "manual scheduled api"),
        (
            RunState,
            "queued running held completed partial failed cancelled joined skipped",
        ),
        (
            ChangeKind,
            "create link update inactivate reactivate move queue close_link none",
        ),
        (Verdict, "linked filtered queued ignored undone failed"),
        (DecisionKind, "linked ignored undone dismissed"),
        (PinKind, "keep_active hands_off lock_field ignore_identity"),
    ],
)
def test_a_set_is_the_one_that_people_were_told(closed: type[StrEnum], values: str) -> None:
    assert {member.value for member in closed} == set(values.split())


def test_every_question_of_the_review_queue_has_its_reason() -> None:
    questions = (
        "multiple_matches linked_elsewhere claimed_twice other_client field_conflict "
        "missing_upstream"
    )
    assert set(questions.split()) <= {reason.value for reason in VerdictReason}


def test_the_places_of_credentials_are_written_with_a_hyphen() -> None:
    places = [source.value for source in states.CredentialSource]
    assert places == ["tenant-secret", "env", "app-secret"]


def test_the_five_flags_have_their_keys() -> None:
    assert {flag.value for flag in flags.Flag} == {
        "entra-integration-ui",
        "entra-integration-client-sync-action",
        "entra-integration-cipp",
        "entra-integration-field-sync",
        "entra-integration-ambiguous-queue",
    }


def test_a_flag_that_is_not_on_is_off() -> None:
    effective = EffectiveFlags(on=frozenset({Flag.UI}))
    assert Flag.UI in effective
    assert Flag.CIPP not in effective
