"""How managed tenants, candidates and decisions look in answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from entra_plugin.application.clients import ClientState
from entra_plugin.application.map_tenants import Doubt, PreviewRow
from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.mapping.facts import Suggestion
from entra_plugin.domain.states import MappingState
from entra_plugin.resources import Locale
from entra_plugin.store.mappings import CurrentMapping
from entra_plugin.web.api.schema import View
from entra_plugin.web.decisions import reasons_in_words


class DecisionView(View):
    """The decision in force about a managed tenant."""

    state: MappingState
    client_id: UUID | None
    paused_until: datetime | None
    decided_by: UUID | None
    decided_at: datetime


class CandidateView(View):
    """A client that may be the managed tenant's.

    ``score`` is the chance that it is; ``rivals`` are other managed tenants that it is likely for.
    """

    client_id: UUID
    client_name: str
    score: float
    reasons: list[str]
    rivals: list[UUID]


class PreviewRowView(View):
    """One managed tenant in the preview.

    ``clientState`` is what became of the client decided on; ``lookAlikes`` speak against a new one.
    """

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    default_domain: str | None
    domains: Sequence[str]
    user_count: int | None
    gone_at: datetime | None
    match: CandidateView | None
    candidates: list[CandidateView]
    look_alikes: list[CandidateView]
    decision: DecisionView | None
    client_state: ClientState | None
    row_version: int


class DoubtView(View):
    """A client is to be created for a managed tenant that these clients look like."""

    managed_tenant_id: UUID
    clients: list[CandidateView]


def decision(current: CurrentMapping | None) -> DecisionView | None:
    """The decision in force, if any."""
    if current is None:
        return None
    return DecisionView(
        state=current.state,
        client_id=current.client_id,
        paused_until=current.paused_until,
        decided_by=current.decided_by,
        decided_at=current.decided_at,
    )


def preview_row(row: PreviewRow, names: Mapping[ClientId, str], locale: Locale) -> PreviewRowView:
    """A row of the preview."""
    match = row.proposal.match
    return PreviewRowView(
        managed_tenant_id=row.tenant.managed_tenant_id,
        entra_tenant_id=row.tenant.entra_tenant_id,
        display_name=row.tenant.display_name,
        default_domain=row.tenant.default_domain,
        domains=row.tenant.domains,
        user_count=row.tenant.user_count,
        gone_at=row.tenant.gone_at,
        match=_candidate(match, names, locale) if match else None,
        candidates=_candidates(row.proposal.candidates, names, locale),
        look_alikes=_candidates(row.look_alikes, names, locale),
        decision=decision(row.decision),
        client_state=row.client_state,
        row_version=row.row_version,
    )


def doubts(
    found: Sequence[Doubt], names: Mapping[ClientId, str], locale: Locale
) -> list[DoubtView]:
    """The clients to be created that look like clients there are."""
    return [
        DoubtView(
            managed_tenant_id=doubt.managed_tenant_id,
            clients=_candidates(doubt.clients, names, locale),
        )
        for doubt in found
    ]


def _candidates(
    found: Sequence[Suggestion], names: Mapping[ClientId, str], locale: Locale
) -> list[CandidateView]:
    return [_candidate(suggestion, names, locale) for suggestion in found]


def _candidate(found: Suggestion, names: Mapping[ClientId, str], locale: Locale) -> CandidateView:
    return CandidateView(
        client_id=found.client_id,
        client_name=names[found.client_id],
        score=found.score,
        reasons=reasons_in_words(found, locale),
        rivals=list(found.rivals),
    )
