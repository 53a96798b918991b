"""How well proposals hit the truth."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.mapping.sets import DataSet, Truth
from entra_plugin.domain.domains import evidence_domain, website_domain
from entra_plugin.domain.ids import ClientId, EntraTenantId
from entra_plugin.domain.mapping.facts import Evidence, Proposal

TOP = 3
LISTED = 0.5
"""A score from which a candidate counts as offered."""

Truths = Mapping[EntraTenantId, Truth]


@dataclass(slots=True)
class Share:
    """So many of so many."""

    hits: int = 0
    total: int = 0

    def add(self, hit: bool) -> None:  # noqa: FBT001
        """Count one more."""
        self.total += 1
        self.hits += hit

    @property
    def part(self) -> float:
        """0 to 1; 1 of none."""
        return self.hits / self.total if self.total else 1.0


@dataclass(slots=True)
class Tenth:
    """The candidates whose score lies in one tenth."""

    scores: list[float] = field(default_factory=list)
    right: int = 0

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores)

    @property
    def share(self) -> float:
        """The share that is right."""
        return self.right / len(self.scores)


@dataclass(slots=True, kw_only=True)
class Quality:
    """What came of a set."""

    automatic: Share = field(default_factory=Share)
    """Automatic matches that are right."""
    recalled: Share = field(default_factory=Share)
    """True clients among the first three."""
    listed: Share = field(default_factory=Share)
    """True clients listed at ``LISTED`` or more."""
    misled: Share = field(default_factory=Share)
    """Customers without a client that get a candidate at ``LISTED`` or more."""
    kinds: dict[str, Share] = field(default_factory=dict)
    """True clients among the first three, by kind of case."""
    tenths: dict[int, Tenth] = field(default_factory=dict)
    precise: dict[Evidence, Share] = field(default_factory=dict)
    """First candidates with this evidence that are right."""
    carrying: dict[Evidence, Share] = field(default_factory=dict)
    """True clients that carry this evidence."""

    @property
    def calibration_error(self) -> float:
        """The mean distance between score and share of right ones, over the tenths."""
        total = sum(len(tenth.scores) for tenth in self.tenths.values())
        off = sum(abs(sum(tenth.scores) - tenth.right) for tenth in self.tenths.values())
        return off / total if total else 0.0


def quality(proposals: Sequence[Proposal], truths: Truths) -> Quality:
    """Hold proposals against the truth."""
    found = Quality(precise={e: Share() for e in Evidence}, carrying={e: Share() for e in Evidence})
    for proposal in proposals:
        truth = truths[proposal.tenant.entra_tenant_id]
        _count(found, proposal, truth)
        _calibrate(found, proposal, truth)
    return found


def _count(found: Quality, proposal: Proposal, truth: Truth) -> None:
    true = truth.client_id
    if proposal.match:
        found.automatic.add(proposal.match.client_id == true)
    offered = [c for c in proposal.candidates if c.score >= LISTED]
    if proposal.candidates:
        first = proposal.candidates[0]
        for evidence in {reason.evidence for reason in first.reasons}:
            found.precise[evidence].add(first.client_id == true)
    if true is None:
        found.misled.add(bool(offered))
        return
    top = any(candidate.client_id == true for candidate in proposal.candidates[:TOP])
    found.recalled.add(top)
    found.kinds.setdefault(truth.kind, Share()).add(top)
    found.listed.add(any(candidate.client_id == true for candidate in offered))
    carried = {
        reason.evidence
        for candidate in proposal.candidates
        if candidate.client_id == true
        for reason in candidate.reasons
    }
    for evidence in Evidence:
        found.carrying[evidence].add(evidence in carried)


def _calibrate(found: Quality, proposal: Proposal, truth: Truth) -> None:
    for candidate in proposal.candidates:
        tenth = found.tenths.setdefault(min(9, int(candidate.score * 10)), Tenth())
        tenth.scores.append(candidate.score)
        tenth.right += candidate.client_id == truth.client_id


def unique_by_domain(data: DataSet) -> Iterator[EntraTenantId]:
    """The customers with a verified domain that is in the field of one client, the true one."""
    holders: defaultdict[str, set[ClientId]] = defaultdict(set)
    for client in data.clients:
        for domain in (website_domain(client.website), website_domain(client.domain)):
            if domain:
                holders[domain].add(client.client_id)
    for tenant in data.tenants:
        domains = filter(None, map(evidence_domain, tenant.domains))
        claimed = {client for domain in domains for client in holders.get(domain, ())}
        if claimed == {data.truth[tenant.entra_tenant_id].client_id}:
            yield tenant.entra_tenant_id
