"""The real servers of a test session, started when the first test asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from devhost.servers.postgres import Urls
from support.postgres import fresh_database, running_postgres
from support.simulator import Simulator, running_simulator
from support.temporal import running_temporal

# No clock decides: how fast examples are made says nothing of what is tested.
settings.register_profile(
    "project",
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


SLOW_FIRST = ("processes", "browser", "workflow", "integration", "property")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with what takes long, so that none is left with it when others are done."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return SLOW_FIRST.index(folder) if folder in SLOW_FIRST else len(SLOW_FIRST)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Urls]:
    """One PostgreSQL for the session."""
    with running_postgres() as urls:
        yield urls


@pytest.fixture
def database(postgres_server: Urls) -> Iterator[Urls]:
    """A fresh, empty database."""
    with fresh_database(postgres_server) as urls:
        yield urls


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    """One Temporal dev server for the session."""
    with running_temporal() as address:
        yield address


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
