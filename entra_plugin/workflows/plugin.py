"""What we add to the host's Temporal worker."""

from temporalio.plugin import SimplePlugin

from entra_plugin.application.context import Context
from entra_plugin.workflows import housekeeping_schedule
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.chores import Chores
from entra_plugin.workflows.definitions import (
    ApplyApproved,
    DiscoverManagedTenants,
    ScheduledDiscovery,
    ScheduledSync,
    SyncManagedTenant,
    SyncTenants,
    ValidateConnection,
)
from entra_plugin.workflows.housekeeping import Housekeeping


class EntraWorkerPlugin(SimplePlugin):
    """Our workflows and activities; the data converter stays the host's."""

    def __init__(self, context: Context) -> None:
        super().__init__(
            "entra",
            workflows=[
                ApplyApproved,
                DiscoverManagedTenants,
                Housekeeping,
                ScheduledDiscovery,
                ScheduledSync,
                SyncManagedTenant,
                SyncTenants,
                ValidateConnection,
            ],
            activities=[*Activities(context).all(), Chores(context).keep_house],
            run_context=lambda: housekeeping_schedule.kept(context.host),
        )
