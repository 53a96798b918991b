"""The only way to the database: a transaction that belongs to one tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from entra_plugin.domain.ids import TenantId
from entra_plugin.store.base import TENANT_SETTING

_ENTER = text("SELECT set_config(:setting, :tenant, true)")


class Store:
    """Opens tenant transactions on the host's engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def tenant_transaction(self, tenant_id: TenantId) -> AsyncIterator[AsyncConnection]:
        """Begin, set the tenant, and commit at the end or roll back on an exception.

        The setting lives as long as the transaction, so that a pooled connection never carries it
        over.
        """
        async with self._engine.begin() as connection:
            await connection.execute(_ENTER, {"setting": TENANT_SETTING, "tenant": str(tenant_id)})
            yield connection

    @asynccontextmanager
    async def rehearsal(self, tenant_id: TenantId) -> AsyncIterator[AsyncConnection]:
        """A tenant transaction that is taken back at its end, whatever was done in it.

        For dry runs: what they tell is what the real thing does, for it is the real thing.
        """
        async with self.tenant_transaction(tenant_id) as connection:
            yield connection
            await connection.rollback()
