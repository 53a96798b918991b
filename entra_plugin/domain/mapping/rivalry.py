"""Clients are given out as a whole: one that several managed tenants want is not everybody's.

Each turn, a client hears how surely every tenant wants it, and tells each how surely the others do;
a tenant then trusts the client less. That is loopy belief propagation on the graph of tenants and
clients, with half steps so that it settles.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import exp, log

from entra_plugin.domain.mapping.score import NONE

_AGAIN = 0.15
"""How likely a client is to have one more managed tenant, against having its first."""
_SERIOUS = -3.0
"""A weaker claim, in log-odds, takes nothing from anybody."""
_TURNS = 6
_HIGHEST = 30.0
"""No strength counts for more: its exponential has to stay a number."""


def settled(strengths: Sequence[Mapping[int, float]]) -> list[dict[int, float]]:
    """The strengths of each tenant's clients, less what other tenants' better claims take away.

    Clients are known by a number.
    """
    claims: defaultdict[int, list[int]] = defaultdict(list)
    for at, row in enumerate(strengths):
        for client, strength in row.items():
            if strength > _SERIOUS:
                claims[client].append(at)
    contested = {client: tenants for client, tenants in claims.items() if len(tenants) > 1}
    involved = {at for tenants in contested.values() for at in tenants}
    current = [dict(row) for row in strengths]
    for _ in range(_TURNS):
        totals = {at: exp(NONE) + sum(map(_weight, current[at].values())) for at in involved}
        for client, tenants in contested.items():
            odds = [
                _weight(strengths[at][client]) / (totals[at] - _weight(current[at][client]))
                for at in tenants
            ]
            everybody = sum(odds)
            for at, own in zip(tenants, odds, strict=True):
                others = max(0.0, everybody - own)
                told = strengths[at][client] + log((1 + _AGAIN * others) / (1 + others))
                current[at][client] = (current[at][client] + told) / 2
    return current


def _weight(strength: float) -> float:
    return exp(min(strength, _HIGHEST))
