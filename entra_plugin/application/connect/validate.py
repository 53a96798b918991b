"""Check the active connection, and remember what was found."""

from datetime import datetime

from entra_plugin.application.connect.swap import Validation
from entra_plugin.application.context import Context
from entra_plugin.domain.errors import EntraError, NotAcceptable, TransientFailure
from entra_plugin.domain.ids import ConnectionId, TenantId
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.runs import Failure


class Validate:
    """List the customers anew, past everything that is kept in memory."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> Validation:
        """Check; one that takes its place meanwhile is not marked.

        Raises:
            NotAcceptable: ``not_connected``.
        """
        await self._context.directories.forget(tenant_id)
        active = await self._active(tenant_id)
        failure: Failure | None = None
        broken = False
        count: int | None = None
        try:
            directory = await self._context.directories.of_tenant(tenant_id)
            count = await directory.probe()
        except NotAcceptable:
            raise
        except EntraError as error:
            failure = Failure.of(error, self._context.clock())
            broken = not isinstance(error, TransientFailure)
        now = self._context.clock()
        if active is not None:
            await self._mark(tenant_id, active.connection_id, failure, now, broken=broken)
        return Validation(
            valid=failure is None, checked_at=now, tenant_count=count, failure=failure
        )

    async def _active(self, tenant_id: TenantId) -> Connection | None:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Connections(connection, tenant_id).active()

    async def _mark(
        self,
        tenant_id: TenantId,
        probed: ConnectionId,
        failure: Failure | None,
        now: datetime,
        *,
        broken: bool,
    ) -> None:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            connections = Connections(connection, tenant_id)
            if failure is None:
                await connections.mark_validated(now, connection_id=probed)
            else:
                await connections.mark_failed(failure, now, broken=broken, connection_id=probed)
