"""The address guard over real connections: TLS for the host's name, at the checked address."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import trustme

from entra_plugin.directory.guard import BaseUrl, GuardedNetwork, parse_allowed
from entra_plugin.domain.errors import ConfigurationInvalid

NAME = "cipp.contoso.example"
AUTHORITY = trustme.CA()


@dataclass(slots=True)
class Server:
    """A server of TLS on loopback that answers every request with an empty list."""

    address: str
    names: list[str | None] = field(default_factory=list)
    """What clients asked for in their TLS greeting."""
    heads: list[str] = field(default_factory=list)
    """The requests."""
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await self.head(reader):
            self.heads.append(head)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]"
            )
            await writer.drain()
        writer.close()

    @staticmethod
    async def head(reader: asyncio.StreamReader) -> str:
        try:
            return (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return ""


@asynccontextmanager
async def serving(
    address: str = "127.0.0.1", *, certified: str = NAME, port: int = 0
) -> AsyncIterator[Server]:
    """A server with a certificate for one name."""
    server = Server(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(certified).configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: server.names.append(name)
    listener = await asyncio.start_server(server.answer, address, port, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


class Resolver:
    """Answers otherwise each time, the last answer for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


@asynccontextmanager
async def client(port: int, resolver: Resolver, allowed: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client behind the guard that trusts the test's authority."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    network = GuardedNetwork(
        BaseUrl(scheme="https", host=NAME, port=port),
        httpx.AsyncHTTPTransport(verify=context, trust_env=False),
        allowed=parse_allowed(allowed),
        resolve=resolver,
    )
    base = f"https://{NAME}:{port}"
    async with httpx.AsyncClient(transport=network, base_url=base, timeout=10) as found:
        yield found


async def test_the_certificate_is_verified_for_the_name_at_the_checked_address() -> None:
    async with (
        serving() as server,
        client(server.port, Resolver("127.0.0.1"), "127.0.0.1") as http,
    ):
        assert (await http.get("/api/ListTenants")).json() == []
    assert server.names == [NAME]
    assert f"\r\nHost: {NAME}:{server.port}\r\n" in server.heads[0]


async def test_a_certificate_of_another_name_is_refused() -> None:
    async with (
        serving(certified="other.example") as server,
        client(server.port, Resolver("127.0.0.1"), "127.0.0.1") as http,
    ):
        with pytest.raises(httpx.ConnectError):
            await http.get("/api/ListTenants")
    assert server.heads == []


async def test_an_answer_that_changes_between_check_and_connection_changes_nothing() -> None:
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(serving("127.0.0.1"))
        inside = await stack.enter_async_context(serving("127.0.0.2", port=outside.port))
        resolver = Resolver("127.0.0.1", "127.0.0.2")
        http = await stack.enter_async_context(client(outside.port, resolver, "127.0.0.1"))
        await http.get("/api/ListTenants")
        assert (resolver.asked, len(outside.heads)) == (1, 1)
        with pytest.raises(ConfigurationInvalid, match="cipp_address_refused"):
            await http.get("/api/ListTenants")
    assert (len(outside.heads), inside.names) == (1, [])


async def test_a_connection_is_kept_for_the_next_request_to_the_same_address() -> None:
    async with (
        serving() as server,
        client(server.port, Resolver("127.0.0.1"), "127.0.0.0/8") as http,
    ):
        for _ in range(3):
            await http.get("/api/ListTenants")
    assert (len(server.names), len(server.heads)) == (1, 3)
