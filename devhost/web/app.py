"""The web process: the host's pages and its plugins' applications, under one set of headers."""

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, cast
from uuid import UUID

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from sqlalchemy import select, text
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devhost.accounts import COOKIE, Account
from devhost.db.tables import clients, contacts, notices
from devhost.db.texts import storable
from devhost.host import DevHost
from devhost.plugins.manager import Plugins
from devhost.ports.clients import client_query, client_row
from devhost.ports.contacts import contact_query, contact_row
from devhost.web.pages import flags_in, shown
from devhost.web.platform_flags import PlatformAction, PlatformFlags

log = logging.getLogger("devhost.web")

PAGE_SIZE = 50
_PROBE_SECONDS = 5

SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        b"frame-ancestors 'none'; form-action 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Contribution(Protocol):
    """A page, an action or a panel of a plugin, read by attribute."""

    id: str
    when: Mapping[str, object]
    rank: int


class PageRecord(Contribution, Protocol):
    """A page and the slot that links to it."""

    route: str
    slot: str
    title: str
    description: str


class FragmentRecord(Contribution, Protocol):
    """A fragment on a page of ours; the endpoint holds the name of an id in braces."""

    label: str
    endpoint: str


class HttpRecord(Protocol):
    """An application of a plugin."""

    mount: str
    app: ASGIApp


class HealthRecord(Protocol):
    """A probe of a plugin: None, or a sentence when something is wrong."""

    name: str
    check: Callable[[], Awaitable[str | None]]


class CloseRecord(Protocol):
    """Something that a plugin opened."""

    async def close(self) -> None:
        """Close it."""
        ...


class PluginMount(Mount):
    """A mount that answers at its own address too, without a slash and without a redirect."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the mount's own address as its root."""
        found, child = super().matches(scope)
        if found is Match.NONE and scope["type"] == "http":
            path = f"{scope['path']}/"
            found, child = super().matches({**scope, "path": path})
            child["path"] = path
        return found, child


class SecurityHeaders:
    """Adds the headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [(n, v) for n, v in SECURITY_HEADERS if n not in present]
                message = {**message, "headers": [*message["headers"], *missing]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class HostWeb:
    """The host's own pages."""

    def __init__(self, host: DevHost, plugins: Plugins) -> None:
        self._host = host
        self._plugins = plugins
        self._pages = cast("list[PageRecord]", plugins.records("psa_pages"))
        self._actions = cast("list[FragmentRecord]", plugins.records("psa_client_actions"))
        self._panels = cast("list[FragmentRecord]", plugins.records("psa_contact_panels"))

    def routes(self) -> list[Route]:
        """What the host serves itself."""
        return [
            Route("/", self.home),
            Route("/sign-in", self.sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/session", self.session, methods=["GET", "POST"]),
            Route("/settings", self.settings),
            Route("/clients", self.clients),
            Route("/clients/{client_id:uuid}", self.client),
            Route("/contacts", self.contacts),
            Route("/contacts/{contact_id:uuid}", self.contact),
            Route("/notices", self.notices),
            Route("/health", self.health),
            Route("/static/htmx.min.js", htmx),
        ]

    # Signing in

    async def sign_in(self, request: Request) -> Response:
        """Choose a seeded account."""
        if request.method == "POST":
            login = (await request.form()).get("login")
            token = await self._host.accounts.sign_in(login) if storable(login) else None
            if token is not None:
                return _with_cookie(RedirectResponse("/", 303), token)
        accounts = await self._host.accounts.seeded()
        return self._page("sign_in.html", None, request, title="Sign in", accounts=accounts)

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        await self._host.accounts.sign_out(request.scope)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    async def session(self, request: Request) -> Response:
        """Sign in from a program, or ask who is signed in."""
        if request.method == "POST":
            return await self._program_sign_in(request)
        account = await self._host.principal(request.scope)
        if account is None:
            return _failure(401, "not_signed_in", "Nobody is signed in.")
        return JSONResponse({"login": account.login, "csrfToken": account.csrf_token})

    async def _program_sign_in(self, request: Request) -> Response:
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            body = None
        login = body["login"] if isinstance(body, dict) and body.keys() == {"login"} else None
        if not storable(login):
            return _failure(
                400, "malformed_request", "A JSON object with 'login' alone is expected."
            )
        token = await self._host.accounts.sign_in(login)
        if token is None:
            return _failure(401, "unknown_login", "There is no account with this login.")
        return _with_cookie(JSONResponse({"login": login}), token)

    # Pages

    async def home(self, request: Request) -> Response:
        """Where people land."""
        account = await self._host.principal(request.scope)
        if account is None:
            return RedirectResponse("/sign-in", 303)
        return self._page("home.html", account, request, title="Home")

    async def settings(self, request: Request) -> Response:
        """Cards of the plugins' pages."""
        account = await self._allowed(request, "system_settings.read")
        flags = await self._flags(account, self._pages)
        cards = [page for page in self._pages if shown(page.when, account, flags)]
        cards.sort(key=lambda page: (page.rank, page.id))
        return self._page("settings.html", account, request, title="Settings", cards=cards)

    async def clients(self, request: Request) -> Response:
        """All clients of the tenant."""
        account = await self._allowed(request, "client.read")
        statement = client_query(account.tenant_id).order_by(clients.c.name, clients.c.id)
        async with self._host.database.engine.connect() as connection:
            rows = [client_row(row) for row in await connection.execute(statement)]
        return self._page("clients.html", account, request, title="Clients", clients=rows)

    async def client(self, request: Request) -> Response:
        """One client, its contacts, and what plugins offer for it."""
        account = await self._allowed(request, "client.read")
        client_id: UUID = request.path_params["client_id"]
        async with self._host.database.engine.connect() as connection:
            found = await self._host.clients.by_ids(connection, account.tenant_id, [client_id])
            if not found:
                raise HTTPException(404)
            people = await connection.execute(
                contact_query(account.tenant_id)
                .where(contacts.c.client_id == client_id)
                .order_by(contacts.c.full_name, contacts.c.id)
                .limit(200)
            )
            rows = [contact_row(row) for row in people]
        fragments = await self._fragments(account, self._actions, "client_id", client_id)
        return self._page(
            "client.html",
            account,
            request,
            title=found[0].name,
            client=found[0],
            contacts=rows,
            fragments=fragments,
        )

    async def contacts(self, request: Request) -> Response:
        """Contacts, searched by the start of a name or an address."""
        account = await self._allowed(request, "contact.read")
        q = request.query_params.get("q", "").strip()
        number = request.query_params.get("page", "1")
        page = int(number) if number.isdigit() and 0 < int(number) < 10_000 else 1
        statement = contact_query(account.tenant_id).order_by(contacts.c.full_name, contacts.c.id)
        if q:
            prefix = q.lower()
            statement = statement.where(
                contacts.c.name_key.startswith(prefix, autoescape=True)
                | contacts.c.email_key.startswith(prefix, autoescape=True)
            )
        async with self._host.database.engine.connect() as connection:
            found = await connection.execute(
                statement.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)
            )
            rows = [contact_row(row) for row in found]
            names = await self._host.clients.by_ids(
                connection, account.tenant_id, list({row.client_id for row in rows})
            )
        return self._page(
            "contacts.html",
            account,
            request,
            title="Contacts",
            contacts=rows[:PAGE_SIZE],
            clients={client.id: client.name for client in names},
            q=q,
            page=page,
            more=len(rows) > PAGE_SIZE,
        )

    async def contact(self, request: Request) -> Response:
        """One contact, and the plugins' panels on it."""
        account = await self._allowed(request, "contact.read")
        contact_id: UUID = request.path_params["contact_id"]
        async with self._host.database.engine.connect() as connection:
            found = await self._host.contacts.by_ids(connection, account.tenant_id, [contact_id])
            if not found:
                raise HTTPException(404)
            client = await self._host.clients.by_ids(
                connection, account.tenant_id, [found[0].client_id]
            )
        fragments = await self._fragments(account, self._panels, "contact_id", contact_id)
        return self._page(
            "contact.html",
            account,
            request,
            title=found[0].full_name,
            contact=found[0],
            client=client[0],
            fragments=fragments,
        )

    async def notices(self, request: Request) -> Response:
        """What plugins wanted people to know."""
        account = await self._allowed(request, "system_settings.read")
        statement = (
            select(notices)
            .where(notices.c.tenant_id == account.tenant_id)
            .order_by(notices.c.id.desc())
            .limit(100)
        )
        async with self._host.database.engine.connect() as connection:
            rows = list(await connection.execute(statement))
        return self._page("notices.html", account, request, title="Notices", notices=rows)

    async def health(self, _request: Request) -> Response:
        """Readiness: the database answers, and what plugins say of themselves."""
        async with self._host.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        problems = [f"{p.plugin}: {p.stage} {p.error}" for p in self._plugins.problems]
        checks = [cast("HealthRecord", r) for r in self._plugins.records("psa_health")]
        found = await asyncio.gather(*(_probe(record) for record in checks))
        return JSONResponse(
            {
                "status": "ok" if not any(found) else "degraded",
                "plugins": self._plugins.names(),
                "problems": problems,
                "checks": {c.name: word or "ok" for c, word in zip(checks, found, strict=True)},
            }
        )

    # Helpers

    async def _allowed(self, request: Request, permission: str) -> Account:
        """The signed-in person, if he may see the page."""
        account = await self._host.principal(request.scope)
        if account is None:
            raise HTTPException(401)
        if account.user_type != "internal" or permission not in account.permissions:
            raise HTTPException(403)
        return account

    async def _flags(
        self, account: Account, contributions: Sequence[Contribution]
    ) -> dict[str, bool]:
        client = api.get_client(domain="psa")
        tenant = str(account.tenant_id)
        context = EvaluationContext(targeting_key=tenant, attributes={"tenant_id": tenant})
        wanted = set().union(*(flags_in(c.when) for c in contributions))
        return {
            key: await client.get_boolean_value_async(
                key, default_value=False, evaluation_context=context
            )
            for key in sorted(wanted)
        }

    async def _fragments(
        self,
        account: Account,
        records: Sequence[FragmentRecord],
        name: str,
        value: UUID,
    ) -> list[tuple[str, str]]:
        """(label, address) of the fragments that this person may see."""
        flags = await self._flags(account, records)
        visible = [record for record in records if shown(record.when, account, flags)]
        visible.sort(key=lambda record: (record.rank, record.id))
        return [
            (record.label, record.endpoint.replace(f"{{{name}}}", str(value))) for record in visible
        ]

    def _page(
        self,
        template: str,
        account: Account | None,
        request: Request,
        *,
        title: str,
        **values: object,
    ) -> HTMLResponse:
        return HTMLResponse(
            self._host.pages.render(template, account, title=title, path=request.url.path, **values)
        )

    async def refused(self, request: Request, error: Exception) -> Response:
        """A page for 401, 403 and 404."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        account = await self._host.principal(request.scope)
        if status == 401 and request.method == "GET":
            return RedirectResponse("/sign-in", 303)
        page = self._page("message.html", account, request, title=f"Error {status}", status=status)
        page.status_code = status
        return page


def build(host: DevHost, plugins: Plugins) -> Starlette:
    """The application; plugins are started before their applications are asked for."""
    started = cast("list[CloseRecord]", plugins.records("psa_startup", host=host))
    web = HostWeb(host, plugins)
    actions = cast("list[PlatformAction]", plugins.records("psa_platform_actions"))
    mounts = cast("list[HttpRecord]", plugins.records("psa_http_apps"))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        for record in started:
            await record.close()
        await host.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            *web.routes(),
            *PlatformFlags(host.database.engine, actions).routes(),
            *(PluginMount(record.mount, record.app) for record in mounts),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={401: web.refused, 403: web.refused, 404: web.refused},
    )


async def htmx(_request: Request) -> Response:
    """The one script, from the package that carries it."""
    spec = importlib.util.find_spec("js_lib_htmx")
    if spec is None or not spec.submodule_search_locations:
        raise HTTPException(404)
    folder = Path(next(iter(spec.submodule_search_locations)))
    return FileResponse(
        folder / "static" / "htmx" / "htmx.min.js",
        headers={"cache-control": "public, max-age=86400"},
    )


async def _probe(record: HealthRecord) -> str | None:
    """What a probe says; a probe that fails or hangs is itself a finding."""
    try:
        return await asyncio.wait_for(record.check(), _PROBE_SECONDS)
    except Exception as error:
        log.exception("probe failed", extra={"probe": record.name})
        return type(error).__name__


def _with_cookie(response: Response, token: str) -> Response:
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", path="/")
    return response


def _failure(status: int, code: str, error: str) -> JSONResponse:
    return JSONResponse({"success": False, "error": error, "code": code}, status)
