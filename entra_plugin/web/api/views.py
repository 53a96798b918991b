"""How stored things look in answers: camelCase, ids as strings, times in UTC with zone."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from entra_plugin.application.connect.swap import Validation
from entra_plugin.application.remedies import Links
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.start import StartedRun
from entra_plugin.domain.ids import EntraTenantId
from entra_plugin.domain.remedies import Link
from entra_plugin.domain.states import ReadingKind
from entra_plugin.resources import Locale
from entra_plugin.store.run_tenants import RunTenant
from entra_plugin.store.runs import Failure, Run
from entra_plugin.web.api.schema import View


class LinkView(View):
    """The one page that helps."""

    url: str
    label: str


class FailureView(View):
    """An error that is part of a state: code, one sentence, one advice, a link where there is one.

    ``until`` is when the provider lets us ask again.
    """

    code: str
    message: str
    advice: str
    vendor_code: str | None
    checked_at: datetime | None
    until: datetime | None = None
    link: LinkView | None = None


class ValidationView(View):
    """What a check of the connection found."""

    valid: bool
    checked_at: datetime
    tenant_count: int | None
    error: FailureView | None


class StartedView(View):
    """The run that does what was asked; ``joined`` when it was under way already."""

    run_id: UUID
    workflow_id: str
    joined: bool


class RunTenantView(View):
    """One managed tenant in a run.

    ``users_read`` of a ``delta`` reading counts what changed; ``reading_kind`` is None before it is
    chosen.
    """

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    client_id: UUID | None
    client_name: str | None
    state: str
    state_reason: str | None
    joined_run_id: UUID | None
    counts: Mapping[str, int]
    reading_kind: ReadingKind | None
    pages_read: int
    users_read: int
    started_at: datetime | None
    finished_at: datetime | None
    waiting_until: datetime | None
    error: FailureView | None


class RunView(View):
    """One run, without its managed tenants; ``undoesRunId`` is the run that an undo undoes."""

    run_id: UUID
    type: str
    trigger: str
    state: str
    state_reason: str | None
    actor: str | None
    client_id: UUID | None
    undoes_run_id: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    applied_at: datetime | None
    waiting_until: datetime | None
    counts: Mapping[str, int]
    progress: Mapping[str, object] | None
    error: FailureView | None


class RunDetailsView(RunView):
    """One run with its managed tenants."""

    tenants: list[RunTenantView]


def no_links(_code: str, _customer: EntraTenantId | None) -> None:
    """Where an answer has no links."""


def failure(
    found: Failure | None,
    locale: Locale,
    *,
    at: datetime | None = None,
    links: Links = no_links,
    customer: EntraTenantId | None = None,
) -> FailureView | None:
    """A stored failure in words; of a customer, or of the connection itself."""
    if found is None:
        return None
    text = locale.error(found.code)
    until = found.details.get("until")
    return FailureView(
        code=found.code,
        message=text.sentence,
        advice=text.advice,
        vendor_code=found.vendor_code,
        checked_at=at,
        until=datetime.fromisoformat(until) if isinstance(until, str) else None,
        link=link(links(found.code, customer), locale),
    )


def link(found: Link | None, locale: Locale) -> LinkView | None:
    """A link with its text."""
    return LinkView(url=found.url, label=locale.text(found.label_key)) if found else None


def validation(found: Validation, locale: Locale, links: Links = no_links) -> ValidationView:
    """The result of a check."""
    return ValidationView(
        valid=found.valid,
        checked_at=found.checked_at,
        tenant_count=found.tenant_count,
        error=failure(found.failure, locale, at=found.checked_at, links=links),
    )


def started(run: StartedRun) -> StartedView:
    """A started or joined run."""
    return StartedView(run_id=run.run_id, workflow_id=run.workflow_id, joined=run.joined)


def run(found: Run, locale: Locale, links: Links = no_links) -> RunView:
    """A run for a list."""
    return RunView.model_validate(_run_fields(found, locale, links))


def run_details(found: RunDetails, locale: Locale, links: Links = no_links) -> RunDetailsView:
    """A run with its managed tenants."""
    tenants = [_run_tenant(t, locale, links) for t in found.tenants]
    fields = _run_fields(found.run, locale, links)
    return RunDetailsView.model_validate({**fields, "tenants": tenants})


def _run_fields(found: Run, locale: Locale, links: Links) -> dict[str, object]:
    return {
        "run_id": found.run_id,
        "type": found.type.value,
        "trigger": found.trigger.value,
        "state": found.state.value,
        "state_reason": found.state_reason,
        "actor": found.actor_name,
        "client_id": found.client_id,
        "undoes_run_id": found.undoes,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "finished_at": found.finished_at,
        "applied_at": found.applied_at,
        "waiting_until": found.waiting_until,
        "counts": found.counts,
        "progress": found.progress,
        "error": failure(found.failure, locale, at=found.finished_at, links=links),
    }


def _run_tenant(row: RunTenant, locale: Locale, links: Links) -> RunTenantView:
    return RunTenantView(
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        client_id=row.client_id,
        client_name=row.client_name,
        state=row.state.value,
        state_reason=row.state_reason,
        joined_run_id=row.joined_run_id,
        counts=row.counts,
        reading_kind=row.plan.kind if row.plan else None,
        pages_read=row.pages_read,
        users_read=row.users_read,
        started_at=row.started_at,
        finished_at=row.finished_at,
        waiting_until=row.waiting_until,
        error=failure(
            row.failure, locale, at=row.finished_at, links=links, customer=row.entra_tenant_id
        ),
    )
