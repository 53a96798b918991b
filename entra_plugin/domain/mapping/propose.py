"""Proposals for all managed tenants of an MSP at once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from entra_plugin.domain.ids import ClientId, ManagedTenantId
from entra_plugin.domain.mapping.evidence import Measured, measure, reasons
from entra_plugin.domain.mapping.facts import (
    AGAINST,
    MAX_CANDIDATES,
    ClientFacts,
    Evidence,
    Proposal,
    Reason,
    Suggestion,
    TenantFacts,
)
from entra_plugin.domain.mapping.index import ClientIndex, rarity_of
from entra_plugin.domain.mapping.reading import Customer, read_client, read_customer
from entra_plugin.domain.mapping.rivalry import settled
from entra_plugin.domain.mapping.rule import needs_nobody
from entra_plugin.domain.mapping.score import DECIDED, chances, strength

_SHOWN = 3
"""So many candidates are shown even if unlikely, as long as anything speaks for them."""
_WORTH_SHOWING = 0.02
_WANTED = 0.2
"""A client that is this likely for two tenants is shown as wanted by both."""
_HARDLY, _CERTAIN = 0.001, 0.999
"""No score says less or more: nothing is certain before a person has decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A managed tenant with the clients worth a look, by their positions in the index."""

    customer: Customer
    measured: Mapping[int, Measured]

    @property
    def id(self) -> ManagedTenantId:
        return self.customer.facts.managed_tenant_id

    def strengths(self) -> dict[int, float]:
        """By client; that of a client which a person has chosen already is beyond doubt."""
        decided = self.customer.facts.mapped_to
        return {
            at: DECIDED if found.client.facts.client_id == decided else strength(found)
            for at, found in self.measured.items()
        }


def propose(tenants: Sequence[TenantFacts], clients: Sequence[ClientFacts]) -> list[Proposal]:
    """Propose clients for managed tenants; the order of the input changes nothing."""
    rows = list(_rows(tenants, clients))
    scores = [
        dict(zip(row, chances(list(row.values())), strict=True))
        for row in settled([row.strengths() for row in rows])
    ]
    claimed, wanted = _claimed(rows), _wanted(rows, scores)
    return [_proposal(row, score, claimed, wanted) for row, score in zip(rows, scores, strict=True)]


def measurements(
    tenants: Sequence[TenantFacts], clients: Sequence[ClientFacts]
) -> Iterator[Mapping[ClientId, tuple[float, ...]]]:
    """What the score weighs, for each managed tenant in turn: what its weights are fitted on."""
    for row in _rows(tenants, clients):
        yield {found.client.facts.client_id: found.numbers for found in row.measured.values()}


def _rows(tenants: Sequence[TenantFacts], clients: Sequence[ClientFacts]) -> Iterator[_Row]:
    rarity = rarity_of([t.display_name for t in tenants] + [c.name for c in clients])
    index = ClientIndex(map(read_client, clients), rarity)
    for customer in map(read_customer, tenants):
        found = sorted(index.candidates(customer))
        measured = {at: measure(customer, index.clients[at], index) for at in found}
        yield _Row(customer=customer, measured=measured)


def _claimed(rows: Sequence[_Row]) -> Mapping[int, set[ManagedTenantId]]:
    """Which managed tenants claim each client by an exact domain, or by a person's decision."""
    claims: defaultdict[int, set[ManagedTenantId]] = defaultdict(set)
    for row in rows:
        for at, found in row.measured.items():
            if found.domain or found.client.facts.client_id == row.customer.facts.mapped_to:
                claims[at].add(row.id)
    return claims


def _wanted(
    rows: Sequence[_Row], scores: Sequence[Mapping[int, float]]
) -> Mapping[int, set[ManagedTenantId]]:
    """For which managed tenants each client is likely."""
    wanted: defaultdict[int, set[ManagedTenantId]] = defaultdict(set)
    for row, chances_of in zip(rows, scores, strict=True):
        for at, chance in chances_of.items():
            if chance >= _WANTED:
                wanted[at].add(row.id)
    return wanted


def _proposal(
    row: _Row,
    scores: Mapping[int, float],
    claimed: Mapping[int, set[ManagedTenantId]],
    wanted: Mapping[int, set[ManagedTenantId]],
) -> Proposal:
    best = _best(row, scores)
    shown = {at: _suggestion(row, at, scores[at], wanted.get(at, set())) for at in best}
    shown = {at: found for at, found in shown.items() if _speaks(found)}
    match = None
    if shown:
        (at, first), *others = shown.items()
        exact = [other for other, found in row.measured.items() if found.domain]
        unique = exact == [at] and len(claimed[at]) == 1
        if unique and needs_nobody(row.measured[at], first, [other for _, other in others]):
            match = first
    return Proposal(tenant=row.customer.facts, match=match, candidates=tuple(shown.values()))


def _best(row: _Row, scores: Mapping[int, float]) -> Sequence[int]:
    """The clients to be shown, likeliest first; none that a person has to look at is crowded out.

    Of those with a billing or inbound domain, it is enough to show the best.
    """
    ranked = sorted(scores, key=lambda at: (-scores[at], at))
    exact = [at for at in ranked if row.measured[at].exact]
    for_review = [at for at in ranked if row.measured[at].for_review]
    likely = [at for at in ranked[:MAX_CANDIDATES] if scores[at] >= _WORTH_SHOWING]
    wanted = dict.fromkeys([*ranked[:_SHOWN], *exact, *for_review[:1], *likely])
    return sorted(list(wanted)[:MAX_CANDIDATES], key=ranked.index)


def _suggestion(row: _Row, at: int, score: float, wanted_by: set[ManagedTenantId]) -> Suggestion:
    found = row.measured[at]
    why = list(reasons(row.customer, found))
    rivals = tuple(sorted(wanted_by - {row.id}))
    if rivals:
        why.append(Reason(evidence=Evidence.RIVAL, detail=str(len(rivals))))
    return Suggestion(
        client_id=found.client.facts.client_id,
        score=round(min(max(score, _HARDLY), _CERTAIN), 3),
        reasons=tuple(why),
        rivals=rivals,
    )


def _speaks(found: Suggestion) -> bool:
    """True when anything speaks for it, or when people should see that it is imitated."""
    kinds = {reason.evidence for reason in found.reasons}
    return Evidence.DISGUISED in kinds or not kinds <= AGAINST
