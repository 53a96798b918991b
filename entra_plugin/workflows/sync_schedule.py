"""The Temporal Schedule of the recurring sync, one per tenant that ever had it on."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleHandle,
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

_PATIENCE = timedelta(seconds=5)


async def put(host: Host, tenant_id: TenantId, every: timedelta) -> None:
    """Make the schedule, or make the one that is there like this; either way it goes on."""
    client, schedule = await host.temporal(), _schedule(host, tenant_id, every)
    try:
        await client.create_schedule(
            interface.sync_schedule_id(str(tenant_id)), schedule, rpc_timeout=_PATIENCE
        )
    except ScheduleAlreadyRunningError:

        def replaced(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        await _handle(client, tenant_id).update(replaced, rpc_timeout=_PATIENCE)


async def pause(host: Host, tenant_id: TenantId) -> None:
    """Pause the schedule."""
    await _handle(await host.temporal(), tenant_id).pause(rpc_timeout=_PATIENCE)


async def remove(host: Host, tenant_id: TenantId) -> None:
    """Delete the schedule."""
    await _handle(await host.temporal(), tenant_id).delete(rpc_timeout=_PATIENCE)


def _handle(client: Client, tenant_id: TenantId) -> ScheduleHandle:
    return client.get_schedule_handle(interface.sync_schedule_id(str(tenant_id)))


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
