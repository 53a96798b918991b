"""Questions that a preview would ask, and that are open already: its plan says no word twice."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId

_LEAVE_ALONE = text("""
    WITH repeated AS (
        SELECT c.change_id, d.verdict, EXISTS (
            SELECT FROM entra_sync_changes o
            WHERE o.tenant_id = c.tenant_id AND o.run_id = c.run_id
                AND o.managed_tenant_id = c.managed_tenant_id AND o.object_id = c.object_id
                AND o.change_id <> c.change_id) AS beside
        FROM entra_sync_changes c
        JOIN entra_reconciliation_items i ON i.tenant_id = c.tenant_id
            AND i.entra_tenant_id = c.entra_tenant_id AND i.object_id = c.object_id
            AND i.state = 'open'
        JOIN entra_identities d ON d.tenant_id = c.tenant_id
            AND d.entra_tenant_id = c.entra_tenant_id AND d.object_id = c.object_id
        WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
            AND c.managed_tenant_id = :managed_tenant_id
            AND c.state = 'planned' AND c.kind = 'queue'
            AND (c.reason, c.candidates, c.client_id, c.after)
                = (i.reason, i.candidates, i.client_id, i.details)
            AND decode(c.snapshot ->> 'fingerprint', 'hex') = d.seen_fingerprint
    ), dropped AS (
        DELETE FROM entra_sync_changes c
        USING repeated r
        WHERE c.tenant_id = :tenant_id AND c.change_id = r.change_id AND r.beside
        RETURNING 1
    ), left_alone AS (
        UPDATE entra_sync_changes c
        SET kind = 'none', before = NULL, after = NULL, candidates = '{}',
            note = jsonb_build_object('verdict', r.verdict)
        FROM repeated r
        WHERE c.tenant_id = :tenant_id AND c.change_id = r.change_id AND NOT r.beside
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM left_alone)
""")
"""What a sync drops as repeated, by the same comparison."""


class StandingQuestions:
    """The open questions of one tenant, beside the plan of a preview."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def leave_alone(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> int:
        """Say of those whose question is open, word for word, that they are left alone.

        Answers how many; of one with another row the question is dropped.
        """
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
        }
        return int((await self._connection.execute(_LEAVE_ALONE, values)).scalar_one())
