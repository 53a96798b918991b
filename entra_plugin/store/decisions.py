"""Queries on decisions: what a person decided about an identity, which later runs follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import (
    ChangeId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import DecisionKind, VerdictReason
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.looked_up import ACTIVE_LINKS, CHANGES
from entra_plugin.store.people_tables import decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision as it is stored, one per identity.

    ``fingerprint`` is the identity's at a dismissal, ``question`` what was dismissed, ``fields``
    those of a conflict; ``run_id`` the run that was undone.
    """

    kind: DecisionKind
    decided_at: datetime
    decided_by: UserId | None
    decided_by_name: str | None
    contact_id: ContactId | None = None
    reason: str | None = None
    fingerprint: bytes | None = None
    question: VerdictReason | None = None
    fields: frozenset[str] = frozenset()
    run_id: RunId | None = None

    def beside(self, earlier: "Decision | None") -> "Decision":
        """This dismissal with the fields of an earlier one, if that is of the same question."""
        if earlier is None or earlier.kind != self.kind or earlier.question != self.question:
            return self
        same = earlier.fingerprint == self.fingerprint
        return replace(self, fields=self.fields | earlier.fields) if same else self


_OVERRULED = text(f"""
    WITH answers AS MATERIALIZED (
        SELECT l.object_id, 'linked' AS kind, NULL AS fingerprint, NULL AS question,
            NULL AS decided_at
        FROM {ACTIVE_LINKS} l
        UNION ALL
        SELECT object_id, kind, fingerprint, question, decided_at FROM entra_decisions
        WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
            AND object_id = ANY(:object_ids) AND kind IN ('dismissed', 'ignored', 'undone')
    )
    SELECT DISTINCT c.change_id
    FROM answers a
    CROSS JOIN LATERAL (
        SELECT change_id, kind, reason, contact_id, created_at,
            decode(snapshot ->> 'fingerprint', 'hex') AS fingerprint
        FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND run_id = :run_id
            AND managed_tenant_id = :managed_tenant_id AND object_id = a.object_id
            AND change_id = ANY(:change_ids)
        OFFSET 0) c
    WHERE CASE
        WHEN a.kind = 'linked' THEN c.contact_id IS NULL
        WHEN c.kind = 'queue' AND c.contact_id IS NOT NULL
            THEN a.kind = 'undone' OR (a.kind = 'dismissed' AND a.question = c.reason
                AND a.fingerprint = c.fingerprint AND a.decided_at >= c.created_at)
        WHEN c.kind IN ('create', 'link', 'queue') THEN a.kind IN ('ignored', 'undone')
        ELSE a.kind = 'undone' END
""").bindparams(bindparam("change_ids", type_=IdArray()), bindparam("object_ids", type_=IdArray()))


_DISMISS = text(f"""
    INSERT INTO entra_decisions AS d (tenant_id, entra_tenant_id, object_id, kind, contact_id,
        fingerprint, question, client_id, decided_by, decided_by_name, decided_at)
    SELECT c.tenant_id, c.entra_tenant_id, c.object_id, 'dismissed', c.contact_id,
        decode(c.snapshot ->> 'fingerprint', 'hex'), c.reason, c.client_id, :user_id, :name, :now
    FROM {CHANGES} c
    ON CONFLICT (tenant_id, entra_tenant_id, object_id) DO UPDATE
    SET kind = excluded.kind, contact_id = excluded.contact_id, reason = NULL, run_id = NULL,
        fingerprint = excluded.fingerprint, question = excluded.question, fields = NULL,
        client_id = excluded.client_id, decided_by = excluded.decided_by,
        decided_by_name = excluded.decided_by_name, decided_at = excluded.decided_at
    WHERE d.kind NOT IN ('ignored', 'undone')
    RETURNING d.object_id
""").bindparams(bindparam("change_ids", type_=IdArray()))


class Decisions:
    """The decisions of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def put(self, identity: IdentityKey, decision: Decision) -> None:
        """Remember a decision in place of an earlier one about the same identity."""
        values = {
            "kind": decision.kind.value,
            "contact_id": decision.contact_id,
            "reason": decision.reason,
            "fingerprint": decision.fingerprint,
            "question": decision.question.value if decision.question else None,
            "fields": sorted(decision.fields) or None,
            "client_id": None,
            "run_id": decision.run_id,
            "decided_by": decision.decided_by,
            "decided_by_name": decision.decided_by_name,
            "decided_at": decision.decided_at,
        }
        statement = insert(decisions).values(
            tenant_id=self._tenant_id,
            entra_tenant_id=identity.entra_tenant_id,
            object_id=identity.object_id,
            **values,
        )
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "entra_tenant_id", "object_id"], set_=values
            )
        )

    async def delete(self, identity: IdentityKey) -> None:
        """Forget what was decided about an identity."""
        await self._connection.execute(delete(decisions).where(self._is(identity)))

    async def get(self, identity: IdentityKey) -> Decision | None:
        """What was decided about an identity."""
        row = (await self._connection.execute(select(decisions).where(self._is(identity)))).first()
        if row is None:
            return None
        return Decision(
            kind=DecisionKind(row.kind),
            contact_id=row.contact_id,
            reason=row.reason,
            fingerprint=row.fingerprint,
            question=VerdictReason(row.question) if row.question else None,
            fields=frozenset(row.fields or ()),
            run_id=row.run_id,
            decided_by=row.decided_by,
            decided_by_name=row.decided_by_name,
            decided_at=row.decided_at,
        )

    async def dismiss(
        self,
        change_ids: Sequence[ChangeId],
        *,
        user_id: UserId | None,
        name: str | None,
        now: datetime,
    ) -> frozenset[ObjectId]:
        """Remember that these rows are not wanted while the directory is as they say.

        Answers of whom: who is left alone already, by an undo or a decision, stays so.
        """
        if not change_ids:
            return frozenset()
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        dismissed = await self._connection.scalars(
            _DISMISS, {**values, "user_id": user_id, "name": name, "now": now}
        )
        return frozenset(dismissed.all())

    async def overruled(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        entra_tenant_id: EntraTenantId,
        rows: Mapping[ChangeId, ObjectId],
    ) -> set[ChangeId]:
        """Planned rows that are needless, or not wanted, by what was decided since.

        Their identity is linked, is to be left alone, or its question was waved away. What is to be
        done to somebody who has a contact is overruled by an undo alone.
        """
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "change_ids": list(rows),
            "object_ids": list(rows.values()),
        }
        return set((await self._connection.scalars(_OVERRULED, values)).all())

    def _is(self, identity: IdentityKey) -> ColumnElement[bool]:
        return and_(
            decisions.c.tenant_id == self._tenant_id,
            decisions.c.entra_tenant_id == identity.entra_tenant_id,
            decisions.c.object_id == identity.object_id,
        )
