"""Deletes everything that we hold of one tenant."""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import TenantId
from entra_plugin.store.run_tables import sync_runs
from entra_plugin.store.tables import metadata


async def erase_tenant(connection: AsyncConnection, tenant_id: TenantId) -> None:
    """Delete the tenant's rows from every table.

    Runs go first: a write that is under way holds its run's row, so it ends before the rest is
    deleted, and one that comes later finds no run.
    """
    for table in (sync_runs, *reversed(metadata.sorted_tables)):
        await connection.execute(delete(table).where(table.c.tenant_id == tenant_id))
