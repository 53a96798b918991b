"""Routes of mapping: preview, decisions, and what they do to existing links."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from entra_plugin.application.clients import ClientState, KnownClients
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import Confirmed, PreviewList
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import ClientId, ManagedTenantId
from entra_plugin.domain.states import MappingState, Trigger
from entra_plugin.store.mappings import CurrentMapping
from entra_plugin.store.runs import Failure
from entra_plugin.web.api import views
from entra_plugin.web.api.mapping_views import DoubtView, PreviewRowView, doubts, preview_row
from entra_plugin.web.api.schema import (
    LARGEST,
    Body,
    Envelope,
    Id,
    Limit,
    Listed,
    Part,
    Version,
    View,
    failures,
    ok,
)
from entra_plugin.web.decisions import first_sync, require_client_create, statement
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["mapping"])

_CONFIRM_CODES = {
    409: ("stale_version",),
    422: (
        "unknown_tenant",
        "unknown_client",
        "duplicate_tenant",
        "client_required",
        "tenant_gone",
    ),
}
_UNMAP_CODES = {409: ("stale_version",), 422: ("unknown_tenant",)}
_MOVE_CODES = {409: ("stale_version",), 422: ("unknown_tenant", "unknown_client", "tenant_gone")}


class PreviewView(View):
    """Every managed tenant in exactly one list; ``version`` is that of all, whatever is asked."""

    version: int
    auto_matched: list[PreviewRowView]
    needs_review: list[PreviewRowView]
    unmatched: list[PreviewRowView]
    decided: list[PreviewRowView]


class MappingView(View):
    """A decision in force, with the names to read it by, and what became of its client."""

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    default_domain: str | None
    state: MappingState
    client_id: UUID | None
    client_name: str | None
    client_state: ClientState | None
    paused_until: datetime | None
    gone_at: datetime | None
    decided_by: UUID | None
    decided_at: datetime
    row_version: int


class DecisionBody(Body):
    """One decision."""

    managed_tenant_id: Id
    state: Annotated[MappingState, Field(strict=False)]
    client_id: Id | None = None


class ConfirmBody(Body):
    """A set of decisions made on the preview of ``version``."""

    version: Version
    decisions: Annotated[list[DecisionBody], Field(max_length=5000)]
    start_initial_sync: bool = False


class RemapBody(Body):
    """Move a managed tenant to another client; a dry run only tells.

    With ``version`` it is refused if somebody decided about the managed tenant since.
    """

    managed_tenant_id: Id
    client_id: Id
    version: Version | None = None
    dry_run: bool = False


class UnmapBody(Body):
    """Take a managed tenant out of the sync; a dry run only tells."""

    managed_tenant_id: Id
    version: Version | None = None
    dry_run: bool = False


class ConfirmedView(View):
    """How many decisions of each kind are in force; ``syncError`` when the sync did not start.

    ``warnings`` name clients to be created that look like clients there are.
    """

    mapped: int
    create_new: int
    skipped: int
    unmapped: int
    warnings: list[DoubtView]
    run: views.StartedView | None = None
    sync_error: views.FailureView | None = None


class LinkChangesView(View):
    """What becomes of the managed tenant's links.

    The next sync moves ``moving`` contacts to the client, and asks about ``asking`` others.
    """

    closed: int
    reopened: int
    kept: int
    moving: int
    asking: int


class MovedView(View):
    """What a remap or an unmap has done, or would do, in numbers and in words."""

    mapped: int
    create_new: int
    skipped: int
    unmapped: int
    dry_run: bool
    links: LinkChangesView
    statement: str


@router.get("/mappings/preview", responses=failures())
async def preview(
    known: Known,
    runtime: Started,
    only: Annotated[
        PreviewList | None, Query(alias="list", description="Answer this list alone.")
    ] = None,
    q: Part = None,
) -> Envelope[PreviewView]:
    """Propose a client for each managed tenant; nothing is written. Not paged."""
    whole = await runtime.preview_mappings(known.tenant_id)
    found = whole.only(only, q)
    rows = {
        name.value: [preview_row(row, found.clients, known.locale) for row in part]
        for name, part in (
            (PreviewList.AUTO_MATCHED, found.auto_matched),
            (PreviewList.NEEDS_REVIEW, found.needs_review),
            (PreviewList.UNMATCHED, found.unmatched),
            (PreviewList.DECIDED, found.decided),
        )
    }
    return ok(PreviewView.model_validate({"version": found.version, **rows}))


@router.post("/mappings/confirm", responses=failures(_CONFIRM_CODES, changes=True))
async def confirm(known: Known, runtime: Started, body: ConfirmBody) -> Envelope[ConfirmedView]:
    """Put decisions in force, all or none; creating clients also needs ``client.create``."""
    decisions = [
        MappingDecision(
            managed_tenant_id=ManagedTenantId(d.managed_tenant_id),
            state=d.state,
            client_id=ClientId(d.client_id) if d.client_id else None,
        )
        for d in body.decisions
    ]
    await require_client_create(runtime, known, {decision.state for decision in decisions})
    done = await runtime.confirm_mappings(known.person, version=body.version, decisions=decisions)
    answer = _confirmed(done, known)
    if not body.start_initial_sync:
        return ok(answer)
    try:
        run = await first_sync(runtime, known, Trigger.API)
    except EntraError as error:
        failed = views.failure(Failure.of(error), known.locale)
        return ok(answer.model_copy(update={"sync_error": failed}))
    return ok(answer.model_copy(update={"run": views.started(run)}))


@router.get("/mappings", responses=failures())
async def mappings(
    known: Known,
    runtime: Started,
    state: MappingState | None = None,
    q: Part = None,
    limit: Limit = None,
    cursor: Annotated[
        int | None, Query(ge=0, le=LARGEST, description="`nextCursor` of the last page.")
    ] = None,
) -> Envelope[Listed[MappingView]]:
    """List the decisions in force, by the managed tenant's name."""
    rows, clients = await runtime.read_mappings.mappings(known.tenant_id, state=state, q=q)
    start, size = cursor or 0, limit or 50
    items = [_mapping(row, clients) for row in rows[start : start + size]]
    more = start + size < len(rows)
    return ok(Listed(items=items, next_cursor=str(start + size) if more else None))


@router.post("/mappings/remap", responses=failures(_MOVE_CODES, changes=True))
async def remap(known: Known, runtime: Started, body: RemapBody) -> Envelope[MovedView]:
    """Map to another client: links to the old one are closed, contacts stay."""
    decision = MappingDecision(
        managed_tenant_id=ManagedTenantId(body.managed_tenant_id),
        state=MappingState.MAPPED,
        client_id=ClientId(body.client_id),
    )
    return await _move(runtime, known, body, decision)


@router.post("/mappings/unmap", responses=failures(_UNMAP_CODES, changes=True))
async def unmap(known: Known, runtime: Started, body: UnmapBody) -> Envelope[MovedView]:
    """Stop syncing a managed tenant: its links are closed and kept as history."""
    decision = MappingDecision(
        managed_tenant_id=ManagedTenantId(body.managed_tenant_id), state=MappingState.UNMAPPED
    )
    return await _move(runtime, known, body, decision)


async def _move(
    runtime: Started, known: Known, body: RemapBody | UnmapBody, decision: MappingDecision
) -> Envelope[MovedView]:
    version = body.version
    if version is None:
        version = await runtime.confirm_mappings.current_version(known.tenant_id)
    done = await runtime.confirm_mappings(
        known.person, version=version, decisions=[decision], dry_run=body.dry_run
    )
    links = done.links
    return ok(
        MovedView(
            mapped=done.mapped,
            create_new=done.create_new,
            skipped=done.skipped,
            unmapped=done.unmapped,
            dry_run=body.dry_run,
            links=LinkChangesView(
                closed=links.closed,
                reopened=links.reopened,
                kept=links.kept,
                moving=links.moving,
                asking=links.asking,
            ),
            statement=statement(done, known.locale),
        )
    )


def _confirmed(done: Confirmed, known: Known) -> ConfirmedView:
    return ConfirmedView(
        mapped=done.mapped,
        create_new=done.create_new,
        skipped=done.skipped,
        unmapped=done.unmapped,
        warnings=doubts(done.warnings, done.client_names, known.locale),
    )


def _mapping(row: CurrentMapping, clients: KnownClients) -> MappingView:
    return MappingView(
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        default_domain=row.default_domain,
        state=row.state,
        client_id=row.client_id,
        client_name=clients.name(row.client_id),
        client_state=clients.state(row.client_id),
        paused_until=row.paused_until,
        gone_at=row.gone_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        row_version=row.version,
    )
