"""Routes of managed tenants: what was discovered, their decisions, own settings and groups."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from entra_plugin.application.clients import KnownClients, LeftOut
from entra_plugin.application.decide import Put
from entra_plugin.application.read_mappings import ManagedTenantPage
from entra_plugin.application.remedies import Links
from entra_plugin.application.tenant_settings import TenantSettingsChange, TenantSettingsView
from entra_plugin.domain.decisions import Decided
from entra_plugin.domain.ids import ManagedTenantId
from entra_plugin.domain.states import MappingState
from entra_plugin.resources import Locale
from entra_plugin.store.managed_tenants import ManagedTenant
from entra_plugin.store.mappings import CurrentMapping
from entra_plugin.web.api import views
from entra_plugin.web.api.mapping_views import DecisionView, decision
from entra_plugin.web.api.schema import (
    Body,
    Cursor,
    Envelope,
    Id,
    Limit,
    Listed,
    Search,
    Text,
    Version,
    View,
    failures,
    ok,
)
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.moments import parse_moment
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["managed tenants"])


def _moment(value: object) -> object:
    """A point in time from its text, and from nothing else: no number, no time without zone."""
    if value is not None and not isinstance(value, str):
        raise ValueError("no text")
    return parse_moment(value) if value is not None else None


Moment = Annotated[datetime | None, BeforeValidator(_moment, json_schema_input_type=str | None)]


Groups = Annotated[list[Id], Field(max_length=50)]
"""Groups of one directory; each costs a request or more in every sync."""


class ManagedTenantView(View):
    """A discovered managed tenant; ``leftOut`` is why no sync takes it although it is mapped."""

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
    left_out: LeftOut | None


class EvidenceReasonView(View):
    """One piece of evidence, as it was when the decision was made.

    Of a census: ``people`` of the client's ``allPeople`` contacts had an address there.
    """

    evidence: str
    detail: str
    people: int | None = None
    all_people: int | None = None


class EvidenceView(View):
    """What the matcher said of the chosen client when it was decided, and how it was decided.

    ``automatic``: the match needed no person. ``score`` is null where nothing spoke for the client.
    """

    decided: Decided | None
    automatic: bool
    score: float | None
    reasons: list[EvidenceReasonView]


class PastDecisionView(View):
    """A decision that is or was in force; ``endedAt`` is null for the one that is."""

    decision_id: UUID
    state: MappingState
    client_id: UUID | None
    client_name: str | None
    decided_by: UUID | None
    decided_by_name: str | None
    decided_at: datetime
    ended_at: datetime | None
    paused_until: datetime | None
    row_version: int
    evidence: EvidenceView


class FilterOverrides(Body):
    """Filters in place of the MSP's; a key that is null or left out is the MSP's.

    The MSP has no groups: each is of one directory.
    """

    licensed_only: bool | None = None
    include_guests: bool | None = None
    exclude_patterns: Annotated[list[Text], Field(max_length=100)] | None = None
    include_group_ids: Groups | None = None
    exclude_group_ids: Groups | None = None


class GroupView(View):
    """A group of the managed tenant's directory, of any type."""

    group_id: UUID
    display_name: str
    mail: str | None


class TenantSettingsBody(Body):
    """What to replace, on the ``version`` that was read; null takes it away."""

    version: Version
    paused_until: Moment = None
    user_filter_config: FilterOverrides | None = None


class TenantSettingsAnswer(View):
    """The settings in force; ``userFilterConfig`` holds only what is overridden."""

    version: int
    paused_until: datetime | None
    user_filter_config: Mapping[str, object] | None


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
    found = await runtime.read_mappings.managed_tenants(
        known.tenant_id, limit=limit, cursor=cursor, state=state, q=q
    )
    links = await runtime.remedies(known.tenant_id)
    items = [_managed_tenant(tenant, found, known.locale, links) for tenant in found.page.items]
    return ok(Listed(items=items, next_cursor=found.page.next_cursor))


@router.get("/managed-tenants/{managed_tenant_id}/decisions", responses=failures())
async def decisions(
    known: Known,
    runtime: Started,
    managed_tenant_id: UUID,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[PastDecisionView]]:
    """List every decision ever made about a managed tenant, newest first."""
    found = await runtime.read_mappings.history(
        known.tenant_id, ManagedTenantId(managed_tenant_id), limit=limit, cursor=cursor
    )
    items = [_past_decision(row, found.clients) for row in found.page.items]
    return ok(Listed(items=items, next_cursor=found.page.next_cursor))


@router.get(
    "/managed-tenants/{managed_tenant_id}/groups",
    responses=failures(
        {422: ("group_unreadable", "not_connected"), 503: ("provider_unreachable", "throttled")}
    ),
)
async def groups(
    known: Known, runtime: Started, managed_tenant_id: UUID, q: Search = None
) -> Envelope[Listed[GroupView]]:
    """Find groups in the directory by the start of their names; the first twenty, by name."""
    tenant = ManagedTenantId(managed_tenant_id)
    found = await runtime.find_groups(known.tenant_id, tenant, q or "")
    items = [
        GroupView(group_id=group.group_id, display_name=group.display_name, mail=group.mail)
        for group in found
    ]
    return ok(Listed(items=items, next_cursor=None))


@router.get("/managed-tenants/{managed_tenant_id}/settings", responses=failures())
async def read_settings(
    known: Known, runtime: Started, managed_tenant_id: UUID
) -> Envelope[TenantSettingsAnswer]:
    """Read a managed tenant's own filters and its pause."""
    tenant = ManagedTenantId(managed_tenant_id)
    return ok(_settings(await runtime.tenant_settings.read(known.tenant_id, tenant)))


@router.put(
    "/managed-tenants/{managed_tenant_id}/settings",
    responses=failures(
        {409: ("stale_version",), 422: ("invalid_pattern", "not_mapped", "pause_in_past")},
        changes=True,
    ),
)
async def write_settings(
    known: Known, runtime: Started, managed_tenant_id: UUID, body: TenantSettingsBody
) -> Envelope[TenantSettingsAnswer]:
    """Replace what the body names; null takes it away, what is left out stays."""
    named = body.model_fields_set
    config = body.user_filter_config
    overrides = config.model_dump(mode="json", by_alias=True, exclude_none=True) if config else None
    change = TenantSettingsChange(
        managed_tenant_id=ManagedTenantId(managed_tenant_id),
        version=body.version,
        pause=Put(value=body.paused_until) if "paused_until" in named else None,
        user_filter=Put(value=overrides) if "user_filter_config" in named else None,
    )
    return ok(_settings(await runtime.tenant_settings.write(known.person, change)))


def _managed_tenant(
    tenant: ManagedTenant, found: ManagedTenantPage, locale: Locale, links: Links
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
        decision=decision(found.decisions.get(tenant.managed_tenant_id)),
        left_out=found.left_out.get(tenant.managed_tenant_id),
    )


def _past_decision(row: CurrentMapping, clients: KnownClients) -> PastDecisionView:
    return PastDecisionView(
        decision_id=row.mapping_id,
        state=row.state,
        client_id=row.client_id,
        client_name=clients.name(row.client_id),
        decided_by=row.decided_by,
        decided_by_name=row.decided_by_name,
        decided_at=row.decided_at,
        ended_at=row.ended_at,
        paused_until=row.paused_until,
        row_version=row.version,
        evidence=_evidence(row.evidence),
    )


def _evidence(stored: Mapping[str, object]) -> EvidenceView:
    """The evidence as stored; decisions of before it was kept have none."""
    return EvidenceView.model_validate(
        {"decided": None, "automatic": False, "score": None, "reasons": [], **stored}
    )


def _settings(found: TenantSettingsView) -> TenantSettingsAnswer:
    return TenantSettingsAnswer(
        version=found.version,
        paused_until=found.paused_until,
        user_filter_config=found.user_filter or None,
    )
