"""Routes of runs: start discovery and syncs, look at runs and their plan rows, follow, cancel."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from entra_plugin.application.run_history import Named
from entra_plugin.application.runs import ChangeQuery, RunDetails, RunQuery
from entra_plugin.application.sync.start import StartedRun, StartSyncCommand, SyncScope
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId
from entra_plugin.domain.states import ChangeKind, ChangeState, RunState, RunType, Trigger
from entra_plugin.store.changes import ChangeRow
from entra_plugin.web.api import views
from entra_plugin.web.api.schema import (
    NO_FIELDS,
    TEMPORAL,
    Body,
    Cursor,
    Envelope,
    Id,
    Limit,
    Listed,
    Search,
    View,
    failures,
    ok,
)
from entra_plugin.web.decisions import client_sync
from entra_plugin.web.events import follow
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.responses import Answer
from entra_plugin.web.spreadsheet import as_csv

router = APIRouter(default_response_class=Answer, tags=["runs"])

_START = {
    409: ("sync_under_way",),
    422: ("not_connected", "nothing_mapped", "not_mapped", "nothing_to_sync"),
}


class SyncBody(Body):
    """What to sync; ``clientId`` goes with the scope ``client`` only."""

    scope: Annotated[SyncScope, Field(strict=False)]
    client_id: Id | None = None


class IdentityView(View):
    """An Entra user by its two ids."""

    entra_tenant_id: UUID
    object_id: UUID
    address: str


class ContactRefView(View):
    """The contact of a row as it is called now; one that is gone has no name."""

    contact_id: UUID
    full_name: str | None


class ChangeView(View):
    """One row of a run's plan; ``sourceChangeId`` is the row that an undo reverts."""

    change_id: UUID
    managed_tenant_id: UUID
    client_id: UUID
    kind: ChangeKind
    state: ChangeState
    reason: str
    reason_text: str
    identity: IdentityView
    contact: ContactRefView | None
    contact_id: UUID | None
    source_change_id: UUID | None
    candidates: list[UUID]
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    note: Mapping[str, object] | None


class CancelView(View):
    """The run that was asked to stop."""

    run_id: UUID
    state: RunState


@router.post(
    "/discovery",
    dependencies=[NO_FIELDS],
    status_code=202,
    responses=failures({422: ("not_connected",)}, TEMPORAL, changes=True),
)
async def discover(known: Known, runtime: Started) -> Envelope[views.StartedView]:
    """Start the discovery of managed tenants, or join the one that is running."""
    run = await runtime.start_discovery(known.tenant_id, known.actor, Trigger.API)
    return ok(views.started(run))


@router.get("/discovery/{run_id}", responses=failures())
async def discovery(known: Known, runtime: Started, run_id: UUID) -> Envelope[views.RunDetailsView]:
    """One discovery, live while it runs."""
    found = await runtime.read_runs.run(known.tenant_id, RunId(run_id))
    if found.run.type != RunType.DISCOVERY:
        raise NotFound("not_found", details={"runId": str(run_id)})
    links = await runtime.remedies(known.tenant_id)
    return ok(views.run_details(found, known.locale, links))


@router.post("/sync", status_code=202, responses=failures(_START, TEMPORAL, changes=True))
async def sync(known: Known, runtime: Started, body: SyncBody) -> Envelope[views.StartedView]:
    """Start a sync, or join the one that is at it; one client needs its own flag."""
    return ok(views.started(await _start(known, runtime, body)))


@router.get("/runs", responses=failures())
async def runs(
    known: Known,
    runtime: Started,
    type: Annotated[list[RunType] | None, Query()] = None,  # noqa: A002 - the parameter's name
    state: Annotated[list[RunState] | None, Query()] = None,
    client_id: Annotated[UUID | None, Query(alias="clientId")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[views.RunView]]:
    """List runs, youngest first."""
    query = RunQuery(
        limit=limit,
        cursor=cursor,
        types=tuple(type or ()),
        states=tuple(state or ()),
        client_id=ClientId(client_id) if client_id else None,
    )
    page = await runtime.read_runs.runs(known.tenant_id, query)
    items = [views.run(run, known.locale) for run in page.items]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.get("/runs/{run_id}", responses=failures())
async def run(known: Known, runtime: Started, run_id: UUID) -> Envelope[views.RunDetailsView]:
    """One run with its managed tenants, live while it runs."""
    found = await runtime.read_runs.run(known.tenant_id, RunId(run_id))
    links = await runtime.remedies(known.tenant_id)
    return ok(views.run_details(found, known.locale, links))


@router.get("/runs/{run_id}/changes", responses=failures())
async def changes(
    known: Known,
    runtime: Started,
    run_id: UUID,
    managed_tenant_id: Annotated[UUID | None, Query(alias="managedTenantId")] = None,
    kind: ChangeKind | None = None,
    state: ChangeState | None = None,
    q: Search = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[ChangeView]]:
    """List the plan rows of a run, in the order they were planned."""
    query = ChangeQuery(
        limit=limit,
        cursor=cursor,
        managed_tenant_id=ManagedTenantId(managed_tenant_id) if managed_tenant_id else None,
        kind=kind,
        state=state,
        q=q,
    )
    page = await runtime.read_runs.changes(known.tenant_id, RunId(run_id), query)
    named = await runtime.run_history.named(known.tenant_id, page.items)
    items = [_change(row, named, known) for row in page.items]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.get(
    "/runs/{run_id}/changes.csv",
    response_class=StreamingResponse,
    responses={**failures(), 200: {"content": {"text/csv": {}}}},
)
async def changes_csv(known: Known, runtime: Started, run_id: UUID) -> StreamingResponse:
    """Export all plan rows of a run; cells that a spreadsheet would run as a formula are quoted."""
    first = await runtime.read_runs.changes(known.tenant_id, RunId(run_id), ChangeQuery(limit=200))

    async def pages() -> AsyncIterator[tuple[ChangeRow, ...]]:
        page = first
        yield page.items
        while page.next_cursor is not None:
            query = ChangeQuery(limit=200, cursor=page.next_cursor)
            page = await runtime.read_runs.changes(known.tenant_id, RunId(run_id), query)
            yield page.items

    return StreamingResponse(
        as_csv(pages()),
        media_type="text/csv; charset=utf-8",
        headers={
            "content-disposition": f'attachment; filename="entra-run-{run_id}.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        },
    )


@router.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    responses={**failures(), 200: {"content": {"text/event-stream": {}}}},
)
async def events(
    request: Request, known: Known, runtime: Started, run_id: UUID
) -> StreamingResponse:
    """Follow a run: an event ``run`` for each change of it, until it is over."""
    found = await runtime.read_runs.run(known.tenant_id, RunId(run_id))

    def present(details: RunDetails) -> str:
        return views.run_details(details, known.locale).model_dump_json(by_alias=True)

    return StreamingResponse(
        follow(request, runtime, known, found, present),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.post(
    "/runs/{run_id}/cancel", dependencies=[NO_FIELDS], responses=failures(TEMPORAL, changes=True)
)
async def cancel(known: Known, runtime: Started, run_id: UUID) -> Envelope[CancelView]:
    """Ask a run to stop; what it has applied stays."""
    await runtime.cancel_run(known.tenant_id, RunId(run_id))
    found = await runtime.read_runs.run(known.tenant_id, RunId(run_id))
    return ok(CancelView(run_id=run_id, state=found.run.state))


async def _start(known: Known, runtime: Started, body: SyncBody) -> StartedRun:
    if body.scope != SyncScope.CLIENT:
        if body.client_id is not None:
            raise MalformedRequest("clientId")
        return await runtime.start_sync(
            StartSyncCommand(
                tenant_id=known.tenant_id,
                scope=body.scope,
                actor=known.actor,
                trigger=Trigger.API,
            )
        )
    if body.client_id is None:
        raise MalformedRequest("clientId")
    return await client_sync(runtime, known, ClientId(body.client_id), Trigger.API)


def _change(row: ChangeRow, named: Named, known: Known) -> ChangeView:
    contact = named.contacts.get(row.contact_id) if row.contact_id is not None else None
    return ChangeView(
        change_id=row.change_id,
        managed_tenant_id=row.managed_tenant_id,
        client_id=row.client_id,
        kind=row.kind,
        state=row.state,
        reason=row.reason,
        reason_text=known.locale.text(f"reason.{row.reason}"),
        identity=IdentityView(
            entra_tenant_id=row.entra_tenant_id, object_id=row.object_id, address=row.label
        ),
        contact=ContactRefView(
            contact_id=row.contact_id, full_name=contact.full_name if contact is not None else None
        )
        if row.contact_id is not None
        else None,
        contact_id=row.contact_id,
        source_change_id=row.source_change_id,
        candidates=list(row.candidates),
        before=row.before,
        after=row.after,
        note=row.note,
    )
