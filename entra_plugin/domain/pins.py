"""Pins: people's standing orders, which beat rules, modes, approvals and undo."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId
from entra_plugin.domain.states import FieldName, PinKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The pins of some contacts, and of some identities of one directory."""

    keep_active: frozenset[ContactId] = frozenset()
    """Never made inactive."""
    hands_off: frozenset[ContactId] = frozenset()
    """Not changed at all, links included."""
    locked: Mapping[ContactId, frozenset[str]] = field(default_factory=dict)
    """Fields that stay, by the names of the field rules."""
    ignored: frozenset[ObjectId] = frozenset()


NO_PINS = Pins()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One standing order, and what it is about: a contact, a field of one, or an identity."""

    kind: PinKind
    contact_id: ContactId | None = None
    entra_tenant_id: EntraTenantId | None = None
    object_id: ObjectId | None = None
    field: FieldName | None = None


SUBJECTS: Mapping[PinKind, tuple[str, ...]] = {
    PinKind.KEEP_ACTIVE: ("contact_id",),
    PinKind.HANDS_OFF: ("contact_id",),
    PinKind.LOCK_FIELD: ("contact_id", "field"),
    PinKind.IGNORE_IDENTITY: ("entra_tenant_id", "object_id"),
}
"""What a pin of each kind names, and nothing else."""


def misfit(pin: Pin) -> str | None:
    """The first part that the pin's kind needs and that is missing, or that it has no use for."""
    parts = ("contact_id", "entra_tenant_id", "object_id", "field")
    needed = SUBJECTS[pin.kind]
    return next((p for p in parts if (getattr(pin, p) is None) == (p in needed)), None)
