"""Makes a data set: ``python -m benchmarks.mapping.generate --out DIR``.

The published one, tests/data/mapping, is what this prints with its defaults.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mapping.kinds import SHARES, without_tenant
from benchmarks.mapping.world import World

SEED = 20_260_401
TENANTS = 1200
CLIENTS = 2400


def generate(*, seed: int = SEED, tenants: int = TENANTS, clients: int = CLIENTS) -> World:
    """A world with at least so many customers and clients; the same for the same numbers."""
    world = World(random=random.Random(seed))
    kinds, shares = list(SHARES), list(SHARES.values())
    while len(world.tenants) < tenants:
        world.random.choices(kinds, shares)[0](world)
    while len(world.clients) < clients:
        without_tenant(world)
    world.visit(share=0.05)
    return world


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files of a data set."""
    parser = argparse.ArgumentParser(prog="benchmarks.mapping.generate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args(arguments)
    world = generate(seed=options.seed, tenants=options.tenants, clients=options.clients)
    world.write(options.out)
    print(f"{len(world.tenants):,} customers, {len(world.clients):,} clients in {options.out}")


if __name__ == "__main__":
    main()
