"""The five feature flags of phase 1."""

from dataclasses import dataclass
from enum import StrEnum


class Flag(StrEnum):
    """The flag keys; every surface sits behind ``UI``, some behind one more."""

    UI = "entra-integration-ui"
    CLIENT_SYNC = "entra-integration-client-sync-action"
    CIPP = "entra-integration-cipp"
    FIELD_SYNC = "entra-integration-field-sync"
    QUEUE = "entra-integration-ambiguous-queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveFlags:
    """What is switched on for one tenant now."""

    on: frozenset[Flag]

    def __contains__(self, flag: Flag) -> bool:
        """True when the flag is on."""
        return flag in self.on
