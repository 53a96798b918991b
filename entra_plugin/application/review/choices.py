"""What a person may choose for an item as it is now, and what each choice would do.

Only what can be carried out is offered; pins, flags and what others did meanwhile are counted in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from entra_plugin.domain.addresses import normalise
from entra_plugin.domain.filters import address_of
from entra_plugin.domain.flags import EffectiveFlags, Flag
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ClientId, ContactId
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.merging import FieldRules, merge, values_of
from entra_plugin.domain.pins import Pins
from entra_plugin.domain.reviewing import ACTIONS, LINKED_REASONS, Action, shown_fields
from entra_plugin.domain.states import FieldName, ItemState
from entra_plugin.store.review import Item


class Effect(StrEnum):
    """What a choice would do, in words by ``review.effect.<value>``."""

    LINK = "link"
    LINK_INACTIVE = "link_inactive"
    LINK_OTHER_CLIENT = "link_other_client"
    CREATE = "create"
    CREATE_TAKEN = "create_taken"
    MOVE = "move"
    FIELDS = "fields"
    FIELDS_LOCAL = "fields_local"
    INACTIVATE = "inactivate"
    KEEP = "keep"
    DISMISS_UNLINKED = "dismiss_unlinked"
    DISMISS_LINKED = "dismiss_linked"
    REOPEN_UNLINKED = "reopen_unlinked"
    REOPEN_LINKED = "reopen_linked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing that can be done; ``overwrites`` are fields that it lets the directory write."""

    action: Action
    effect: Effect
    values: Mapping[str, str] = field(default_factory=dict)
    """For the open places of the effect's text."""
    contact_id: ContactId | None = None
    overwrites: tuple[FieldName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """An item with everything that its choices hang on; ``client_id`` is that of the mapping."""

    item: Item
    user: DirectoryUser | None
    contacts: Mapping[ContactId, Candidate]
    client_id: ClientId | None
    client_names: Mapping[ClientId, str]
    rules: FieldRules
    pins: Pins
    flags: EffectiveFlags


def choices(sides: Sides) -> Iterator[Choice]:
    """The choices, in the order in which people should look at them."""
    item = sides.item
    linked = item.reason in LINKED_REASONS
    if item.state == ItemState.DISMISSED and sides.user is not None:
        effect = Effect.REOPEN_LINKED if linked else Effect.REOPEN_UNLINKED
        yield Choice(action=Action.REOPEN, effect=effect)
    if item.state != ItemState.OPEN:
        return
    mapped = sides.client_id == item.client_id and sides.user is not None
    for action in ACTIONS.get(item.reason, ()):
        if action == Action.DISMISS:
            effect = Effect.DISMISS_LINKED if linked else Effect.DISMISS_UNLINKED
            yield Choice(action=action, effect=effect)
        elif mapped and sides.user is not None and item.object_id not in sides.pins.ignored:
            yield from _offers(action, sides, sides.user)


def _offers(action: Action, sides: Sides, user: DirectoryUser) -> Iterator[Choice]:
    match action:
        case Action.LINK | Action.MOVE:
            for contact_id in sides.item.candidates:
                contact = sides.contacts.get(contact_id)
                if contact is not None:
                    yield from _take(action, sides, user, contact)
        case Action.CREATE:
            yield _create(sides, user)
        case Action.FIELDS:
            allowed = Flag.FIELD_SYNC in sides.flags
            yield Choice(
                action=action,
                effect=Effect.FIELDS if allowed else Effect.FIELDS_LOCAL,
                contact_id=_only(sides),
                overwrites=_writable(sides) if allowed else (),
            )
        case _:
            yield from _leave(action, sides)


def _writable(sides: Sides) -> tuple[FieldName, ...]:
    """The fields in question that no pin keeps the directory's value from."""
    contact_id = _only(sides)
    if contact_id is None or contact_id in sides.pins.hands_off:
        return ()
    locked = sides.pins.locked.get(contact_id, frozenset())
    return tuple(name for name in shown_fields(sides.item.details) if name.value not in locked)


def _leave(action: Action, sides: Sides) -> Iterator[Choice]:
    """What may be done about somebody who is missing."""
    contact_id = _only(sides)
    contact = sides.contacts.get(contact_id) if contact_id is not None else None
    if action == Action.KEEP:
        yield Choice(action=action, effect=Effect.KEEP, contact_id=contact_id)
    elif (
        contact is not None
        and contact.active
        and contact_id not in sides.pins.keep_active | sides.pins.hands_off
    ):
        yield Choice(action=action, effect=Effect.INACTIVATE, contact_id=contact_id)


def _take(
    action: Action, sides: Sides, user: DirectoryUser, contact: Candidate
) -> Iterator[Choice]:
    contact_id, pins = contact.contact_id, sides.pins
    elsewhere = contact.client_id != sides.client_id
    if contact.linked_to is not None or contact_id in pins.hands_off:
        return
    if action == Action.MOVE and not elsewhere:
        return
    locked = pins.locked.get(contact_id, frozenset())
    rules = {name: mode for name, mode in sides.rules.items() if name.value not in locked}
    merged = merge(rules, base={}, directory=values_of(user), contact=contact.values)
    yield Choice(
        action=action,
        effect=_effect(action, contact, elsewhere=elsewhere),
        values={
            "name": contact.values.get(FieldName.DISPLAY_NAME) or str(contact_id),
            "from_client": sides.client_names.get(contact.client_id, ""),
            "to_client": sides.client_names.get(sides.item.client_id, ""),
        },
        contact_id=contact_id,
        overwrites=tuple(merged.after),
    )


def _effect(action: Action, contact: Candidate, *, elsewhere: bool) -> Effect:
    if action == Action.MOVE:
        return Effect.MOVE
    if elsewhere:
        return Effect.LINK_OTHER_CLIENT
    return Effect.LINK if contact.active else Effect.LINK_INACTIVE


def _create(sides: Sides, user: DirectoryUser) -> Choice:
    address = address_of(user)
    taken = address is not None and any(
        normalise(contact.values.get(FieldName.EMAIL) or "") == address
        for contact in sides.contacts.values()
    )
    return Choice(
        action=Action.CREATE,
        effect=Effect.CREATE_TAKEN if taken else Effect.CREATE,
        values={"to_client": sides.client_names.get(sides.item.client_id, "")},
    )


def _only(sides: Sides) -> ContactId | None:
    return sides.item.candidates[0] if len(sides.item.candidates) == 1 else None
