"""What speaks for a client by more than chance makes a new one doubtful."""

import pytest

from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.lookalikes import LOOK_ALIKE_SCORE, look_alikes
from entra_plugin.domain.mapping.facts import Evidence, Proposal, Reason, Suggestion
from entra_plugin.domain.mapping.propose import propose
from support.builders import client, guid, tenant


def suggestion(name: str, score: float, evidence: Evidence = Evidence.NAME) -> Suggestion:
    reason = Reason(evidence=evidence, detail=name)
    return Suggestion(client_id=ClientId(guid(name)), score=score, reasons=(reason,))


def proposed(*candidates: Suggestion) -> Proposal:
    return Proposal(tenant=tenant("contoso"), match=None, candidates=candidates)


def test_candidates_from_the_threshold_up_are_named_best_first() -> None:
    strong, just = suggestion("strong", 0.9), suggestion("just", LOOK_ALIKE_SCORE)
    assert look_alikes(proposed(strong, just, suggestion("weak", 0.199))) == (strong, just)


@pytest.mark.parametrize(
    ("evidence", "telling"),
    [
        (Evidence.DIRECTORY_ID, True),
        (Evidence.DOMAIN, True),
        (Evidence.DISGUISED, True),
        (Evidence.SECONDARY_DOMAIN, False),
        (Evidence.CENSUS, False),
    ],
)
def test_what_somebody_entered_or_imitates_is_named_however_unlikely(
    evidence: Evidence, telling: bool
) -> None:
    unlikely = suggestion("unlikely", 0.001, evidence)
    assert look_alikes(proposed(unlikely)) == ((unlikely,) if telling else ())


def test_without_candidates_nothing_speaks_against_a_new_client() -> None:
    assert look_alikes(proposed()) == ()


def test_a_client_that_matches_by_itself_is_a_look_alike() -> None:
    (found,) = propose(
        [tenant("Contoso", "contoso.example")], [client("Contoso", domain="contoso.example")]
    )
    assert look_alikes(found) == (found.match,)
