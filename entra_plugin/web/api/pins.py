"""Routes of pins: people's standing orders."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.alias_generators import to_camel

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId
from entra_plugin.domain.pins import Pin, misfit
from entra_plugin.domain.states import FieldName, PinKind
from entra_plugin.store.pins import StoredPin
from entra_plugin.web.api.schema import (
    Body,
    Cursor,
    Envelope,
    Id,
    Limit,
    Listed,
    Text,
    View,
    failures,
    ok,
)
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["pins"])


class PinBody(Body):
    """A pin: its kind, what that kind is about and nothing else, and why."""

    kind: Annotated[PinKind, Field(strict=False)]
    contact_id: Id | None = None
    entra_tenant_id: Id | None = None
    object_id: Id | None = None
    field: Annotated[FieldName, Field(strict=False)] | None = None
    reason: Text | None = None

    def pin(self) -> Pin:
        """The pin that is meant.

        Raises:
            MalformedRequest: Something is missing, or is of no use to this kind.
        """
        pin = Pin(
            kind=self.kind,
            contact_id=ContactId(self.contact_id) if self.contact_id else None,
            entra_tenant_id=EntraTenantId(self.entra_tenant_id) if self.entra_tenant_id else None,
            object_id=ObjectId(self.object_id) if self.object_id else None,
            field=self.field,
        )
        wrong = misfit(pin)
        if wrong is not None:
            raise MalformedRequest(to_camel(wrong))
        return pin


class PinView(View):
    """A pin, and who stuck it when and why."""

    pin_id: UUID
    kind: PinKind
    contact_id: UUID | None
    entra_tenant_id: UUID | None
    object_id: UUID | None
    field: FieldName | None
    reason: str | None
    created_by: UUID | None
    created_by_name: str | None
    created_at: datetime


class PinRemoved(View):
    """Whether there was such a pin."""

    removed: bool


@router.get("/pins", responses=failures())
async def pins(
    known: Known,
    runtime: Started,
    kind: PinKind | None = None,
    contact_id: Annotated[UUID | None, Query(alias="contactId")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[PinView]]:
    """List pins, youngest first."""
    page = await runtime.standing_orders.page(
        known.tenant_id,
        limit=limit,
        cursor=cursor,
        kind=kind,
        contact_id=ContactId(contact_id) if contact_id else None,
    )
    items = [pin_view(pin) for pin in page.items]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.put("/pins", responses=failures({422: ("unknown_contact", "unknown_tenant")}, changes=True))
async def put_pin(known: Known, runtime: Started, body: PinBody) -> Envelope[PinView]:
    """Stick a pin; doing it again changes nothing but the reason."""
    return ok(pin_view(await runtime.standing_orders.put(known.person, body.pin(), body.reason)))


@router.delete("/pins", responses=failures(changes=True))
async def delete_pin(known: Known, runtime: Started, body: PinBody) -> Envelope[PinRemoved]:
    """Take a pin out; one that is not there is no error."""
    return ok(PinRemoved(removed=await runtime.standing_orders.remove(known.tenant_id, body.pin())))


def pin_view(stored: StoredPin) -> PinView:
    """A pin as it is answered."""
    pin = stored.pin
    return PinView(
        pin_id=stored.pin_id,
        kind=pin.kind,
        contact_id=pin.contact_id,
        entra_tenant_id=pin.entra_tenant_id,
        object_id=pin.object_id,
        field=pin.field,
        reason=stored.reason,
        created_by=stored.created_by,
        created_by_name=stored.created_by_name,
        created_at=stored.created_at,
    )
