"""Prints how well a set was mapped."""

from collections.abc import Sequence

from benchmarks.mapping.quality import LISTED, TOP, Share, quality, unique_by_domain
from benchmarks.mapping.sets import DataSet
from entra_plugin.domain.mapping.facts import Proposal


def print_quality(proposals: Sequence[Proposal], data: DataSet) -> None:
    """Print the figures, and the tables by evidence, by kind and by tenth of the score."""
    found = quality(proposals, data.truth)
    matched = {p.tenant.entra_tenant_id for p in proposals if p.match}
    unique = Share()
    for tenant_id in unique_by_domain(data):
        unique.add(tenant_id in matched)
    _line("automatic matches that are right", found.automatic)
    _line("customers with a unique domain of their client, matched automatically", unique)
    _line(f"true clients among the first {TOP}", found.recalled)
    _line(f"true clients listed at {LISTED} or more", found.listed)
    _line(f"customers without a client that get a candidate at {LISTED} or more", found.misled)
    print(f"{found.calibration_error:9.4f}  calibration error")
    print("\nevidence            first candidates right      true clients that carry it")
    for evidence, share in found.precise.items():
        if share.total:
            carrying = found.carrying[evidence]
            print(f"{evidence:20}{_of(share):>22}{_of(carrying):>32}")
    print("\nscore        candidates   mean score   share right")
    for at, tenth in sorted(found.tenths.items()):
        scores = f"{at / 10:.1f}-{(at + 1) / 10:.1f}"
        print(f"{scores:13}{len(tenth.scores):10,}{tenth.mean:13.3f}{tenth.share:14.3f}")
    print(f"\nkind                    true client among the first {TOP}")
    for kind, share in sorted(found.kinds.items()):
        print(f"{kind:24}{_of(share):>28}")


def _line(what: str, share: Share) -> None:
    print(f"{share.part:9.4f}  {what} ({share.hits:,} of {share.total:,})")


def _of(share: Share) -> str:
    return f"{share.part:.3f} of {share.total:,}"
