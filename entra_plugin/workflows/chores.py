"""The activity of housekeeping: every chore of every tenant, whatever becomes of the others.

Nothing that an exception says leaves here, as with the other activities.
"""

import asyncio
import logging
import traceback
from collections.abc import Mapping, Sequence

from temporalio import activity
from temporalio.exceptions import ApplicationError

from entra_plugin.application.context import Context
from entra_plugin.application.housekeeping import Chore, KeepHouse
from entra_plugin.domain.ids import TenantId
from entra_plugin.workflows import interface

log = logging.getLogger(__name__)


class Chores:
    """The activity with what it depends on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._keep_house = KeepHouse(context)

    @activity.defn(name=interface.KEEP_HOUSE)
    async def keep_house(self) -> None:
        """Do all chores; one that fails, or does not come to its end, is left to the next round.

        Each chore is done for everybody before the next: nobody's dead runs wait until another
        tenant's rows are put away.
        """
        tenants = await self._tenants()
        for name, chore in self._keep_house.chores():
            for tenant_id in tenants:
                activity.heartbeat()
                await _do(name, chore, tenant_id)

    async def _tenants(self) -> Sequence[TenantId]:
        try:
            return await self._context.host.tenants()
        except Exception as error:  # noqa: BLE001 - the worker's boundary
            log.error("no tenants to keep house for", extra=_facts(error))  # noqa: TRY400
            raise ApplicationError("internal_error", type="internal_error") from None


async def _do(name: str, chore: Chore, tenant_id: TenantId) -> None:
    try:
        async with asyncio.timeout(interface.CHORE.total_seconds()):
            await chore(tenant_id)
    except Exception as error:  # noqa: BLE001 - the worker's boundary
        known = {"chore": name, "tenant": str(tenant_id)}
        log.warning("chore failed", extra={**known, **_facts(error)})


def _facts(error: Exception) -> Mapping[str, str]:
    """What may be logged of an exception: not what it says."""
    trace = "".join(traceback.format_tb(error.__traceback__))
    return {"error": type(error).__name__, "trace": trace}
