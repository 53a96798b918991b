"""What people do in the wizard. Each answers the step again, with what came of it."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from entra_plugin.application.connect.rotate import NewCredentials
from entra_plugin.application.connect.swap import Validation
from entra_plugin.application.map_tenants import Confirmed, MappingDecision, Preview
from entra_plugin.application.overview import WizardStep
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId
from entra_plugin.domain.states import MappingState, Trigger
from entra_plugin.web import problems
from entra_plugin.web.decisions import StartsSync, first_sync, full_sync, require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.notice import Message, Tone, of_code, of_problem, success
from entra_plugin.web.pages.render import Screen, wants_fragment
from entra_plugin.web.pages.setup import show_step
from entra_plugin.web.pages.steps import Shown, client_names
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(default_response_class=Html, include_in_schema=False)

Result = TypeVar("Result")

_MAX_FIELDS = 12_000
_WRONG_FIELD: Mapping[str, str] = {
    "client_id_invalid": "client_id",
    "app_not_found": "client_id",
    "client_credentials_refused": "client_secret",
    "client_secret_expired": "client_secret",
    "client_secret_wrong": "client_secret",
}
"""The field of the credentials that an error code is about."""

_DECIDE = "decision."
_OTHER = "other."


_NO_SUCH_CLIENT = Problem(status=422, code="unknown_client")


async def attempt(work: Awaitable[Result]) -> tuple[Result | None, Problem | None]:
    """Carry out a use case; a failure that people can read comes back as a problem."""
    try:
        return await work, None
    except EntraError as error:
        return None, problems.of_exception(error)


@router.post("/setup/connect")
async def connect(request: Request, known: Known, runtime: Started) -> Response:
    """Send the person to Microsoft."""
    screen = Screen(request, known, runtime)
    address, problem = await attempt(runtime.start_sign_in(known.person))
    if problem is not None or address is None:
        return await _failed(screen, WizardStep.CONNECT, problem or problems.INTERNAL)
    if wants_fragment(request):
        return Html("", headers={"hx-redirect": address})
    return RedirectResponse(address, status_code=303)


@router.post("/setup/credentials")
async def credentials(
    request: Request,
    known: Known,
    runtime: Started,
    client_id: Annotated[str, Form(max_length=200)],
    client_secret: Annotated[str, Form(min_length=1, max_length=500)],
) -> Html:
    """Store the tenant's own app credentials; tested first where a connection is active."""
    if "\x00" in client_id + client_secret:
        raise MalformedRequest("client_id")
    screen = Screen(request, known, runtime)
    new = NewCredentials(client_id=client_id, client_secret=client_secret, expires_at=None)
    _, problem = await attempt(runtime.rotate_credentials(known.tenant_id, new))
    if problem is not None:
        shown = Shown(
            message=of_problem(known.locale, problem),
            entered_id=client_id,
            wrong_field=_WRONG_FIELD.get(problem.code),
        )
        return await show_step(screen, WizardStep.CONNECT, shown, status=problem.status)
    message = success(known.locale, "connect.credentials.saved")
    return await show_step(screen, WizardStep.CONNECT, Shown(message=message))


@router.post("/setup/validate")
async def validate(request: Request, known: Known, runtime: Started) -> Html:
    """Test the connection."""
    screen = Screen(request, known, runtime)
    found, problem = await attempt(runtime.validate(known.tenant_id))
    if problem is not None or found is None:
        return await _failed(screen, WizardStep.CONNECT, problem or problems.INTERNAL)
    return await show_step(
        screen, WizardStep.CONNECT, Shown(message=_validation_message(screen, found))
    )


@router.post("/setup/disconnect")
async def disconnect(request: Request, known: Known, runtime: Started) -> Html:
    """End the connection; the dialog in the page has asked for confirmation."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.disconnect(known.tenant_id))
    if problem is not None:
        return await _failed(screen, WizardStep.CONNECT, problem)
    message = success(known.locale, "connect.disconnected")
    return await show_step(screen, WizardStep.CONNECT, Shown(message=message))


@router.post("/setup/discovery")
async def discover(request: Request, known: Known, runtime: Started) -> Html:
    """Start a discovery."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.start_discovery(known.tenant_id, known.actor))
    if problem is not None:
        return await _failed(screen, WizardStep.DISCOVER, problem)
    return await show_step(screen, WizardStep.DISCOVER, Shown())


@router.post("/setup/mappings")
async def confirm(request: Request, known: Known, runtime: Started) -> Html:
    """Put the decisions of the form in force."""
    screen = Screen(request, known, runtime)
    form = await request.form(max_fields=_MAX_FIELDS)
    preview = await runtime.preview_mappings(known.tenant_id)
    chosen, typed = _choices(preview, form)
    start_sync = form.get("start_sync") == "yes"
    kept = Shown(chosen=chosen, typed=typed, start_sync=start_sync)
    if typed:
        return await _not_confirmed(screen, _NO_SUCH_CLIENT, kept)
    decisions = [_decision(key, value) for key, value in chosen.items() if value]
    await require_client_create(runtime, known, decisions)
    done, problem = await attempt(
        runtime.confirm_mappings(known.person, version=_version(form), decisions=decisions)
    )
    if problem is not None or done is None:
        return await _not_confirmed(screen, problem or problems.INTERNAL, kept)
    if start_sync:
        return await _start_sync(screen, first_sync, _confirmed_message(screen, done))
    return await show_step(screen, WizardStep.MAP, Shown(message=_confirmed_message(screen, done)))


@router.post("/setup/mappings/accept")
async def accept(request: Request, known: Known, runtime: Started) -> Html:
    """Accept all exact matches of the preview that the person saw."""
    screen = Screen(request, known, runtime)
    form = await request.form(max_fields=_MAX_FIELDS)
    preview = await runtime.preview_mappings(known.tenant_id)
    decisions = [
        MappingDecision(
            managed_tenant_id=row.tenant.managed_tenant_id,
            state=MappingState.MAPPED,
            client_id=row.proposal.match.client_id,
        )
        for row in preview.auto_matched
        if row.proposal.match is not None
    ]
    done, problem = await attempt(
        runtime.confirm_mappings(known.person, version=_version(form), decisions=decisions)
    )
    if problem is not None or done is None:
        return await _not_confirmed(screen, problem or problems.INTERNAL, Shown())
    return await show_step(screen, WizardStep.MAP, Shown(message=_confirmed_message(screen, done)))


@router.post("/setup/sync")
async def sync(request: Request, known: Known, runtime: Started) -> Html:
    """Start a sync of everything that is mapped, or join the one that is running."""
    return await _start_sync(Screen(request, known, runtime), full_sync, None)


@router.post("/setup/runs/{run_id}/cancel")
async def cancel(request: Request, known: Known, runtime: Started, run_id: UUID) -> Html:
    """Ask the sync to stop."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.cancel_run(known.tenant_id, RunId(run_id)))
    if problem is not None:
        return await _failed(screen, WizardStep.SYNC, problem)
    message = Message(tone=Tone.INFO, title=known.locale.text("sync.cancelling"))
    return await show_step(screen, WizardStep.SYNC, Shown(message=message, run_id=RunId(run_id)))


async def _start_sync(screen: Screen, start: StartsSync, message: Message | None) -> Html:
    started, problem = await attempt(start(screen.runtime, screen.facts, Trigger.MANUAL))
    if problem is not None or started is None:
        return await _failed(screen, WizardStep.SYNC, problem or problems.INTERNAL)
    if started.joined:
        message = Message(tone=Tone.INFO, title=screen.facts.locale.text("sync.joined"))
    return await show_step(screen, WizardStep.SYNC, Shown(message=message, run_id=started.run_id))


async def _failed(screen: Screen, step: WizardStep, problem: Problem) -> Html:
    message = of_problem(screen.facts.locale, problem)
    return await show_step(screen, step, Shown(message=message), status=problem.status)


async def _not_confirmed(screen: Screen, problem: Problem, kept: Shown) -> Html:
    """The form again, as it was filled in; rows that others changed are marked and reset."""
    ids = problem.details.get("managedTenantIds")
    changed = frozenset(map(str, ids)) if isinstance(ids, list) else frozenset[str]()
    chosen = kept.chosen
    if problem.code == "stale_version":
        chosen = {key: value for key, value in chosen.items() if key not in changed}
    message = of_problem(screen.facts.locale, problem)
    shown = replace(kept, message=message, changed=changed, chosen=chosen)
    return await show_step(screen, WizardStep.MAP, shown, status=problem.status)


def _validation_message(screen: Screen, found: Validation) -> Message:
    texts = screen.facts.locale
    if found.failure is not None:
        return of_code(texts, found.failure.code, vendor_code=found.failure.vendor_code)
    return Message(tone=Tone.SUCCESS, title=texts.count("connect.valid", found.tenant_count or 0))


def _confirmed_message(screen: Screen, done: Confirmed) -> Message:
    texts = screen.facts.locale
    numbers = {
        "map.done.mapped": done.mapped,
        "map.done.create_new": done.create_new,
        "map.done.skipped": done.skipped,
        "map.done.unmapped": done.unmapped,
    }
    parts = [texts.text(key, n=number) for key, number in numbers.items() if number]
    if not parts:
        return Message(tone=Tone.INFO, title=texts.text("map.done.nothing"))
    return success(texts, "map.done", what=", ".join(parts))


def _version(form: FormData) -> int:
    value = form.get("version")
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 18:
        raise MalformedRequest("version")
    return int(value)


def _choices(preview: Preview, form: FormData) -> tuple[dict[str, str], dict[str, str]]:
    """What every row stands at, and the names typed that no client has; by managed tenant."""
    by_name = {name: client_id for client_id, name in client_names(preview).items()}
    known = {
        str(row.tenant.managed_tenant_id)
        for rows in (
            preview.auto_matched,
            preview.needs_review,
            preview.unmatched,
            preview.decided,
        )
        for row in rows
    }
    chosen: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, value in form.multi_items():
        key = name.removeprefix(_DECIDE)
        if key == name or not isinstance(value, str):
            continue
        typed = _typed(form, key)
        chosen[key] = by_name.get(typed, value) if typed else value
        if typed and typed not in by_name:
            unknown[key] = typed
    if chosen.keys() - known:
        raise MalformedRequest("decision")
    return chosen, unknown


def _typed(form: FormData, key: str) -> str:
    """The client's name typed in beside the list of a row, if any."""
    value = form.get(_OTHER + key)
    return value.strip() if isinstance(value, str) else ""


def _decision(key: str, value: str) -> MappingDecision:
    managed_tenant_id = ManagedTenantId(UUID(key))
    if value in {
        MappingState.CREATE_NEW.value,
        MappingState.SKIPPED.value,
        MappingState.UNMAPPED.value,
    }:
        return MappingDecision(managed_tenant_id=managed_tenant_id, state=MappingState(value))
    try:
        client_id = ClientId(UUID(value))
    except ValueError as error:
        raise MalformedRequest("decision") from error
    return MappingDecision(
        managed_tenant_id=managed_tenant_id, state=MappingState.MAPPED, client_id=client_id
    )
