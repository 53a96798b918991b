"""Routes of people: identities, and what the panels of clients and contacts show."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from entra_plugin.application.runs import IdentityQuery
from entra_plugin.domain.ids import ClientId, ContactId, ManagedTenantId
from entra_plugin.domain.states import Verdict, VerdictReason
from entra_plugin.web.api import views
from entra_plugin.web.api.pins import PinView, pin_view
from entra_plugin.web.api.schema import (
    Cursor,
    Envelope,
    Limit,
    Listed,
    Search,
    View,
    failures,
    ok,
)
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.panels import client_facts, contact_facts
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["people"])


class IdentityView(View):
    """An Entra user, what became of it, and why."""

    entra_tenant_id: UUID
    object_id: UUID
    address: str | None
    display_name: str | None
    enabled: bool
    verdict: Verdict
    reason: str
    reason_text: str
    contact_id: UUID | None
    changed_at: datetime


class MappedTenantView(View):
    """A managed tenant that is mapped to the client."""

    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    default_domain: str | None
    last_success_at: datetime | None


class ClientView(View):
    """What the client's panel shows."""

    client_id: UUID
    managed_tenants: list[MappedTenantView]
    last_run: views.RunDetailsView | None


class ContactChangeView(View):
    """One change that a run made to the contact."""

    run_id: UUID
    kind: str
    reason: str
    reason_text: str
    at: datetime
    after: Mapping[str, object] | None


class EditedFieldView(View):
    """A field that says something else at the contact than in the directory, and stays so."""

    field: str
    contact: str | None
    directory: str | None


class ContactView(View):
    """Where the contact comes from."""

    contact_id: UUID
    entra_tenant_id: UUID
    object_id: UUID
    managed_tenant_name: str
    address: str | None
    display_name: str | None
    user_principal_name: str | None
    enabled: bool
    reason: str
    reason_text: str
    linked_at: datetime
    linked_by_run: UUID | None
    closed_at: datetime | None
    """Since when it is not linked any more."""
    closed_reason: str | None
    closed_reason_text: str | None
    explanation: str
    """The route, below this interface, that explains the identity."""
    edited: list[EditedFieldView]
    last_changes: list[ContactChangeView]
    pins: list[PinView]


@router.get("/identities", responses=failures())
async def identities(
    known: Known,
    runtime: Started,
    managed_tenant_id: Annotated[UUID | None, Query(alias="managedTenantId")] = None,
    verdict: Verdict | None = None,
    reason: VerdictReason | None = None,
    q: Search = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[IdentityView]]:
    """List identities with verdict and reason, filtered ones included."""
    query = IdentityQuery(
        limit=limit,
        cursor=cursor,
        managed_tenant_id=ManagedTenantId(managed_tenant_id) if managed_tenant_id else None,
        verdict=verdict,
        reason=reason.value if reason else None,
        q=q,
    )
    page = await runtime.read_runs.identities(known.tenant_id, query)
    items = [
        IdentityView(
            entra_tenant_id=row.entra_tenant_id,
            object_id=row.object_id,
            address=row.address,
            display_name=row.display_name,
            enabled=row.enabled,
            verdict=row.verdict,
            reason=row.reason,
            reason_text=known.locale.text(f"reason.{row.reason}"),
            contact_id=row.contact_id,
            changed_at=row.changed_at,
        )
        for row in page.items
    ]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.get("/clients/{client_id}", responses=failures())
async def client(known: Known, runtime: Started, client_id: UUID) -> Envelope[ClientView]:
    """Mapping and last sync of a client; 404 when nothing is mapped to it."""
    found = await client_facts(runtime, known.tenant_id, ClientId(client_id))
    view = ClientView(
        client_id=client_id,
        managed_tenants=[
            MappedTenantView(
                managed_tenant_id=tenant.managed_tenant_id,
                entra_tenant_id=tenant.entra_tenant_id,
                display_name=tenant.display_name,
                default_domain=tenant.default_domain,
                last_success_at=tenant.last_success_at,
            )
            for tenant in found.tenants
        ],
        last_run=views.run_details(found.last_run, known.locale) if found.last_run else None,
    )
    return ok(view)


@router.get("/contacts/{contact_id}", responses=failures())
async def contact(known: Known, runtime: Started, contact_id: UUID) -> Envelope[ContactView]:
    """Provenance of a contact; 404 when it does not come from Entra."""
    found = await contact_facts(runtime, known.tenant_id, ContactId(contact_id))
    link = found.link
    text = known.locale.text
    view = ContactView(
        contact_id=contact_id,
        entra_tenant_id=link.entra_tenant_id,
        object_id=link.object_id,
        managed_tenant_name=link.tenant_name,
        address=link.address,
        display_name=link.display_name,
        user_principal_name=link.user_principal_name,
        enabled=link.enabled,
        reason=link.reason,
        reason_text=text(f"reason.{link.reason}"),
        linked_at=link.opened_at,
        linked_by_run=link.opened_by_run,
        closed_at=link.closed_at,
        closed_reason=link.closed_reason,
        closed_reason_text=text(f"closed.{link.closed_reason}") if link.closed_reason else None,
        edited=[
            EditedFieldView(field=field.name, contact=field.contact, directory=field.directory)
            for field in found.edited
        ],
        explanation=f"/identities/{link.entra_tenant_id}/{link.object_id}/explain",
        last_changes=[
            ContactChangeView(
                run_id=change.run_id,
                kind=change.kind.value,
                reason=change.reason,
                reason_text=text(f"reason.{change.reason}"),
                at=change.at,
                after=change.after,
            )
            for change in found.changes
        ],
        pins=[pin_view(pin) for pin in found.pins],
    )
    return ok(view)
