"""Queries of undoing: a run's rows and their inverses, the decision that stays, and resuming."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import ChangeKind, VerdictReason
from entra_plugin.domain.undoing import INVERTIBLE, Inverse, Later, Source, touches
from entra_plugin.store.arrays import IdArray, WordArray

_KINDS = sorted(kind.value for kind in INVERTIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUndone:
    """What an undo makes of the link between an identity and a contact.

    ``closed`` is why it is closed, None for one that stays as it is; ``forgotten`` are the fields
    that count as never compared.
    """

    object_id: ObjectId
    contact_id: ContactId
    version: int | None = None
    closed: str | None = None
    inactive: bool | None = None
    forgotten: tuple[str, ...] = ()
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSource:
    """A row that is to be undone, and that nobody else can undo meanwhile."""

    kind: ChangeKind
    reason: VerdictReason
    applied_at: datetime


_CONCERNED = text("""
    SELECT DISTINCT managed_tenant_id FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'applied' AND kind = ANY(:kinds)
        AND (CAST(:managed_tenant_id AS uuid) IS NULL OR managed_tenant_id = :managed_tenant_id)
""").bindparams(bindparam("kinds", type_=WordArray()))

_TAKE = text("""
    INSERT INTO entra_sync_run_tenants
        (tenant_id, run_id, managed_tenant_id, client_id, client_name, state, writes)
    SELECT tenant_id, :undo_id, managed_tenant_id, client_id, client_name, 'queued', false
    FROM entra_sync_run_tenants
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = ANY(:ids)
""").bindparams(bindparam("ids", type_=IdArray()))

_SOURCES = text("""
    SELECT change_id, object_id, client_id, contact_id, kind, reason, label, search_key,
        before, after, applied_at
    FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND state = 'applied' AND kind = ANY(:kinds) AND label <> '' AND object_id = ANY(ARRAY(
            SELECT DISTINCT object_id FROM entra_sync_changes
            WHERE tenant_id = :tenant_id AND run_id = :run_id
                AND managed_tenant_id = :managed_tenant_id
                AND state = 'applied' AND kind = ANY(:kinds) AND label <> '' AND object_id > :after
            ORDER BY object_id LIMIT :limit))
    ORDER BY object_id, kind
""").bindparams(bindparam("kinds", type_=WordArray()))
"""Rows of people who were erased have no label, and nothing left that could be put back."""

_LATER = text("""
    SELECT c.object_id, c.run_id, c.applied_at, c.kind, c.after, s.applied_at AS reverts
    FROM entra_sync_run_tenants t
    JOIN entra_sync_changes c ON c.tenant_id = t.tenant_id AND c.run_id = t.run_id
        AND c.managed_tenant_id = t.managed_tenant_id AND c.object_id = ANY(:object_ids)
    LEFT JOIN entra_sync_changes s ON s.tenant_id = c.tenant_id
        AND s.change_id = c.source_change_id
    WHERE t.tenant_id = :tenant_id AND t.managed_tenant_id = :managed_tenant_id
        AND t.run_id <> :run_id
        AND (t.state IN ('queued', 'running', 'held') OR t.created + t.linked + t.updated
            + t.inactivated + t.reactivated + t.moved > 0)
        AND c.state = 'applied' AND c.applied_at >= :since
    ORDER BY c.applied_at, c.position
""").bindparams(bindparam("object_ids", type_=IdArray()))
"""Most runs change nothing, and are not looked into."""

_ADD = text("""
    INSERT INTO entra_sync_changes (tenant_id, change_id, run_id, managed_tenant_id,
        entra_tenant_id, object_id, client_id, contact_id, kind, state, reason, label, search_key,
        before, after, note, source_change_id, created_at)
    SELECT :tenant_id, r.change_id, :run_id, :managed_tenant_id, :entra_tenant_id, r.object_id,
        r.client_id, r.contact_id, r.kind, 'planned', r.reason, r.label, r.search_key, r.before,
        r.after, r.note, r.source, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (change_id uuid, object_id uuid,
        client_id uuid, contact_id uuid, kind text, reason text, label text, search_key text,
        before jsonb, after jsonb, note jsonb, source uuid)
    ON CONFLICT (tenant_id, change_id) DO NOTHING
""")

_HOLD_SOURCES = text("""
    SELECT change_id, kind, reason, applied_at FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND change_id = ANY(:ids) AND state = 'applied'
    ORDER BY change_id FOR UPDATE
""").bindparams(bindparam("ids", type_=IdArray()))

_MARK_UNDONE = text("""
    UPDATE entra_sync_changes SET state = 'undone'
    WHERE tenant_id = :tenant_id AND change_id = ANY(:ids) AND state = 'applied'
""").bindparams(bindparam("ids", type_=IdArray()))

_LINKS = text("""
    UPDATE entra_contact_links l
    SET host_version = coalesce(w.version, l.host_version),
        base = l.base - ARRAY(SELECT jsonb_array_elements_text(w.forgotten)),
        inactive_version = CASE
            WHEN w.inactive THEN w.version
            WHEN w.inactive IS NULL AND w.version = l.inactive_version + 1 THEN w.version
            WHEN w.inactive IS NULL THEN l.inactive_version END,
        client_id = coalesce(w.client_id, l.client_id),
        state = CASE WHEN w.closed IS NULL THEN l.state ELSE 'closed' END,
        closed_reason = coalesce(w.closed, l.closed_reason),
        closed_at = CASE WHEN w.closed IS NULL THEN l.closed_at ELSE :now END,
        closed_by_run = CASE WHEN w.closed IS NULL THEN l.closed_by_run ELSE :run_id END
    FROM (
        SELECT DISTINCT ON (r.object_id) o.link_id, r.version, r.closed, r.inactive, r.forgotten,
            r.client_id
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (object_id uuid, contact_id uuid,
            version bigint, closed text, inactive boolean, forgotten jsonb, client_id uuid)
        JOIN entra_contact_links o ON o.tenant_id = :tenant_id
            AND o.entra_tenant_id = :entra_tenant_id AND o.object_id = r.object_id
            AND o.contact_id = r.contact_id
        ORDER BY r.object_id, (o.state = 'active') DESC, o.closed_at DESC, o.link_id
    ) w
    WHERE l.tenant_id = :tenant_id AND l.link_id = w.link_id
""").bindparams(bindparam("run_id", type_=Uuid()))
"""The active link of identity and contact, or the youngest closed one: a mapping may be gone.

A contact that we made inactive, and that nobody but we wrote to since, counts as that still.
"""

_DECIDE = text("""
    INSERT INTO entra_decisions AS d (tenant_id, entra_tenant_id, object_id, kind, run_id,
        decided_by, decided_by_name, decided_at)
    SELECT :tenant_id, :entra_tenant_id, o.object_id, 'undone', :run_id, :user_id, :name, :now
    FROM unnest(:object_ids) AS o (object_id)
    ON CONFLICT (tenant_id, entra_tenant_id, object_id) DO UPDATE
    SET kind = 'undone', contact_id = NULL, reason = NULL, fingerprint = NULL, question = NULL,
        fields = NULL, client_id = NULL, run_id = excluded.run_id, decided_by = excluded.decided_by,
        decided_by_name = excluded.decided_by_name, decided_at = excluded.decided_at
    WHERE d.kind <> 'ignored'
""").bindparams(
    bindparam("object_ids", type_=IdArray()),
    bindparam("user_id", type_=Uuid()),
    bindparam("name", type_=Text()),
)

_LEAVE_ALONE = text("""
    UPDATE entra_identities
    SET verdict = 'undone', reason = 'undone', acted_fingerprint = seen_fingerprint,
        departure_settled = departure_settled AND NOT object_id = ANY(:departed), changed_at = :now
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND object_id = ANY(:object_ids) AND (verdict <> 'ignored' OR reason = 'remapped')
""").bindparams(bindparam("object_ids", type_=IdArray()), bindparam("departed", type_=IdArray()))

_RESUME = text("""
    WITH undoing AS (
        SELECT run_id FROM entra_sync_runs
        WHERE tenant_id = :tenant_id AND type = 'undo'
            AND (run_id = :run_id OR undoes_run_id = :run_id)
    ), resumed AS (
        DELETE FROM entra_decisions d
        USING undoing u
        WHERE d.tenant_id = :tenant_id AND d.kind = 'undone' AND d.run_id = u.run_id
            AND (CAST(:entra_tenant_id AS uuid) IS NULL OR d.entra_tenant_id = :entra_tenant_id)
            AND (CAST(:object_id AS uuid) IS NULL OR d.object_id = :object_id)
            AND (CAST(:managed_tenant_id AS uuid) IS NULL OR d.entra_tenant_id = (
                SELECT m.entra_tenant_id FROM entra_managed_tenants m
                WHERE m.tenant_id = :tenant_id AND m.managed_tenant_id = :managed_tenant_id))
        RETURNING d.entra_tenant_id, d.object_id
    ), woken AS (
        UPDATE entra_identities i SET acted_fingerprint = NULL
        FROM resumed r
        WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = r.entra_tenant_id
            AND i.object_id = r.object_id
    )
    SELECT count(*) FROM resumed
""")


class Undoing:
    """What undoing reads and writes of one tenant, beside contacts."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def concerned(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId | None
    ) -> list[ManagedTenantId]:
        """The managed tenants of a run of which something is left to be undone."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
            "kinds": _KINDS,
        }
        return list((await self._connection.scalars(_CONCERNED, values)).all())

    async def take(
        self, undo_id: RunId, run_id: RunId, managed_tenant_ids: Sequence[ManagedTenantId]
    ) -> None:
        """Take managed tenants of a run into its undo, which writes nothing before it is applied.

        They have the client that they had then.
        """
        values = {
            "tenant_id": self._tenant_id,
            "undo_id": undo_id,
            "run_id": run_id,
            "ids": list(managed_tenant_ids),
        }
        await self._connection.execute(_TAKE, values)

    async def sources(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        *,
        after: ObjectId | None,
        limit: int,
    ) -> list[Source]:
        """All rows to undo of the next identities, in the order of their ids."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
            "kinds": _KINDS,
            "after": after or UUID(int=0),
            "limit": limit,
        }
        return [
            Source(
                change_id=row.change_id,
                object_id=row.object_id,
                client_id=row.client_id,
                contact_id=row.contact_id,
                kind=ChangeKind(row.kind),
                reason=VerdictReason(row.reason),
                label=row.label,
                search_key=row.search_key,
                before=row.before or {},
                after=row.after or {},
                applied_at=row.applied_at,
            )
            for row in await self._connection.execute(_SOURCES, values)
        ]

    async def later(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        object_ids: Sequence[ObjectId],
        since: datetime,
    ) -> dict[ObjectId, list[Later]]:
        """What other runs wrote to these identities since, oldest first; undone rows are not."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
            "object_ids": list(object_ids),
            "since": since,
        }
        found: defaultdict[ObjectId, list[Later]] = defaultdict(list)
        for row in await self._connection.execute(_LATER, values):
            fields = touches(ChangeKind(row.kind), row.after)
            found[row.object_id].append(
                Later(
                    run_id=row.run_id,
                    applied_at=row.applied_at,
                    fields=fields,
                    reverts=row.reverts,
                )
            )
        return dict(found)

    async def add(
        self,
        rows: Sequence[Inverse],
        *,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        entra_tenant_id: EntraTenantId,
        now: datetime,
    ) -> None:
        """Write rows of the plan; one that an earlier attempt wrote stays."""
        if not rows:
            return
        await self._connection.execute(
            _ADD,
            {
                "tenant_id": self._tenant_id,
                "run_id": run_id,
                "managed_tenant_id": managed_tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "now": now,
                "rows": msgspec.json.encode([_recordset(row) for row in rows]).decode(),
            },
        )

    async def hold_sources(self, change_ids: Iterable[ChangeId]) -> dict[ChangeId, HeldSource]:
        """Those rows that are not undone yet, held for the rest of this transaction."""
        values = {"tenant_id": self._tenant_id, "ids": sorted(change_ids)}
        return {
            row.change_id: HeldSource(
                kind=ChangeKind(row.kind),
                reason=VerdictReason(row.reason),
                applied_at=row.applied_at,
            )
            for row in await self._connection.execute(_HOLD_SOURCES, values)
        }

    async def mark(self, change_ids: Sequence[ChangeId]) -> None:
        """Mark rows as undone."""
        values = {"tenant_id": self._tenant_id, "ids": list(change_ids)}
        await self._connection.execute(_MARK_UNDONE, values)

    async def links(
        self,
        entra_tenant_id: EntraTenantId,
        undone: Sequence[LinkUndone],
        *,
        run_id: RunId,
        now: datetime,
    ) -> None:
        """Bring links in line with what was undone; at most one entry per identity."""
        if not undone:
            return
        await self._connection.execute(
            _LINKS,
            {
                "tenant_id": self._tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "run_id": run_id,
                "now": now,
                "rows": msgspec.json.encode([_link(entry) for entry in undone]).decode(),
            },
        )

    async def leave_alone(
        self,
        entra_tenant_id: EntraTenantId,
        object_ids: Sequence[ObjectId],
        *,
        departed: Sequence[ObjectId],
        run_id: RunId,
        user_id: UserId | None,
        name: str | None,
        now: datetime,
    ) -> None:
        """Remember that these identities are undone; who is ignored stays ignored.

        The evidence against those who ``departed``, whose contacts are active again, is as if it
        had not been acted on: a resume lets it count.
        """
        if not object_ids:
            return
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
            "now": now,
        }
        decided = {**values, "run_id": run_id, "user_id": user_id, "name": name}
        await self._connection.execute(_DECIDE, decided)
        await self._connection.execute(_LEAVE_ALONE, {**values, "departed": list(departed)})

    async def resume(
        self,
        run_id: RunId,
        *,
        managed_tenant_id: ManagedTenantId | None,
        identity: IdentityKey | None,
    ) -> int:
        """Forget that identities are undone, so that the next run plans them; answers how many."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
            "entra_tenant_id": identity.entra_tenant_id if identity else None,
            "object_id": identity.object_id if identity else None,
        }
        return int((await self._connection.execute(_RESUME, values)).scalar_one())


def _recordset(row: Inverse) -> dict[str, object]:
    source = row.source
    return {
        "change_id": row.change_id,
        "object_id": source.object_id,
        "client_id": source.client_id,
        "contact_id": source.contact_id,
        "kind": row.kind,
        "reason": row.reason,
        "label": source.label,
        "search_key": source.search_key,
        "before": row.before,
        "after": row.after,
        "note": row.note,
        "source": source.change_id,
    }


def _link(entry: LinkUndone) -> dict[str, object]:
    return {
        "object_id": entry.object_id,
        "contact_id": entry.contact_id,
        "version": entry.version,
        "closed": entry.closed,
        "inactive": entry.inactive,
        "forgotten": entry.forgotten,
        "client_id": entry.client_id,
    }
