"""Discover where nobody has for more than a day: the schedule that should have is gone."""

from datetime import timedelta

from entra_plugin.application.context import Context
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.sync.start import Actor
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import RunType, Trigger
from entra_plugin.store.connections import Connections
from entra_plugin.store.runs import Runs

OVERDUE = timedelta(hours=26)
"""A day, and what jitter and a Temporal that was away may add to it."""


class DiscoverOverdue:
    """Starts a discovery, at whose end the schedules of discovery and of syncs are made again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._start = StartCheck(context, RunType.DISCOVERY)

    async def __call__(self, tenant_id: TenantId) -> None:
        """Start one if the tenant has been connected for so long without any.

        Raises:
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            active = await Connections(connection, tenant_id).active()
            latest = await Runs(connection, tenant_id).latest([RunType.DISCOVERY])
        if active is None:
            return
        last = max(active.created_at, latest.created_at) if latest else active.created_at
        if last < self._context.clock() - OVERDUE:
            await self._start(tenant_id, Actor(user_id=None, name=None), Trigger.SCHEDULED)
