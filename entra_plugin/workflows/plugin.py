"""What we add to the host's Temporal worker."""

from temporalio.plugin import SimplePlugin

from entra_plugin.application.context import Context
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.definitions import (
    DiscoverManagedTenants,
    SyncManagedTenant,
    SyncTenants,
)


class EntraWorkerPlugin(SimplePlugin):
    """Our workflows and activities; the data converter stays the host's."""

    def __init__(self, context: Context) -> None:
        super().__init__(
            "entra",
            workflows=[DiscoverManagedTenants, SyncTenants, SyncManagedTenant],
            activities=Activities(context).all(),
        )
