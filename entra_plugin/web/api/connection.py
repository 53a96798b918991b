"""Routes of the connection: where things stand, connect, validate, rotate, disconnect."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from entra_plugin.application.connect import NewCredentials
from entra_plugin.application.overview import OverviewFacts
from entra_plugin.domain.states import ConnectionStatus, MappingState
from entra_plugin.resources import Locale
from entra_plugin.web.api import views
from entra_plugin.web.api.schema import Body, Envelope, Text, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["connection"])

_SIGN_IN_CODES = {
    422: ("credentials_missing", "client_id_invalid", "secret_store_read_only"),
    503: ("provider_unreachable",),
}


class ConnectionView(View):
    """The partner connection."""

    status: ConnectionStatus
    type: str | None
    mode: str | None
    credential_source: str | None
    partner_tenant_id: UUID | None
    validated_at: datetime | None
    secret_expires_at: datetime | None
    last_error: views.FailureView | None


class ScheduleView(View):
    """When syncs start by themselves."""

    sync_enabled: bool
    sync_interval_minutes: int


class OverviewView(View):
    """Where the integration stands for this tenant."""

    connection: ConnectionView
    counts: Mapping[str, int]
    last_discovery_at: datetime | None
    last_run: views.RunView | None
    schedule: ScheduleView
    wizard_step: str
    available_connection_types: list[str]
    open_review_items: int | None = None


class ConnectDirect(Body):
    """How to connect; delegated sign-in unless told."""

    mode: Literal["delegated"] = "delegated"


class SignInView(View):
    """Where to send the person."""

    authorization_url: str


class Rotate(Body):
    """New Microsoft app credentials."""

    client_id: Text
    client_secret: Annotated[Text, Field(min_length=1, repr=False)]
    expires_at: Annotated[datetime | None, Field(strict=False)] = None


class StatusView(View):
    """The state of the connection after a change."""

    status: ConnectionStatus


@router.get("/", responses=failures(), response_model_exclude_unset=True)
async def overview(known: Known, runtime: Started) -> Envelope[OverviewView]:
    """Say where the integration stands: connection, counts, last runs, next step of the wizard."""
    found = await runtime.overview(known.tenant_id, known.flags)
    return ok(_overview(found, known.locale))


@router.post("/connect/direct", responses=failures(_SIGN_IN_CODES, changes=True))
async def connect_direct(
    known: Known, runtime: Started, body: ConnectDirect | None = None
) -> Envelope[SignInView]:
    """Begin the sign-in with Microsoft; state and PKCE verifier stay on the server."""
    del body
    return ok(SignInView(authorization_url=await runtime.start_sign_in(known.person)))


@router.post("/credentials", responses=failures(_SIGN_IN_CODES, changes=True))
async def rotate(known: Known, runtime: Started, body: Rotate) -> Envelope[views.ValidationView]:
    """Replace the tenant's Microsoft app credentials in place: test, then save."""
    new = NewCredentials(
        client_id=body.client_id, client_secret=body.client_secret, expires_at=body.expires_at
    )
    return ok(
        views.validation(await runtime.rotate_credentials(known.tenant_id, new), known.locale)
    )


@router.post("/validate", responses=failures({422: ("not_connected",)}, changes=True))
async def validate(known: Known, runtime: Started) -> Envelope[views.ValidationView]:
    """Check the connection now; what is found is remembered, and answered with 200 either way."""
    return ok(views.validation(await runtime.validate(known.tenant_id), known.locale))


@router.post("/disconnect", responses=failures({503: ("temporal_unavailable",)}, changes=True))
async def disconnect(known: Known, runtime: Started) -> Envelope[StatusView]:
    """End the connection and delete its secrets; mappings, links and history stay."""
    await runtime.disconnect(known.tenant_id)
    return ok(StatusView(status=ConnectionStatus.DISCONNECTED))


def _overview(found: OverviewFacts, locale: Locale) -> OverviewView:
    fields: dict[str, object] = {
        "connection": _connection(found, locale),
        "counts": {
            "discovered": found.counts["discovered"],
            "mapped": found.counts.get(MappingState.MAPPED, 0),
            "needsReview": found.needs_review,
            "skipped": found.counts.get(MappingState.SKIPPED, 0),
            "createNew": found.counts.get(MappingState.CREATE_NEW, 0),
        },
        "last_discovery_at": found.last_discovery_at,
        "last_run": views.run(found.last_run, locale) if found.last_run else None,
        "schedule": ScheduleView(
            sync_enabled=found.settings.sync_enabled,
            sync_interval_minutes=found.settings.sync_interval_minutes,
        ),
        "wizard_step": found.step.value,
        "available_connection_types": [kind.value for kind in found.connection_types],
    }
    if found.open_review_items is not None:
        fields["open_review_items"] = found.open_review_items
    return OverviewView.model_validate(fields)


def _connection(found: OverviewFacts, locale: Locale) -> ConnectionView:
    connection = found.connection
    if connection is None:
        return ConnectionView(
            status=ConnectionStatus.NOT_CONNECTED,
            type=None,
            mode=None,
            credential_source=found.credential_source,
            partner_tenant_id=None,
            validated_at=None,
            secret_expires_at=None,
            last_error=None,
        )
    return ConnectionView(
        status=connection.status,
        type=connection.type.value,
        mode=connection.mode,
        credential_source=found.credential_source,
        partner_tenant_id=connection.partner_tenant_id,
        validated_at=connection.validated_at,
        secret_expires_at=connection.client_secret_expires_at,
        last_error=views.failure(connection.failure, locale, at=connection.failed_at),
    )
