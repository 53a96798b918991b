"""Fragments that a host puts on its own pages: sync of one client, provenance of one contact."""

from uuid import UUID

from fastapi import APIRouter, Request

from entra_plugin.access import Permission
from entra_plugin.domain.ids import ClientId, ContactId
from entra_plugin.domain.states import Trigger
from entra_plugin.web.decisions import client_sync
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.notice import Message, attempt, of_problem
from entra_plugin.web.pages.render import Screen, fragment
from entra_plugin.web.pages.shared import is_open
from entra_plugin.web.panels import client_or_nothing, contact_or_none
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/fragments", default_response_class=Html, include_in_schema=False)


@router.get("/clients/{client_id}")
async def client_action(request: Request, known: Known, runtime: Started, client_id: UUID) -> Html:
    """Sync Entra Now, with the last sync or the one that is running; 404 for an unknown client."""
    return await _client(Screen(request, known, runtime), ClientId(client_id))


@router.post("/clients/{client_id}/sync")
async def start_client_sync(
    request: Request, known: Known, runtime: Started, client_id: UUID
) -> Html:
    """Start the sync of one client, or join the one that is at it."""
    screen = Screen(request, known, runtime)
    _, problem = await attempt(client_sync(runtime, known, ClientId(client_id), Trigger.MANUAL))
    message = of_problem(known.locale, problem) if problem else None
    status = problem.status if problem else 200
    return await _client(screen, ClientId(client_id), message=message, status=status)


@router.get("/contacts/{contact_id}")
async def contact_panel(request: Request, known: Known, runtime: Started, contact_id: UUID) -> Html:
    """Where the contact comes from; nothing (204) when not from Entra, 404 for an unknown one."""
    screen = Screen(request, known, runtime)
    found = await contact_or_none(runtime, known.tenant_id, ContactId(contact_id))
    if found is None:
        return Html("", status_code=204)
    return fragment(
        screen.render(
            "fragments/contact_panel.html",
            link=found.link,
            changes=found.changes,
            pins=found.pins,
            edited=found.edited,
        )
    )


async def _client(
    screen: Screen, client_id: ClientId, *, message: Message | None = None, status: int = 200
) -> Html:
    found = await client_or_nothing(screen.runtime, screen.facts.tenant_id, client_id)
    host = screen.runtime.context.host
    in_place = screen.request.headers.get("hx-target") == f"entra-client-{client_id}"
    body = screen.render(
        "parts/client_state.html" if in_place and found.tenants else "fragments/client_sync.html",
        client_id=client_id,
        tenants=found.tenants,
        details=found.last_run,
        running=is_open(found.last_run.run) if found.last_run else False,
        followed=in_place,
        message=message,
        can_change=await host.authorize(screen.facts.principal, Permission.UPDATE),
        error_of=screen.facts.locale.error,
    )
    return fragment(body, status=status)
