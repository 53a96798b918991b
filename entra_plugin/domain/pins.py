"""Pins: people's standing orders, which beat rules, modes, approvals and undo."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entra_plugin.domain.ids import ContactId, ObjectId


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
