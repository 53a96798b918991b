"""Fixtures for `dev.py test --sdk`; without Graph's client installed there are no tests here."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from support.simulator import Simulator, running_simulator

collect_ignore = [] if find_spec("msgraph") else ["test_official_sdk.py"]


def pytest_configure(config: pytest.Config) -> None:
    """Let the client deprecate parts of itself; everything else that warns is still an error."""
    for module in ("kiota_abstractions", "msgraph"):
        config.addinivalue_line("filterwarnings", rf"ignore::DeprecationWarning:{module}\..*")


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    """One simulator for the session."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Simulator:
    """The simulator, as it was when it started."""
    shared_simulator.control("/reset", {})
    return shared_simulator
