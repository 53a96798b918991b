"""What has to be done for every tenant from time to time."""

from collections.abc import Awaitable, Callable, Sequence

from entra_plugin.application.context import Context
from entra_plugin.application.discover_overdue import DiscoverOverdue
from entra_plugin.application.reap import Reap
from entra_plugin.application.retention import DeleteOldChanges, DiscardLapsed, EraseAbandoned
from entra_plugin.application.warn_expiring import WarnExpiring
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import TenantId

Chore = Callable[[TenantId], Awaitable[None]]


class KeepHouse:
    """The chores, each of which stands for itself."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reap = Reap(context)
        self._retire: Sequence[tuple[str, Chore]] = (
            ("discard_lapsed", DiscardLapsed(context)),
            ("delete_old_changes", DeleteOldChanges(context)),
            ("erase_abandoned", EraseAbandoned(context)),
            ("warn_expiring", WarnExpiring(context)),
            ("discover_overdue", DiscoverOverdue(context)),
        )

    def chores(self) -> Sequence[tuple[str, Chore]]:
        """Name and work, in the order in which they are done."""
        return (("reap", self._reap), *((name, self._while_on(c)) for name, c in self._retire))

    def _while_on(self, chore: Chore) -> Chore:
        """While the feature is off, nothing is deleted and nobody is told anything."""

        async def work(tenant_id: TenantId) -> None:
            if await self._context.flags.is_on(Flag.UI, tenant_id):
                await chore(tenant_id)

        return work
