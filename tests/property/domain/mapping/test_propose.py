"""Proposals do not depend on order, and match without a person only by a unique exact domain."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.domains import evidence_domain, website_domain
from entra_plugin.domain.mapping.facts import ClientFacts, Evidence, Proposal, TenantFacts
from entra_plugin.domain.mapping.likeness import likeness
from entra_plugin.domain.mapping.names import parsed, words
from entra_plugin.domain.mapping.propose import propose
from entra_plugin.domain.mapping.rarity import Rarity
from support.builders import client, guid, tenant
from support.strategies import anything

_WORDS = ("Contoso", "Dental", "Church", "Fabrikam", "Group", "M\u00fcller", "GmbH")
_DOMAINS = (
    *("contoso.example", "CONTOSO.example", "fabrikam.example", "m\u00fcller.example"),
    *("gmail.com", "contoso.onmicrosoft.com"),
)
company = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(" ".join) | anything
domain = st.sampled_from(_DOMAINS)
tenants = st.lists(
    st.builds(
        lambda number, name, domains: tenant(str(number), *domains, display_name=name),
        st.integers(0, 3),
        company,
        st.lists(domain | anything, max_size=3),
    ),
    max_size=4,
    unique_by=lambda facts: facts.managed_tenant_id,
)
clients = st.lists(
    st.builds(
        client,
        company,
        website=st.none() | domain | anything,
        domain=st.none() | domain,
        billing_email=st.none() | domain.map("x@{}".format) | anything,
        inbound_domains=st.lists(domain, max_size=2),
        directory_tenant_id=st.none() | st.integers(0, 3).map(lambda n: guid(f"directory {n}")),
        census=st.dictionaries(domain | anything, st.integers(1, 9), max_size=2),
    ),
    max_size=5,
    unique_by=lambda facts: facts.client_id,
)


def domains_of(facts: TenantFacts) -> set[str]:
    """The verified domains that are evidence."""
    return {name for name in map(evidence_domain, facts.domains) if name}


def own(facts: ClientFacts) -> set[str]:
    """The domains of a client's website and domain fields."""
    return {name for name in map(website_domain, (facts.website, facts.domain)) if name}


@given(tenants, clients, st.data())
def test_the_order_of_tenants_and_clients_changes_nothing(
    some: list[TenantFacts], found: list[ClientFacts], data: st.DataObject
) -> None:
    turned = propose(data.draw(st.permutations(some)), data.draw(st.permutations(found)))
    by_tenant = {p.tenant.managed_tenant_id: p for p in turned}
    assert [by_tenant[t.managed_tenant_id] for t in some] == propose(some, found)


@given(tenants, clients)
def test_a_match_rests_on_an_exact_domain_that_is_unique_both_ways(
    some: list[TenantFacts], found: list[ClientFacts]
) -> None:
    for proposed in propose(some, found):
        mine = domains_of(proposed.tenant)
        if proposed.match is not None:
            assert [c.client_id for c in found if own(c) & mine] == [proposed.match.client_id]
            (matched,) = (c for c in found if c.client_id == proposed.match.client_id)
            claiming = [t for t in some if domains_of(t) & own(matched)]
            assert claiming == [proposed.tenant]
            assert matched.directory_tenant_id in (None, proposed.tenant.entra_tenant_id)


@given(tenants, clients)
def test_a_client_is_matched_at_most_once(
    some: list[TenantFacts], found: list[ClientFacts]
) -> None:
    matched = Counter(p.match.client_id for p in propose(some, found) if p.match)
    assert all(count == 1 for count in matched.values())


@given(tenants, clients)
def test_candidates_are_ranked_distinct_and_have_reasons(
    some: list[TenantFacts], found: list[ClientFacts]
) -> None:
    for proposed in propose(some, found):
        scores = [s.score for s in proposed.candidates]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score < 1 for score in scores)
        assert len({s.client_id for s in proposed.candidates}) == len(scores)
        assert all(s.reasons for s in proposed.candidates)


@given(tenants, clients)
def test_free_mail_is_never_named_as_a_reason(
    some: list[TenantFacts], found: list[ClientFacts]
) -> None:
    of_domains = (Evidence.DOMAIN, Evidence.CENSUS, Evidence.SECONDARY_DOMAIN)
    for reason in _reasons(propose(some, found)):
        if reason[0] in of_domains:
            assert evidence_domain(reason[1]) == reason[1]


def _reasons(proposals: list[Proposal]) -> list[tuple[Evidence, str]]:
    return [
        (reason.evidence, reason.detail)
        for proposed in proposals
        for suggestion in proposed.candidates
        for reason in suggestion.reasons
    ]


@given(st.lists(company, max_size=6), company, company)
def test_likeness_is_bounded_and_a_name_is_equal_to_itself_if_it_says_anything(
    corpus: list[str], one: str, two: str
) -> None:
    rarity = Rarity(map(words, corpus))
    first, second = parsed(one), parsed(two)
    there, back = likeness(first, second, rarity), likeness(second, first, rarity)
    assert there.equal == back.equal
    for found in (there, back):
        assert 0.0 <= found.part <= 1.0
        assert 0.0 <= found.run <= 1.0
        assert min(found.shared, found.left, found.right) >= 0.0
    assert likeness(first, first, rarity).equal == bool(first.variants)
