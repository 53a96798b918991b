"""What a sync of one managed tenant goes by, and the fingerprint that says whether it changed."""

from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from entra_plugin.domain.filters import Filters
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId
from entra_plugin.domain.planning import PLANNER_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The mapping and the filters of a managed tenant, read at the start of a reading."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    client_id: ClientId
    filters: Filters
    last_fingerprint: bytes | None
    """Of the last successful sync."""

    @property
    def fingerprint(self) -> bytes:
        """Differs when identities must be looked at again although Microsoft reports no change."""
        parts = (PLANNER_VERSION, str(self.client_id), self.filters)
        return blake2b(msgspec.msgpack.encode(parts), digest_size=16).digest()

    @property
    def changed(self) -> bool:
        """True when every identity has to be planned anew."""
        return self.fingerprint != self.last_fingerprint
