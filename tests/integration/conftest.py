"""One devhost for each module of tests, which tell a story in it from first to last."""

from collections.abc import Iterator
from typing import cast

import pytest

from support.inside import Inside
from support.program import Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

ADMIN = "admin@northwind.example"


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    """A devhost with the demonstration in it."""
    with running_devhost() as running:
        yield running


@pytest.fixture(scope="module")
def microsoft(host: RunningHost) -> Simulator:
    """The simulator of that devhost."""
    return Simulator.of(cast("dict[str, str]", host.facts["simulator"]))


@pytest.fixture(scope="module")
def inside(host: RunningHost) -> Inside:
    """The database of that devhost."""
    return Inside(host.facts)


@pytest.fixture(scope="module")
def admin(host: RunningHost) -> Iterator[Program]:
    """A program signed in as the first MSP's administrator."""
    with Program(host.base_url, ADMIN) as program:
        yield program
