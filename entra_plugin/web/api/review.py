"""Routes of the review queue: list, one question with both sides, and its answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from entra_plugin.application.review.answers import Answer
from entra_plugin.application.review.choices import Choice, Effect
from entra_plugin.application.review.read import ContactSide, ItemDetails
from entra_plugin.application.review.resolve import BulkOutcome
from entra_plugin.application.review.sitting import Outcome
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ContactId, ManagedTenantId, ReviewItemId
from entra_plugin.domain.merging import Values, values_of
from entra_plugin.domain.reviewing import Action, Side
from entra_plugin.domain.states import FieldName, ItemState, Settlement, VerdictReason
from entra_plugin.resources import Locale
from entra_plugin.store.review import Item, ItemQuery
from entra_plugin.web import problems
from entra_plugin.web.api.schema import (
    Body,
    Cursor,
    Envelope,
    Id,
    Limit,
    Listed,
    Search,
    Text,
    View,
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


class SettledView(View):
    """How an item was settled, and by whom; without a person, a run found it answered."""

    settled_as: Settlement
    text: str
    by: UUID | None
    by_name: str | None
    at: datetime | None
    reason: str | None


class ReviewItemView(View):
    """A question to a person."""

    item_id: UUID
    managed_tenant_id: UUID
    entra_tenant_id: UUID
    object_id: UUID
    client_id: UUID
    state: ItemState
    reason: VerdictReason
    reason_text: str
    address: str
    candidates: list[UUID]
    details: Mapping[str, object]
    version: int
    created_at: datetime
    settled: SettledView | None


class DirectorySideView(View):
    """The directory's user as last seen; ``values`` by the names of the field rules."""

    user_principal_name: str
    enabled: bool
    licensed: bool
    values: Mapping[str, str | None]


class HolderView(View):
    """The identity that a contact is linked to."""

    entra_tenant_id: UUID
    object_id: UUID


class ContactSideView(View):
    """A contact in question; one that is ``gone`` has nothing but its id."""

    contact_id: UUID
    gone: bool
    client_id: UUID | None
    client_name: str | None
    active: bool | None
    linked_to: HolderView | None
    values: Mapping[str, str | None]
    differing: list[FieldName]


class ChoiceView(View):
    """What can be done, and what it would do in words.

    ``overwrites`` are fields into which it writes, or lets a person write, the directory's value.
    """

    action: Action
    text: str
    contact_id: UUID | None
    effect: Effect
    effect_text: str
    overwrites: list[FieldName]


class ReviewItemDetailsView(ReviewItemView):
    """A question with both sides; ``directory`` is null when the user was erased."""

    directory: DirectorySideView | None
    contacts: list[ContactSideView]
    choices: list[ChoiceView]


class OutcomeView(View):
    """What became of an item; ``runId`` is the run with its changes, if any were needed."""

    item_id: UUID
    state: ItemState
    settled_as: Settlement | None
    contact_id: UUID | None
    run_id: UUID | None


class BulkErrorView(View):
    """Why one item of many was not settled."""

    code: str
    error: str
    details: Mapping[str, object]


class BulkItemView(View):
    """One item of many: its state now, or the error."""

    item_id: UUID
    state: ItemState | None
    settled_as: Settlement | None
    contact_id: UUID | None
    error: BulkErrorView | None


class BulkView(View):
    """What became of all of them."""

    run_id: UUID | None
    items: list[BulkItemView]


class SeenBody(Body):
    """An answer without more to say; ``version`` is the item's, if it is to be as it was seen."""

    version: int | None = None


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
    items = [ReviewItemView.model_validate(_item(item, known.locale)) for item in page.items]
    return ok(Listed(items=items, next_cursor=page.next_cursor))


@router.get("/review-items/{item_id}", responses=failures())
async def review_item(
    known: Known, runtime: Started, item_id: UUID
) -> Envelope[ReviewItemDetailsView]:
    """Show one question: both sides as they are now, and what each choice would do."""
    found = await runtime.read_review.item(known.tenant_id, ReviewItemId(item_id), known.flags)
    return ok(_details(found, known.locale))


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
    items = [_bulk_item(outcome, known.locale) for outcome in done.outcomes]
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
    known: Known, runtime: Started, item_id: UUID, body: SeenBody
) -> Envelope[OutcomeView]:
    """Create a contact of its own for the user."""
    answer = Answer(action=Action.CREATE, version=body.version)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/move",
    responses=failures(
        CONFLICTS, CARRIED_OUT, {422: ("contact_linked", "contact_required")}, changes=True
    ),
)
async def move(
    known: Known, runtime: Started, item_id: UUID, body: MoveBody
) -> Envelope[OutcomeView]:
    """Move the contact from the other client to the one that is mapped, and link to it."""
    contact_id = ContactId(body.contact_id) if body.contact_id is not None else None
    answer = Answer(action=Action.MOVE, version=body.version, contact_id=contact_id)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/fields",
    responses=failures(
        CONFLICTS, CARRIED_OUT, {422: ("fields_unanswered", "unknown_field")}, changes=True
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
    known: Known, runtime: Started, item_id: UUID, body: SeenBody
) -> Envelope[OutcomeView]:
    """Make the contact inactive: the user has left."""
    answer = Answer(action=Action.INACTIVATE, version=body.version)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/keep",
    responses=failures(CONFLICTS, {422: ("action_not_possible",)}, changes=True),
)
async def keep(
    known: Known, runtime: Started, item_id: UUID, body: SeenBody
) -> Envelope[OutcomeView]:
    """Keep the contact as it is, although the user is missing."""
    answer = Answer(action=Action.KEEP, version=body.version)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/dismiss",
    responses=failures(CONFLICTS, changes=True),
)
async def dismiss(
    known: Known, runtime: Started, item_id: UUID, body: DismissBody
) -> Envelope[OutcomeView]:
    """Wave the question away: an unlinked user is ignored, a linked one stays as he is."""
    answer = Answer(action=Action.DISMISS, version=body.version, reason=body.reason)
    return await _resolved(known, runtime, item_id, answer)


@router.post(
    "/review-items/{item_id}/reopen",
    responses=failures({409: ("changed_meanwhile",), 422: ("action_not_possible",)}, changes=True),
)
async def reopen(
    known: Known, runtime: Started, item_id: UUID, body: SeenBody
) -> Envelope[OutcomeView]:
    """Take a dismissal back; the question is open again."""
    answer = Answer(action=Action.REOPEN, version=body.version)
    return await _resolved(known, runtime, item_id, answer)


async def _resolved(
    known: Facts, runtime: Runtime, item_id: UUID, answer: Answer
) -> Envelope[OutcomeView]:
    outcome = await runtime.resolve_item(known.person, ReviewItemId(item_id), answer)
    return ok(_outcome(outcome))


def _outcome(outcome: Outcome) -> OutcomeView:
    return OutcomeView(
        item_id=outcome.item_id,
        state=outcome.state,
        settled_as=outcome.settled_as,
        contact_id=outcome.contact_id,
        run_id=outcome.run_id,
    )


def _bulk_item(found: BulkOutcome, texts: Locale) -> BulkItemView:
    outcome = found.outcome
    error = None
    if found.error is not None:
        problem = problems.of_exception(found.error)
        sentence = texts.error(problem.code).sentence
        error = BulkErrorView(code=problem.code, error=sentence, details=problem.details)
    return BulkItemView(
        item_id=found.item_id,
        state=outcome.state if outcome is not None else None,
        settled_as=outcome.settled_as if outcome is not None else None,
        contact_id=outcome.contact_id if outcome is not None else None,
        error=error,
    )


def _item(item: Item, texts: Locale) -> dict[str, object]:
    settled = None
    if item.settled_as is not None:
        settled = SettledView(
            settled_as=item.settled_as,
            text=texts.text(f"review.settled.{item.settled_as}"),
            by=item.settled_by,
            by_name=item.settled_by_name,
            at=item.settled_at,
            reason=item.why,
        )
    return {
        "item_id": item.item_id,
        "managed_tenant_id": item.managed_tenant_id,
        "entra_tenant_id": item.entra_tenant_id,
        "object_id": item.object_id,
        "client_id": item.client_id,
        "state": item.state,
        "reason": item.reason,
        "reason_text": texts.text(f"reason.{item.reason}"),
        "address": item.label,
        "candidates": list(item.candidates),
        "details": item.details,
        "version": item.version,
        "created_at": item.created_at,
        "settled": settled,
    }


def _details(found: ItemDetails, texts: Locale) -> ReviewItemDetailsView:
    return ReviewItemDetailsView.model_validate(
        {
            **_item(found.item, texts),
            "directory": _directory(found.user) if found.user is not None else None,
            "contacts": [_contact(side) for side in found.contacts],
            "choices": [_choice(choice, texts) for choice in found.choices],
        }
    )


def _directory(user: DirectoryUser) -> DirectorySideView:
    return DirectorySideView(
        user_principal_name=user.user_principal_name,
        enabled=user.enabled,
        licensed=user.licensed,
        values=_named(values_of(user)),
    )


def _contact(side: ContactSide) -> ContactSideView:
    contact = side.contact
    holder = contact.linked_to if contact is not None else None
    return ContactSideView(
        contact_id=side.contact_id,
        gone=contact is None,
        client_id=contact.client_id if contact is not None else None,
        client_name=side.client_name,
        active=contact.active if contact is not None else None,
        linked_to=HolderView(entra_tenant_id=holder.entra_tenant_id, object_id=holder.object_id)
        if holder is not None
        else None,
        values=_named(contact.values) if contact is not None else {},
        differing=list(side.differing),
    )


def _choice(choice: Choice, texts: Locale) -> ChoiceView:
    return ChoiceView(
        action=choice.action,
        text=texts.text(f"review.action.{choice.action}"),
        contact_id=choice.contact_id,
        effect=choice.effect,
        effect_text=texts.text(f"review.effect.{choice.effect}", **choice.values),
        overwrites=list(choice.overwrites),
    )


def _named(values: Values) -> dict[str, str | None]:
    return {name.value: value for name, value in values.items()}
