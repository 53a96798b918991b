"""The set-up wizard: Connect, Discover, Map, First sync. Looking at it changes nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from entra_plugin.access import Permission
from entra_plugin.application.overview import WizardStep
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import ConnectionType
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.notice import Message, Tone, of_code, of_problem
from entra_plugin.web.pages.render import Screen, fragment, in_place_of
from entra_plugin.web.pages.shared import is_open
from entra_plugin.web.pages.steps import STEPS, Shown, common_values, step_values, sync_values
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(default_response_class=Html, include_in_schema=False)

Code = Annotated[str | None, Query(max_length=100, pattern="^[a-z0-9_]+$")]


async def show_step(
    screen: Screen, step: WizardStep | None, shown: Shown, *, status: int = 200
) -> Html:
    """Answer the wizard at a step; at the one that is next when none is named."""
    facts = await screen.runtime.overview(screen.facts.tenant_id, screen.facts.flags)
    wanted = step or facts.step
    current = wanted if wanted in STEPS else WizardStep.SYNC
    common = await common_values(screen, facts, current, shown)
    values = await step_values(screen, facts, current, shown)
    texts = screen.facts.locale
    title = texts.text("setup.title.step", step=texts.text(f"setup.step.{current}"))
    return await screen.answer("setup.html", title=title, status=status, **common, **values)


async def show_problem(screen: Screen, step: WizardStep, problem: Problem) -> Html:
    """Answer a step with what went wrong."""
    message = of_problem(screen.facts.locale, problem)
    return await show_step(screen, step, Shown(message=message), status=problem.status)


@router.get("/setup")
async def setup(
    request: Request,
    known: Known,
    runtime: Started,
    step: WizardStep | None = None,
    path: ConnectionType | None = None,
    outcome: Annotated[str | None, Query(pattern="^(connected|failed)$")] = None,
    code: Code = None,
) -> Html:
    """Show the wizard; after a sign-in, with how it went."""
    screen = Screen(request, known, runtime)
    shown = Shown(message=_outcome(screen, outcome, code), path=path)
    return await show_step(screen, step, shown)


@router.get("/setup/discovery/progress")
async def discovery_progress(request: Request, known: Known, runtime: Started) -> Html:
    """Show how far a discovery is; the whole step once it is over."""
    screen = Screen(request, known, runtime)
    facts = await runtime.overview(known.tenant_id, known.flags)
    if not is_open(facts.last_discovery):
        return in_place_of("#entra-setup", await show_step(screen, WizardStep.DISCOVER, Shown()))
    return fragment(
        screen.render(
            "parts/discovery_progress.html",
            run=facts.last_discovery,
            connection=facts.connection,
        )
    )


@router.get("/setup/sync/progress")
async def sync_progress(request: Request, known: Known, runtime: Started, run: UUID) -> Html:
    """Show how far a sync is; the whole step once it is over."""
    screen = Screen(request, known, runtime)
    details = await runtime.read_runs.run(known.tenant_id, RunId(run))
    if not is_open(details.run):
        shown = Shown(run_id=RunId(run))
        return in_place_of("#entra-setup", await show_step(screen, WizardStep.SYNC, shown))
    values = sync_values(details)
    can_change = await runtime.context.host.authorize(known.principal, Permission.UPDATE)
    return fragment(screen.render("parts/sync_progress.html", can_change=can_change, **values))


def _outcome(screen: Screen, outcome: str | None, code: str | None) -> Message | None:
    texts = screen.facts.locale
    if outcome == "connected":
        return Message(
            tone=Tone.SUCCESS,
            title=texts.text("outcome.connected.title"),
            advice=texts.text("outcome.connected.advice"),
        )
    if outcome == "failed":
        return of_code(texts, code or "sign_in_failed")
    return None
