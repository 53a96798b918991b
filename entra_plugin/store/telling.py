"""Queries on what people are to be told, and were told: each thing once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ItemState, RunType
from entra_plugin.store.arrays import IdArray, WordArray
from entra_plugin.store.people_tables import reconciliation_items
from entra_plugin.store.run_tables import sync_runs, sync_settings
from entra_plugin.store.runs import OPEN_STATES
from entra_plugin.store.settings import SettingsRows


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAgain:
    """A managed tenant that failed in two runs, one after the other."""

    managed_tenant_id: ManagedTenantId
    name: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of the access to a managed tenant."""

    managed_tenant_id: ManagedTenantId
    name: str
    ends_at: datetime


_FAILED_AGAIN = text("""
    SELECT t.managed_tenant_id, m.display_name AS name, t.error_code AS code
    FROM entra_sync_runs n
    JOIN entra_sync_run_tenants t ON t.tenant_id = n.tenant_id AND t.run_id = n.run_id
    JOIN entra_managed_tenants m ON m.tenant_id = t.tenant_id
        AND m.managed_tenant_id = t.managed_tenant_id
    CROSS JOIN LATERAL (
        SELECT array_agg(b.state ORDER BY b.created_at DESC) AS states
        FROM (
            SELECT p.state, r.created_at
            FROM entra_sync_runs r
            JOIN entra_sync_run_tenants p ON p.tenant_id = r.tenant_id AND p.run_id = r.run_id
            WHERE r.tenant_id = n.tenant_id AND r.created_at < n.created_at
                AND r.type = ANY(:types) AND p.managed_tenant_id = t.managed_tenant_id
                AND p.state IN ('completed', 'held', 'failed')
            ORDER BY r.created_at DESC LIMIT 2
        ) b
    ) before
    WHERE n.tenant_id = :tenant_id AND n.run_id = :run_id AND t.state = 'failed'
        AND before.states[1] = 'failed' AND before.states[2] IS DISTINCT FROM 'failed'
    ORDER BY m.search_key, t.managed_tenant_id
""").bindparams(bindparam("types", type_=WordArray()))

_CONNECTION_FAILED_AGAIN = text("""
    SELECT coalesce((states[1] AND states[2] IS NOT TRUE), false)
    FROM (
        SELECT array_agg(b.failed ORDER BY b.created_at DESC) AS states
        FROM (
            SELECT r.state = 'failed' AND r.error_code IS NOT NULL AS failed, r.created_at
            FROM entra_sync_runs n
            JOIN entra_sync_runs r ON r.tenant_id = n.tenant_id AND r.created_at < n.created_at
            WHERE n.tenant_id = :tenant_id AND n.run_id = :run_id AND r.type = ANY(:types)
                AND r.state IN ('completed', 'partial', 'held', 'failed')
            ORDER BY r.created_at DESC LIMIT 2
        ) b
    ) before
""").bindparams(bindparam("types", type_=WordArray()))

_CLAIM_RELATIONSHIPS = text("""
    UPDATE entra_managed_tenants m
    SET relationship_warned_for = d.due
    FROM unnest(:ids, :dues) AS d (managed_tenant_id, due)
    WHERE m.tenant_id = :tenant_id AND m.managed_tenant_id = d.managed_tenant_id
        AND m.relationship_warned_for IS DISTINCT FROM d.due
        AND EXISTS (
            SELECT FROM entra_client_tenant_mappings c
            WHERE c.tenant_id = m.tenant_id AND c.managed_tenant_id = m.managed_tenant_id
                AND c.ended_at IS NULL AND c.state IN ('mapped', 'create_new'))
    RETURNING m.managed_tenant_id, m.display_name AS name, m.relationship_end AS ends_at
""").bindparams(
    bindparam("ids", type_=IdArray()),
    bindparam("dues", type_=ARRAY(DateTime(timezone=True))),
)


class Telling:
    """What one tenant's people were told, and what is new to them."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def claim_run(self, run_id: RunId) -> bool:
        """Be the one to tell of a run that ended; False when somebody was, or it has not ended."""
        statement = (
            update(sync_runs)
            .where(
                sync_runs.c.tenant_id == self._tenant_id,
                sync_runs.c.run_id == run_id,
                sync_runs.c.state.not_in(OPEN_STATES),
                or_(
                    sync_runs.c.notified_at.is_(None),
                    sync_runs.c.notified_at < sync_runs.c.finished_at,
                ),
            )
            .values(notified_at=sync_runs.c.finished_at)
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def new_items(self, run_id: RunId) -> int:
        """How many open questions came up in a run; one that only changed came up before."""
        statement = (
            select(func.count())
            .select_from(reconciliation_items)
            .where(
                reconciliation_items.c.tenant_id == self._tenant_id,
                reconciliation_items.c.state == ItemState.OPEN.value,
                reconciliation_items.c.run_id == run_id,
            )
        )
        return int((await self._connection.execute(statement)).scalar_one())

    async def failed_again(self, run_id: RunId, types: Sequence[RunType]) -> list[FailedAgain]:
        """The managed tenants for which this is the second failure in a row, and not the third."""
        rows = await self._connection.execute(_FAILED_AGAIN, self._of(run_id, types))
        return [
            FailedAgain(
                managed_tenant_id=ManagedTenantId(row.managed_tenant_id),
                name=row.name,
                code=row.code or "internal_error",
            )
            for row in rows
        ]

    async def connection_failed_again(self, run_id: RunId, types: Sequence[RunType]) -> bool:
        """True when the run before failed as a whole, too, and the one before that did not."""
        found = await self._connection.scalar(_CONNECTION_FAILED_AGAIN, self._of(run_id, types))
        return bool(found)

    async def claim_secret(self, due: datetime) -> bool:
        """Be the one to give the warning of the secret that was due then."""
        await SettingsRows(self._connection, self._tenant_id).ensure()
        statement = (
            update(sync_settings)
            .where(
                sync_settings.c.tenant_id == self._tenant_id,
                sync_settings.c.secret_warned_for.is_distinct_from(due),
            )
            .values(secret_warned_for=due)
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def claim_relationships(self, dues: Mapping[ManagedTenantId, datetime]) -> list[Ending]:
        """Be the one to give these warnings; answers those that were not given, soonest first.

        Only of managed tenants that are mapped.
        """
        if not dues:
            return []
        values = {
            "tenant_id": self._tenant_id,
            "ids": list(dues),
            "dues": list(dues.values()),
        }
        found = [
            Ending(
                managed_tenant_id=ManagedTenantId(row.managed_tenant_id),
                name=row.name,
                ends_at=row.ends_at,
            )
            for row in await self._connection.execute(_CLAIM_RELATIONSHIPS, values)
        ]
        return sorted(found, key=lambda ending: (ending.ends_at, ending.name))

    def _of(self, run_id: RunId, types: Sequence[RunType]) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "types": [type_.value for type_ in types],
        }
