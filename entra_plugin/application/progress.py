"""How far a check of many customers is, as people see it while it runs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from entra_plugin.application.check_customers import Checked
from entra_plugin.application.context import Context
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.store.runs import Runs

_WRITTEN_EVERY = 10


@dataclass(slots=True, kw_only=True)
class Progress(ABC):
    """Written into the run now and then, and whenever there is something new to see."""

    context: Context
    tenant_id: TenantId
    run_id: RunId
    heartbeat: Callable[[int], None]
    done: int = 0
    """Customers that were checked."""
    waits: datetime | None = None
    """Until when the provider lets us wait."""

    @abstractmethod
    def document(self) -> dict[str, object]:
        """What is known so far, as it is stored."""

    @abstractmethod
    async def take(self, checked: Checked) -> None:
        """Take up what came of one customer."""

    async def checked(self, checked: Checked) -> None:
        """Count one more customer."""
        await self.take(checked)
        self.done += 1  # nothing awaits between this and the question below
        self.heartbeat(self.done)
        if self.done % _WRITTEN_EVERY == 0:
            await self.write()

    async def waiting(self, until: datetime | None) -> None:
        """Say until when the provider lets us wait."""
        self.waits = until
        await self.write()

    async def write(self) -> None:
        """Write it into the run."""
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            await Runs(connection, self.tenant_id).progress(
                self.run_id, self.document(), waiting_until=self.waits
            )
