"""How far a check is gets written at every tenth customer, however many finish at once."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from entra_plugin.application.check_customers import Checked
from entra_plugin.application.progress import Progress
from entra_plugin.domain.ids import RunId, TenantId

if TYPE_CHECKING:
    from entra_plugin.application.context import Context
    from entra_plugin.store.managed_tenants import ManagedTenant


@dataclass(slots=True, kw_only=True)
class Counted(Progress):
    """Takes a customer as slowly as a database does, and notes what would be written."""

    taken: int = 0
    written: list[tuple[int, int]] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        return {}

    async def take(self, checked: Checked) -> None:
        await asyncio.sleep(0)
        self.taken += 1

    async def write(self) -> None:
        self.written.append((self.done, self.taken))


@pytest.mark.parametrize("at_once", [1, 8, 35])
async def test_every_tenth_is_written_with_all_that_was_taken(at_once: int) -> None:
    beats: list[int] = []
    progress = Counted(
        context=cast("Context", None),
        tenant_id=TenantId(uuid4()),
        run_id=RunId(uuid4()),
        heartbeat=beats.append,
    )
    checked = Checked(tenant=cast("ManagedTenant", None), failure=None)
    left = 35
    while left:
        together = min(left, at_once)
        await asyncio.gather(*(progress.checked(checked) for _ in range(together)))
        left -= together
    assert beats == list(range(1, 36))
    assert [done for done, _ in progress.written] == [10, 20, 30]
    assert all(taken >= done for done, taken in progress.written)
