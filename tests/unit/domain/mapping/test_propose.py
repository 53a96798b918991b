"""Which client a managed tenant is: evidence for people, and one narrow rule that needs none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from entra_plugin.domain.domains import SHARED
from entra_plugin.domain.lookalikes import look_alikes
from entra_plugin.domain.mapping.facts import (
    MAX_CANDIDATES,
    ClientFacts,
    Evidence,
    Proposal,
    TenantFacts,
)
from entra_plugin.domain.mapping.propose import propose
from support.builders import client, guid, tenant

CONTOSO = tenant("Contoso", "contoso.example", "contoso.onmicrosoft.com")


def proposal(
    clients: Sequence[ClientFacts],
    of: TenantFacts = CONTOSO,
    others: Sequence[TenantFacts] = (),
) -> Proposal:
    """What is proposed for one managed tenant."""
    return propose([of, *others], clients)[0]


def evidence(proposed: Proposal, of: ClientFacts) -> list[Evidence]:
    """The kinds of evidence for one client, none if it is no candidate."""
    return [
        reason.evidence
        for suggestion in proposed.candidates
        if suggestion.client_id == of.client_id
        for reason in suggestion.reasons
    ]


# --- The rule that needs no person ---


@pytest.mark.parametrize(
    "fields",
    [
        {"website": "https://www.contoso.example"},
        {"domain": "CONTOSO.example"},
        {"website": "contoso.example", "domain": "contoso.example"},
    ],
)
def test_a_unique_exact_domain_matches_without_a_person(fields: dict[str, str]) -> None:
    contoso = client("Contoso Ltd", **fields)  # type: ignore[arg-type]
    proposed = proposal([contoso, client("Fabrikam", website="fabrikam.example")])
    assert proposed.match is not None
    assert proposed.match.client_id == contoso.client_id
    assert proposed.match == proposed.candidates[0]


def test_every_verified_domain_counts_and_not_only_the_default_one() -> None:
    several = tenant("Contoso", "contoso.example", "contoso-shop.example")
    assert proposal([client("Contoso", website="contoso-shop.example")], several).match


def test_an_international_domain_matches_in_either_spelling() -> None:
    munich = tenant("M\u00fcnchen", "xn--mnchen-3ya.example")
    assert proposal([client("M\u00fcnchen", website="https://m\u00fcnchen.example")], munich).match


@pytest.mark.parametrize(
    "website", ["mail.contoso.example", "contoso.example.org", "notcontoso.example", "example"]
)
def test_a_domain_that_is_only_similar_does_not_match(website: str) -> None:
    assert proposal([client("Contoso", website=website)]).match is None


def test_two_clients_with_domains_of_one_tenant_go_to_a_person() -> None:
    first = client("Contoso", website="contoso.example")
    second = client("Contoso Shop", domain="contoso.example")
    proposed = proposal([first, second])
    assert proposed.match is None
    assert {s.client_id for s in proposed.candidates} == {first.client_id, second.client_id}


def test_two_tenants_that_claim_one_client_go_to_a_person() -> None:
    contoso = client("Contoso", website="contoso.example", domain="contoso-eu.example")
    other = tenant("Contoso EU", "contoso-eu.example")
    assert all(not p.match and p.candidates for p in propose([CONTOSO, other], [contoso]))


def test_another_clients_billing_address_does_not_break_uniqueness() -> None:
    contoso = client("Contoso", website="contoso.example")
    payer = client(
        "Fabrikam",
        billing_email="bills@contoso.example",
        inbound_domains=["contoso.example"],
        census={"contoso.example": 1},
    )
    proposed = proposal([contoso, payer])
    assert proposed.match is not None
    assert proposed.match.client_id == contoso.client_id
    assert evidence(proposed, payer) == [Evidence.CENSUS, Evidence.SECONDARY_DOMAIN]


def test_another_tenant_with_the_same_name_does_not_break_uniqueness() -> None:
    contoso = client("Contoso", website="contoso.example")
    assert proposal([contoso], others=[tenant("Contoso", "fabrikam.example")]).match


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Contoso"},
        {"name": "Contoso", "billing_email": "bills@contoso.example"},
        {"name": "Contoso", "inbound_domains": ["contoso.example"]},
        {"name": "Contoso", "census": {"contoso.example": 100}},
        {"name": "Contoso", "directory_tenant_id": CONTOSO.entra_tenant_id},
    ],
    ids=["name", "billing", "inbound", "census", "directory id"],
)
def test_nothing_but_an_exact_domain_matches_without_a_person(fields: dict[str, object]) -> None:
    proposed = proposal([client(**fields)])  # type: ignore[arg-type]
    assert proposed.match is None
    assert proposed.candidates


def test_a_different_name_and_contacts_elsewhere_contradict() -> None:
    agency = client("Tailspin", website="contoso.example", census={"tailspin.example": 9})
    proposed = proposal([agency])
    assert proposed.match is None
    assert evidence(proposed, agency) == [Evidence.DOMAIN, Evidence.OTHER_DOMAIN]


@pytest.mark.parametrize(
    "found",
    [
        client("Tailspin", website="contoso.example"),
        client("Tailspin", website="contoso.example", census={"contoso.example": 1}),
        client("Tailspin", website="contoso.example", census={"CONTOSO.EXAMPLE": 1}),
        client("Tailspin", website="contoso.example", census={"gmail.com": 9}),
        client("Contoso", website="contoso.example", census={"tailspin.example": 9}),
    ],
    ids=["no contacts", "contacts there", "in capitals", "free mail", "same name"],
)
def test_one_contradiction_alone_does_not_stop_a_match(found: ClientFacts) -> None:
    assert proposal([found]).match


def test_a_client_that_carries_another_directorys_id_does_not_match() -> None:
    marked = client("Contoso", website="contoso.example", directory_tenant_id=guid("another"))
    assert proposal([marked]).match is None


def test_a_directory_id_at_another_client_stops_a_match() -> None:
    by_domain = client("Contoso", website="contoso.example")
    by_id = client("Contoso Old", directory_tenant_id=CONTOSO.entra_tenant_id)
    proposed = proposal([by_domain, by_id])
    assert proposed.match is None
    assert proposed.candidates[0].client_id == by_id.client_id


@pytest.mark.parametrize("domain", [*sorted(SHARED), "contoso.onmicrosoft.com"])
def test_free_mail_and_shared_hosting_are_never_evidence(domain: str) -> None:
    odd = tenant("Contoso", domain)
    found = client(
        "Tailspin",
        website=domain,
        domain=domain,
        billing_email=f"x@{domain}",
        inbound_domains=[domain],
        census={domain: 50},
    )
    assert proposal([found], odd) == Proposal(tenant=odd, match=None, candidates=())


# --- Candidates, for people ---


def test_a_tenant_that_resembles_nobody_has_no_candidates() -> None:
    proposed = proposal([client("Fabrikam", website="fabrikam.example")])
    assert proposed == Proposal(tenant=CONTOSO, match=None, candidates=())


def test_no_clients_and_no_tenants_are_no_trouble() -> None:
    assert propose([], []) == []
    assert proposal([]).candidates == ()


def score(of: ClientFacts, *others: ClientFacts) -> float:
    """The score of one client beside others."""
    return next(s.score for s in proposal([of, *others]).candidates if s.client_id == of.client_id)


def test_stronger_evidence_scores_higher() -> None:
    by_id = score(client("One", directory_tenant_id=CONTOSO.entra_tenant_id))
    by_domain = score(client("Two", website="contoso.example"))
    by_census = score(client("Three", census={"contoso.example": 10}))
    by_bill = score(client("Four", billing_email="x@contoso.example"))
    assert by_id > by_domain > 0.5
    assert by_id > by_census > 0.5
    assert min(by_domain, by_census) > 0.5 > by_bill


def test_a_better_candidate_takes_from_the_others() -> None:
    census = client("Three", census={"contoso.example": 10})
    assert score(census, client("Contoso", website="contoso.example")) < score(census)


def test_reasons_name_the_evidence_and_what_it_rests_on_strongest_first() -> None:
    sure = client(
        "Contoso Ltd",
        website="www.contoso.example",
        billing_email="x@contoso.example",
        directory_tenant_id=CONTOSO.entra_tenant_id,
        census={"contoso.example": 3},
    )
    (suggestion,) = proposal([sure]).candidates
    assert [(r.evidence, r.detail) for r in suggestion.reasons] == [
        (Evidence.DIRECTORY_ID, str(CONTOSO.entra_tenant_id)),
        (Evidence.DOMAIN, "contoso.example"),
        (Evidence.CENSUS, "contoso.example"),
        (Evidence.SECONDARY_DOMAIN, "contoso.example"),
        (Evidence.NAME, "Contoso Ltd"),
    ]


def test_the_census_weighs_by_the_share_of_the_clients_contacts() -> None:
    home = client("Home", census={"contoso.example": 9, "gmail.com": 1})
    away = client("Away", census={"contoso.example": 1, "away.example": 9})
    first, second = proposal([away, home]).candidates
    assert (first.client_id, second.client_id) == (home.client_id, away.client_id)
    assert first.score > 0.5 > second.score


def test_a_name_with_a_rare_word_in_common_is_a_candidate() -> None:
    found = client("Contoso Dental")
    proposed = proposal([found, client("Oak Dental"), client("Ash Dental"), client("Yew Dental")])
    assert evidence(proposed, found) == [Evidence.NAME]


def test_an_initial_domain_tells_where_nobody_named_the_directory() -> None:
    nameless = tenant("Default Directory", "contosodental.onmicrosoft.com")
    found = client("Contoso Dental Ltd", website="contosodental.example")
    proposed = proposal([found, client("Fabrikam Dental")], nameless)
    assert evidence(proposed, found) == [Evidence.DOMAIN_NAME]
    assert proposed.candidates[0].score > 0.5
    assert proposed.match is None


def test_a_client_that_a_person_mapped_is_less_likely_for_the_next() -> None:
    contoso = client("Contoso Dental", census={"gmail.com": 2})
    mapped = replace(tenant("Contoso Clinic", "clinic.example"), mapped_to=contoso.client_id)
    undecided = tenant("Contoso Dental", "dental.example")
    alone = propose([undecided], [contoso])[0].candidates[0]
    beside = propose([undecided, mapped], [contoso])[0].candidates[0]
    assert beside.score < alone.score
    assert beside.rivals == (mapped.managed_tenant_id,)
    assert Evidence.RIVAL in {reason.evidence for reason in beside.reasons}


def test_an_impostor_is_told_by_its_letters() -> None:
    contoso = client("Contoso Dental", website="contoso.example", census={"contoso.example": 9})
    in_name = tenant("C\u043entoso Dental", "dental.example")
    in_domain = tenant("Contoso Dental", "xn--contso-zqf.example")  # with a Cyrillic o
    for impostor in (in_name, in_domain):
        proposed = proposal([contoso], impostor)
        assert proposed.match is None
        assert Evidence.DISGUISED in evidence(proposed, contoso)
        assert proposed.candidates[0].score < 0.1
        assert look_alikes(proposed) == proposed.candidates


def test_a_page_of_the_clients_name_on_an_agencys_domain_is_no_evidence() -> None:
    hosted = client("Tailspin", website="https://contoso.example/clients/tailspin")
    assert proposal([hosted]).candidates == ()


def test_a_common_word_alone_makes_no_candidate() -> None:
    clients = [client(f"{name} Dental") for name in ("Oak", "Ash", "Yew", "Fir", "Elm")]
    assert proposal(clients, tenant("Contoso Dental", "contoso.example")).candidates == ()


def test_only_the_best_candidates_are_shown() -> None:
    clients = [client(f"C{i}", website="contoso.example") for i in range(20)]
    assert len(proposal(clients).candidates) == MAX_CANDIDATES


def test_of_unlikely_candidates_three_are_shown() -> None:
    clients = [client(f"C{i}", billing_email="x@contoso.example") for i in range(20)]
    assert len(proposal(clients).candidates) == 3


NAMESAKES = [client(f"Contoso {i}", census={"contoso.example": 9}) for i in range(MAX_CANDIDATES)]
"""Clients that are likelier than one of which nothing but a domain is known."""


def test_a_client_with_a_domain_of_the_tenant_is_not_crowded_out() -> None:
    sold = [
        client(f"Tailspin {i}", website="contoso.example", census={"tailspin.example": 9})
        for i in range(2)
    ]
    assert _shown_last(sold) == sold


def test_the_best_client_with_a_billing_domain_is_not_crowded_out() -> None:
    payers = [
        client(f"Tailspin {i}", billing_email="x@contoso.example", census={"tailspin.example": 9})
        for i in range(2)
    ]
    (shown,) = _shown_last(payers)
    assert shown in payers


def _shown_last(unlikely: list[ClientFacts]) -> list[ClientFacts]:
    """Those of them that are shown behind the namesakes, by name."""
    proposed = proposal([*NAMESAKES, *unlikely])
    assert len(proposed.candidates) == MAX_CANDIDATES
    scores = [suggestion.score for suggestion in proposed.candidates]
    assert scores == sorted(scores, reverse=True)
    shown = [suggestion.client_id for suggestion in proposed.candidates]
    found = [facts for facts in unlikely if facts.client_id in shown]
    assert {facts.client_id for facts in found} == set(shown[MAX_CANDIDATES - len(found) :])
    return found


def test_candidates_with_equal_scores_keep_one_order() -> None:
    clients = [client(f"Contoso C{i}") for i in range(5)]
    clients += [client(f"Other {i}") for i in range(45)]
    assert proposal(clients) == proposal(clients[::-1])
    ids = [suggestion.client_id for suggestion in proposal(clients).candidates]
    assert len(ids) == 5
    assert ids == sorted(ids)


def test_scores_lie_between_nothing_and_certainty() -> None:
    sure = client("Contoso", website="contoso.example", directory_tenant_id=CONTOSO.entra_tenant_id)
    (suggestion,) = proposal([sure]).candidates
    assert 0.9 < suggestion.score < 1.0


@pytest.mark.parametrize("bad", ["", "\x00", "\ud800", "\u200f", "x" * 10_000, "@", "http://["])
def test_bad_input_matches_nothing(bad: str) -> None:
    odd = tenant("odd", bad, display_name=bad)
    found = client(
        bad,
        website=bad,
        domain=bad,
        billing_email=bad,
        inbound_domains=[bad],
        census={bad: 1},
    )
    assert proposal([found], odd).match is None
    assert all(
        r.evidence == Evidence.NAME for s in proposal([found], odd).candidates for r in s.reasons
    )
