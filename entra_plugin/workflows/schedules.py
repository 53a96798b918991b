"""What is done alike to every Temporal Schedule of ours."""

from datetime import timedelta

from temporalio.client import ScheduleHandle

from entra_plugin.host import Host

PATIENCE = timedelta(seconds=5)


async def handle(host: Host, schedule_id: str) -> ScheduleHandle:
    """A schedule by its id, whether it exists or not."""
    return (await host.temporal()).get_schedule_handle(schedule_id)


async def pause(host: Host, schedule_id: str) -> None:
    """Pause a schedule."""
    await (await handle(host, schedule_id)).pause(rpc_timeout=PATIENCE)


async def remove(host: Host, schedule_id: str) -> None:
    """Delete a schedule."""
    await (await handle(host, schedule_id)).delete(rpc_timeout=PATIENCE)
