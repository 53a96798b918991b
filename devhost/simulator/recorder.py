"""What stands before every endpoint: the log of requests, the faults, and the throttle."""

import asyncio
import gzip
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TextIO

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from devhost.simulator.answers import cost
from devhost.simulator.faults import Fault, Faults, answer_of, cut
from devhost.simulator.throttle import Spender, Throttle
from devhost.simulator.tokens import Mint
from devhost.simulator.world import World

_KEPT = 100_000
_WORTH_PACKING = 1024
_PACKED_KEPT = 64

Host = Literal["sign_in", "graph", "cipp"]
Endpoint = Callable[[Request], Awaitable[Response]]
TenantOf = Callable[[Request], str | None]
"""The directory that a request is about."""


class Seen(msgspec.Struct, rename="camel", kw_only=True):
    """One request that was seen."""

    host: str
    method: str
    path: str
    query: str
    tenant: str | None
    status: int
    user_agent: str | None
    priority: str | None
    """The header ``x-ms-throttle-priority``."""


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Shared by all endpoints."""

    world: World
    mint: Mint
    log: TextIO | None = None
    """Where every request is appended to as a line of JSON."""
    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=_KEPT))
    faults: Faults = field(default_factory=Faults)
    throttle: Throttle = field(default_factory=Throttle)
    packed: dict[bytes, bytes] = field(default_factory=dict)
    """Compressed bodies by the hash of the plain ones, the one used last at the end."""

    async def handle(
        self, host: Host, request: Request, endpoint: Endpoint, tenant_of: TenantOf
    ) -> Response:
        """Answer a request, or let a fault do so, and write it down."""
        tenant = tenant_of(request)
        fault = self.faults.find(host, request, tenant)
        if fault is not None and fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        response = await self._answer(host, request, endpoint, fault)
        self._write(host, request, tenant, response.status_code)
        self._compress(request, response)
        if fault is not None and fault.truncate is not None:
            cut(response, fault.truncate)
        return response

    async def _answer(
        self, host: Host, request: Request, endpoint: Endpoint, fault: Fault | None
    ) -> Response:
        if fault is not None and fault.status is not None:
            return answer_of(fault)
        if host != "graph":
            return await endpoint(request)
        priority = request.headers.get("x-ms-throttle-priority")
        units = cost(request.url.path, request.url.query)
        verdict = self.throttle.take(self._spender(request), units, priority)
        response = verdict.refusal or await endpoint(request)
        response.headers.update(verdict.headers)
        return response

    def _spender(self, request: Request) -> Spender:
        claims = self.mint.read(bearer(request)) or {}
        tenant = str(claims.get("tid", ""))
        directory = self.world.directories.get(tenant)
        users = len(directory.users) if directory is not None else 0
        return Spender(app=str(claims.get("appid", "")), tenant=tenant, users=users)

    def _write(self, host: Host, request: Request, tenant: str | None, status: int) -> None:
        entry = Seen(
            host=host,
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            tenant=tenant,
            status=status,
            user_agent=request.headers.get("user-agent"),
            priority=request.headers.get("x-ms-throttle-priority"),
        )
        self.seen.append(entry)
        if self.log is not None:
            self.log.write(msgspec.json.encode(entry).decode() + "\n")
            self.log.flush()

    def _compress(self, request: Request, response: Response) -> None:
        """Answer a client that can take it in gzip; a page asked for again is not packed again."""
        accepted = request.headers.get("accept-encoding", "")
        if "gzip" not in accepted or len(response.body) < _WORTH_PACKING:
            return
        body = bytes(response.body)
        key = hashlib.blake2b(body, digest_size=16).digest()
        held = self.packed.pop(key, None) or gzip.compress(body, 1)
        self.packed[key] = held
        if len(self.packed) > _PACKED_KEPT:
            del self.packed[next(iter(self.packed))]
        response.body = held
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(held))


def bearer(request: Request) -> str:
    """The token in the header ``Authorization``; empty without one."""
    return request.headers.get("authorization", "").partition(" ")[2]


def authority_of(request: Request) -> str | None:
    """The directory whose authority is asked."""
    return request.url.path.strip("/").partition("/")[0].lower()


def token_tenant(mint: Mint) -> TenantOf:
    """The directory that the token of a request is for."""

    def tenant_of(request: Request) -> str | None:
        claims = mint.read(bearer(request))
        return str(claims["tid"]) if claims and "tid" in claims else None

    return tenant_of
