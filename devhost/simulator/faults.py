"""Faults: answers in place of the real ones, and damage done to them, as tests ask for."""

import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response


class Fault(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """An answer to give in place of, or a damage to do to, the real one."""

    match: str
    """A regular expression, searched in ``METHOD path?query``."""
    host: Literal["sign_in", "graph", "cipp"] | None = None
    tenants: list[str] | None = None
    """Only requests about these directories."""
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    body: object = None
    """Text is sent as it is, anything else as JSON."""
    headers: dict[str, str] = {}
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """How often at most; without it, until the faults are replaced."""
    each_tenant: bool = False
    """``times`` counts for each directory by itself."""
    rate: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    """The share of matching requests that it befalls."""
    truncate: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Bytes of the body to send before the connection breaks."""
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0


@dataclass(slots=True)
class _Standing:
    """A fault that is in place, and how often it has acted."""

    fault: Fault
    used: Counter[str | None] = field(default_factory=Counter)

    def befalls(self, host: str, line: str, tenant: str | None) -> bool:
        """Is it meant for such a request, and not used up?"""
        fault = self.fault
        if fault.host not in {None, host}:
            return False
        if fault.tenants is not None and tenant not in {t.lower() for t in fault.tenants}:
            return False
        spent = self.used[tenant] if fault.each_tenant else self.used.total()
        if fault.times is not None and spent >= fault.times:
            return False
        return re.search(fault.match, line) is not None


class Faults:
    """Those in place; of several that match, the first one acts."""

    def __init__(self) -> None:
        self._standing: list[_Standing] = []
        self._rng = random.Random(7)

    def clear(self) -> None:
        """Take all away."""
        self._standing.clear()

    def add(self, faults: list[Fault]) -> None:
        """Put more in place."""
        self._standing += [_Standing(fault) for fault in faults]

    def find(self, host: str, request: Request, tenant: str | None) -> Fault | None:
        """The fault that befalls a request, which is counted."""
        line = f"{request.method} {request.url.path}?{request.url.query}"
        for standing in self._standing:
            if not standing.befalls(host, line, tenant):
                continue
            rate = standing.fault.rate
            if rate is not None and self._rng.random() >= rate:
                continue
            standing.used[tenant] += 1
            return standing.fault
        return None


def answer_of(fault: Fault) -> Response:
    """The answer that a fault with a status gives."""
    headers = {name.lower(): value for name, value in fault.headers.items()}
    content = {"error": {"code": "", "message": ""}} if fault.body is None else fault.body
    body = content.encode() if isinstance(content, str) else msgspec.json.encode(content)
    kind = headers.pop("content-type", "application/json")
    return Response(body, fault.status or 200, headers, kind)


def cut(response: Response, length: int) -> None:
    """Send less than was promised: the connection ends in the middle of the body."""
    response.body = bytes(response.body)[:length]
    response.headers["connection"] = "close"
