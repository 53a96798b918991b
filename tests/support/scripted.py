"""An HTTP server on the loopback that answers byte for byte what a test wrote down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that came."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to send; ``close`` ends the connection after it, ``silent`` sends nothing at all."""

    raw: bytes = b""
    close: bool = False
    silent: bool = False


Script = Callable[[Seen, int], Reply]
"""Answers a request, told how many came before it."""


@dataclass(slots=True, kw_only=True)
class Scripted:
    """A server that runs."""

    url: str
    script: Script = field(default=lambda _seen, _before: Reply())
    together: int = 1
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0
    """Requests that were under way together."""
    _under_way: int = 0
    _enough: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = field(default_factory=dict)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve a connection."""
        self._connections[writer] = asyncio.create_task(self._serve(reader, writer))

    async def close(self) -> None:
        """End all connections."""
        for writer, task in self._connections.items():
            task.cancel()
            writer.close()
        await asyncio.gather(*self._connections.values(), return_exceptions=True)
        closed = (writer.wait_closed() for writer in self._connections)
        await asyncio.gather(*closed, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (seen := await _request(reader)) is not None:
            answer = await self._answer(seen)
            if answer.silent:
                await reader.read()
                break
            writer.write(answer.raw)
            await writer.drain()
            if answer.close:
                break
        writer.close()

    async def _answer(self, seen: Seen) -> Reply:
        answer = self.script(seen, len(self.seen))
        self.seen.append(seen)
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        if self._under_way >= self.together:
            self._enough.set()
        await self._enough.wait()
        self._under_way -= 1
        return answer


def reply(
    status: int = 200,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    kind: str = "application/json",
) -> Reply:
    """A whole answer; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else msgspec.json.encode({} if body is None else body)
    lines = {"content-type": kind, "content-length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return Reply(raw=f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content)


def in_turn(*replies: Reply) -> Script:
    """One reply after the other, and the last one for ever."""
    return lambda _seen, before: replies[min(before, len(replies) - 1)]


@asynccontextmanager
async def scripted(script: Script, *, together: int = 1) -> AsyncIterator[Scripted]:
    """Run a server; it answers nobody until ``together`` requests have been under way at once."""
    server = Scripted(url="", script=script, together=together)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await server.close()


async def _request(reader: asyncio.StreamReader) -> Seen | None:
    """The next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    pairs: Sequence[tuple[str, str]] = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
    ]
    return Seen(method=method, target=target, headers=dict(pairs))
