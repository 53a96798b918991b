"""Routes of the connection: where things stand, connect, validate, rotate, disconnect."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder
from pydantic import AfterValidator, Field

from entra_plugin.application.connect.access import CippAccess
from entra_plugin.application.connect.rotate import NewCredentials
from entra_plugin.application.overview import OverviewFacts
from entra_plugin.application.remedies import Links
from entra_plugin.directory.protocol import Capabilities
from entra_plugin.domain.expiry import Expiry
from entra_plugin.domain.states import ConnectionStatus, MappingState, Trigger
from entra_plugin.domain.years import YEARS
from entra_plugin.resources import Locale
from entra_plugin.web.api import views
from entra_plugin.web.api.schema import (
    NO_FIELDS,
    TEMPORAL,
    Body,
    Envelope,
    Text,
    View,
    failures,
    ok,
)
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["connection"])

_SIGN_IN_CODES = {
    422: (
        *("credentials_missing", "client_id_invalid", "home_tenant_invalid"),
        *("secret_store_read_only",),
        *("app_only_needs_home_tenant", "app_only_discovery_refused", "other_partner_tenant"),
    ),
    503: ("provider_unreachable",),
}
_CIPP_CODES = {
    422: (
        *("cipp_base_url_invalid", "cipp_address_refused", "cipp_credentials_incomplete"),
        *("cipp_tenant_id_invalid", "client_id_invalid", "secret_store_read_only"),
    ),
    503: ("provider_unreachable",),
}
_CHANGED = {409: ("changed_meanwhile",)}


class CapabilitiesView(View):
    """What the connected provider can do that another cannot."""

    delta: bool
    proves_absence: bool
    concurrency: int


class ConnectionView(View):
    """The partner connection."""

    status: ConnectionStatus
    type: str | None
    mode: str | None
    credential_source: str | None
    partner_tenant_id: UUID | None
    validated_at: datetime | None
    renewed_at: datetime | None
    secret_expires_at: datetime | None
    capabilities: CapabilitiesView | None
    last_error: views.FailureView | None


class WarningView(View):
    """Something that runs out soon, or has; ``at`` is when it ends, ended, or was last used."""

    code: str
    message: str
    advice: str
    at: datetime
    managed_tenant_id: UUID | None
    display_name: str | None
    link: views.LinkView | None


class NextSyncView(View):
    """When syncs start by themselves; ``nextSyncAt`` is null when none does."""

    sync_enabled: bool
    sync_interval_minutes: int
    next_sync_at: datetime | None


class OverviewView(View):
    """Where the integration stands for this tenant."""

    connection: ConnectionView
    counts: Mapping[str, int]
    last_discovery_at: datetime | None
    last_run: views.RunView | None
    last_validation: views.RunView | None
    warnings: list[WarningView]
    schedule: NextSyncView
    wizard_step: str
    available_connection_types: list[str]
    open_review_items: int | None = None


class ConnectDirect(Body):
    """How to connect; delegated sign-in unless told.

    ``lighthouse`` also asks for Microsoft 365 Lighthouse's list of tenants, at sign-in only.
    """

    mode: Literal["delegated", "app_only"] = "delegated"
    lighthouse: bool = False


class SignInView(View):
    """Where to send the person; or, without a redirect, what the check found."""

    authorization_url: str | None
    valid: bool | None = None
    checked_at: datetime | None = None
    tenant_count: int | None = None


def _sendable(value: str) -> str:
    """Refuse what no header can carry."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("not a token")
    return value


Token = Annotated[Text, AfterValidator(_sendable)]


class ConnectCippBody(Body):
    """A CIPP and one of two kinds of credentials: ``apiToken``, or the other three."""

    base_url: Annotated[Text, Field(min_length=1)]
    api_token: Token | None = Field(default=None, min_length=1, repr=False)
    tenant_id: Text | None = None
    client_id: Text | None = None
    client_secret: Text | None = Field(default=None, min_length=1, repr=False)

    def access(self) -> CippAccess:
        """What to connect to.

        Raises:
            MalformedRequest: Both kinds of credentials, or a part of one.
        """
        found = CippAccess(
            base_url=self.base_url,
            api_token=self.api_token,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            client_secret=self.client_secret,
        )
        if not found.complete:
            raise MalformedRequest(self._at_fault)
        return found

    @property
    def _at_fault(self) -> str:
        """The token where the kinds are mixed, else the first part that is missing."""
        parts = {"tenantId": self.tenant_id, "clientId": self.client_id}
        missing = next((name for name, value in parts.items() if not value), "clientSecret")
        return "apiToken" if self.api_token is not None else missing


def _in_calendar(value: datetime | None) -> datetime | None:
    """Take a time without zone as UTC; refuse one that no zone can show."""
    if value is None:
        return None
    if value.year not in YEARS:
        raise ValueError("not a date of our time")
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


class Rotate(Body):
    """New Microsoft app credentials."""

    client_id: Text
    client_secret: Text = Field(min_length=1, repr=False)
    expires_at: Annotated[datetime | None, Field(strict=False), AfterValidator(_in_calendar)] = None


class StatusView(View):
    """The state of the connection after a change."""

    status: ConnectionStatus


@router.get("/", responses=failures(), response_model_exclude_unset=True)
async def overview(known: Known, runtime: Started) -> Envelope[OverviewView]:
    """Say where the integration stands: connection, counts, last runs, next step of the wizard."""
    found = await runtime.overview(known.tenant_id, known.flags)
    return ok(_overview(found, known.locale, await runtime.remedies(known.tenant_id)))


@router.post(
    "/connect/direct",
    responses=failures(_SIGN_IN_CODES, _CHANGED, changes=True),
    response_model_exclude_unset=True,
)
async def connect_direct(
    known: Known, runtime: Started, body: ConnectDirect | None = None
) -> Envelope[SignInView]:
    """Begin the sign-in with Microsoft; or connect with the app's own permissions at once."""
    wanted = body or ConnectDirect()
    if wanted.mode == "app_only":
        found = await runtime.connect_app_only(known.person)
        return ok(
            SignInView(
                authorization_url=None,
                valid=found.valid,
                checked_at=found.checked_at,
                tenant_count=found.tenant_count,
            )
        )
    address = await runtime.start_sign_in(known.person, lighthouse=wanted.lighthouse)
    return ok(SignInView(authorization_url=address))


@router.post("/connect/cipp/test", responses=failures(_CIPP_CODES, changes=True))
async def test_cipp(
    known: Known, runtime: Started, body: ConnectCippBody
) -> Envelope[views.ValidationView]:
    """Try a CIPP; nothing is stored, and what it answers is told with 200 either way."""
    return ok(views.validation(await runtime.test_cipp(body.access()), known.locale))


@router.post("/connect/cipp", responses=failures(_CIPP_CODES, _CHANGED, changes=True))
async def connect_cipp(
    known: Known, runtime: Started, body: ConnectCippBody
) -> Envelope[views.ValidationView]:
    """Connect a CIPP that lists its tenants; what does not validate is not stored."""
    found = await runtime.connect_cipp(known.person, body.access())
    return ok(views.validation(found, known.locale))


@router.post("/credentials", responses=failures(_SIGN_IN_CODES, _CHANGED, changes=True))
async def rotate(known: Known, runtime: Started, body: Rotate) -> Envelope[views.ValidationView]:
    """Replace the tenant's Microsoft app credentials in place: test, then save."""
    new = NewCredentials(
        client_id=body.client_id, client_secret=body.client_secret, expires_at=body.expires_at
    )
    return ok(
        views.validation(await runtime.rotate_credentials(known.tenant_id, new), known.locale)
    )


@router.post(
    "/validate",
    dependencies=[NO_FIELDS],
    responses=failures({422: ("not_connected",)}, changes=True),
)
async def validate(known: Known, runtime: Started) -> Envelope[views.ValidationView]:
    """Check the connection now; what is found is remembered, and answered with 200 either way."""
    links = await runtime.remedies(known.tenant_id)
    return ok(views.validation(await runtime.validate(known.tenant_id), known.locale, links))


@router.post(
    "/validate/chain",
    dependencies=[NO_FIELDS],
    status_code=202,
    responses=failures({422: ("not_connected",)}, TEMPORAL, changes=True),
)
async def validate_chain(known: Known, runtime: Started) -> Envelope[views.StartedView]:
    """Walk the whole chain, customer by customer, as a run of type validation; or join it."""
    run = await runtime.start_validation(known.tenant_id, known.actor, Trigger.API)
    return ok(views.started(run))


@router.post(
    "/disconnect",
    dependencies=[NO_FIELDS],
    responses=failures({503: ("temporal_unavailable",)}, changes=True),
)
async def disconnect(known: Known, runtime: Started) -> Envelope[StatusView]:
    """End the connection and delete its secrets; mappings, links and history stay."""
    await runtime.disconnect(known.tenant_id)
    return ok(StatusView(status=ConnectionStatus.DISCONNECTED))


@router.get("/support-bundle", responses=failures())
async def support_bundle(known: Known, runtime: Started) -> Answer:
    """Download what support needs to see: ids, codes, counts, times; no name and no secret."""
    bundle = await runtime.support_bundle(known.tenant_id, known.flags)
    name = f"entra-support-{runtime.context.clock():%Y%m%d-%H%M}.json"
    return Answer(
        jsonable_encoder(bundle),
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
        },
    )


def _overview(found: OverviewFacts, locale: Locale, links: Links) -> OverviewView:
    fields: dict[str, object] = {
        "connection": _connection(found, locale, links),
        "counts": {
            "discovered": found.counts["discovered"],
            "mapped": found.counts.get(MappingState.MAPPED, 0),
            "needsReview": found.needs_review,
            "skipped": found.counts.get(MappingState.SKIPPED, 0),
            "createNew": found.counts.get(MappingState.CREATE_NEW, 0),
        },
        "last_discovery_at": found.last_discovery_at,
        "last_run": views.run(found.last_run, locale, links) if found.last_run else None,
        "last_validation": views.run(found.last_validation, locale, links)
        if found.last_validation
        else None,
        "warnings": [warning(expiry, locale, links) for expiry in found.expiries],
        "schedule": NextSyncView(
            sync_enabled=found.settings.sync_enabled,
            sync_interval_minutes=found.settings.sync_interval_minutes,
            next_sync_at=found.next_sync_at,
        ),
        "wizard_step": found.step.value,
        "available_connection_types": [kind.value for kind in found.connection_types],
    }
    if found.open_review_items is not None:
        fields["open_review_items"] = found.open_review_items
    return OverviewView.model_validate(fields)


def _connection(found: OverviewFacts, locale: Locale, links: Links) -> ConnectionView:
    connection, settings = found.connection, found.settings
    if connection is None:
        return ConnectionView(
            status=ConnectionStatus.NOT_CONNECTED,
            type=None,
            mode=None,
            credential_source=found.credential_source,
            partner_tenant_id=None,
            validated_at=None,
            renewed_at=None,
            secret_expires_at=settings.client_secret_expires_at,
            capabilities=None,
            last_error=None,
        )
    return ConnectionView(
        status=connection.status,
        type=connection.type.value,
        mode=connection.mode.value,
        credential_source=found.credential_source,
        partner_tenant_id=connection.partner_tenant_id,
        validated_at=connection.validated_at,
        renewed_at=connection.renewed_at,
        secret_expires_at=settings.client_secret_expires_at,
        capabilities=_capabilities(found.capabilities),
        last_error=views.failure(connection.failure, locale, at=connection.failed_at, links=links),
    )


def _capabilities(found: Capabilities | None) -> CapabilitiesView | None:
    if found is None:
        return None
    return CapabilitiesView(
        delta=found.delta, proves_absence=found.proves_absence, concurrency=found.concurrency
    )


def warning(found: Expiry, locale: Locale, links: Links) -> WarningView:
    """One thing that runs out, in words."""
    words, one = locale.error(found.notice), found.relationship
    return WarningView(
        code=found.notice.value,
        message=words.sentence,
        advice=words.advice,
        at=found.at,
        managed_tenant_id=one.managed_tenant_id if one else None,
        display_name=one.display_name if one else None,
        link=views.link(links(found.notice, one.entra_tenant_id if one else None), locale),
    )
