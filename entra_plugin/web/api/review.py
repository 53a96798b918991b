"""Routes of the review queue: list, one question with both sides, and its answers."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from entra_plugin.application.review.answers import Answer
from entra_plugin.domain.ids import ContactId, ManagedTenantId, ReviewItemId
from entra_plugin.domain.reviewing import Action, Side
from entra_plugin.domain.states import FieldName, ItemState, VerdictReason
from entra_plugin.store.review import ItemQuery
from entra_plugin.web.api.review_views import (
    BulkView,
    OutcomeView,
    ReviewItemDetailsView,
    ReviewItemView,
    bulk_item_view,
    details_view,
    item_view,
    outcome_view,
)
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
    failures,
    ok,
)
from entra_plugin.web.facts import Facts, Known, Started
from entra_plugin.web.responses import Answer as Response
from entra_plugin.web.runtime import Runtime

router = APIRouter(default_response_class=Response, tags=["review"])

MAX_BULK = 100

CONFLICTS = {409: ("already_resolved", "changed_meanwhile")}
CARRIED_OUT = {422: ("action_not_possible", "pinned", "rejected_by_host")}


class SeenBody(Body):
    """An answer without more to say; ``version`` is the item's, if it is to be as it was seen."""

    version: Version | None = None


class LinkBody(SeenBody):
    """The contact to link to: one in question, or any other."""

    contact_id: Id


class MoveBody(SeenBody):
    """The contact to move; needed where more than one is in question."""

    contact_id: Id | None = None


class FieldsBody(SeenBody):
    """Whose value stays, for every field that was asked about."""

    fields: Annotated[dict[str, Literal["directory", "local"]], Field(max_length=len(FieldName))]


class DismissBody(SeenBody):
    """Why nobody needs to be asked."""

    reason: Text | None = None


class BulkBody(Body):
    """Items to answer alike; links and moves take the one contact that is in question."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BULK)]
    action: Literal["link", "move", "keep", "dismiss"]
    reason: Text | None = None


@router.get("/review-items", responses=failures())
async def review_items(
    known: Known,
    runtime: Started,
    state: ItemState = ItemState.OPEN,
    reason: VerdictReason | None = None,
    managed_tenant_id: Annotated[UUID | None, Query(alias="managedTenantId")] = None,
    q: Search = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Envelope[Listed[ReviewItemView]]:
    """List questions of one state, open ones unless told, oldest first."""
    query = ItemQuery(
        limit=limit,
        cursor=cursor,
        state=state,
        reason=reason,
        managed_tenant_id=ManagedTenantId(managed_tenant_id) if managed_tenant_id else None,
        q=q,
    )
    page = await runtime.read_review.page(known.tenant_id, query)
    items = [item_view(item, known.locale) for item in page.items]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.get("/review-items/{item_id}", responses=failures())
async def review_item(
    known: Known, runtime: Started, item_id: UUID
) -> Envelope[ReviewItemDetailsView]:
    """Show one question: both sides as they are now, and what each choice would do."""
    found = await runtime.read_review.item(known.tenant_id, ReviewItemId(item_id), known.flags)
    return ok(details_view(found, known.locale))


@router.post(
    "/review-items/bulk",
    responses=failures(changes=True),
)
async def bulk(known: Known, runtime: Started, body: BulkBody) -> Envelope[BulkView]:
    """Answer many questions alike; each has an outcome of its own."""
    answer = Answer(action=Action(body.action), reason=body.reason)
    done = await runtime.resolve_items(
        known.person, [ReviewItemId(item_id) for item_id in body.ids], answer
    )
    items = [bulk_item_view(outcome, known.locale) for outcome in done.outcomes]
    return ok(BulkView(run_id=done.run_id, items=items))


@router.post(
    "/review-items/{item_id}/link",
    responses=failures(
        CONFLICTS, CARRIED_OUT, {422: ("contact_linked", "unknown_contact")}, changes=True
    ),
)
async def link(
    known: Known, runtime: Started, item_id: UUID, body: LinkBody
) -> Envelope[OutcomeView]:
    """Link the user to a contact that is there."""
    contact_id = ContactId(body.contact_id)
    answer = Answer(action=Action.LINK, version=body.version, contact_id=contact_id)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/create",
    responses=failures(CONFLICTS, CARRIED_OUT, {422: ("address_taken",)}, changes=True),
)
async def create(
    known: Known, runtime: Started, item_id: UUID, body: SeenBody | None = None
) -> Envelope[OutcomeView]:
    """Create a contact of its own for the user."""
    version = (body or SeenBody()).version
    answer = Answer(action=Action.CREATE, version=version)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/move",
    responses=failures(
        CONFLICTS, CARRIED_OUT, {422: ("contact_linked", "contact_required")}, changes=True
    ),
)
async def move(
    known: Known, runtime: Started, item_id: UUID, body: MoveBody | None = None
) -> Envelope[OutcomeView]:
    """Move the contact from the other client to the one that is mapped, and link to it."""
    wanted = body or MoveBody()
    contact_id = ContactId(wanted.contact_id) if wanted.contact_id is not None else None
    answer = Answer(action=Action.MOVE, version=wanted.version, contact_id=contact_id)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/fields",
    responses=failures(
        CONFLICTS,
        CARRIED_OUT,
        {422: ("address_taken", "fields_unanswered", "unknown_field")},
        changes=True,
    ),
)
async def fields(
    known: Known, runtime: Started, item_id: UUID, body: FieldsBody
) -> Envelope[OutcomeView]:
    """Say for each field whose value stays."""
    sides = {name: Side(side) for name, side in body.fields.items()}
    answer = Answer(action=Action.FIELDS, version=body.version, fields=sides)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/inactivate",
    responses=failures(CONFLICTS, CARRIED_OUT, changes=True),
)
async def inactivate(
    known: Known, runtime: Started, item_id: UUID, body: SeenBody | None = None
) -> Envelope[OutcomeView]:
    """Make the contact inactive: the user has left."""
    version = (body or SeenBody()).version
    answer = Answer(action=Action.INACTIVATE, version=version)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/keep",
    responses=failures(CONFLICTS, {422: ("action_not_possible",)}, changes=True),
)
async def keep(
    known: Known, runtime: Started, item_id: UUID, body: SeenBody | None = None
) -> Envelope[OutcomeView]:
    """Keep the contact as it is, although the user is missing."""
    version = (body or SeenBody()).version
    answer = Answer(action=Action.KEEP, version=version)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/dismiss",
    responses=failures(CONFLICTS, changes=True),
)
async def dismiss(
    known: Known, runtime: Started, item_id: UUID, body: DismissBody | None = None
) -> Envelope[OutcomeView]:
    """Wave the question away: an unlinked user is ignored, a linked one stays as he is."""
    said = body or DismissBody()
    answer = Answer(action=Action.DISMISS, version=said.version, reason=said.reason)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/reopen",
    responses=failures({409: ("changed_meanwhile",), 422: ("action_not_possible",)}, changes=True),
)
async def reopen(
    known: Known, runtime: Started, item_id: UUID, body: SeenBody | None = None
) -> Envelope[OutcomeView]:
    """Take a dismissal back; the question is open again."""
    version = (body or SeenBody()).version
    answer = Answer(action=Action.REOPEN, version=version)
    return await _resolved(known, runtime, item_id, answer)


async def _resolved(
    known: Facts, runtime: Runtime, item_id: UUID, answer: Answer
) -> Envelope[OutcomeView]:
    outcome = await runtime.resolve_item(known.person, ReviewItemId(item_id), answer)
    return ok(outcome_view(outcome))
