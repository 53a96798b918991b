"""Feature flags in this process."""

from entra_plugin.access import Flags
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import TenantId


class AllOff(Flags):
    """Every flag is off."""

    async def is_on_now(self, flag: Flag, tenant_id: TenantId) -> bool:
        """False."""
        return False
