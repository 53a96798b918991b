"""What the matcher says, as people read it: chances, and the evidence kept with a decision."""

import pytest

from entra_plugin.domain.decisions import Decided, evidence_of
from entra_plugin.domain.mapping.facts import Evidence
from entra_plugin.domain.mapping.propose import propose
from entra_plugin.resources import locale
from entra_plugin.web.decisions import chance_in_words, evidence_in_words, reason_in_words
from support.builders import client, tenant

EN = locale("en")


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (0.001, "under 1 % likely"),
        (0.004, "under 1 % likely"),
        (0.01, "1 % likely"),
        (0.5, "50 % likely"),
        (0.99, "99 % likely"),
        (0.999, "over 99 % likely"),
    ],
)
def test_a_chance_is_never_certain_and_never_nothing(score: float, words: str) -> None:
    assert chance_in_words(score, EN) == words


def test_evidence_that_was_kept_reads_as_it_did_when_it_was_found() -> None:
    contoso = client(
        "Contoso Ltd", website="contoso.example", census={"contoso.example": 3, "gmail.com": 1}
    )
    (proposal,) = propose([tenant("Contoso", "contoso.example")], [contoso])
    kept = evidence_of(Decided.BY_PERSON, proposal, contoso.client_id)
    told = evidence_in_words(kept, EN)
    assert [one.words for one in told] == [
        reason_in_words(reason, EN) for reason in proposal.candidates[0].reasons
    ]
    assert "3 of 4 write from contoso.example" in told[1].words
    assert not any(one.against for one in told)


def test_evidence_against_is_marked_and_what_is_no_longer_known_is_left_out() -> None:
    kept = {
        "reasons": [
            {"evidence": Evidence.OTHER_DOMAIN.value, "detail": "fabrikam.example"},
            {"evidence": "tea_leaves", "detail": "x"},
            "broken",
        ]
    }
    (only,) = evidence_in_words(kept, EN)
    assert only.against
    assert "fabrikam.example" in only.words


@pytest.mark.parametrize("kept", [{}, {"reasons": None}, {"reasons": "text"}])
def test_a_decision_without_evidence_tells_nothing(kept: dict[str, object]) -> None:
    assert evidence_in_words(kept, EN) == ()
