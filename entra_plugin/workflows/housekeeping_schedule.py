"""The Temporal Schedule of housekeeping: one for the installation, made when a worker starts."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from entra_plugin.host import Host
from entra_plugin.workflows import interface
from entra_plugin.workflows.schedules import PATIENCE, handle

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)


@asynccontextmanager
async def kept(host: Host) -> AsyncIterator[None]:
    """Have housekeeping done while a worker runs, and afterwards: the schedule stays.

    A Temporal that cannot be reached does not keep the worker from starting; the next one makes the
    schedule.
    """
    try:
        await keep(host)
    except (RPCError, OSError, RuntimeError) as error:
        log.warning("no schedule of housekeeping", extra={"error": type(error).__name__})
    yield


async def keep(host: Host) -> None:
    """Make the schedule, or make the one that is there like this."""
    client, schedule = await host.temporal(), _schedule(host)
    try:
        await client.create_schedule(
            interface.HOUSEKEEPING_SCHEDULE, schedule, rpc_timeout=PATIENCE
        )
    except ScheduleAlreadyRunningError:

        def replaced(found: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule.state = found.description.schedule.state  # an operator may have paused it
            return ScheduleUpdate(schedule=schedule)

        there = await handle(host, interface.HOUSEKEEPING_SCHEDULE)
        await there.update(replaced, rpc_timeout=PATIENCE)


def _schedule(host: Host) -> Schedule:
    """What was missed while Temporal was away is not made good: one round does it all."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            interface.HOUSEKEEPING,
            id="entra/housekeeping/round",
            task_queue=host.task_queue,
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=EVERY),
    )
