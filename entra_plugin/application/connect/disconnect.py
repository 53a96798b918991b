"""End a connection: row first, then secrets, then the schedules and running work. History stays."""

from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.context import Context
from entra_plugin.application.schedule import keep_sync_schedule
from entra_plugin.domain import secret_names
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.connections import Connections
from entra_plugin.store.runs import Runs


class Disconnect:
    """End the active connection."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._journal = ports.journal

    async def __call__(self, tenant_id: TenantId) -> None:
        """Disconnect; doing it again is harmless.

        Raises:
            ConfigurationInvalid: ``secret_store_read_only``: disconnected, but a secret is left; it
                goes as soon as the store can be written to.
            TransientFailure: ``temporal_unavailable``: disconnected, but a running sync could not
                be told; it ends by itself before its next managed tenant.
        """
        names = secret_names.OF_CONNECTIONS
        async with self._journal.change(tenant_id, sets={}, deletes=names) as connection:
            await Connections(connection, tenant_id).end("disconnected", self._context.clock())
            workflows = await Runs(connection, tenant_id).open_workflows()
        await self._context.directories.forget(tenant_id)
        await self._context.workflows.pause_discovery(tenant_id)
        await keep_sync_schedule(self._context, tenant_id)
        for workflow_id in workflows:
            await self._context.workflows.cancel(workflow_id)
        await self._journal.settle(tenant_id)  # says so if a secret could not be deleted
