"""How CIPP answers: JSON, or a bare string as text, or the page of its front end."""

from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import Response

_JSON = "application/json; charset=utf-8"
_FRONT_END = (
    "<!DOCTYPE html><html><head><title>CIPP</title></head>"
    '<body><div id="__next"></div></body></html>'
)


class Refused(Exception):
    """An answer other than success; its body is a string."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status)
        self.status = status
        self.text = text


def text(status: int, body: str) -> Response:
    """A bare string: how CIPP tells of most failures."""
    return Response(body, status, media_type="text/plain; charset=utf-8")


def front_end() -> Response:
    """What the static front end answers to everything."""
    return Response(_FRONT_END, 200, media_type="text/html; charset=utf-8")


def unauthenticated() -> Response:
    """What the platform answers before CIPP sees the request."""
    body = "You do not have permission to view this directory or page."
    return Response(body, 401, {"www-authenticate": "Bearer"}, "text/html")


def json(document: object, status: int = 200) -> Response:
    """A document."""
    return Response(msgspec.json.encode(document), status, media_type=_JSON)


def envelope(rows: Sequence[bytes], metadata: Mapping[str, object]) -> Response:
    """``Results`` and ``Metadata``; rows are encoded already."""
    body = b'{"Results":[' + b",".join(rows) + b'],"Metadata":'
    return Response(body + msgspec.json.encode(metadata) + b"}", 200, media_type=_JSON)
