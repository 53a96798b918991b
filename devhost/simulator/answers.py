"""How Graph's answers look: collections, entities, errors, and the tokens inside its links."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from devhost.simulator.odata import GraphError

_FEW = 20
"""A page this small costs less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list; rows may be encoded already."""

    name: str
    rows: Sequence[bytes | Mapping[str, object]]
    next_link: str | None = None
    count: int | None = None
    delta_link: str | None = None

    def encode(self, version: str) -> bytes:
        """As Graph's body."""
        head: dict[str, object] = {
            "@odata.context": f"https://graph.microsoft.com/{version}/$metadata#{self.name}"
        }
        if self.count is not None:
            head["@odata.count"] = self.count
        if self.next_link is not None:
            head["@odata.nextLink"] = self.next_link
        if self.delta_link is not None:
            head["@odata.deltaLink"] = self.delta_link
        start = msgspec.json.encode(head)[:-1]
        return start + b',"value":[' + b",".join(map(encoded, self.rows)) + b"]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One object."""

    name: str
    row: Mapping[str, object]

    def encode(self, version: str) -> bytes:
        """As Graph's body."""
        context = f"https://graph.microsoft.com/{version}/$metadata#{self.name}"
        return msgspec.json.encode({"@odata.context": context, **self.row})


Body = Page | Entity | int
"""What a path answers; a number is sent as text."""


def encoded(row: bytes | Mapping[str, object]) -> bytes:
    """A row as JSON."""
    return row if isinstance(row, bytes) else msgspec.json.encode(row)


def sequence(value: object) -> Sequence[object]:
    """A list from a token, which may hold anything."""
    return value if isinstance(value, list) else []


def not_found(name: str) -> GraphError:
    """What is asked for is not there."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name}' does not exist or one of its queried reference-property objects "
        "are not present.",
    )


def pack(state: Mapping[str, object]) -> str:
    """A token for a link."""
    text = json.dumps(state, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(token: str) -> dict[str, object] | None:
    """What a token of ours holds; None for any other."""
    try:
        state = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        return None
    return state if isinstance(state, dict) and "e" in state else None


def ids(request: Request) -> dict[str, str]:
    """The headers by which a request is found in the logs."""
    own = str(uuid4())
    return {
        "request-id": own,
        "client-request-id": request.headers.get("client-request-id", own),
    }


def refusal(request: Request, error: GraphError) -> Response:
    """An error as Graph's body."""
    own = ids(request)
    inner = {**own, "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")}
    body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    return Response(
        msgspec.json.encode(body), error.status, {**own, **error.headers}, "application/json"
    )


def cost(path: str, query: str) -> int:
    """Resource units, as the documentation of the limits has them."""
    below = path.strip("/").partition("/")[2]
    members = below.split("/")[2:3] if below.startswith("groups/") else []
    prices = {"users": 2, "contracts": 3, "members": 3, "transitiveMembers": 5}
    base = prices.get(members[0] if members else below, 1)
    options = dict(parse_qsl(query))
    few = options.get("$top", "")
    saved = ("$select" in options) + (few.isdecimal() and int(few) < _FEW)
    return max(1, base - saved)
