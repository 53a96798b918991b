"""What people do in the wizard's first step: connect, test, save credentials, disconnect."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from entra_plugin.application.connect.swap import Validation
from entra_plugin.application.overview import WizardStep
from entra_plugin.domain.states import ConnectionType
from entra_plugin.web import problems
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.credentials import (
    WRONG_FIELD,
    at_field,
    of_validation,
    save_credentials,
    to_microsoft,
)
from entra_plugin.web.pages.forms import CippForm, CredentialsForm, FieldError, SignInForm
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_problem, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.setup import show_problem, show_step
from entra_plugin.web.pages.steps import Shown
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/setup", default_response_class=Html, include_in_schema=False)

_WRONG_FIELD: Mapping[str, str] = {
    **WRONG_FIELD,
    "cipp_address_refused": "base_url",
    "cipp_base_url_invalid": "base_url",
    "cipp_endpoint_missing": "base_url",
    "cipp_front_end": "base_url",
    "cipp_redirected": "base_url",
    "cipp_tenant_id_invalid": "tenant_id",
    "directory_not_found": "tenant_id",
}
"""The field of a CIPP that an error code is about."""


@router.post("/connect")
async def connect(
    request: Request, known: Known, runtime: Started, form: Annotated[SignInForm, Form()]
) -> Response:
    """Send the person to Microsoft."""
    screen = Screen(request, known, runtime)
    answer = await to_microsoft(screen, lighthouse=form.lighthouse)
    if isinstance(answer, Problem):
        return await _direct_refused(screen, answer)
    return answer


@router.post("/connect/app-only")
async def connect_app_only(request: Request, known: Known, runtime: Started) -> Html:
    """Connect with the app's own permissions; nobody is sent to Microsoft."""
    screen = Screen(request, known, runtime)
    found, problem = await attempt(runtime.connect_app_only(known.person))
    if found is None:
        return await _direct_refused(screen, problem or problems.INTERNAL)
    return await _connected(screen, "outcome.connected.title", found)


@router.post("/cipp/test")
async def test_cipp(
    request: Request, known: Known, runtime: Started, form: Annotated[CippForm, Form()]
) -> Html:
    """Try a CIPP and store nothing; the browser keeps the secrets in their fields."""
    screen = Screen(request, known, runtime)
    if not form.token_is_sendable:
        return await _unsendable(screen, form)
    found, problem = await attempt(runtime.test_cipp(form.access()))
    if found is None:
        return await _cipp_refused(screen, form, problem or problems.INTERNAL)
    if found.failure is not None:
        message = of_validation(screen, found)
        return await _cipp_again(screen, form, message, _wrong(form, message, found.failure.code))
    return await _cipp_again(screen, form, of_validation(screen, found), None)


@router.post("/cipp")
async def connect_cipp(
    request: Request, known: Known, runtime: Started, form: Annotated[CippForm, Form()]
) -> Html:
    """Connect a CIPP that lists its tenants; what does not is not stored."""
    screen = Screen(request, known, runtime)
    if not form.token_is_sendable:
        return await _unsendable(screen, form)
    found, problem = await attempt(runtime.connect_cipp(known.person, form.access()))
    if found is None:
        return await _cipp_refused(screen, form, problem or problems.INTERNAL)
    return await _connected(screen, "outcome.connected.cipp", found)


@router.post("/credentials")
async def credentials(
    request: Request, known: Known, runtime: Started, form: Annotated[CredentialsForm, Form()]
) -> Html:
    """Store the tenant's own app credentials; tested first where a connection is active."""
    screen = Screen(request, known, runtime)
    saved = await save_credentials(screen, form)
    shown = Shown(message=saved.message, path=ConnectionType.DIRECT, form=saved.form)
    return await show_step(screen, WizardStep.CONNECT, shown, status=saved.status)


@router.post("/validate")
async def validate(request: Request, known: Known, runtime: Started) -> Html:
    """Test the connection."""
    screen = Screen(request, known, runtime)
    found, problem = await attempt(runtime.validate(known.tenant_id))
    if found is None:
        return await show_problem(screen, WizardStep.CONNECT, problem or problems.INTERNAL)
    return await show_step(screen, WizardStep.CONNECT, Shown(message=of_validation(screen, found)))


@router.post("/disconnect")
async def disconnect(request: Request, known: Known, runtime: Started) -> Html:
    """End the connection; the dialog in the page has asked for confirmation."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.disconnect(known.tenant_id))
    if problem is not None:
        return await show_problem(screen, WizardStep.CONNECT, problem)
    message = success(known.locale, "connect.disconnected")
    return await show_step(screen, WizardStep.CONNECT, Shown(message=message))


async def _connected(screen: Screen, key: str, found: Validation) -> Html:
    texts = screen.facts.locale
    listed = texts.count("connect.valid", found.tenant_count or 0)
    message = Message(tone=Tone.SUCCESS, title=texts.text(key), advice=listed)
    return await show_step(screen, WizardStep.CONNECT, Shown(message=message))


async def _direct_refused(screen: Screen, problem: Problem) -> Html:
    message = of_problem(screen.facts.locale, problem)
    shown = Shown(message=message, path=ConnectionType.DIRECT)
    return await show_step(screen, WizardStep.CONNECT, shown, status=problem.status)


async def _cipp_refused(screen: Screen, form: CippForm, problem: Problem) -> Html:
    message = of_problem(screen.facts.locale, problem)
    wrong = _wrong(form, message, problem.code)
    return await _cipp_again(screen, form, message, wrong, status=problem.status)


async def _unsendable(screen: Screen, form: CippForm) -> Html:
    text = screen.facts.locale.text("connect.cipp.token.unusable")
    wrong = FieldError(field="api_token", text=text)
    message = Message(tone=Tone.ERROR, title=text)
    return await _cipp_again(screen, form, message, wrong, status=422)


async def _cipp_again(
    screen: Screen,
    form: CippForm,
    message: Message,
    wrong: FieldError | None,
    *,
    status: int = 200,
) -> Html:
    shown = Shown(message=message, path=ConnectionType.CIPP, form=form.again(wrong))
    return await show_step(screen, WizardStep.CONNECT, shown, status=status)


def _wrong(form: CippForm, message: Message, code: str) -> FieldError | None:
    """The field that a refusal is about, where that can be told."""
    match code:
        case "cipp_credentials_incomplete":
            return at_field(form.missing, message)
        case "cipp_token_refused":
            return at_field(form.secret, message)
        case _:
            return at_field(_WRONG_FIELD.get(code), message)
