"""Routes of discovery's result and of mapping: managed tenants, preview, decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from entra_plugin.application.map_tenants import Confirmed, MappingDecision, PreviewRow
from entra_plugin.application.remedies import Links
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import ClientId, ManagedTenantId
from entra_plugin.domain.mapping.facts import Suggestion
from entra_plugin.domain.states import MappingState, Trigger
from entra_plugin.resources import Locale
from entra_plugin.store.managed_tenants import ManagedTenant
from entra_plugin.store.mappings import CurrentMapping
from entra_plugin.store.runs import Failure
from entra_plugin.web.api import views
from entra_plugin.web.api.schema import (
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
from entra_plugin.web.decisions import first_sync, require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["mapping"])

_CONFIRM_CODES = {
    409: ("stale_version",),
    422: ("unknown_tenant", "unknown_client", "duplicate_tenant", "client_required"),
}


class DecisionView(View):
    """The decision in force about a managed tenant."""

    state: MappingState
    client_id: UUID | None
    decided_by: UUID | None
    decided_at: datetime


class ManagedTenantView(View):
    """A discovered managed tenant."""

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    default_domain: str | None
    domains: Sequence[str]
    user_count: int | None
    relationship_ends_at: datetime | None
    relationship_auto_extends: bool | None
    roles: Sequence[str]
    privilege_status: str | None
    provider_errors: int | None
    health: views.FailureView | None
    first_seen_at: datetime
    gone_at: datetime | None
    last_success_at: datetime | None
    decision: DecisionView | None


class CandidateView(View):
    """A client that may be the managed tenant's."""

    client_id: UUID
    client_name: str
    score: float
    reasons: list[str]


class PreviewRowView(View):
    """One managed tenant in the preview."""

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    default_domain: str | None
    domains: Sequence[str]
    user_count: int | None
    match: CandidateView | None
    candidates: list[CandidateView]
    decision: DecisionView | None
    row_version: int


class PreviewView(View):
    """Every managed tenant in exactly one list."""

    version: int
    auto_matched: list[PreviewRowView]
    needs_review: list[PreviewRowView]
    unmatched: list[PreviewRowView]
    decided: list[PreviewRowView]


class MappingView(View):
    """A decision in force, with the names to read it by."""

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    default_domain: str | None
    state: MappingState
    client_id: UUID | None
    client_name: str | None
    paused_until: datetime | None
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

    version: Annotated[int, Field(ge=0)]
    decisions: Annotated[list[DecisionBody], Field(max_length=5000)]
    start_initial_sync: bool = False


class RemapBody(Body):
    """Move a managed tenant to another client."""

    managed_tenant_id: Id
    client_id: Id


class UnmapBody(Body):
    """Take a managed tenant out of the sync."""

    managed_tenant_id: Id


class ConfirmedView(View):
    """How many decisions of each kind are in force; ``syncError`` when the sync did not start."""

    mapped: int
    create_new: int
    skipped: int
    unmapped: int
    run: views.StartedView | None = None
    sync_error: views.FailureView | None = None


@router.get("/managed-tenants", responses=failures())
async def managed_tenants(
    known: Known,
    runtime: Started,
    state: MappingState | None = None,
    q: Search = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[ManagedTenantView]]:
    """List discovered managed tenants with relationship, health and decision."""
    page, current = await runtime.read_mappings.managed_tenants(
        known.tenant_id, limit=limit, cursor=cursor, state=state, q=q
    )
    links = await runtime.remedies(known.tenant_id)
    items = [
        _managed_tenant(tenant, current.get(tenant.managed_tenant_id), known.locale, links)
        for tenant in page.items
    ]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.get("/mappings/preview", responses=failures())
async def preview(known: Known, runtime: Started) -> Envelope[PreviewView]:
    """Propose a client for each managed tenant; nothing is written. Not paged."""
    found = await runtime.preview_mappings(known.tenant_id)
    rows = {
        name: [_row(row, found.clients, known.locale) for row in part]
        for name, part in (
            ("auto_matched", found.auto_matched),
            ("needs_review", found.needs_review),
            ("unmatched", found.unmatched),
            ("decided", found.decided),
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
    await require_client_create(runtime, known, decisions)
    done = await runtime.confirm_mappings(known.person, version=body.version, decisions=decisions)
    if not body.start_initial_sync:
        return ok(_confirmed(done))
    try:
        run = await first_sync(runtime, known, Trigger.API)
    except EntraError as error:
        failed = views.failure(Failure.of(error), known.locale)
        return ok(_confirmed(done).model_copy(update={"sync_error": failed}))
    return ok(_confirmed(done).model_copy(update={"run": views.started(run)}))


@router.get("/mappings", responses=failures())
async def mappings(
    known: Known,
    runtime: Started,
    state: MappingState | None = None,
    limit: Limit = None,
    cursor: Annotated[int | None, Query(ge=0, description="`nextCursor` of the last page.")] = None,
) -> Envelope[Listed[MappingView]]:
    """List the decisions in force, by the managed tenant's name."""
    rows, names = await runtime.read_mappings.mappings(known.tenant_id)
    wanted = [row for row in rows if state is None or row.state == state]
    start, size = cursor or 0, limit or 50
    items = [_mapping(row, names) for row in wanted[start : start + size]]
    more = start + size < len(wanted)
    return ok(Listed(items=items, next_cursor=str(start + size) if more else None))


@router.post("/mappings/remap", responses=failures(_CONFIRM_CODES, changes=True))
async def remap(known: Known, runtime: Started, body: RemapBody) -> Envelope[ConfirmedView]:
    """Map to another client: links to the old one are closed, contacts stay."""
    decision = MappingDecision(
        managed_tenant_id=ManagedTenantId(body.managed_tenant_id),
        state=MappingState.MAPPED,
        client_id=ClientId(body.client_id),
    )
    return await _decide(runtime, known, decision)


@router.post("/mappings/unmap", responses=failures(_CONFIRM_CODES, changes=True))
async def unmap(known: Known, runtime: Started, body: UnmapBody) -> Envelope[ConfirmedView]:
    """Stop syncing a managed tenant: its links are closed and kept as history."""
    decision = MappingDecision(
        managed_tenant_id=ManagedTenantId(body.managed_tenant_id), state=MappingState.UNMAPPED
    )
    return await _decide(runtime, known, decision)


async def _decide(
    runtime: Started, known: Known, decision: MappingDecision
) -> Envelope[ConfirmedView]:
    version = await runtime.confirm_mappings.current_version(known.tenant_id)
    done = await runtime.confirm_mappings(known.person, version=version, decisions=[decision])
    return ok(_confirmed(done))


def _confirmed(done: Confirmed) -> ConfirmedView:
    return ConfirmedView(
        mapped=done.mapped,
        create_new=done.create_new,
        skipped=done.skipped,
        unmapped=done.unmapped,
    )


def _managed_tenant(
    tenant: ManagedTenant, current: CurrentMapping | None, locale: Locale, links: Links
) -> ManagedTenantView:
    health = views.failure(
        tenant.failure,
        locale,
        at=tenant.health_at,
        links=links,
        customer=tenant.entra_tenant_id,
    )
    return ManagedTenantView(
        managed_tenant_id=tenant.managed_tenant_id,
        entra_tenant_id=tenant.entra_tenant_id,
        display_name=tenant.display_name,
        default_domain=tenant.default_domain,
        domains=tenant.domains,
        user_count=tenant.user_count,
        relationship_ends_at=tenant.relationship_end,
        relationship_auto_extends=tenant.auto_extend,
        roles=tenant.roles,
        privilege_status=tenant.privilege_status,
        provider_errors=tenant.provider_errors,
        health=health,
        first_seen_at=tenant.first_seen_at,
        gone_at=tenant.gone_at,
        last_success_at=tenant.last_success_at,
        decision=_decision(current),
    )


def _decision(current: CurrentMapping | None) -> DecisionView | None:
    if current is None:
        return None
    return DecisionView(
        state=current.state,
        client_id=current.client_id,
        decided_by=current.decided_by,
        decided_at=current.decided_at,
    )


def _row(row: PreviewRow, names: Mapping[ClientId, str], locale: Locale) -> PreviewRowView:
    match = row.proposal.match
    return PreviewRowView(
        managed_tenant_id=row.tenant.managed_tenant_id,
        entra_tenant_id=row.tenant.entra_tenant_id,
        display_name=row.tenant.display_name,
        default_domain=row.tenant.default_domain,
        domains=row.tenant.domains,
        user_count=row.tenant.user_count,
        match=_candidate(match, names, locale) if match else None,
        candidates=[_candidate(c, names, locale) for c in row.proposal.candidates],
        decision=_decision(row.decision),
        row_version=row.row_version,
    )


def _candidate(found: Suggestion, names: Mapping[ClientId, str], locale: Locale) -> CandidateView:
    return CandidateView(
        client_id=found.client_id,
        client_name=names[found.client_id],
        score=found.score,
        reasons=[
            locale.text(f"evidence.{reason.evidence}", detail=reason.detail)
            for reason in found.reasons
        ],
    )


def _mapping(row: CurrentMapping, names: Mapping[ClientId, str]) -> MappingView:
    return MappingView(
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        default_domain=row.default_domain,
        state=row.state,
        client_id=row.client_id,
        client_name=names.get(row.client_id) if row.client_id else None,
        paused_until=row.paused_until,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        row_version=row.version,
    )
