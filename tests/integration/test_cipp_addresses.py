"""A name that leads into the operator's own network is no address of a CIPP, unless he says so."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devhost.host import DevHost
from devhost.servers.postgres import Urls
from entra_plugin.application.connect.access import CippAccess
from entra_plugin.application.connect.cipp import TestCipp as TryCipp
from entra_plugin.domain.errors import ConfigurationInvalid, EntraError
from support.connecting import Msp, access_of, refused
from support.devhost import settings
from support.mortal import MortalProcess
from support.schema import bring_up
from support.simulator import Simulator

NAME = "cipp.example"


@dataclass(slots=True, kw_only=True)
class Guarded:
    """An MSP on a host whose operator allows so much."""

    msp: Msp
    process: MortalProcess

    async def connect(self, host: str) -> EntraError | None:
        """Connect to the simulator's CIPP under another name; answers the refusal."""
        return await refused(self.msp.cipp(self._access(host))(self.process))

    async def test(self, host: str) -> EntraError | None:
        """Only try it."""
        return await refused(TryCipp(self.process.context, self.process.ports)(self._access(host)))

    def _access(self, host: str) -> CippAccess:
        port = urlsplit(self.msp.simulator.cipp_url).port
        return replace(access_of(self.msp.simulator), base_url=f"https://{host}:{port}")


@pytest.fixture
def allowed() -> str:
    """The operator's list."""
    return ""


@pytest.fixture
async def guarded(
    database: Urls, simulator: Simulator, tmp_path: Path, allowed: str
) -> AsyncIterator[Guarded]:
    bring_up(database)
    host = DevHost(settings(database, str(tmp_path)))
    environment = {**simulator.environment, "ENTRA_CIPP_ALLOWED_HOSTS": allowed}
    msp = Msp(host=host, simulator=simulator, environment=environment)
    process = msp.start()
    simulator.forget_requests()
    yield Guarded(msp=msp, process=process)
    await process.close()
    await host.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the one name lead to these addresses, and leave all others alone."""
    real = socket.getaddrinfo

    def found(host: object, port: object, *args: object, **values: object) -> object:
        if host != NAME:
            return real(host, port, *args, **values)  # type: ignore[arg-type]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)


async def test_a_name_of_this_very_machine_is_refused(guarded: Guarded) -> None:
    refusal = await guarded.connect("localhost")
    assert isinstance(refusal, ConfigurationInvalid)
    assert refusal.code == "cipp_address_refused"
    assert guarded.msp.stored() == {}
    assert guarded.msp.simulator.requests() == []


@pytest.mark.parametrize("allowed", ["localhost"])
async def test_a_name_of_this_very_machine_is_taken_when_the_operator_allows_it(
    guarded: Guarded, allowed: str
) -> None:
    assert await guarded.connect("localhost") is None


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["192.168.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fd00::1"],
        ["8.8.8.8", "127.0.0.1"],
    ],
    ids=str,
)
async def test_a_name_that_leads_inside_is_refused_even_among_others(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolve_to(monkeypatch, *addresses)
    for attempt in (guarded.connect, guarded.test):
        refusal = await attempt(NAME)
        assert refusal is not None
        assert refusal.code == "cipp_address_refused"
    assert guarded.msp.stored() == {}
    assert guarded.msp.simulator.requests() == []


@pytest.mark.parametrize("allowed", ["127.0.0.0/8", f"{NAME}"])
async def test_what_the_operator_allows_by_name_or_network_is_tried(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    """The certificate is of another name, which is how we know that it came so far."""
    resolve_to(monkeypatch, "127.0.0.1")
    refusal = await guarded.connect(NAME)
    assert refusal is not None
    assert refusal.code == "provider_unreachable"


async def test_a_connection_whose_name_leads_inside_later_is_refused_then(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored while the operator allowed it is held to his list of today."""
    open_minded = replace(
        guarded.msp,
        environment={**guarded.msp.environment, "ENTRA_CIPP_ALLOWED_HOSTS": "localhost"},
    )
    process = open_minded.start()
    await open_minded.cipp(access_of(guarded.msp.simulator))(process)
    await process.close()
    refusal = await refused(guarded.msp.customers(guarded.process))
    assert refusal is not None
    assert refusal.code == "cipp_address_refused"
