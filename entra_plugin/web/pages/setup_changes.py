"""What people do in the wizard once they are connected.

Each answers the step again, with what came of it.
"""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.datastructures import FormData

from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import Confirmed, Preview
from entra_plugin.application.overview import WizardStep
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId
from entra_plugin.domain.states import MappingState, Trigger
from entra_plugin.web import problems
from entra_plugin.web.decisions import StartsSync, first_sync, full_sync, require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_problem, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.setup import show_problem, show_step
from entra_plugin.web.pages.steps import Shown, client_names
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(default_response_class=Html, include_in_schema=False)

_MAX_FIELDS = 12_000
_DECIDE = "decision."
_OTHER = "other."


_NO_SUCH_CLIENT = Problem(status=422, code="unknown_client")


@router.post("/setup/discovery")
async def discover(request: Request, known: Known, runtime: Started) -> Html:
    """Start a discovery."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.start_discovery(known.tenant_id, known.actor))
    if problem is not None:
        return await show_problem(screen, WizardStep.DISCOVER, problem)
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
    await require_client_create(runtime, known, {decision.state for decision in decisions})
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
        return await show_problem(screen, WizardStep.SYNC, problem)
    message = Message(tone=Tone.INFO, title=known.locale.text("sync.cancelling"))
    return await show_step(screen, WizardStep.SYNC, Shown(message=message, run_id=RunId(run_id)))


async def _start_sync(screen: Screen, start: StartsSync, message: Message | None) -> Html:
    started, problem = await attempt(start(screen.runtime, screen.facts, Trigger.MANUAL))
    if problem is not None or started is None:
        return await show_problem(screen, WizardStep.SYNC, problem or problems.INTERNAL)
    if started.joined:
        message = Message(tone=Tone.INFO, title=screen.facts.locale.text("sync.joined"))
    return await show_step(screen, WizardStep.SYNC, Shown(message=message, run_id=started.run_id))


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
