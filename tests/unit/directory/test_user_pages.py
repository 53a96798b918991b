"""What becomes of the page that is fetched ahead when nobody wants it any more."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, cast
from uuid import UUID

import msgspec
import pytest

from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.protocol import UserPage
from entra_plugin.directory.transport import Token, Transport
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import EntraTenantId

if TYPE_CHECKING:
    from entra_plugin.directory.microsoft.tokens import Tokens

CONTOSO = EntraTenantId(UUID("e0000000-0000-4000-8000-000000000001"))
FIRST = msgspec.json.encode(
    {"value": [{"id": str(CONTOSO)}], "@odata.nextLink": "https://graph.microsoft.com/next"}
)


class Slow:
    """A transport whose second page takes its time to be given up, and then fails."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.stopping = asyncio.Event()
        self.go = asyncio.Event()

    async def get_json(
        self, url: str, token: Token, *, headers: Mapping[str, str], bucket: str
    ) -> bytes:
        """The first page at once; its one row passes for the directory's own record, too."""
        if not url.endswith("/next"):
            return FIRST
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopping.set()
            await self.go.wait()
        raise TransientFailure("provider_unreachable")


class OneToken:
    """The same for every directory; ``home`` is another one."""

    client_id = "an-app"
    home = None
    at_home = None
    at_customers = None

    async def of(self, *_: object, **__: object) -> str:
        """The token."""
        return "a-token"


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def listing(slow: Slow) -> AsyncGenerator[UserPage, None]:
    directory = MicrosoftDirectory(Endpoints(), cast("Transport", slow), cast("Tokens", OneToken()))
    return directory.user_pages(CONTOSO)


async def test_the_page_that_was_fetched_ahead_is_given_up(
    slow: Slow, listing: AsyncGenerator[UserPage, None]
) -> None:
    await anext(listing)
    await slow.asked.wait()
    slow.go.set()
    await listing.aclose()
    assert slow.stopping.is_set()


async def test_who_is_cancelled_while_it_is_given_up_is_cancelled(
    slow: Slow, listing: AsyncGenerator[UserPage, None]
) -> None:
    await anext(listing)
    await slow.asked.wait()
    closing = asyncio.create_task(listing.aclose())
    await slow.stopping.wait()
    closing.cancel()
    slow.go.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
