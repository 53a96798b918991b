"""How stored things look in answers: camelCase, ids as strings, times in UTC with zone."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from entra_plugin.application.connect import Validation
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.start import StartedRun
from entra_plugin.resources import Locale
from entra_plugin.store.run_tenants import RunTenant
from entra_plugin.store.runs import Failure, Run
from entra_plugin.web.api.schema import View


class FailureView(View):
    """An error that is part of a state: code, one sentence, one piece of advice."""

    code: str
    message: str
    advice: str
    vendor_code: str | None
    checked_at: datetime | None


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
    """One managed tenant in a run."""

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    client_id: UUID | None
    client_name: str | None
    state: str
    state_reason: str | None
    joined_run_id: UUID | None
    counts: Mapping[str, int]
    pages_read: int
    users_read: int
    started_at: datetime | None
    finished_at: datetime | None
    waiting_until: datetime | None
    error: FailureView | None


class RunView(View):
    """One run, without its managed tenants."""

    run_id: UUID
    type: str
    trigger: str
    state: str
    state_reason: str | None
    actor: str | None
    client_id: UUID | None
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


def failure(
    found: Failure | None, locale: Locale, *, at: datetime | None = None
) -> FailureView | None:
    """A stored failure in words."""
    if found is None:
        return None
    text = locale.error(found.code)
    return FailureView(
        code=found.code,
        message=text.sentence,
        advice=text.advice,
        vendor_code=found.vendor_code,
        checked_at=at,
    )


def validation(found: Validation, locale: Locale) -> ValidationView:
    """The result of a check."""
    return ValidationView(
        valid=found.valid,
        checked_at=found.checked_at,
        tenant_count=found.tenant_count,
        error=failure(found.failure, locale, at=found.checked_at),
    )


def started(run: StartedRun) -> StartedView:
    """A started or joined run."""
    return StartedView(run_id=run.run_id, workflow_id=run.workflow_id, joined=run.joined)


def run(found: Run, locale: Locale) -> RunView:
    """A run for a list."""
    return RunView.model_validate(_run_fields(found, locale))


def run_details(found: RunDetails, locale: Locale) -> RunDetailsView:
    """A run with its managed tenants."""
    tenants = [_run_tenant(t, locale) for t in found.tenants]
    return RunDetailsView.model_validate({**_run_fields(found.run, locale), "tenants": tenants})


def _run_fields(found: Run, locale: Locale) -> dict[str, object]:
    return {
        "run_id": found.run_id,
        "type": found.type.value,
        "trigger": found.trigger.value,
        "state": found.state.value,
        "state_reason": found.state_reason,
        "actor": found.actor_name,
        "client_id": found.client_id,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "finished_at": found.finished_at,
        "applied_at": found.applied_at,
        "waiting_until": found.waiting_until,
        "counts": found.counts,
        "progress": found.progress,
        "error": failure(found.failure, locale, at=found.finished_at),
    }


def _run_tenant(row: RunTenant, locale: Locale) -> RunTenantView:
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
        pages_read=row.pages_read,
        users_read=row.users_read,
        started_at=row.started_at,
        finished_at=row.finished_at,
        waiting_until=row.waiting_until,
        error=failure(row.failure, locale, at=row.finished_at),
    )
