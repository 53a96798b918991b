"""A real Temporal dev server for a test session, and its schedules, which it changes in time."""

import asyncio
from contextlib import suppress

from temporalio.client import ScheduleDescription, ScheduleHandle
from temporalio.service import RPCError

from devhost.servers.running import running_temporal, wait_for_port

__all__ = ["gone", "made", "running_temporal", "wait_for_port"]


async def gone(handle: ScheduleHandle) -> None:
    """Wait until Temporal has deleted a schedule: it does so in time."""
    for _ in range(2400):
        try:
            await handle.describe()
        except RPCError:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{handle.id} is still there")


async def made(handle: ScheduleHandle) -> ScheduleDescription:
    """The schedule, once Temporal shows it."""
    for _ in range(2400):
        with suppress(RPCError):
            return await handle.describe()
        await asyncio.sleep(0.05)
    raise AssertionError(f"{handle.id} is not there")
