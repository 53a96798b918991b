"""Queries on what was kept long enough: held rows, old change rows, customers nobody syncs."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ChangeId, EntraTenantId, ManagedTenantId, RunId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed:
    """Rows of one managed tenant in one run that nobody decided on in time."""

    run_id: RunId
    managed_tenant_id: ManagedTenantId
    change_ids: tuple[ChangeId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """A managed tenant that has been unmapped for long, and whose people are not erased yet."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId


_LAPSED = text("""
    SELECT c.run_id, c.managed_tenant_id, array_agg(c.change_id) AS change_ids
    FROM entra_sync_run_tenants t
    JOIN entra_sync_changes c ON c.tenant_id = t.tenant_id AND c.run_id = t.run_id
        AND c.managed_tenant_id = t.managed_tenant_id
    WHERE t.tenant_id = :tenant_id AND t.state = 'held' AND c.state = 'held'
        AND t.finished_at < :before
    GROUP BY c.run_id, c.managed_tenant_id
""")
"""A preview that is applied late holds its rows from then on, however old its plan is."""

_DELETE_CHANGES = text("""
    DELETE FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND change_id IN (
        SELECT c.change_id FROM entra_sync_runs r
        JOIN entra_sync_changes c ON c.tenant_id = r.tenant_id AND c.run_id = r.run_id
        WHERE r.tenant_id = :tenant_id AND r.created_at < :before AND c.created_at < :before
            AND c.state NOT IN ('planned', 'held')
        LIMIT :limit)
""")
"""A row is as old as its run, or younger; the runs have an index by time."""

_ABANDONED = text("""
    SELECT m.managed_tenant_id, m.entra_tenant_id
    FROM entra_client_tenant_mappings d
    JOIN entra_managed_tenants m ON m.tenant_id = d.tenant_id
        AND m.managed_tenant_id = d.managed_tenant_id
    WHERE d.tenant_id = :tenant_id AND d.ended_at IS NULL AND d.state IN ('unmapped', 'skipped')
        AND d.decided_at < :before
        AND EXISTS (
            SELECT FROM entra_identities i
            WHERE i.tenant_id = m.tenant_id AND i.entra_tenant_id = m.entra_tenant_id
                AND i.attributes <> '{}')
    ORDER BY m.managed_tenant_id
""")


class Retention:
    """What one tenant has kept long enough."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def lapsed(self, before: datetime) -> list[Lapsed]:
        """The rows that are held since before then."""
        rows = await self._connection.execute(_LAPSED, self._of(before))
        return [
            Lapsed(
                run_id=RunId(row.run_id),
                managed_tenant_id=ManagedTenantId(row.managed_tenant_id),
                change_ids=tuple(map(ChangeId, row.change_ids)),
            )
            for row in rows
        ]

    async def delete_changes(self, before: datetime, limit: int) -> int:
        """Delete settled change rows that were planned before then; answers how many it was."""
        values = {**self._of(before), "limit": limit}
        return int((await self._connection.execute(_DELETE_CHANGES, values)).rowcount)

    async def abandoned(self, before: datetime) -> list[Abandoned]:
        """The managed tenants that nobody syncs since before then, with people not erased yet."""
        rows = await self._connection.execute(_ABANDONED, self._of(before))
        return [
            Abandoned(
                managed_tenant_id=ManagedTenantId(row.managed_tenant_id),
                entra_tenant_id=EntraTenantId(row.entra_tenant_id),
            )
            for row in rows
        ]

    def _of(self, before: datetime) -> dict[str, object]:
        return {"tenant_id": self._tenant_id, "before": before}
