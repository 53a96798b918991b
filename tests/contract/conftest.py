"""A program that speaks to the simulator as Microsoft's documentation says."""

from collections.abc import Iterator

import pytest

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
