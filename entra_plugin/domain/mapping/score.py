"""The chance that a client is a managed tenant: weights of the evidence, and the competition.

A conditional logit: each client of a managed tenant has a strength, the sum of its weighted
evidence; "none of them" has a strength too; chances are in the ratio of the exponentials. The
weights are fitted by ``python -m benchmarks.mapping.fit`` on sets made for it, never on the
published one.
"""

from collections.abc import Mapping, Sequence
from math import exp

from entra_plugin.domain.mapping.evidence import NUMBERS, Measured

NONE = 0.0
"""The strength of "no client of these"; all others are relative to it."""
DECIDED = 20.0
"""The strength of what a person has decided."""

BIAS = -5.10
WEIGHTS: Mapping[str, float] = {
    "directory": 12.0,
    "own_directory": -8.0,
    "domain": 6.05,
    "domain_shared_unlike": -2.96,
    "domain_minor": -4.15,
    "site": -0.51,
    "census": 5.37,
    "census_owned": 6.08,
    "secondary": 1.43,
    "website_elsewhere": -0.95,
    "elsewhere": -4.49,
    "domain_contradicted": -12.62,
    "other_suffix": 4.51,
    "other_branch": -3.24,
    "label": 8.38,
    "disguised": -1.79,
    "name_equal": 1.49,
    "name_shared": 4.38,
    "name_left": -3.31,
    "name_right": -2.11,
    "name_conflict": 1.31,
    "name_run": 4.20,
}
"""In log-odds. The first two are set, not fitted: a GUID that somebody entered says it all."""

_IN_ORDER = tuple(WEIGHTS.get(name, 0.0) for name in NUMBERS)  # a new one waits for its fit


def strength(found: Measured) -> float:
    """The log-odds of this client against none."""
    return BIAS + sum(
        weight * number for weight, number in zip(_IN_ORDER, found.numbers, strict=True) if number
    )


def chances(strengths: Sequence[float]) -> list[float]:
    """The chances of clients of these strengths; what is missing to 1 is that of none."""
    top = max((*strengths, NONE))
    weights = [exp(value - top) for value in strengths]
    total = sum(weights) + exp(NONE - top)
    return [weight / total for weight in weights]
