"""Fits the weights of the score: ``python -m benchmarks.mapping.fit``.

A conditional logit by Newton's method, on sets of other seeds than the published one's. It prints
the weights as they stand in ``entra_plugin/domain/mapping/score.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.mapping.generate import generate
from benchmarks.mapping.sets import DataSet, read_set
from entra_plugin.domain.mapping.evidence import NUMBERS
from entra_plugin.domain.mapping.propose import measurements

SEEDS = (1, 2, 3, 4, 5)
TENANTS, CLIENTS = 2000, 5000
_RIDGE = 0.3
"""Pulls weights to nothing where the sets say little."""
_TURNS = 60
_LONGEST_STEP = 5.0
_SETTLED = 1e-5

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """All clients worth a look of all customers of a set: one row each."""

    numbers: Numbers
    right: Numbers
    customer: NDArray[np.int64]
    customers: int


def sample(data: DataSet) -> Sample:
    """Measure a set."""
    numbers, right, customer = [], [], []
    for at, measured in enumerate(measurements(data.tenants, data.clients)):
        true = data.truth[data.tenants[at].entra_tenant_id].client_id
        for client_id, found in measured.items():
            numbers.append((1.0, *found))
            right.append(float(client_id == true))
            customer.append(at)
    return Sample(
        numbers=np.array(numbers),
        right=np.array(right),
        customer=np.array(customer),
        customers=len(data.tenants),
    )


def fit(samples: Sequence[Sample]) -> Numbers:
    """The weights under which the truth is likeliest; the first is the bias."""
    size = samples[0].numbers.shape[1]
    weights = np.zeros(size)
    ridge = np.full(size, _RIDGE)
    ridge[0] = _RIDGE / 30
    for _ in range(_TURNS):
        slope, bend = -ridge * weights, np.diag(ridge)
        for one in samples:
            strengths = np.exp(np.clip(one.numbers @ weights, -30, 30))
            totals = 1 + np.bincount(one.customer, strengths, minlength=one.customers)
            chances = strengths / totals[one.customer]
            slope += one.numbers.T @ (one.right - chances)
            weighted = one.numbers * chances[:, None]
            means = np.zeros((one.customers, size))
            np.add.at(means, one.customer, weighted)
            bend += weighted.T @ one.numbers - means.T @ means
        step = np.linalg.solve(bend, slope)
        longest = float(np.abs(step).max())
        weights += step * min(1.0, _LONGEST_STEP / longest)
        if longest < _SETTLED:
            break
    return weights


def main() -> None:
    """Make the sets, fit, print."""
    samples = []
    with TemporaryDirectory() as folder:
        for seed in SEEDS:
            here = Path(folder) / str(seed)
            generate(seed=seed, tenants=TENANTS, clients=CLIENTS).write(here)
            samples.append(sample(read_set(here)))
            print(f"set {seed}: {len(samples[-1].right):,} pairs", flush=True)
    bias, *weights = fit(samples)
    print(f"BIAS = {bias:.2f}")
    for name, weight in zip(NUMBERS, weights, strict=True):
        print(f'    "{name}": {weight:.2f},')


if __name__ == "__main__":
    main()
