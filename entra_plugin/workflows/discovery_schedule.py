"""The Temporal Schedule that has discovery run daily, one per tenant."""

from datetime import timedelta

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from entra_plugin.domain.ids import TenantId
from entra_plugin.host import Host
from entra_plugin.workflows import interface
from entra_plugin.workflows.messages import TenantRef
from entra_plugin.workflows.schedules import PATIENCE, handle

_DAY = timedelta(days=1)
_JITTER = timedelta(minutes=10)
_CATCH_UP = timedelta(hours=1)
"""A Temporal that was away longer leaves the discovery to the next day."""


async def keep(host: Host, tenant_id: TenantId) -> None:
    """Make the schedule; one that is there already is resumed."""
    client = await host.temporal()
    try:
        await client.create_schedule(
            interface.discovery_schedule_id(str(tenant_id)),
            _schedule(host, tenant_id),
            rpc_timeout=PATIENCE,
        )
    except ScheduleAlreadyRunningError:
        there = await handle(host, interface.discovery_schedule_id(str(tenant_id)))
        await there.unpause(rpc_timeout=PATIENCE)


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
