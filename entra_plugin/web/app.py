"""The ASGI applications: JSON API, OAuth callback, pages and static files; each behind the gate."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entra_plugin.directory.throttle import interactive
from entra_plugin.domain.errors import EntraError
from entra_plugin.host import HttpApp
from entra_plugin.web import problems
from entra_plugin.web.api import connection as connection_api
from entra_plugin.web.api import (
    erase,
    explaining,
    held,
    managed_tenants,
    mapping_files,
    mappings,
    meta,
    people,
    pins,
    previews,
    review,
    runs,
    schedule,
    settings,
    undo,
)
from entra_plugin.web.decisions import Refused
from entra_plugin.web.gate import Gate, Refuse
from entra_plugin.web.malformed import MalformedRequest, path_of
from entra_plugin.web.openapi import describe
from entra_plugin.web.pages import (
    callback,
    clients,
    clients_changes,
    connect_changes,
    connection,
    connection_changes,
    customer,
    decision_upload,
    fragments,
    history,
    question,
    review_changes,
    rules,
    run,
    run_changes,
    setup,
    setup_changes,
    static,
)
from entra_plugin.web.pages import review as review_page
from entra_plugin.web.pages import schedule as schedule_page
from entra_plugin.web.pages import settings as settings_page
from entra_plugin.web.problems import Problem
from entra_plugin.web.refusals import refuse_json, refuse_page
from entra_plugin.web.routes import API, API_MOUNT, CALLBACK, CALLBACK_MOUNT, PAGES, PAGES_MOUNT
from entra_plugin.web.runtime import Runtime

log = logging.getLogger(__name__)

API_ROUTERS = (
    connection_api.router,
    managed_tenants.router,
    mappings.router,
    mapping_files.router,
    runs.router,
    undo.router,
    held.router,
    previews.router,
    settings.router,
    schedule.router,
    people.router,
    pins.router,
    erase.router,
    explaining.router,
    review.router,
    meta.router,
)
CALLBACK_ROUTERS = (callback.router,)
PAGE_ROUTERS = (
    setup.router,
    connect_changes.router,
    setup_changes.router,
    connection.router,
    connection_changes.router,
    clients.router,
    clients_changes.router,
    decision_upload.router,
    customer.router,
    rules.router,
    schedule_page.router,
    settings_page.router,
    history.router,
    run.router,
    run_changes.router,
    review_page.router,
    review_changes.router,
    question.router,
    fragments.router,
    static.router,
)


def build_apps(runtime: Callable[[], Runtime]) -> tuple[HttpApp, ...]:
    """The applications and where a host mounts them; ``runtime`` is asked for at each request."""
    return (
        HttpApp(
            mount=API_MOUNT,
            app=Gate(
                router_app(API_ROUTERS, runtime, refuse_json),
                mount=API_MOUNT,
                table=API,
                runtime=runtime,
                refuse=refuse_json,
            ),
        ),
        HttpApp(
            mount=CALLBACK_MOUNT,
            app=Gate(
                router_app(CALLBACK_ROUTERS, runtime, refuse_page),
                mount=CALLBACK_MOUNT,
                table=CALLBACK,
                runtime=runtime,
                refuse=refuse_page,
            ),
        ),
        HttpApp(
            mount=PAGES_MOUNT,
            app=Gate(
                router_app(PAGE_ROUTERS, runtime, refuse_page),
                mount=PAGES_MOUNT,
                table=PAGES,
                runtime=runtime,
                refuse=refuse_page,
            ),
        ),
    )


def router_app(
    routers: Sequence[APIRouter], runtime: Callable[[], Runtime], refuse: Refuse
) -> ASGIApp:
    """A FastAPI application with our translation of failures."""
    app = FastAPI(
        title="Microsoft Entra integration",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        root_path_in_servers=False,
        servers=[{"url": API_MOUNT}],
    )
    app.state.runtime = runtime
    app.state.refuse = refuse
    for router in routers:
        app.include_router(router)
    for kind in (
        EntraError,
        Refused,
        MalformedRequest,
        RequestValidationError,
        HTTPException,
        SQLAlchemyError,
        OSError,
        Exception,  # answered in our words; what it says is for the shield's log alone
    ):
        app.add_exception_handler(kind, _answer_failure)
    describe(app)
    return Shield(app, refuse=refuse, runtime=runtime)


class Shield:
    """The last line: what nobody foresaw is logged, and answered without a trace of it.

    Whatever a request asks the provider, a person waits for it.
    """

    def __init__(self, app: ASGIApp, *, refuse: Refuse, runtime: Callable[[], Runtime]) -> None:
        self._app = app
        self._refuse = refuse
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 if it breaks before the answer began."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            with interactive():
                await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last line before the server
            log.error(  # noqa: TRY400 - log.exception would write what the exception says
                "request failed",
                extra={
                    "error_type": type(error).__name__,
                    "trace": "".join(traceback.format_tb(error.__traceback__)),
                },
            )
            if begun:
                return
            facts = scope["state"]["entra"]
            await self._refuse(
                self._runtime(), (scope, receive, send), facts.principal, problems.INTERNAL
            )


async def _answer_failure(request: Request, error: Exception) -> Response:
    """Translate a failure that a route raised, in the manner of its surface."""
    problem = _problem(error)
    if problem.status >= 500:
        log.warning("request not served", extra={"code": problem.code})
    return _Refusal(request, problem)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Refused):
        return problems.of_decision(error.decision)
    if isinstance(error, MalformedRequest):
        return problems.malformed(error.path)
    if isinstance(error, RequestValidationError):
        return problems.malformed(path_of(error.errors()[0]["loc"]))
    if isinstance(error, HTTPException):
        return problems.malformed("body") if error.status_code == 400 else problems.NOT_FOUND
    return problems.of_exception(error)


class _Refusal(Response):
    """A response that lets the surface's ``refuse`` write itself."""

    def __init__(self, request: Request, problem: Problem) -> None:
        super().__init__()
        self._request = request
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the refusal."""
        refuse: Callable[..., Awaitable[None]] = self._request.app.state.refuse
        runtime: Callable[[], Runtime] = self._request.app.state.runtime
        facts = self._request.scope["state"]["entra"]
        await refuse(runtime(), (scope, receive, send), facts.principal, self._problem)
