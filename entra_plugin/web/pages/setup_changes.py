"""What people do in the wizard once they are connected.

Each answers the step again, with what came of it.
"""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter, Request

from entra_plugin.application.overview import WizardStep
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import Trigger
from entra_plugin.web import problems
from entra_plugin.web.decisions import StartsSync, first_sync, full_sync, require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.forms import read_version
from entra_plugin.web.pages.mapping_form import (
    MAX_FIELDS,
    NO_SUCH_CLIENT,
    Filled,
    accepted_message,
    after_problem,
    confirmed_message,
    moves,
    question,
    read_choices,
    read_exact,
)
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_problem
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.setup import show_problem, show_step
from entra_plugin.web.pages.steps import Shown
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(default_response_class=Html, include_in_schema=False)


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
    form = await request.form(max_fields=MAX_FIELDS)
    preview = await runtime.preview_mappings(known.tenant_id)
    choices, version = read_choices(preview, form), read_version(form)
    start_sync = form.get("start_sync") == "yes"
    filled = Filled(chosen=choices.chosen, typed=choices.typed)
    kept = Shown(filled=filled, start_sync=start_sync)
    if choices.typed:
        return await _not_confirmed(screen, NO_SUCH_CLIENT, kept)
    decisions = choices.decisions()
    await require_client_create(runtime, known, {decision.state for decision in decisions})
    asked, problem = await attempt(question(screen, preview, choices, version))
    if problem is not None:
        return await _not_confirmed(screen, problem, kept)
    if asked is not None:
        kept = replace(kept, filled=replace(filled, question=asked))
        return await show_step(screen, WizardStep.MAP, kept)
    done, problem = await attempt(
        runtime.confirm_mappings(known.person, version=version, decisions=decisions)
    )
    if problem is not None or done is None:
        return await _not_confirmed(screen, problem or problems.INTERNAL, kept)
    message = confirmed_message(screen, done, moved=moves(preview, choices))
    if start_sync:
        return await _start_sync(screen, first_sync, message)
    return await show_step(screen, WizardStep.MAP, Shown(message=message))


@router.post("/setup/mappings/accept")
async def accept(request: Request, known: Known, runtime: Started) -> Html:
    """Accept the exact matches that the person saw, as far as they still are."""
    screen = Screen(request, known, runtime)
    form = await request.form(max_fields=MAX_FIELDS)
    preview = await runtime.preview_mappings(known.tenant_id)
    decisions, changed = read_exact(preview, form)
    done, problem = await attempt(
        runtime.confirm_mappings(known.person, version=read_version(form), decisions=decisions)
    )
    if problem is not None or done is None:
        return await _not_confirmed(screen, problem or problems.INTERNAL, Shown())
    message = accepted_message(screen, done, changed)
    shown = Shown(message=message, filled=Filled(changed=changed))
    return await show_step(screen, WizardStep.MAP, shown)


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
    message = of_problem(screen.facts.locale, problem)
    shown = replace(kept, message=message, filled=after_problem(kept.filled, problem))
    return await show_step(screen, WizardStep.MAP, shown, status=problem.status)
