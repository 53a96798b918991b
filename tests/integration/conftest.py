"""One devhost for each module of tests, which tell a story in it from first to last."""

from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest

from devhost.servers.postgres import Urls
from support.case import Case, customer_on
from support.graph import Signed, signed_in
from support.house import House, housed
from support.inside import Inside
from support.program import Program
from support.ruling import Meet
from support.running import RunningHost, running_devhost
from support.secret_folder import SecretFolder
from support.simulator import Simulator
from support.stage import Stage, standing_stage
from support.undoing import Customer

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


@pytest.fixture(scope="module")
def secrets(host: RunningHost) -> SecretFolder:
    """What the first MSP keeps in the secret store of that devhost."""
    return SecretFolder(host.folder, host.tenant_id(0))


@pytest.fixture(scope="module")
async def lasting_sign_in(shared_simulator: Simulator) -> AsyncIterator[Signed]:
    """The first partner, signed in once for all rows of a table."""
    shared_simulator.control("/reset", {})
    async with signed_in(shared_simulator) as partner:
        yield partner
    shared_simulator.control("/reset", {})


@pytest.fixture(scope="module")
def meet(host: RunningHost, microsoft: Simulator, inside: Inside, admin: Program) -> Meet:
    """The customers of a seed of plain numbers, mapped to their clients, by number."""
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()

    def customer(number: int) -> Customer:
        return Customer(number=number, admin=admin, microsoft=microsoft, inside=inside, host=host)

    return customer


@pytest.fixture(scope="module")
def stage(postgres_server: Urls) -> Iterator[Stage]:
    """The application layer over a database, for customers whose directories are on paper."""
    with standing_stage(postgres_server) as standing:
        yield standing


@pytest.fixture
def case(stage: Stage) -> Case:
    """A customer on paper."""
    return customer_on(stage)


@pytest.fixture(scope="module")
async def lasting(postgres_server: Urls) -> AsyncIterator[House]:
    """One MSP's rows, without Temporal."""
    async with housed(postgres_server) as house:
        yield house


@pytest.fixture
async def house(lasting: House) -> House:
    """The same, begun anew."""
    await lasting.clear()
    return lasting
