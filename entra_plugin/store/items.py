"""Queries on review items as a sync asks and withdraws them: one open per identity."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ObjectId,
    RunId,
    TenantId,
)
from entra_plugin.domain.reviewing import LINKED_REASONS
from entra_plugin.domain.states import ItemState, VerdictReason
from entra_plugin.store.arrays import IdArray, WordArray
from entra_plugin.store.fences import Fence
from entra_plugin.store.looked_up import CHANGES
from entra_plugin.store.people_tables import reconciliation_items as items

_LINKED = [reason.value for reason in LINKED_REASONS]

_OPEN_FROM_CHANGES = text(f"""
    INSERT INTO entra_reconciliation_items AS i (tenant_id, item_id, managed_tenant_id,
        entra_tenant_id, object_id, client_id, state, reason, label, candidates, details, run_id,
        created_at)
    SELECT c.tenant_id, c.change_id, c.managed_tenant_id, c.entra_tenant_id, c.object_id,
        c.client_id, 'open', c.reason, c.label, c.candidates, c.after, c.run_id, :now
    FROM {CHANGES} c
    ORDER BY c.position
    ON CONFLICT (tenant_id, entra_tenant_id, object_id) WHERE state = 'open' DO UPDATE
    SET reason = excluded.reason, candidates = excluded.candidates, details = excluded.details,
        client_id = excluded.client_id, label = excluded.label, version = i.version + 1
    WHERE (i.reason, i.candidates, i.details, i.client_id) IS DISTINCT FROM
        (excluded.reason, excluded.candidates, excluded.details, excluded.client_id)
""").bindparams(bindparam("change_ids", type_=IdArray()))

_CLOSE_ANSWERED = text("""
    UPDATE entra_reconciliation_items i
    SET state = 'resolved', settled_at = :now, version = i.version + 1,
        settled_as = CASE WHEN i.reason = ANY(:linked) THEN 'answered_itself' ELSE 'linked' END
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
        AND i.object_id = ANY(:object_ids) AND i.state = 'open'
        AND (
            SELECT q.change_id FROM entra_sync_changes q
            WHERE q.tenant_id = :tenant_id AND q.run_id = :run_id
                AND q.managed_tenant_id = i.managed_tenant_id AND q.object_id = i.object_id
                AND q.kind = 'queue' AND q.contact_id IS NOT NULL
            LIMIT 1) IS NULL
""").bindparams(bindparam("object_ids", type_=IdArray()), bindparam("linked", type_=WordArray()))
"""The run may itself ask about the contact that it links: that question stays."""


_CLOSE_OVERWRITTEN = text(f"""
    UPDATE entra_reconciliation_items i
    SET state = 'resolved', settled_at = :now, settled_as = 'answered_itself',
        version = i.version + 1
    FROM {CHANGES} c
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = c.entra_tenant_id
        AND i.object_id = c.object_id AND i.state = 'open' AND i.reason = 'field_conflict'
        AND NOT EXISTS (
            SELECT FROM jsonb_object_keys(i.details -> 'fields') AS asked
            WHERE NOT jsonb_exists(c.after, asked))
""").bindparams(bindparam("change_ids", type_=IdArray()))


_CLOSE_MOOT = text("""
    UPDATE entra_reconciliation_items
    SET state = 'resolved', settled_at = :now, settled_as = 'answered_itself', version = version + 1
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND object_id = ANY(:object_ids) AND state = 'open'
""").bindparams(bindparam("object_ids", type_=IdArray()))


_NARROW = text("""
    WITH narrowed AS (
        SELECT i.item_id, i.version, i.details -> 'fields' AS before, (
            SELECT jsonb_object_agg(f.key, f.value)
            FROM jsonb_each(i.details -> 'fields') f
            WHERE jsonb_exists(n.names, f.key)) AS fields
        FROM entra_reconciliation_items i
        JOIN unnest(:object_ids, CAST(:names AS jsonb[])) AS n (object_id, names)
            ON n.object_id = i.object_id
        WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
            AND i.state = 'open' AND i.reason = 'field_conflict'
    )
    UPDATE entra_reconciliation_items i
    SET details = CASE WHEN n.fields IS NULL THEN i.details
            ELSE jsonb_set(i.details, '{fields}', n.fields) END,
        state = CASE WHEN n.fields IS NULL THEN 'resolved' ELSE i.state END,
        settled_at = CASE WHEN n.fields IS NULL THEN CAST(:now AS timestamptz) END,
        settled_as = CASE WHEN n.fields IS NULL THEN 'answered_itself' END,
        version = i.version + 1
    FROM narrowed n
    WHERE i.tenant_id = :tenant_id AND i.item_id = n.item_id AND i.version = n.version
        AND n.fields IS DISTINCT FROM n.before
""").bindparams(bindparam("object_ids", type_=IdArray()), bindparam("names", type_=ARRAY(Text())))
"""An answer that comes meanwhile has another version: it stays as it is."""

_CLAIMED = text("""
    SELECT DISTINCT coalesce(candidates[1]::text, details ->> 'email') AS subject
    FROM entra_reconciliation_items
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND object_id <> ALL(:object_ids) AND state = 'open' AND reason = 'claimed_twice'
        AND coalesce(candidates[1]::text, details ->> 'email') IS NOT NULL
""").bindparams(bindparam("object_ids", type_=IdArray()))

_UNLINKED = text("""
    SELECT q.object_id, q.reason, q.candidates, q.details FROM entra_reconciliation_items q
    JOIN entra_identities i ON i.tenant_id = q.tenant_id
        AND i.entra_tenant_id = q.entra_tenant_id AND i.object_id = q.object_id
    WHERE q.tenant_id = :tenant_id AND q.entra_tenant_id = :entra_tenant_id AND q.state = 'open'
        AND q.client_id = :client_id AND q.reason <> ALL(:linked)
        AND NOT i.unlisted AND i.departure IS DISTINCT FROM 'deleted_upstream'
        AND (q.object_id IN (
                SELECT unnest(object_ids) FROM entra_sync_pages
                WHERE tenant_id = :tenant_id AND run_id = :run_id
                    AND managed_tenant_id = :managed_tenant_id AND reading = :reading)
            OR EXISTS (
                SELECT FROM entra_sync_run_tenants
                WHERE tenant_id = :tenant_id AND run_id = :run_id
                    AND managed_tenant_id = :managed_tenant_id AND reading_kind = 'delta'))
        AND NOT EXISTS (
            SELECT FROM entra_client_tenant_mappings m
            WHERE m.tenant_id = :tenant_id AND m.client_id = :client_id
                AND m.ended_at IS NULL AND m.managed_tenant_id <> :managed_tenant_id)
    ORDER BY q.object_id
""").bindparams(bindparam("linked", type_=WordArray()))


class Question(NamedTuple):
    """What is asked about an identity."""

    reason: VerdictReason
    candidates: tuple[ContactId, ...]
    details: Mapping[str, object]


class Items:
    """The review items of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def open_from_changes(self, change_ids: Sequence[ChangeId], now: datetime) -> None:
        """Open a question for each of these queue rows, or bring the open one up to date."""
        if not change_ids:
            return
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids), "now": now}
        await self._connection.execute(_OPEN_FROM_CHANGES, values)

    async def close_answered(
        self,
        entra_tenant_id: EntraTenantId,
        object_ids: Sequence[ObjectId],
        *,
        run_id: RunId,
        now: datetime,
    ) -> None:
        """Close the questions about identities whose answers a run has just applied."""
        if not object_ids:
            return
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
            "run_id": run_id,
            "now": now,
            "linked": _LINKED,
        }
        await self._connection.execute(_CLOSE_ANSWERED, values)

    async def close_overwritten(self, change_ids: Sequence[ChangeId], now: datetime) -> None:
        """Close the questions about fields all of which these applied updates have written."""
        if not change_ids:
            return
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids), "now": now}
        await self._connection.execute(_CLOSE_OVERWRITTEN, values)

    async def close_moot(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId], now: datetime
    ) -> None:
        """Close the questions about these identities, which nobody needs to answer any more."""
        if not object_ids:
            return
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
            "now": now,
        }
        await self._connection.execute(_CLOSE_MOOT, values)

    async def narrow(
        self,
        entra_tenant_id: EntraTenantId,
        fields: Mapping[ObjectId, Sequence[str]],
        now: datetime,
    ) -> None:
        """Leave of the questions about fields only these fields; without any they are closed."""
        if not fields:
            return
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(fields),
            "names": [msgspec.json.encode(names).decode() for names in fields.values()],
            "now": now,
        }
        await self._connection.execute(_NARROW, values)

    async def claimed(
        self, entra_tenant_id: EntraTenantId, besides: Sequence[ObjectId]
    ) -> frozenset[str]:
        """What is claimed in open questions about others than these: contacts' ids, addresses."""
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(besides),
        }
        rows = await self._connection.execute(_CLAIMED, values)
        return frozenset(row.subject for row in rows)

    async def unlinked(
        self,
        entra_tenant_id: EntraTenantId,
        fence: Fence,
        client_id: ClientId,
    ) -> dict[ObjectId, Question]:
        """What is asked for this client about those who have no link, and who they are.

        Not about who was missing when it was looked for, or is not on the pages of a full reading.
        About nobody, if other directories are mapped to the client: what their people claim is not
        seen in the plan of one.
        """
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "run_id": fence.run_id,
            "managed_tenant_id": fence.managed_tenant_id,
            "reading": fence.reading,
            "client_id": client_id,
            "linked": _LINKED,
        }
        rows = await self._connection.execute(_UNLINKED, values)
        return {
            row.object_id: Question(VerdictReason(row.reason), tuple(row.candidates), row.details)
            for row in rows
        }

    async def count_open(self) -> int:
        """How many questions wait for a person."""
        statement = (
            select(func.count())
            .select_from(items)
            .where(items.c.tenant_id == self._tenant_id, items.c.state == ItemState.OPEN.value)
        )
        return int((await self._connection.execute(statement)).scalar_one())
