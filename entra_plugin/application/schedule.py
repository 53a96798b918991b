"""The recurring sync: on or off, how often, and what happens when its time has come.

What is stored decides. Temporal's schedule is made to follow it whenever the setting or the
connection changes, and after each discovery.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context, Person
from entra_plugin.application.sync.start import Actor, StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.errors import Conflict, NotAcceptable
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.recurrence import recurrence
from entra_plugin.domain.states import Trigger
from entra_plugin.store.connections import Connections
from entra_plugin.store.settings import SettingsRows, StoredSettings

log = logging.getLogger(__name__)

SWITCHED_OFF = "switched_off"
"""Why a schedule that Temporal still had started nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSchedule:
    """Whether syncs start by themselves, and how often. The range was checked at the edge."""

    enabled: bool
    interval_minutes: int

    @property
    def every(self) -> timedelta:
        """The interval."""
        return timedelta(minutes=self.interval_minutes)


class Schedule:
    """Reads and changes the recurring sync of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(self, tenant_id: TenantId) -> SyncSchedule:
        """What is stored; off and daily unless told."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return _stored(await SettingsRows(connection, tenant_id).get())

    async def write(
        self, person: Person, wanted: SyncSchedule, *, seen: SyncSchedule | None = None
    ) -> SyncSchedule:
        """Apply to Temporal, then store; without a connection it waits, paused, for one.

        ``seen`` is what the person had before him, where that has to be in force still.

        Raises:
            Conflict: ``changed_meanwhile``: what is stored is not what was seen.
            TransientFailure: ``temporal_unavailable``; nothing was written.
        """
        tenant_id = person.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = SettingsRows(connection, tenant_id)
            await rows.lock_schedule()
            if seen is not None and seen != _stored(await rows.get()):
                raise Conflict("changed_meanwhile")
            await _apply(self._context, connection, tenant_id, wanted)
            await rows.put_schedule(
                enabled=wanted.enabled,
                interval_minutes=wanted.interval_minutes,
                actor_id=person.user_id,
                now=self._context.clock(),
            )
        return wanted


async def keep_sync_schedule(context: Context, tenant_id: TenantId) -> None:
    """Make Temporal's schedule follow what is stored: the setting, and whether we are connected.

    Raises:
        TransientFailure: ``temporal_unavailable``.
    """
    async with context.store.tenant_transaction(tenant_id) as connection:
        rows = SettingsRows(connection, tenant_id)
        await rows.lock_schedule()
        await _apply(context, connection, tenant_id, _stored(await rows.get()))


def next_sync(
    tenant_id: TenantId, settings: StoredSettings, now: datetime, *, connected: bool
) -> datetime | None:
    """When the next sync starts by itself, or a few minutes later; None if none does."""
    stored = _stored(settings)
    if not (connected and stored.enabled):
        return None
    return recurrence(tenant_id.int, stored.every).next_after(now)


class StartScheduledSync:
    """What the schedule does: the same start as the button's, of all that is mapped."""

    def __init__(self, context: Context) -> None:
        self._schedule = Schedule(context)
        self._start = StartSync(context)

    async def __call__(self, tenant_id: TenantId) -> str | None:
        """Start or join; answers why nothing was started, if nothing was.

        Raises:
            TransientFailure: ``temporal_unavailable``; nothing is left behind.
        """
        reason = await self._attempt(tenant_id)
        if reason is not None:
            log.info("scheduled sync not started", extra={"code": reason})
        return reason

    async def _attempt(self, tenant_id: TenantId) -> str | None:
        if not (await self._schedule.read(tenant_id)).enabled:
            return SWITCHED_OFF
        command = StartSyncCommand(
            tenant_id=tenant_id,
            scope=SyncScope.ALL,
            actor=Actor(user_id=None, name=None),
            trigger=Trigger.SCHEDULED,
        )
        try:
            await self._start(command)
        except NotAcceptable as error:
            return error.code
        return None


def _stored(settings: StoredSettings) -> SyncSchedule:
    return SyncSchedule(
        enabled=settings.sync_enabled, interval_minutes=settings.sync_interval_minutes
    )


async def _apply(
    context: Context, connection: AsyncConnection, tenant_id: TenantId, wanted: SyncSchedule
) -> None:
    """Tell Temporal, under the lock, so that who comes last has seen what all others wrote."""
    connected = await Connections(connection, tenant_id).active() is not None
    if wanted.enabled and connected:
        await context.workflows.schedule_sync(tenant_id, wanted.every)
    else:
        await context.workflows.pause_sync(tenant_id)
