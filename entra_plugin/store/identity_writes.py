"""What syncs write of identities: as whom they were seen, what was decided, what was acted on."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Boolean, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.folding import search_key
from entra_plugin.domain.ids import (
    ChangeId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
)
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.planning import Settled
from entra_plugin.domain.sameness import NO_DIGESTS
from entra_plugin.domain.states import Verdict
from entra_plugin.store.arrays import IdArray, WordArray


def _held_beside(run_id: str, managed_tenant_id: str, object_id: str) -> str:
    """What other runs than this one hold of an identity."""
    return f"""
        SELECT FROM entra_sync_run_tenants t
        JOIN entra_sync_changes h ON h.tenant_id = t.tenant_id AND h.run_id = t.run_id
            AND h.managed_tenant_id = t.managed_tenant_id AND h.state = 'held'
        WHERE t.tenant_id = :tenant_id AND t.managed_tenant_id = {managed_tenant_id}
            AND t.run_id <> {run_id} AND t.state = 'held' AND h.object_id = {object_id}"""


_HELD_BESIDE = _held_beside("c.run_id", "c.managed_tenant_id", "c.object_id")

_STORE = """
    INSERT INTO entra_identities AS i (tenant_id, entra_tenant_id, object_id, address, display_name,
        search_key, enabled, attributes, seen_fingerprint, acted_fingerprint, read_as, verdict,
        reason, first_seen_at, changed_at, departure, departed_at, departure_settled)"""

_OVER = """
    ON CONFLICT (tenant_id, entra_tenant_id, object_id) DO UPDATE
    SET address = excluded.address, display_name = excluded.display_name,
        search_key = excluded.search_key, enabled = excluded.enabled,
        attributes = excluded.attributes, seen_fingerprint = excluded.seen_fingerprint,
        acted_fingerprint = CASE WHEN i.changed_at <= :now THEN excluded.acted_fingerprint END,
        read_as = coalesce(excluded.read_as, CASE
            WHEN substring(i.read_as FROM 17) = excluded.seen_fingerprint THEN i.read_as END),
        verdict = excluded.verdict, reason = excluded.reason, changed_at = excluded.changed_at,
        departure = CASE WHEN i.changed_at <= :now THEN excluded.departure ELSE i.departure END,
        departed_at = CASE WHEN i.changed_at <= :now THEN excluded.departed_at
            ELSE i.departed_at END,
        departure_settled = CASE WHEN i.changed_at <= :now THEN excluded.departure_settled
            ELSE i.departure_settled END"""
"""A text that is unknown this time is that of before if the fingerprint is.

An identity that somebody else wrote since this was planned, as an approval does, is planned again
by the next run, which then knows of a departure that was acted on meanwhile.
"""

_REMEMBER = text(f"""
    {_STORE}
    SELECT :tenant_id, :entra_tenant_id, r.object_id, r.address, r.display_name, r.search_key,
        r.enabled, r.attributes, decode(r.fingerprint, 'hex'),
        CASE WHEN r.waits THEN NULL
            WHEN r.verdict = 'undone' AND NOT EXISTS (
                SELECT FROM entra_decisions d
                WHERE d.tenant_id = :tenant_id AND d.entra_tenant_id = :entra_tenant_id
                    AND d.object_id = r.object_id AND d.kind = 'undone') THEN NULL
            ELSE decode(r.fingerprint, 'hex') END,
        decode(r.digest || r.fingerprint, 'hex'), r.verdict, r.reason, :now, :now,
        r.departure, r.departed_at, coalesce(r.departure_settled, false)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (object_id uuid, address text,
        display_name text, search_key text, enabled boolean, attributes jsonb, fingerprint text,
        digest text, verdict text, reason text, departure text, departed_at timestamptz,
        departure_settled boolean, waits boolean)
    {_OVER}
    WHERE (i.acted_fingerprint, i.verdict, i.reason, i.departure, i.departure_settled)
        IS DISTINCT FROM (excluded.acted_fingerprint, excluded.verdict, excluded.reason,
            excluded.departure, excluded.departure_settled)
""")
"""One that was resumed while it was planned as undone stays unsettled."""

_STORE_APPLIED = text(f"""
    {_STORE}
    SELECT c.tenant_id, c.entra_tenant_id, c.object_id, c.snapshot ->> 'address',
        c.snapshot -> 'attributes' ->> 'display_name', c.search_key,
        CAST(c.snapshot -> 'attributes' ->> 'enabled' AS boolean), c.snapshot -> 'attributes',
        decode(c.snapshot ->> 'fingerprint', 'hex'),
        CASE WHEN d.verdict = 'failed' OR c.state = 'held' OR c.note ? 'emailTaken'
                OR c.snapshot ? 'unsettled' THEN NULL
            WHEN c.kind IN ('link', 'move', 'reactivate') AND (EXISTS (
                SELECT FROM entra_sync_changes o
                WHERE o.tenant_id = c.tenant_id AND o.run_id = c.run_id
                    AND o.managed_tenant_id = c.managed_tenant_id AND o.object_id = c.object_id
                    AND o.kind = 'update' AND o.state IN ('planned', 'held'))
                OR EXISTS ({_HELD_BESIDE})) THEN NULL
            ELSE decode(c.snapshot ->> 'fingerprint', 'hex') END,
        decode((c.snapshot ->> 'digest') || (c.snapshot ->> 'fingerprint'), 'hex'),
        CASE WHEN d.verdict = 'failed' AND EXISTS (
                SELECT FROM entra_contact_links l
                WHERE l.tenant_id = c.tenant_id AND l.entra_tenant_id = c.entra_tenant_id
                    AND l.object_id = c.object_id AND l.state = 'active') THEN 'linked'
            ELSE d.verdict END,
        c.reason, :now, :now, c.snapshot -> 'departure' ->> 'kind',
        CAST(c.snapshot -> 'departure' ->> 'since' AS timestamptz),
        coalesce(CAST(c.snapshot -> 'departure' ->> 'settled' AS boolean), false)
    FROM unnest(:change_ids, :verdicts) AS d (change_id, verdict)
    CROSS JOIN LATERAL (
        SELECT * FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND change_id = d.change_id LIMIT 1) c
    {_OVER}
    WHERE (i.seen_fingerprint, i.acted_fingerprint, i.verdict, i.reason, i.departure,
            i.departed_at, i.departure_settled)
        IS DISTINCT FROM (excluded.seen_fingerprint, excluded.acted_fingerprint, excluded.verdict,
            excluded.reason, excluded.departure, excluded.departed_at, excluded.departure_settled)
""").bindparams(bindparam("change_ids", type_=IdArray()), bindparam("verdicts", type_=WordArray()))
"""One whom the host rejects once more is as he was."""

_REFRESH_LINKED = text(f"""
    UPDATE entra_identities i
    SET address = s.address, display_name = s.attributes ->> 'display_name',
        search_key = s.search_key, enabled = CAST(s.attributes ->> 'enabled' AS boolean),
        attributes = s.attributes, seen_fingerprint = s.fingerprint,
        acted_fingerprint = CASE WHEN s.done THEN s.fingerprint END,
        read_as = coalesce(s.digest || s.fingerprint,
            CASE WHEN substring(i.read_as FROM 17) = s.fingerprint THEN i.read_as END),
        verdict = CASE WHEN EXISTS (
                SELECT FROM entra_contact_links l
                WHERE l.tenant_id = i.tenant_id AND l.entra_tenant_id = i.entra_tenant_id
                    AND l.object_id = i.object_id AND l.state = 'active')
            THEN 'linked' ELSE i.verdict END,
        reason = CASE i.verdict WHEN 'linked' THEN i.reason ELSE coalesce((
                SELECT l.reason FROM entra_contact_links l
                WHERE l.tenant_id = i.tenant_id AND l.entra_tenant_id = i.entra_tenant_id
                    AND l.object_id = i.object_id AND l.state = 'active'), i.reason) END,
        departure = CASE WHEN s.outlives THEN i.departure ELSE s.departure ->> 'kind' END,
        departed_at = CASE WHEN s.outlives THEN i.departed_at
            ELSE CAST(s.departure ->> 'since' AS timestamptz) END,
        departure_settled = CASE WHEN s.outlives THEN i.departure_settled
            ELSE s.departure IS NOT NULL AND (s.done OR i.departure_settled)
                AND CAST(s.departure ->> 'settled' AS boolean) END,
        changed_at = :now
    FROM (
        SELECT DISTINCT ON (c.object_id) c.object_id, c.search_key,
            c.snapshot ->> 'address' AS address, c.snapshot -> 'attributes' AS attributes,
            decode(c.snapshot ->> 'fingerprint', 'hex') AS fingerprint,
            decode(c.snapshot ->> 'digest', 'hex') AS digest,
            c.snapshot -> 'departure' AS departure,
            bool_or(d.change_id = ANY(:refused)) OVER (PARTITION BY c.object_id) AS outlives,
            bool_and(d.settled AND NOT coalesce(c.note ? 'emailTaken', false))
                OVER (PARTITION BY c.object_id) AND NOT EXISTS (
                SELECT FROM entra_sync_changes o
                WHERE o.tenant_id = c.tenant_id AND o.run_id = c.run_id
                    AND o.managed_tenant_id = c.managed_tenant_id AND o.object_id = c.object_id
                    AND o.change_id <> ALL(:change_ids) AND o.change_id <> ALL(:applied)
                    AND o.state IN ('planned', 'held', 'stale', 'failed'))
                AND NOT EXISTS ({_HELD_BESIDE}) AS done
        FROM unnest(:change_ids, :settled) AS d (change_id, settled)
        CROSS JOIN LATERAL (
            SELECT * FROM entra_sync_changes
            WHERE tenant_id = :tenant_id AND change_id = d.change_id LIMIT 1) c
        ORDER BY c.object_id, c.kind
    ) s
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
        AND i.object_id = s.object_id
        AND (s.done OR i.acted_fingerprint IS NOT NULL
            OR i.seen_fingerprint IS DISTINCT FROM s.fingerprint
            OR (NOT s.outlives AND i.departure IS DISTINCT FROM s.departure ->> 'kind'))
""").bindparams(
    bindparam("change_ids", type_=IdArray()),
    bindparam("settled", type_=ARRAY(Boolean())),
    bindparam("applied", type_=IdArray()),
    bindparam("refused", type_=IdArray()),
)
"""An identity is acted on once none of its rows of the run, and none that an earlier run holds, is
left to be settled."""

_ACT = text(f"""
    UPDATE entra_identities i
    SET acted_fingerprint = CASE WHEN NOT EXISTS (
            SELECT FROM entra_sync_changes o
            WHERE o.tenant_id = i.tenant_id AND o.run_id = :run_id
                AND o.managed_tenant_id = :managed_tenant_id AND o.object_id = i.object_id
                AND o.state IN ('planned', 'held', 'stale', 'failed'))
                AND NOT EXISTS ({_held_beside(":run_id", ":managed_tenant_id", "i.object_id")})
            THEN i.seen_fingerprint END,
        departure_settled = i.departure_settled
            OR (i.departure IS NOT NULL AND i.object_id = ANY(:departed))
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
        AND i.object_id = ANY(:object_ids)
""").bindparams(bindparam("object_ids", type_=IdArray()), bindparam("departed", type_=IdArray()))
_NOTE_DELETED = text("""
    UPDATE entra_identities i
    SET departure = 'deleted_upstream', departed_at = :now, departure_settled = true,
        changed_at = :now
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
        AND i.object_id = ANY(:object_ids) AND i.departure IS DISTINCT FROM 'deleted_upstream'
        AND NOT EXISTS (
            SELECT FROM entra_contact_links l
            WHERE l.tenant_id = i.tenant_id AND l.entra_tenant_id = i.entra_tenant_id
                AND l.object_id = i.object_id AND l.state = 'active')
    RETURNING i.object_id
""").bindparams(bindparam("object_ids", type_=IdArray()))


class IdentityWrites:
    """Writes the identities of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def remember(
        self,
        entra_tenant_id: EntraTenantId,
        settled: Sequence[Settled],
        now: datetime,
        *,
        digests: Mapping[ObjectId, bytes] = NO_DIGESTS,
    ) -> None:
        """Store identities that need no change; one that is as stored is not touched."""
        if not settled:
            return
        rows = [_settled(item, digests) for item in settled]
        await self._connection.execute(
            _REMEMBER,
            {
                "tenant_id": self._tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "rows": msgspec.json.encode(rows).decode(),
                "now": now,
            },
        )

    async def store_from_changes(self, verdicts: Mapping[ChangeId, Verdict], now: datetime) -> None:
        """Store identities from the snapshots of these change rows."""
        if not verdicts:
            return
        await self._connection.execute(
            _STORE_APPLIED,
            {
                "tenant_id": self._tenant_id,
                "change_ids": list(verdicts),
                "verdicts": [verdict.value for verdict in verdicts.values()],
                "now": now,
            },
        )

    async def refresh_linked(
        self,
        entra_tenant_id: EntraTenantId,
        rows: Mapping[ChangeId, bool],
        now: datetime,
        *,
        applied: Sequence[ChangeId] = (),
        refused: Sequence[ChangeId] = (),
    ) -> None:
        """Store linked identities from the snapshots of these rows; True for one that is settled.

        ``applied`` are others that were applied with them. ``refused`` are returns that could not
        be made for now: that these people had left is not forgotten. The rows themselves are
        marked afterwards, which empties their snapshots.
        """
        if not rows:
            return
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "change_ids": list(rows),
            "settled": list(rows.values()),
            "applied": list(applied),
            "refused": list(refused),
            "now": now,
        }
        await self._connection.execute(_REFRESH_LINKED, values)

    async def act(
        self,
        entra_tenant_id: EntraTenantId,
        object_ids: Sequence[ObjectId],
        *,
        departed: Sequence[ObjectId],
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
    ) -> None:
        """Mark identities as acted on as they were last seen, now that their held rows are settled.

        ``departed`` are those whose departure is settled by it.
        """
        if not object_ids:
            return
        await self._connection.execute(
            _ACT,
            {
                "tenant_id": self._tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "object_ids": list(object_ids),
                "departed": list(departed),
                "run_id": run_id,
                "managed_tenant_id": managed_tenant_id,
            },
        )

    async def note_deleted(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId], now: datetime
    ) -> list[ObjectId]:
        """Remember of those without a link that the directory deleted them; answers who they are.

        They have no contact to act on.
        """
        if not object_ids:
            return []
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
            "now": now,
        }
        return list((await self._connection.scalars(_NOTE_DELETED, values)).all())


def _settled(item: Settled, digests: Mapping[ObjectId, bytes]) -> dict[str, object]:
    user = item.user
    digest = digests.get(user.object_id)
    departure = item.departure
    return {
        **(departure_columns(departure) if departure is not None else {}),
        "object_id": user.object_id,
        "address": item.address,
        "display_name": user.display_name,
        "search_key": search_key(user.display_name or item.address or user.user_principal_name),
        "enabled": user.enabled,
        "attributes": user,
        "fingerprint": item.fingerprint.hex(),
        "digest": digest.hex() if digest is not None else None,
        "verdict": item.verdict,
        "reason": item.reason,
        "waits": item.waits,
    }


def departure_columns(departure: Departure) -> dict[str, object]:
    """A departure as columns of an identity."""
    return {
        "departure": departure.kind.value,
        "departed_at": departure.since,
        "departure_settled": departure.settled,
    }
