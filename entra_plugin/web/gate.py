"""ASGI middleware that runs the gates ahead of parsing: no error tells what is hidden.

Order: signed in (401), a route we have (404), its flags (404), user type (403), permission (403),
and for unsafe methods the CSRF token (403). Only then does a request reach a router, and its body
a parser. The edition comes before all of these: outside enterprise nothing is mounted.
"""

import logging
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Protocol, cast
from urllib.parse import unquote_plus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from entra_plugin.access import NOT_SIGNED_IN, decide
from entra_plugin.host import Principal
from entra_plugin.web import problems
from entra_plugin.web.facts import BASE_KEY, STATE_KEY, Facts
from entra_plugin.web.problems import Problem
from entra_plugin.web.routes import PAGES_MOUNT, Entry, find
from entra_plugin.web.runtime import Runtime

log = logging.getLogger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Refuse(Protocol):
    """Answers a refused request in the manner of the surface: JSON, or a page."""

    async def __call__(
        self,
        runtime: Runtime,
        request: tuple[Scope, Receive, Send],
        principal: Principal | None,
        problem: Problem,
    ) -> None:
        """Send the whole response."""
        ...


class Gate:
    """Lets a request through to ``app``, or refuses it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        mount: str,
        table: Sequence[Entry],
        runtime: Callable[[], Runtime],
        refuse: Refuse,
    ) -> None:
        self._app = app
        self._mount = mount
        self._table = table
        self._runtime = runtime
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request; other kinds of connection are not served."""
        if scope["type"] != "http":
            return
        scope = self._prepared(scope)
        runtime = self._runtime()
        principal: Principal | None = None
        try:
            principal = await runtime.context.host.principal(scope)
            judged = await self._judge(runtime, scope, principal)
        except problems.AWAY:
            log.warning("database away during gate")
            judged = problems.DATABASE_AWAY
        if isinstance(judged, Problem):
            await self._refuse(runtime, (scope, receive, send), principal, judged)
            return
        scope["state"][STATE_KEY] = judged
        await self._app(scope, receive, send)

    def _prepared(self, scope: Scope) -> Scope:
        """The scope with the path as our routers know it, and the address of our pages."""
        root = cast("str", scope.get("root_path", ""))
        base = root.removesuffix(self._mount) + PAGES_MOUNT
        return {
            **_without_trailing_slash(scope),
            "state": {**scope.get("state", {}), BASE_KEY: base},
        }

    async def _judge(
        self, runtime: Runtime, scope: Scope, principal: Principal | None
    ) -> Facts | Problem:
        if principal is None:
            return problems.of_decision(NOT_SIGNED_IN)
        entry = find(self._table, scope["method"], route_path(scope))
        if entry is None:
            return problems.NOT_FOUND
        flags = await runtime.context.flags.enabled(principal.tenant_id)
        decision = await decide(runtime.context.host, principal, flags, entry.needs)
        if not decision.allowed:
            return problems.of_decision(decision)
        if scope["method"] not in _SAFE and not _carries_token(scope, principal):
            return problems.CSRF_FAILED
        if "\x00" in unquote_plus(cast("bytes", scope["query_string"]).decode("latin-1")):
            return problems.malformed("query")
        return Facts(principal=principal, flags=flags)


def route_path(scope: Scope) -> str:
    """The path below the mount; ``/`` for the mount itself."""
    path, root = cast("str", scope["path"]), cast("str", scope.get("root_path", ""))
    below = path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path
    return below or "/"


def _without_trailing_slash(scope: Scope) -> Scope:
    """The scope with the path as our routers know it: one slash for the root, none at the end."""
    root = cast("str", scope.get("root_path", ""))
    path = root + (route_path(scope).rstrip("/") or "/")
    return scope if path == scope["path"] else {**scope, "path": path, "raw_path": path.encode()}


def _carries_token(scope: Scope, principal: Principal) -> bool:
    sent = Headers(scope=scope).get("x-csrf-token", "")
    return compare_digest(sent.encode(), principal.csrf_token.encode())
