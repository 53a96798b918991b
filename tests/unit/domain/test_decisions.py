"""The evidence that is kept with a decision is what the matcher said of the chosen client."""

from entra_plugin.domain.decisions import Decided, evidence_of, settled_anew
from entra_plugin.domain.mapping.propose import propose
from support.builders import CLIENT, client, tenant

CONTOSO = client("Contoso", domain="contoso.example")
(MATCHED,) = propose([tenant("Contoso", "contoso.example")], [CONTOSO])
(DOUBTFUL,) = propose(
    [tenant("Contoso", "contoso.example")],
    [CONTOSO, client("Contoso Two", website="contoso.example")],
)


def test_a_match_that_needed_no_person_is_automatic() -> None:
    found = evidence_of(Decided.BY_PERSON, MATCHED, CONTOSO.client_id)
    assert MATCHED.match is not None
    assert found["automatic"] is True
    assert found["score"] == MATCHED.match.score
    assert {"evidence": "domain", "detail": "contoso.example"} in found["reasons"]  # type: ignore[operator]


def test_a_candidate_that_a_person_chose_is_not_automatic() -> None:
    found = evidence_of(Decided.BY_FILE, DOUBTFUL, CONTOSO.client_id)
    assert (found["decided"], found["automatic"]) == ("by_file", False)
    assert found["score"] is not None


def test_a_client_that_nothing_speaks_for_has_no_score() -> None:
    for proposal, chosen in ((MATCHED, CLIENT), (MATCHED, None), (None, CLIENT)):
        found = evidence_of(Decided.BY_PERSON, proposal, chosen)
        assert (found["automatic"], found["score"], found["reasons"]) == (False, None, [])


def test_new_settings_keep_the_evidence_and_say_how_it_was_decided() -> None:
    before = evidence_of(Decided.BY_PERSON, MATCHED, CONTOSO.client_id)
    assert settled_anew(before) == {**before, "decided": "by_settings"}
