"""Remove what we hold of a tenant that leaves the platform; contacts and clients are the host's."""

from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.application.context import Context
from entra_plugin.domain import secret_names
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.connections import Connections
from entra_plugin.store.erasure import erase_tenant
from entra_plugin.store.runs import Runs

_SECRETS = (*secret_names.OF_CONNECTIONS, *secret_names.MICROSOFT)


class RemoveTenant:
    """Stop the tenant's runs, end its connection, then delete its secrets and its rows."""

    def __init__(self, context: Context, journal: SecretJournal) -> None:
        self._context = context
        self._journal = journal

    async def __call__(self, tenant_id: TenantId) -> None:
        """Remove everything; doing it again is harmless.

        Raises:
            TransientFailure: ``temporal_unavailable``: a schedule could not be deleted or a
                running sync told to stop, and nothing was deleted.
            ConfigurationInvalid: ``secret_store_read_only``: a secret is left, and every row.
            Conflict: ``changed_meanwhile``: somebody was changing secrets; every row is left.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            workflows = await Runs(connection, tenant_id).open_workflows()
            connected = await Connections(connection, tenant_id).latest() is not None
        if connected:  # else there is no schedule
            await self._context.workflows.remove_schedules(tenant_id)
        for workflow_id in workflows:
            await self._context.workflows.cancel(workflow_id)
        async with self._journal.change(tenant_id, sets={}, deletes=_SECRETS) as connection:
            await Connections(connection, tenant_id).end("removed", self._context.clock())
        await self._journal.settle(tenant_id)  # says so if a secret could not be deleted
        await self._context.directories.forget(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await erase_tenant(connection, tenant_id)
