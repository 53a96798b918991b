"""The review queue as the API answers it: questions, both sides, choices, and outcomes."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from entra_plugin.application.review.choices import Choice, Effect
from entra_plugin.application.review.read import ContactSide, ItemDetails
from entra_plugin.application.review.resolve import BulkOutcome
from entra_plugin.application.review.sitting import Outcome
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.merging import Values, values_of
from entra_plugin.domain.reviewing import Action
from entra_plugin.domain.states import FieldName, ItemState, Settlement, VerdictReason
from entra_plugin.resources import Locale
from entra_plugin.store.review import Item
from entra_plugin.web import problems
from entra_plugin.web.api.schema import View


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


def outcome_view(outcome: Outcome) -> OutcomeView:
    """What became of an answer."""
    return OutcomeView(
        item_id=outcome.item_id,
        state=outcome.state,
        settled_as=outcome.settled_as,
        contact_id=outcome.contact_id,
        run_id=outcome.run_id,
    )


def bulk_item_view(found: BulkOutcome, texts: Locale) -> BulkItemView:
    """What became of one of many answers, or why nothing did."""
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


def item_view(item: Item, texts: Locale) -> ReviewItemView:
    """A question as the list shows it."""
    return ReviewItemView.model_validate(_item(item, texts))


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


def details_view(found: ItemDetails, texts: Locale) -> ReviewItemDetailsView:
    """A question with both sides, and what each choice would do."""
    return ReviewItemDetailsView.model_validate(
        {
            **_item(found.item, texts),
            "directory": _directory(found.user) if found.user is not None else None,
            "contacts": [_contact(side) for side in found.contacts],
            "choices": [choice_view(choice, texts) for choice in found.choices],
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


def choice_view(choice: Choice, texts: Locale) -> ChoiceView:
    """What can be done, and what it would do in words."""
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
