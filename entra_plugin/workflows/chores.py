"""The activity of housekeeping: every chore of every tenant, whatever becomes of the others."""

import asyncio
import logging
import traceback

from temporalio import activity

from entra_plugin.application.context import Context
from entra_plugin.application.housekeeping import KeepHouse
from entra_plugin.workflows import interface

log = logging.getLogger(__name__)


class Chores:
    """The activity with what it depends on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._keep_house = KeepHouse(context)

    @activity.defn(name=interface.KEEP_HOUSE)
    async def keep_house(self) -> None:
        """Do all chores; one that fails, or does not come to its end, is left to the next round."""
        for tenant_id in await self._context.host.tenants():
            for name, chore in self._keep_house.chores():
                activity.heartbeat()
                try:
                    async with asyncio.timeout(interface.CHORE.total_seconds()):
                        await chore(tenant_id)
                except Exception as error:  # noqa: BLE001 - the worker's boundary
                    log.warning(
                        "chore failed",
                        extra={
                            "chore": name,
                            "tenant": str(tenant_id),
                            "error": type(error).__name__,
                            "trace": "".join(traceback.format_tb(error.__traceback__)),
                        },
                    )
