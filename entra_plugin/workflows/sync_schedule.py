"""The Temporal Schedule of the recurring sync, one per tenant that ever had it on."""

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

from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.recurrence import recurrence
from entra_plugin.host import Host
from entra_plugin.workflows import interface
from entra_plugin.workflows.messages import TenantRef
from entra_plugin.workflows.schedules import PATIENCE, handle


async def put(host: Host, tenant_id: TenantId, every: timedelta) -> None:
    """Make the schedule, or make the one that is there like this; either way it goes on."""
    client, schedule = await host.temporal(), _schedule(host, tenant_id, every)
    try:
        await client.create_schedule(
            interface.sync_schedule_id(str(tenant_id)), schedule, rpc_timeout=PATIENCE
        )
    except ScheduleAlreadyRunningError:

        def replaced(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        there = await handle(host, interface.sync_schedule_id(str(tenant_id)))
        await there.update(replaced, rpc_timeout=PATIENCE)


def _schedule(host: Host, tenant_id: TenantId, every: timedelta) -> Schedule:
    """What was missed while Temporal was away is made good, unless the next one is due anyway."""
    moments = recurrence(tenant_id.int, every)
    return Schedule(
        action=ScheduleActionStartWorkflow(
            interface.SCHEDULED_SYNC,
            TenantRef(tenant_id=str(tenant_id)),
            id=f"entra/{tenant_id}/scheduled/sync",
            task_queue=host.task_queue,
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=moments.every, offset=moments.offset)],
            jitter=moments.jitter,
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )
