"""Both adapters over one and the same simulator, opened alike."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from entra_plugin.directory.protocol import Directory
from entra_plugin.domain.ids import EntraTenantId
from support.cipp_directory import opened_cipp
from support.graph import signed_in
from support.simulator import Simulator

Opening = Callable[[Simulator], AbstractAsyncContextManager[Directory]]


@asynccontextmanager
async def microsoft(simulator: Simulator) -> AsyncIterator[Directory]:
    """Directly, in the name of the first partner's account."""
    async with signed_in(simulator) as signed:
        yield signed.directory()


@asynccontextmanager
async def cipp(simulator: Simulator) -> AsyncIterator[Directory]:
    """Through the first partner's CIPP."""
    async with opened_cipp(simulator) as opened:
        yield opened.directory


BOTH: Mapping[str, Opening] = {"microsoft": microsoft, "cipp": cipp}


def held(simulator: Simulator, tenant: EntraTenantId) -> dict[str, Any]:
    """A customer's directory as the simulator holds it."""
    tenants = simulator.directory()["tenants"]
    return next(t for t in tenants if t["entra_tenant_id"] == str(tenant))
