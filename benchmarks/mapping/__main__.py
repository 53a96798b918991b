"""Maps a data set and says how well: ``python -m benchmarks.mapping --set DIR --out FILE``.

One line per customer: ``{entra_tenant_id, auto_client_id, candidates: [{client_id, score}]}``.
"""

import argparse
import json
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from uuid import UUID

from benchmarks.mapping.report import print_quality
from benchmarks.mapping.sets import DataSet, read_set
from entra_plugin.domain.mapping.facts import Proposal
from entra_plugin.domain.mapping.propose import propose

PUBLISHED = Path(__file__).parents[2] / "tests" / "data" / "mapping"


def main(arguments: Sequence[str] | None = None) -> None:
    """Propose, write the predictions, and print what there is to say."""
    parser = argparse.ArgumentParser(prog="benchmarks.mapping", description=__doc__)
    parser.add_argument("--set", type=Path, default=PUBLISHED, help="folder of the data set")
    parser.add_argument("--out", type=Path, help="file for the predictions")
    parser.add_argument("--repeat", type=int, default=5, help="times to match, for the median")
    options = parser.parse_args(arguments)
    data = read_set(options.set)
    seconds, proposals = _timed(data, options.repeat)
    if options.out:
        lines = (json.dumps(_prediction(proposal, data.written)) for proposal in proposals)
        options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{len(data.tenants):,} customers, {len(data.clients):,} active clients: matched in"
        f" {median(seconds):.2f} s (median of {len(seconds)}, {min(seconds):.2f}-"
        f"{max(seconds):.2f}; the first reads every name), peak {peak} MB"
    )
    if data.truth:
        print_quality(proposals, data)


def _timed(data: DataSet, repeat: int) -> tuple[list[float], list[Proposal]]:
    seconds: list[float] = []
    proposals: list[Proposal] = []
    for _ in range(max(1, repeat)):
        started = time.perf_counter()
        proposals = propose(data.tenants, data.clients)
        seconds.append(time.perf_counter() - started)
    return seconds, proposals


def _prediction(proposal: Proposal, written: Mapping[UUID, str]) -> dict[str, object]:
    match = proposal.match
    return {
        "entra_tenant_id": written[proposal.tenant.entra_tenant_id],
        "auto_client_id": written[match.client_id] if match else None,
        "candidates": [
            {"client_id": written[found.client_id], "score": found.score}
            for found in proposal.candidates
        ],
    }


if __name__ == "__main__":
    main()
