"""Questions that a plan asks, and that are open already: nobody is asked twice."""

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId

_REPEATED = """
    c.tenant_id = :tenant_id AND c.run_id = :run_id AND c.managed_tenant_id = :managed_tenant_id
    AND c.state = 'planned' AND c.kind = 'queue'
    AND (SELECT (c.reason, c.candidates, c.client_id, c.after)
            = (reason, candidates, client_id, details)
        FROM entra_reconciliation_items i
        WHERE i.tenant_id = c.tenant_id AND i.entra_tenant_id = c.entra_tenant_id
            AND i.object_id = c.object_id AND i.state = 'open')
    AND decode(c.snapshot ->> 'fingerprint', 'hex') = (
        SELECT d.seen_fingerprint FROM entra_identities d
        WHERE d.tenant_id = c.tenant_id AND d.entra_tenant_id = c.entra_tenant_id
            AND d.object_id = c.object_id
            AND (d.verdict = 'queued' OR c.contact_id IS NOT NULL))
    AND (c.contact_id IS NULL OR NOT EXISTS (
        SELECT FROM entra_sync_changes o
        WHERE o.tenant_id = c.tenant_id AND o.run_id = c.run_id
            AND o.managed_tenant_id = c.managed_tenant_id AND o.object_id = c.object_id
            AND o.state = 'planned' AND o.kind IN ('link', 'move', 'reactivate')))"""
"""True for a planned question that is open word for word, about somebody who is as he was.

So is not who was undone, or failed, since he was asked about. One beside a row that links is asked
anew: that row closes what is not asked beside it.
"""

_DROP = text(f"""
    WITH dropped AS (
        DELETE FROM entra_sync_changes c WHERE {_REPEATED}
        RETURNING 1
    )
    SELECT count(*) FROM dropped
""")

_LEAVE_ALONE = text(f"""
    WITH repeated AS MATERIALIZED (
        SELECT c.change_id, EXISTS (
            SELECT FROM entra_sync_changes o
            WHERE o.tenant_id = c.tenant_id AND o.run_id = c.run_id
                AND o.managed_tenant_id = c.managed_tenant_id AND o.object_id = c.object_id
                AND o.change_id <> c.change_id) AS beside
        FROM entra_sync_changes c WHERE {_REPEATED}
    ), dropped AS (
        DELETE FROM entra_sync_changes c
        USING repeated r
        WHERE c.tenant_id = :tenant_id AND c.change_id = r.change_id AND r.beside
        RETURNING 1
    ), left_alone AS (
        UPDATE entra_sync_changes c
        SET kind = 'none', before = NULL, after = NULL, candidates = '{{}}',
            note = jsonb_build_object('verdict', d.verdict)
        FROM repeated r, entra_identities d
        WHERE c.tenant_id = :tenant_id AND c.change_id = r.change_id AND NOT r.beside
            AND d.tenant_id = :tenant_id AND d.entra_tenant_id = c.entra_tenant_id
            AND d.object_id = c.object_id
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM left_alone)
""")


class StandingQuestions:
    """The open questions of one tenant, beside the plan of a run."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def drop(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> int:
        """Forget planned questions that are open already; answers how many."""
        return await self._count(_DROP, run_id, managed_tenant_id)

    async def leave_alone(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> int:
        """Say in a preview of those who are asked about already that they are left alone.

        Answers how many; of one with another row the question is dropped.
        """
        return await self._count(_LEAVE_ALONE, run_id, managed_tenant_id)

    async def _count(
        self, statement: TextClause, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> int:
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
        }
        return int((await self._connection.execute(statement, values)).scalar_one())
