"""What stands before every endpoint: the log of requests, the faults, and the throttle."""

import asyncio
import gzip
import hashlib
import random
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from devhost.simulator.tokens import Mint

_KEPT = 100_000
_WINDOW = 10.0
_WORTH_PACKING = 1024
_PACKED_KEPT = 64

Endpoint = Callable[[Request], Awaitable[Response]]


class Fault(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """An answer to give in place of, or a damage to do to, the real one."""

    match: str
    """A regular expression, searched in ``METHOD path?query``."""
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    body: object = None
    """Text is sent as it is, anything else as JSON."""
    headers: dict[str, str] = {}
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """How often at most; without it, until the faults are replaced."""
    rate: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    """The share of matching requests that it befalls."""
    truncate: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Bytes of the body to send before the connection breaks."""
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0


class Seen(msgspec.Struct, rename="camel", kw_only=True):
    """One request that was seen."""

    host: str
    method: str
    path: str
    query: str
    tenant: str | None
    status: int


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Shared by all endpoints."""

    mint: Mint
    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=_KEPT))
    faults: list[Fault] = field(default_factory=list)
    throttle: int | None = None
    arrivals: dict[str, deque[float]] = field(default_factory=dict)
    packed: dict[bytes, bytes] = field(default_factory=dict)
    """Compressed bodies by the hash of the plain ones, the one used last at the end."""
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    def reset(self) -> None:
        """Forget requests, faults and the throttle."""
        self.seen.clear()
        self.faults.clear()
        self.throttle = None
        self.arrivals.clear()

    async def handle(self, host: str, request: Request, endpoint: Endpoint) -> Response:
        """Answer a request, or let a fault do so, and write it down."""
        tenant = self._tenant(host, request)
        fault = self._fault(request)
        if fault is not None and fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        throttled = self._throttled(tenant) if host == "graph" else None
        if fault is not None and fault.status is not None:
            response = _faulty(fault)
        elif throttled is not None:
            response = throttled
        else:
            response = await endpoint(request)
        self.seen.append(
            Seen(
                host=host,
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                tenant=tenant,
                status=response.status_code,
            )
        )
        self._compress(request, response)
        if fault is not None and fault.truncate is not None:
            _cut(response, fault.truncate)
        return response

    def _fault(self, request: Request) -> Fault | None:
        line = f"{request.method} {request.url.path}?{request.url.query}"
        for fault in self.faults:
            if fault.times == 0 or not re.search(fault.match, line):
                continue
            if fault.rate is not None and self.rng.random() >= fault.rate:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    def _throttled(self, tenant: str | None) -> Response | None:
        """Refuse when a directory has had its share of the last ten seconds."""
        if self.throttle is None:
            return None
        now = time.monotonic()
        times = self.arrivals.setdefault(tenant or "", deque())
        while times and times[0] < now - _WINDOW:
            times.popleft()
        if len(times) < self.throttle:
            times.append(now)
            return None
        wait = max(1, round(times[0] + _WINDOW - now))
        own = str(uuid4())
        inner = {"code": "429", "request-id": own, "client-request-id": own}
        error = {
            "code": "TooManyRequests",
            "message": "Too many requests.",
            "innerError": inner,
        }
        headers = {
            "retry-after": str(wait),
            "request-id": own,
            "x-ms-throttle-scope": "Tenant_Application/ReadWrite",
        }
        body = msgspec.json.encode({"error": error})
        return Response(body, 429, headers, "application/json")

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

    def _tenant(self, host: str, request: Request) -> str | None:
        if host == "sign_in":
            return request.url.path.strip("/").partition("/")[0]
        claims = self.mint.read(request.headers.get("authorization", "").partition(" ")[2])
        return str(claims["tid"]) if claims and "tid" in claims else None


def _faulty(fault: Fault) -> Response:
    status = fault.status or 200
    headers = {name.lower(): value for name, value in fault.headers.items()}
    content = {"error": {"code": "", "message": ""}} if fault.body is None else fault.body
    body = content.encode() if isinstance(content, str) else msgspec.json.encode(content)
    kind = headers.pop("content-type", "application/json")
    return Response(body, status, headers, kind)


def _cut(response: Response, length: int) -> None:
    """Send less than was promised: the connection ends in the middle of the body."""
    response.body = bytes(response.body)[:length]
    response.headers["connection"] = "close"
