"""What a sync of one managed tenant goes by, and the fingerprint that says whether it changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from entra_plugin.domain.filters import Filters
from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, ObjectId
from entra_plugin.domain.merging import FieldRules
from entra_plugin.domain.planning import PLANNER_VERSION
from entra_plugin.domain.states import FieldMode, FieldName

_CAPABILITIES = {
    FieldName.DEPARTMENT: "department",
    FieldName.OFFICE_LOCATION: "office_location",
    FieldName.PHONE: "phones",
    FieldName.MOBILE: "phones",
}
"""What the host must have for a rule to have an effect; every host has the other fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Who is in the groups that the filters name, transitively."""

    included: frozenset[ObjectId] | None = None
    excluded: frozenset[ObjectId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The mapping and the rules of a managed tenant, read at the start of a reading."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    client_id: ClientId
    filters: Filters
    last_fingerprint: bytes | None
    """Of the last successful sync."""
    fields: FieldRules
    """The field rules that are on; none while their flag is off."""
    guard: Guard
    pinned: bool
    """There are pins that may concern what is planned."""
    pins: bytes
    """A digest of those for which the people of the directory have to be looked at again."""
    members: Members = Members()

    @property
    def fingerprint(self) -> bytes:
        """Differs when identities must be looked at again although Microsoft reports no change."""
        included = self.members.included
        parts = (
            PLANNER_VERSION,
            str(self.client_id),
            self.filters,
            sorted(self.fields.items()),
            (self.guard.mark_inactive_when_disabled, self.guard.grace_days),
            self.pins,
            None if included is None else sorted(map(str, included)),
            sorted(map(str, self.members.excluded)),
        )
        encoded = msgspec.msgpack.encode(parts, order="deterministic")
        return blake2b(encoded, digest_size=16).digest()

    @property
    def changed(self) -> bool:
        """True when every identity has to be planned anew."""
        return self.fingerprint != self.last_fingerprint


def field_rules(config: Mapping[str, object], capabilities: frozenset[str]) -> FieldRules:
    """The rules of a stored ``fieldSyncConfig`` that are on, and that the host has a field for."""
    rules: dict[FieldName, FieldMode] = {}
    available = available_fields(capabilities)
    for name in FieldName:
        rule = config.get(name.value)
        if name in available and isinstance(rule, dict) and rule.get("enabled"):
            rules[name] = FieldMode(rule.get("mode", FieldMode.DIRECTORY_WINS))
    return rules


def available_fields(capabilities: frozenset[str]) -> frozenset[FieldName]:
    """The fields of a rule that the contacts of a host with these capabilities have."""
    return frozenset(
        name
        for name in FieldName
        if name not in _CAPABILITIES or _CAPABILITIES[name] in capabilities
    )
