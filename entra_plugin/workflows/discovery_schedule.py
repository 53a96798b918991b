"""The Temporal Schedule that has discovery run daily, one per tenant."""

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
)

from entra_plugin.domain.ids import TenantId
from entra_plugin.host import Host
from entra_plugin.workflows import interface
from entra_plugin.workflows.messages import TenantRef

_DAY = timedelta(days=1)
_JITTER = timedelta(minutes=10)
_CATCH_UP = timedelta(hours=1)
"""A Temporal that was away longer leaves the discovery to the next day."""

_PATIENCE = timedelta(seconds=5)


async def keep(host: Host, tenant_id: TenantId) -> None:
    """Make the schedule; one that is there already is resumed."""
    client = await host.temporal()
    try:
        await client.create_schedule(
            interface.discovery_schedule_id(str(tenant_id)),
            _schedule(host, tenant_id),
            rpc_timeout=_PATIENCE,
        )
    except ScheduleAlreadyRunningError:
        await _handle(client, tenant_id).unpause(rpc_timeout=_PATIENCE)


async def pause(host: Host, tenant_id: TenantId) -> None:
    """Pause the schedule."""
    await _handle(await host.temporal(), tenant_id).pause(rpc_timeout=_PATIENCE)


async def remove(host: Host, tenant_id: TenantId) -> None:
    """Delete the schedule."""
    await _handle(await host.temporal(), tenant_id).delete(rpc_timeout=_PATIENCE)


def _handle(client: Client, tenant_id: TenantId) -> ScheduleHandle:
    return client.get_schedule_handle(interface.discovery_schedule_id(str(tenant_id)))


def _schedule(host: Host, tenant_id: TenantId) -> Schedule:
    """Daily; tenants are spread over the day, so that they do not all ask at once."""
    offset = timedelta(seconds=tenant_id.int % int(_DAY.total_seconds()))
    return Schedule(
        action=ScheduleActionStartWorkflow(
            interface.SCHEDULED_DISCOVERY,
            TenantRef(tenant_id=str(tenant_id)),
            id=f"entra/{tenant_id}/scheduled/discovery",
            task_queue=host.task_queue,
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=_DAY, offset=offset)], jitter=_JITTER
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )
