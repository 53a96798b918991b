"""What people do to a run. Each answers the page of the run, with what came of it."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request

from entra_plugin.application.held import HeldCommand
from entra_plugin.application.undo.resume import ResumeCommand
from entra_plugin.application.undo.start import UndoCommand
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import Trigger
from entra_plugin.web.facts import Facts, Known, Started
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_problem, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.run import Shown, show_run
from entra_plugin.web.pages.run_view import PartForm, View, ViewQuery, WholePartForm
from entra_plugin.web.pages.shared import is_open
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/history", default_response_class=Html, include_in_schema=False)

OfPart = Annotated[PartForm, Form()]
OfWhole = Annotated[WholePartForm, Form()]


@router.post("/{run_id}/cancel")
async def cancel(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery
) -> Html:
    """Ask a run to stop."""
    screen = Screen(request, known, runtime)
    found = await runtime.read_runs.run(known.tenant_id, RunId(run_id))
    _, problem = await attempt(runtime.cancel_run(known.tenant_id, RunId(run_id)))
    done = success(known.locale, "run.done.cancel" if is_open(found.run) else "run.done.over")
    return await _answer(screen, run_id, view, done, problem)


@router.post("/{run_id}/apply")
async def apply(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery
) -> Html:
    """Apply what a preview or an undo has planned."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(runtime.apply_run(known.tenant_id, RunId(run_id)))
    done = success(known.locale, "run.done.apply")
    return await _answer(screen, run_id, view, done, problem)


@router.post("/{run_id}/approve")
async def approve(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery, form: OfPart
) -> Html:
    """Let held rows be applied."""
    screen = Screen(request, known, runtime)
    rows, problem = await attempt(runtime.approve_held(_held(known, run_id, form)))
    done = _counted(known.locale.count("run.done.approve", rows or 0))
    return await _answer(screen, run_id, _ticked(view, form, problem), done, problem)


@router.post("/{run_id}/discard")
async def discard(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery, form: OfPart
) -> Html:
    """Let held rows never be applied."""
    screen = Screen(request, known, runtime)
    rows, problem = await attempt(runtime.discard_held(_held(known, run_id, form)))
    done = _counted(known.locale.count("run.done.discard", rows or 0))
    return await _answer(screen, run_id, _ticked(view, form, problem), done, problem)


@router.post("/{run_id}/undo")
async def undo(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery, form: OfWhole
) -> Html:
    """Plan the undo of a run, and go on to its page, where the plan is read and applied."""
    screen = Screen(request, known, runtime)
    command = UndoCommand(
        tenant_id=known.tenant_id,
        run_id=RunId(run_id),
        actor=known.actor,
        trigger=Trigger.MANUAL,
        managed_tenant_id=form.part().managed_tenant_id,
    )
    undo_id, problem = await attempt(runtime.start_undo(command))
    done = success(known.locale, "run.done.undo")
    if undo_id is None:
        return await _answer(screen, run_id, view, done, problem)
    answer = await _answer(screen, undo_id, View(), done, problem)
    answer.headers["hx-push-url"] = f"{screen.base}/history/{undo_id}"
    return answer


@router.post("/{run_id}/resume")
async def resume(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery, form: OfWhole
) -> Html:
    """Let syncs take up again what an undo left alone."""
    screen = Screen(request, known, runtime)
    command = ResumeCommand(
        tenant_id=known.tenant_id,
        run_id=RunId(run_id),
        managed_tenant_id=form.part().managed_tenant_id,
    )
    people, problem = await attempt(runtime.resume(command))
    done = _counted(known.locale.count("run.done.resume", people or 0))
    return await _answer(screen, run_id, view, done, problem)


async def _answer(
    screen: Screen, run_id: UUID, view: View, done: Message, problem: Problem | None
) -> Html:
    """The page, with what was done or why it was not."""
    message = of_problem(screen.facts.locale, problem) if problem is not None else done
    status = problem.status if problem is not None else 200
    return await show_run(screen, RunId(run_id), view, Shown(message=message), status=status)


def _counted(title: str) -> Message:
    return Message(tone=Tone.SUCCESS, title=title)


def _ticked(view: View, form: PartForm, problem: Problem | None) -> View:
    """The view with the rows that were chosen, where nothing came of it."""
    return replace(view, chosen=form.part().chosen) if problem is not None else view


def _held(known: Facts, run_id: UUID, form: PartForm) -> HeldCommand:
    part = form.part()
    return HeldCommand(
        tenant_id=known.tenant_id,
        run_id=RunId(run_id),
        user_id=known.actor.user_id,
        name=known.actor.name,
        managed_tenant_id=part.managed_tenant_id,
        change_ids=part.change_ids,
    )
