"""The page of one run: how it stands, its customers, its rows, and what can be done to it.

Looking at it changes nothing, and neither does a question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from entra_plugin.access import Permission
from entra_plugin.application.apply_run import require_appliable
from entra_plugin.application.run_history import Standing
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.open import PLANNED_FIRST
from entra_plugin.domain.errors import Conflict, NotAcceptable
from entra_plugin.domain.ids import ManagedTenantId, RunId
from entra_plugin.domain.states import ChangeKind, ChangeState, RunState
from entra_plugin.resources import Locale
from entra_plugin.store.run_tenants import RunTenant
from entra_plugin.store.runs import OPEN_STATES, Run
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.notice import Message, Tone
from entra_plugin.web.pages.render import Screen, fragment, in_place_of
from entra_plugin.web.pages.run_questions import (
    PER_CUSTOMER,
    Question,
    is_settling,
    offers,
    question,
)
from entra_plugin.web.pages.run_rows import TONES, in_words
from entra_plugin.web.pages.run_view import (
    PAGE_SIZE,
    Ask,
    Part,
    Scope,
    View,
    ViewQuery,
)
from entra_plugin.web.pages.run_words import counts_of, is_check, took, why
from entra_plugin.web.pages.shared import is_open, told
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/history", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-run"
CHOOSABLE = 200
"""Customers in the list that rows are filtered by; the others are found by their links."""

_NO_ROWS = frozenset({"filtered", "unchanged"})
"""Counters of people of whom a run keeps no row."""

_FIRST = (RunState.FAILED, RunState.HELD)
"""Customers in these states come before the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did on the page, or is about to do."""

    message: Message | None = None
    ask: Ask | None = None
    part: Part = field(default_factory=Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPages:
    """Where in the customers one is; the numbers are of pages."""

    total: int
    first_row: int
    last_row: int
    before: int | None
    after: int | None


async def show_run(
    screen: Screen, run_id: RunId, view: View, shown: Shown, *, status: int = 200
) -> Html:
    """Answer the page."""
    runtime, facts = screen.runtime, screen.facts
    details = await runtime.read_runs.run(facts.tenant_id, run_id)
    standing = await runtime.run_history.standing(facts.tenant_id, run_id)
    values = await _state_values(screen, details, standing, view)
    asked, message = None, shown.message
    if shown.ask is not None and values["can_change"]:
        asked, message = _asked(screen, details, standing, shown.ask, shown.part)
    title = facts.locale.text(f"run.type.{details.run.type}")
    return await screen.answer(
        "run.html",
        title=facts.locale.text("setup.title.step", step=title),
        status=status,
        message=message,
        question=asked,
        **values,
        **await _row_values(screen, details, standing, view),
    )


@router.get("/{run_id}")
async def run(
    request: Request,
    known: Known,
    runtime: Started,
    run_id: UUID,
    view: ViewQuery,
    ask: Ask | None = None,
    of: Annotated[Scope | UUID, Query()] = Scope.ALL,
) -> Html:
    """Show the page; with ``ask``, the question that comes before something is done."""
    scope = of if isinstance(of, Scope) else ManagedTenantId(of)
    shown = Shown(ask=ask, part=Part(of=scope, chosen=view.chosen))
    return await show_run(Screen(request, known, runtime), RunId(run_id), view, shown)


@router.get("/{run_id}/progress")
async def progress(
    request: Request, known: Known, runtime: Started, run_id: UUID, view: ViewQuery
) -> Html:
    """Show how a run stands while it is under way; the whole page once it is over."""
    screen, key = Screen(request, known, runtime), RunId(run_id)
    details = await runtime.read_runs.run(known.tenant_id, key)
    standing = Standing()
    if not is_open(details.run):
        standing = await runtime.run_history.standing(known.tenant_id, key)
        if not is_settling(details.run, standing):
            return in_place_of(ROOT, await show_run(screen, key, view, Shown()))
    values = await _state_values(screen, details, standing, view)
    return fragment(screen.render("parts/run_state.html", **values))


def _asked(
    screen: Screen, details: RunDetails, standing: Standing, ask: Ask, part: Part
) -> tuple[Question | None, Message | None]:
    """The question that was asked for, or why there is none any more."""
    texts = screen.facts.locale
    asked = question(ask, part, details, standing, texts)
    if asked is not None:
        return asked, None
    chosen = part.of == Scope.CHOSEN and not part.chosen
    words = texts.text("run.ask.nothing_chosen" if chosen else "run.ask.not_now")
    return None, Message(tone=Tone.WARNING, title=words)


async def _state_values(
    screen: Screen, details: RunDetails, standing: Standing, view: View
) -> dict[str, object]:
    """The values of the part that is asked for again while the run is under way."""
    runtime, facts = screen.runtime, screen.facts
    run, texts = details.run, facts.locale
    can_change = await runtime.context.host.authorize(facts.principal, Permission.UPDATE)
    clients = await runtime.run_history.clients(facts.tenant_id, [run.client_id])
    customers = sorted(details.tenants, key=lambda tenant: tenant.state not in _FIRST)
    pages = _pages(len(customers), view.page)
    here = customers[pages.first_row - 1 : pages.last_row]
    return {
        "root": ROOT,
        "run": run,
        "counts": counts_of(run),
        "here": view.query(),
        "view": view,
        "check": is_check(run),
        "can_change": can_change,
        "client_name": clients.name(run.client_id),
        "open": is_open(run),
        "settling": sum(standing.planned.values()) if is_settling(run, standing) else 0,
        "took": took(run, runtime.context.clock(), texts),
        "why": why(run.state_reason, texts),
        "why_of": {tenant.managed_tenant_id: why(tenant.state_reason, texts) for tenant in here},
        "held": sum(standing.held.values()),
        "no_apply": _why_not_appliable(run, standing, texts),
        "finished": sum(tenant.state not in OPEN_STATES for tenant in details.tenants),
        "offers": offers(run, standing) if can_change else (),
        "offers_of": _offers_of(details, standing, here) if can_change else {},
        "planned": standing.planned if not is_open(run) and run.applied_at is None else {},
        "customers": here,
        "with_rows": {row.managed_tenant_id for row in standing.rows},
        "customer_pages": pages,
        "told": told(screen, await runtime.remedies(facts.tenant_id)),
    }


def _why_not_appliable(run: Run, standing: Standing, texts: Locale) -> str | None:
    """Why a plan that is finished cannot be applied, in words; None where it can, or was."""
    if run.type not in PLANNED_FIRST or is_open(run) or not standing.planned:
        return None
    try:
        require_appliable(run)
    except NotAcceptable as error:
        told = texts.error(error.code)
        return f"{told.sentence} {told.advice}"
    except Conflict:
        return None
    return None


def _offers_of(
    details: RunDetails, standing: Standing, here: Sequence[RunTenant]
) -> Mapping[ManagedTenantId, tuple[Ask, ...]]:
    """What can be done to each customer; of one alone it is what can be done to the run."""
    if len(details.tenants) < 2:
        return {}
    ids = [tenant.managed_tenant_id for tenant in here]
    return {key: offers(details.run, its, PER_CUSTOMER) for key, its in standing.only(ids).items()}


def _pages(total: int, page: int) -> CustomerPages:
    last = max(1, -(-total // PAGE_SIZE))
    number = min(page, last)
    return CustomerPages(
        total=total,
        first_row=(number - 1) * PAGE_SIZE + 1,
        last_row=min(total, number * PAGE_SIZE),
        before=number - 1 if number > 1 else None,
        after=number + 1 if number < last else None,
    )


async def _row_values(
    screen: Screen, details: RunDetails, standing: Standing, view: View
) -> dict[str, object]:
    """The values of the list of rows."""
    runtime, facts = screen.runtime, screen.facts
    page = await runtime.read_runs.changes(facts.tenant_id, details.run.run_id, view.changes)
    named = await runtime.run_history.named(facts.tenant_id, page.items)
    names = {
        tenant.managed_tenant_id: tenant.client_name or tenant.display_name
        for tenant in details.tenants
    }
    with_rows = {row.managed_tenant_id for row in standing.rows}
    choosable = [key for key in names if key in with_rows or key == view.customer]
    if view.customer is not None and view.customer not in names:
        raise MalformedRequest("customer")
    return {
        "rows": [
            in_words(
                row,
                customer=names.get(row.managed_tenant_id, ""),
                named=named,
                texts=facts.locale,
            )
            for row in page.items
        ],
        "total": sum(row.number for row in standing.rows),
        "kinds": tuple(kind for kind in ChangeKind if any(r.kind == kind for r in standing.rows)),
        "states": tuple(s for s in ChangeState if any(r.state == s for r in standing.rows)),
        "names": [(key, names[key]) for key in _within(choosable, view.customer)],
        "gone": not standing.rows and _has_written(details),
        "tones": TONES,
        "chosen": frozenset(view.chosen),
        "older": view.query(cursor=page.next_cursor) if page.next_cursor else None,
        "beginning": view.query(cursor=None),
    }


def _has_written(details: RunDetails) -> bool:
    counts = details.run.counts
    return any(number for name, number in counts.items() if name not in _NO_ROWS)


def _within(
    keys: Sequence[ManagedTenantId], chosen: ManagedTenantId | None
) -> Sequence[ManagedTenantId]:
    """As many as a list can show, the one that is chosen among them."""
    first = list(keys[:CHOOSABLE])
    return [chosen, *first] if chosen is not None and chosen not in first else first
