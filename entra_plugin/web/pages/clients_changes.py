"""What people decide on the page of customers. Each answers the page, with what came of it.

The view that the decisions were made in comes in the query, as it does when the page is read.
"""

from dataclasses import replace

from fastapi import APIRouter, Request

from entra_plugin.web import problems
from entra_plugin.web.decisions import require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.clients import Shown, View, ViewQuery, show_clients
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
from entra_plugin.web.pages.notice import attempt, of_problem
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/clients", default_response_class=Html, include_in_schema=False)


@router.post("/decisions")
async def decide(request: Request, known: Known, runtime: Started, view: ViewQuery) -> Html:
    """Put the rows that were chosen in force, once what speaks against them was confirmed."""
    screen = Screen(request, known, runtime)
    form = await request.form(max_fields=MAX_FIELDS)
    preview = await runtime.preview_mappings(known.tenant_id)
    choices, version = read_choices(preview, form), read_version(form)
    filled = Filled(chosen=choices.chosen, typed=choices.typed)
    if choices.typed:
        return await _not_confirmed(screen, view, NO_SUCH_CLIENT, filled)
    decisions = choices.decisions()
    await require_client_create(runtime, known, {decision.state for decision in decisions})
    asked, problem = await attempt(question(screen, preview, choices, version))
    if problem is not None:
        return await _not_confirmed(screen, view, problem, filled)
    if asked is not None:
        shown = Shown(filled=replace(filled, question=asked))
        return await show_clients(screen, view, shown, preview=preview)
    done, problem = await attempt(
        runtime.confirm_mappings(known.person, version=version, decisions=decisions)
    )
    if problem is not None or done is None:
        return await _not_confirmed(screen, view, problem or problems.INTERNAL, filled)
    message = confirmed_message(screen, done, moved=moves(preview, choices))
    return await show_clients(screen, view, Shown(message=message))


@router.post("/accept")
async def accept(request: Request, known: Known, runtime: Started, view: ViewQuery) -> Html:
    """Accept the exact matches that were listed, on whatever page, as far as they still are."""
    screen = Screen(request, known, runtime)
    form = await request.form()
    preview = await runtime.preview_mappings(known.tenant_id)
    decisions, changed = read_exact(preview, form)
    done, problem = await attempt(
        runtime.confirm_mappings(known.person, version=read_version(form), decisions=decisions)
    )
    if problem is not None or done is None:
        return await _not_confirmed(screen, view, problem or problems.INTERNAL, Filled())
    message = accepted_message(screen, done, changed)
    shown = Shown(message=message, filled=Filled(changed=changed))
    return await show_clients(screen, view, shown)


async def _not_confirmed(screen: Screen, view: View, problem: Problem, filled: Filled) -> Html:
    message = of_problem(screen.facts.locale, problem)
    shown = Shown(message=message, filled=after_problem(filled, problem))
    return await show_clients(screen, view, shown, status=problem.status)
