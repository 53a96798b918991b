"""The page of one customer: what is known of it, every decision about it, and a pause."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from entra_plugin.access import Permission
from entra_plugin.application.clients import KnownClients, left_out
from entra_plugin.application.decide import SYNCED, Put
from entra_plugin.application.tenant_settings import TenantSettingsChange
from entra_plugin.domain.decisions import Decided
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ManagedTenantId
from entra_plugin.domain.years import YEARS
from entra_plugin.store.mappings import CurrentMapping
from entra_plugin.web.decisions import Told, evidence_in_words
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.clients import View, ViewQuery
from entra_plugin.web.pages.notice import Message, attempt, of_problem, success
from entra_plugin.web.pages.render import Screen, zone_of
from entra_plugin.web.pages.shared import told
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/clients", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-customer"
HISTORY = 20
"""Decisions on a page of the history."""

Cursor = Annotated[str | None, Query(max_length=500)]


class PauseForm(BaseModel):
    """Until which day no sync takes the customer; empty to go on. Made on ``version``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=0)]
    until: Annotated[str, Field(max_length=10)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A decision that is or was in force, for people."""

    decision: CurrentMapping
    client_name: str | None
    how: Decided | None
    evidence: tuple[Told, ...]


async def show_customer(
    screen: Screen,
    managed_tenant_id: ManagedTenantId,
    view: View,
    *,
    message: Message | None = None,
    cursor: str | None = None,
    status: int = 200,
) -> Html:
    """Answer the page."""
    runtime, facts = screen.runtime, screen.facts
    tenant = await runtime.read_mappings.managed_tenant(facts.tenant_id, managed_tenant_id)
    history = await runtime.read_mappings.history(
        facts.tenant_id, managed_tenant_id, limit=HISTORY, cursor=cursor
    )
    newest = history
    if cursor is not None:
        newest = await runtime.read_mappings.history(facts.tenant_id, managed_tenant_id, limit=1)
    current = next((row for row in newest.page.items if row.ended_at is None), None)
    now = runtime.context.clock()
    synced = current is not None and current.state in SYNCED
    return await screen.answer(
        "customer.html",
        title=facts.locale.text("setup.title.step", step=tenant.display_name),
        status=status,
        root=ROOT,
        message=message,
        can_change=await runtime.context.host.authorize(facts.principal, Permission.UPDATE),
        tenant=tenant,
        current=current,
        client_name=newest.clients.name(current.client_id) if current else None,
        left_out=left_out(current, newest.clients, now) if current and synced else None,
        synced=synced,
        history=[_past(screen, row, history.clients) for row in history.page.items],
        older=history.page.next_cursor,
        back=f"{screen.base}/clients" + (f"?{view.query(view.tab, view.page)}" if view.tab else ""),
        here=view.query(view.tab, view.page) if view.tab else "",
        told=told(screen, await runtime.remedies(facts.tenant_id)),
        may_ask=Flag.QUEUE in facts.flags,
        now=now,
        apart=False,
    )


@router.get("/{managed_tenant_id}")
async def customer(
    request: Request,
    known: Known,
    runtime: Started,
    managed_tenant_id: UUID,
    view: ViewQuery,
    cursor: Cursor = None,
) -> Html:
    """Show the page; ``view`` is the list that leads back."""
    screen = Screen(request, known, runtime)
    return await show_customer(screen, ManagedTenantId(managed_tenant_id), view, cursor=cursor)


@router.post("/{managed_tenant_id}/pause")
async def pause(
    request: Request,
    known: Known,
    runtime: Started,
    managed_tenant_id: UUID,
    view: ViewQuery,
    form: Annotated[PauseForm, Form()],
) -> Html:
    """Let no sync take the customer until a day, or let it go on."""
    screen, key = Screen(request, known, runtime), ManagedTenantId(managed_tenant_id)
    until = _beginning(form.until, known.principal.time_zone) if form.until else None
    change = TenantSettingsChange(
        managed_tenant_id=key, version=form.version, pause=Put(value=until)
    )
    _, problem = await attempt(runtime.tenant_settings.write(known.person, change))
    if problem is not None:
        message = of_problem(known.locale, problem)
        return await show_customer(screen, key, view, message=message, status=problem.status)
    done = success(known.locale, "customer.paused" if until else "customer.resumed")
    return await show_customer(screen, key, view, message=done)


def _beginning(text: str, zone: str) -> datetime:
    """The beginning of a day where the person is."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise MalformedRequest("until") from error
    if day.year not in YEARS:
        raise MalformedRequest("until")
    return datetime.combine(day, time(), tzinfo=zone_of(zone))


def _past(screen: Screen, row: CurrentMapping, clients: KnownClients) -> Past:
    how = str(row.evidence.get("decided"))
    return Past(
        decision=row,
        client_name=clients.name(row.client_id),
        how=Decided(how) if how in set(Decided) else None,
        evidence=evidence_in_words(row.evidence, screen.facts.locale),
    )
