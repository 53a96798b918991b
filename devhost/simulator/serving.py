"""Puts services behind HTTP: every path of every method, through the recorder."""

import inspect
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from devhost.simulator.recorder import Host, Recorder, TenantOf

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Answer = Callable[[Request], Response | Awaitable[Response]]


def answering(answer: Answer) -> Starlette:
    """An application that answers every path with one function."""

    async def endpoint(request: Request) -> Response:
        response = answer(request)
        return await response if inspect.isawaitable(response) else response

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)])


def recorded(host: Host, inner: Starlette, recorder: Recorder, tenant_of: TenantOf) -> Starlette:
    """The application, with every request through the recorder."""

    async def endpoint(request: Request) -> Response:
        return await recorder.handle(host, request, lambda r: _through(inner, r), tenant_of)

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)])


async def _through(inner: Starlette, request: Request) -> Response:
    """Call an application and collect its answer, which is never a stream here."""
    status = 200
    headers: list[tuple[bytes, bytes]] = []
    body = bytearray()

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        else:
            body.extend(message.get("body", b""))

    await inner(dict(request.scope), request.receive, send)
    response = Response(bytes(body), status)
    response.raw_headers = headers
    return response
