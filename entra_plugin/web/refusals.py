"""How a refused or failed request is answered: envelope for programs, readable page for people."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from entra_plugin.host import Principal
from entra_plugin.resources import Locale, locale
from entra_plugin.web import problems
from entra_plugin.web.pages.render import FRAGMENT_HEADER, render, wants_fragment
from entra_plugin.web.problems import AWAY, Problem
from entra_plugin.web.responses import Answer, Html
from entra_plugin.web.runtime import Runtime

_POLL = "x-entra-poll"
"""Sent by fragments that refresh themselves: a passing failure must not replace what they show."""


async def refuse_json(
    runtime: Runtime,
    request: tuple[Scope, Receive, Send],
    principal: Principal | None,
    problem: Problem,
) -> None:
    """Answer the envelope."""
    del runtime
    await Answer(
        problems.body(problem, _locale(principal)),
        status_code=problem.status,
        headers=problems.headers(problem),
    )(*request)


async def refuse_page(
    runtime: Runtime,
    request: tuple[Scope, Receive, Send],
    principal: Principal | None,
    problem: Problem,
) -> None:
    """Answer a page in the host's layout, or a fragment when one was asked for."""
    scope, receive, send = request
    asked = Request(scope)
    texts = _locale(principal)
    body = render(
        "problem.html",
        texts,
        problem=problem,
        error=texts.error(problem.code),
        whole=not wants_fragment(asked),
    )
    headers = problems.headers(problem)
    if wants_fragment(asked):
        if _POLL not in asked.headers:
            headers[FRAGMENT_HEADER] = "problem"
        document = body
    else:
        document = await _whole(runtime, asked, (texts, problem), body)
    await Html(document, status_code=problem.status, headers=headers)(scope, receive, send)


async def _whole(
    runtime: Runtime, request: Request, told: tuple[Locale, Problem], body: str
) -> str:
    """The page in the host's layout; without its database the host may have none to give.

    It links none of our files: who may not see the page may not have them either.
    """
    texts, problem = told
    title = texts.error(problem.code).sentence.removesuffix(".")
    try:
        return await runtime.context.host.layout(
            request.scope, title=title, body=body, styles=[], scripts=[]
        )
    except AWAY:
        return render("bare.html", texts, body=body)


def _locale(principal: Principal | None) -> Locale:
    return locale(principal.locale if principal is not None else "en")
