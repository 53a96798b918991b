"""Which client is a managed tenant? Evidence in words, and the narrow rule that needs no person.

Pure and indexed: every tenant is compared with the clients that share a domain or a rare word with
it, never with all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from entra_plugin.domain.domains import address_domain, evidence_domain, website_domain
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId
from entra_plugin.domain.names import Rarity, words

MAX_CANDIDATES = 5
_MAX_POSTING = 200
"""A word that more clients share is no way to find one."""
_NAME_FLOOR = 0.34
_UNRELATED_NAME = 0.2


class Evidence(StrEnum):
    """Why a client is a candidate, strongest first."""

    DIRECTORY_ID = "directory_id"
    DOMAIN = "domain"
    CENSUS = "census"
    SECONDARY_DOMAIN = "secondary_domain"
    NAME = "name"


_STRENGTH: Mapping[Evidence, float] = {
    Evidence.DIRECTORY_ID: 0.99,
    Evidence.DOMAIN: 0.9,
    Evidence.CENSUS: 0.75,
    Evidence.SECONDARY_DOMAIN: 0.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFacts:
    """What discovery knows of a managed tenant."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What the host knows of a client, with the census of its contacts' domains."""

    client_id: ClientId
    name: str
    website: str | None
    domain: str | None
    billing_email: str | None
    inbound_domains: tuple[str, ...]
    directory_tenant_id: UUID | None
    census: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One piece of evidence; ``detail`` is the domain, the share or the name it rests on."""

    evidence: Evidence
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A client that may be the managed tenant's, with its score (0 to 1) and reasons."""

    client_id: ClientId
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed for one managed tenant: ``match`` only when no person is needed."""

    tenant: TenantFacts
    match: Suggestion | None
    candidates: tuple[Suggestion, ...]


def propose(tenants: Sequence[TenantFacts], clients: Sequence[ClientFacts]) -> list[Proposal]:
    """Propose clients for managed tenants; the order of the input changes nothing."""
    index = _ClientIndex(clients)
    candidates = {t.managed_tenant_id: index.suggestions(t) for t in tenants}
    claims = _claims(tenants, index)
    return [
        Proposal(
            tenant=tenant,
            match=_auto_match(tenant, index, candidates[tenant.managed_tenant_id], claims),
            candidates=candidates[tenant.managed_tenant_id],
        )
        for tenant in tenants
    ]


def _claims(
    tenants: Sequence[TenantFacts], index: "_ClientIndex"
) -> Mapping[ClientId, set[ManagedTenantId]]:
    """Which managed tenants claim each client by an exact domain."""
    claims: defaultdict[ClientId, set[ManagedTenantId]] = defaultdict(set)
    for tenant in tenants:
        for client_id in index.exact(tenant):
            claims[client_id].add(tenant.managed_tenant_id)
    return claims


def _auto_match(
    tenant: TenantFacts,
    index: "_ClientIndex",
    candidates: Sequence[Suggestion],
    claims: Mapping[ClientId, set[ManagedTenantId]],
) -> Suggestion | None:
    """The one client by an exact verified domain, if unique both ways and uncontradicted."""
    exact = index.exact(tenant)
    if len(exact) != 1:
        return None
    (client_id,) = exact
    if claims[client_id] != {tenant.managed_tenant_id}:
        return None
    if index.marked_elsewhere(tenant, client_id) or index.contradicted(tenant, client_id):
        return None
    return next((s for s in candidates if s.client_id == client_id), None)


class _ClientIndex:
    """Clients by everything that can lead to them."""

    def __init__(self, clients: Sequence[ClientFacts]) -> None:
        self._clients = {client.client_id: client for client in clients}
        self._words = {client.client_id: words(client.name) for client in clients}
        self._rarity = Rarity(self._words.values())
        self._census = {client.client_id: _evidence_census(client) for client in clients}
        self._by_guid: defaultdict[UUID, set[ClientId]] = defaultdict(set)
        self._by_domain: defaultdict[str, set[ClientId]] = defaultdict(set)
        self._by_secondary: defaultdict[str, set[ClientId]] = defaultdict(set)
        self._by_census: defaultdict[str, set[ClientId]] = defaultdict(set)
        self._by_word: defaultdict[str, set[ClientId]] = defaultdict(set)
        for client in clients:
            self._add(client)

    def _add(self, client: ClientFacts) -> None:
        if client.directory_tenant_id is not None:
            self._by_guid[client.directory_tenant_id].add(client.client_id)
        for domain in _own_domains(client):
            self._by_domain[domain].add(client.client_id)
        for domain in _secondary_domains(client):
            self._by_secondary[domain].add(client.client_id)
        for domain in self._census[client.client_id]:
            self._by_census[domain].add(client.client_id)
        for word in self._words[client.client_id]:
            self._by_word[word].add(client.client_id)

    def exact(self, tenant: TenantFacts) -> set[ClientId]:
        """Clients whose website or domain field is one of the tenant's verified domains."""
        domains = _evidence_domains(tenant)
        return {client_id for d in domains for client_id in self._by_domain.get(d, ())}

    def marked_elsewhere(self, tenant: TenantFacts, client_id: ClientId) -> bool:
        """True when the client carries another directory's id, or another client this one's."""
        mark = self._clients[client_id].directory_tenant_id
        holders = self._by_guid.get(tenant.entra_tenant_id, set())
        return (mark is not None and mark != tenant.entra_tenant_id) or bool(holders - {client_id})

    def contradicted(self, tenant: TenantFacts, client_id: ClientId) -> bool:
        """True when the name is wholly different and the client's contacts live on other domains.

        Contacts with free mail speak neither for nor against.
        """
        census = self._census[client_id]
        alike = self._rarity.similarity(words(tenant.display_name), self._words[client_id])
        if alike >= _UNRELATED_NAME or not census:
            return False
        return census.keys().isdisjoint(_evidence_domains(tenant))

    def suggestions(self, tenant: TenantFacts) -> tuple[Suggestion, ...]:
        """The best candidates of a tenant, best first."""
        reasons = self._reasons(tenant)
        name = words(tenant.display_name)
        for client_id in self._by_name(name):
            reasons.setdefault(client_id, [])
        found = []
        for client_id, why in reasons.items():
            alike = self._rarity.similarity(name, self._words[client_id])
            if alike >= _NAME_FLOOR:
                named = self._clients[client_id].name[:200]
                why.append(Reason(evidence=Evidence.NAME, detail=named))
            if why:
                score = _score(why, alike, self._share(tenant, client_id))
                found.append(Suggestion(client_id=client_id, score=score, reasons=tuple(why)))
        found.sort(key=lambda s: (-s.score, s.client_id))
        return tuple(found[:MAX_CANDIDATES])

    def _reasons(self, tenant: TenantFacts) -> dict[ClientId, list[Reason]]:
        reasons: defaultdict[ClientId, list[Reason]] = defaultdict(list)
        for client_id in sorted(self._by_guid.get(tenant.entra_tenant_id, ())):
            detail = str(tenant.entra_tenant_id)
            reasons[client_id].append(Reason(evidence=Evidence.DIRECTORY_ID, detail=detail))
        for evidence, index in (
            (Evidence.DOMAIN, self._by_domain),
            (Evidence.CENSUS, self._by_census),
            (Evidence.SECONDARY_DOMAIN, self._by_secondary),
        ):
            for domain in _evidence_domains(tenant):
                for client_id in sorted(index.get(domain, ())):
                    if all(reason.evidence != evidence for reason in reasons[client_id]):
                        reasons[client_id].append(Reason(evidence=evidence, detail=domain))
        return dict(reasons)

    def _share(self, tenant: TenantFacts, client_id: ClientId) -> float:
        """The share of the client's contacts whose address is on one of the tenant's domains."""
        census = self._census[client_id]
        total = sum(self._clients[client_id].census.values())
        there = sum(census.get(domain, 0) for domain in set(_evidence_domains(tenant)))
        return there / total if total else 0.0

    def _by_name(self, name: frozenset[str]) -> set[ClientId]:
        """Clients that share a word rare enough to lead somewhere."""
        postings = [self._by_word.get(word, set()) for word in name]
        return {c for posting in postings if len(posting) <= _MAX_POSTING for c in posting}


def _score(reasons: Sequence[Reason], alike: float, share: float) -> float:
    """Independent pieces of evidence add up as chances of being wrong multiply.

    The census weighs by its share: one contact of many says little.
    """
    wrong = 1.0 - 0.6 * alike
    for reason in reasons:
        weight = share if reason.evidence == Evidence.CENSUS else 1.0
        wrong *= 1.0 - weight * _STRENGTH.get(reason.evidence, 0.0)
    return round(min(1.0 - wrong, 0.999), 3)


def _evidence_domains(tenant: TenantFacts) -> list[str]:
    return [domain for domain in map(evidence_domain, tenant.domains) if domain]


def _evidence_census(client: ClientFacts) -> Mapping[str, int]:
    """The client's contacts by domain in ASCII form, without free mail."""
    counts: defaultdict[str, int] = defaultdict(int)
    for name, count in client.census.items():
        domain = evidence_domain(name)
        if domain:
            counts[domain] += count
    return dict(counts)


def _own_domains(client: ClientFacts) -> set[str]:
    found: Iterable[str | None] = (website_domain(client.website), website_domain(client.domain))
    return {domain for domain in found if domain}


def _secondary_domains(client: ClientFacts) -> set[str]:
    found = (
        address_domain(client.billing_email),
        *(evidence_domain(domain) for domain in client.inbound_domains),
    )
    return {domain for domain in found if domain}
