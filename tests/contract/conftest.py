"""The simulator asked by a program as Microsoft's documentation says, and by both adapters."""

from collections.abc import AsyncIterator, Iterator

import pytest

from entra_plugin.directory.protocol import Directory
from support.directories import BOTH
from support.microsoft import Microsoft, asking
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"


@pytest.fixture
def microsoft(simulator: Simulator) -> Iterator[Microsoft]:
    """The simulator, over HTTP."""
    with asking(simulator) as client:
        yield client


@pytest.fixture
def token(microsoft: Microsoft) -> str:
    """The application's own token at a customer."""
    return microsoft.app_token(ALPINE)


@pytest.fixture
def partner_token(microsoft: Microsoft) -> str:
    """A token of the partner's account at home."""
    return str(microsoft.sign_in()["access_token"])


@pytest.fixture
def refresh_token(microsoft: Microsoft) -> str:
    """A refresh token of the first partner's account."""
    return str(microsoft.sign_in()["refresh_token"])


@pytest.fixture(params=BOTH)
def adapter(request: pytest.FixtureRequest) -> str:
    """The name of an adapter."""
    return str(request.param)


@pytest.fixture
async def directory(adapter: str, simulator: Simulator) -> AsyncIterator[Directory]:
    """An open directory of that adapter."""
    async with BOTH[adapter](simulator) as opened:
        yield opened


@pytest.fixture
async def both(simulator: Simulator) -> AsyncIterator[tuple[Directory, Directory]]:
    """Two directories at once, for comparing them."""
    async with BOTH["microsoft"](simulator) as direct, BOTH["cipp"](simulator) as through:
        yield direct, through
