"""The workflow that keeps house for all tenants, every few minutes."""

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from entra_plugin.workflows import interface


@workflow.defn(name=interface.HOUSEKEEPING)
class Housekeeping:
    """One round; what it did not get to is done by the next."""

    @workflow.run
    async def run(self) -> None:
        """Do each chore for one tenant after the other."""
        await workflow.execute_activity(
            interface.KEEP_HOUSE,
            start_to_close_timeout=interface.CHORES,
            heartbeat_timeout=interface.SILENCE,
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
