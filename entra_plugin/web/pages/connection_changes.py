"""What people do on the page of the connection. Each answers the page, with what came of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from entra_plugin.domain.ids import RunId
from entra_plugin.web import problems
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.connection import Shown, show_connection
from entra_plugin.web.pages.credentials import of_validation, save_credentials, to_microsoft
from entra_plugin.web.pages.forms import CredentialsForm
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_problem, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/connection", default_response_class=Html, include_in_schema=False)


@router.post("/sign-in")
async def sign_in(request: Request, known: Known, runtime: Started) -> Response:
    """Send the person to Microsoft again."""
    screen = Screen(request, known, runtime)
    answer = await to_microsoft(screen, lighthouse=False)
    return await _problem(screen, answer) if isinstance(answer, Problem) else answer


@router.post("/test")
async def test(request: Request, known: Known, runtime: Started) -> Html:
    """Ask the provider now, and remember the answer."""
    screen = Screen(request, known, runtime)
    found, problem = await attempt(runtime.validate(known.tenant_id))
    if found is None:
        return await _problem(screen, problem or problems.INTERNAL)
    return await show_connection(screen, Shown(message=of_validation(screen, found)))


@router.post("/check")
async def check(request: Request, known: Known, runtime: Started) -> Html:
    """Walk the whole chain, or follow the walk that is under way."""
    screen = Screen(request, known, runtime)
    started, problem = await attempt(runtime.start_validation(known.tenant_id, known.actor))
    if started is None:
        return await _problem(screen, problem or problems.INTERNAL)
    if not started.joined:
        return await show_connection(screen, Shown())
    joined = Message(tone=Tone.INFO, title=known.locale.text("chain.joined"))
    return await show_connection(screen, Shown(message=joined))


@router.post("/runs/{run_id}/cancel")
async def cancel(request: Request, known: Known, runtime: Started, run_id: UUID) -> Html:
    """Ask the walk to stop."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.cancel_run(known.tenant_id, RunId(run_id)))
    if problem is not None:
        return await _problem(screen, problem)
    message = Message(tone=Tone.INFO, title=known.locale.text("chain.cancelling"))
    return await show_connection(screen, Shown(message=message))


@router.post("/credentials")
async def credentials(
    request: Request, known: Known, runtime: Started, form: Annotated[CredentialsForm, Form()]
) -> Html:
    """Replace the tenant's own app credentials: test, then save."""
    screen = Screen(request, known, runtime)
    saved = await save_credentials(screen, form)
    shown = Shown(message=saved.message, form=saved.form)
    return await show_connection(screen, shown, status=saved.status)


@router.post("/disconnect")
async def disconnect(request: Request, known: Known, runtime: Started) -> Html:
    """End the connection; the dialog in the page has asked for confirmation."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.disconnect(known.tenant_id))
    if problem is not None:
        return await _problem(screen, problem)
    return await show_connection(
        screen, Shown(message=success(known.locale, "connect.disconnected"))
    )


async def _problem(screen: Screen, problem: Problem) -> Html:
    message = of_problem(screen.facts.locale, problem)
    return await show_connection(screen, Shown(message=message), status=problem.status)
