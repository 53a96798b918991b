"""Who is shown as needing a person, and who as having no match."""

import pytest

from entra_plugin.application.map_tenants import DOUBTFUL, PreviewList, PreviewRow
from entra_plugin.domain.mapping.facts import ClientFacts, Evidence
from entra_plugin.domain.mapping.propose import propose
from support.builders import client, managed_tenant, tenant

CONTOSO = ("Contoso", "contoso.example")
ELSEWHERE = {"tailspin.example": 50}


def row(*clients: ClientFacts) -> PreviewRow:
    (proposal,) = propose([tenant(*CONTOSO)], clients)
    return PreviewRow(tenant=managed_tenant(*CONTOSO), proposal=proposal, decision=None)


@pytest.mark.parametrize(
    ("found", "evidence"),
    [
        (client("Tailspin", website="contoso.example", census=ELSEWHERE), Evidence.DOMAIN),
        (
            client("Tailspin", billing_email="x@contoso.example", census=ELSEWHERE),
            Evidence.SECONDARY_DOMAIN,
        ),
        (
            client("Tailspin", inbound_domains=["contoso.example"], census=ELSEWHERE),
            Evidence.SECONDARY_DOMAIN,
        ),
    ],
    ids=["website", "billing", "inbound"],
)
def test_evidence_for_review_is_for_a_person_however_unlikely_the_client(
    found: ClientFacts, evidence: Evidence
) -> None:
    shown = row(found)
    (candidate,) = shown.proposal.candidates
    assert candidate.score < DOUBTFUL
    assert candidate.reasons[0].evidence == evidence
    assert shown.stands_in == PreviewList.NEEDS_REVIEW


def test_a_client_with_the_domain_is_named_before_a_new_one_is_created() -> None:
    shown = row(client("Tailspin", website="contoso.example", census=ELSEWHERE))
    assert shown.look_alikes == shown.proposal.candidates


def test_clients_that_share_a_domain_are_for_a_person() -> None:
    shown = row(*(client(f"Tailspin {i}", website="contoso.example") for i in range(20)))
    assert shown.stands_in == PreviewList.NEEDS_REVIEW
    assert shown.look_alikes == shown.proposal.candidates


@pytest.mark.parametrize(
    "found",
    [
        client("Contoso Tailspin Wingtip", website="tailspin.example", census=ELSEWHERE),
        client("Tailspin", census={"contoso.example": 1, **ELSEWHERE}),
        client("Tailspin", billing_email="x@gmail.com", census=ELSEWHERE),
    ],
    ids=["name", "census", "free mail"],
)
def test_other_evidence_has_to_be_more_than_chance(found: ClientFacts) -> None:
    shown = row(found)
    assert all(candidate.score < DOUBTFUL for candidate in shown.proposal.candidates)
    assert shown.stands_in == PreviewList.UNMATCHED
