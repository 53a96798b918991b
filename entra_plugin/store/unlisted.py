"""Queries on those whom a reading of everybody did not list."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Boolean, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import EntraTenantId, ObjectId, TenantId
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.fences import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """An identity that a reading did not list.

    ``proved``: it is known to be deleted. ``concerns``: it has a link or an open question, and its
    leaving is not settled. ``is_new``: it was neither known to be deleted nor to be missing.
    """

    object_id: ObjectId
    proved: bool
    concerns: bool
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """How many identities a reading did not list, and how many of them have no link."""

    every: int
    unlinked: int


_OF = text("""
    SELECT i.object_id, i.departure IS NOT DISTINCT FROM 'deleted_upstream' AS proved,
        i.object_id = ANY(:vanished) OR ((l.found OR q.found IS TRUE)
            AND (i.departure IS NULL OR NOT i.departure_settled)
            AND (q.found IS TRUE OR i.verdict <> 'undone' OR i.acted_fingerprint IS NULL))
            IS TRUE AS concerns,
        i.departure IS DISTINCT FROM 'deleted_upstream' AND NOT i.unlisted AS is_new
    FROM entra_identities i
    LEFT JOIN LATERAL (
        SELECT true AS found FROM entra_contact_links
        WHERE tenant_id = i.tenant_id AND entra_tenant_id = i.entra_tenant_id
            AND object_id = i.object_id AND state = 'active' LIMIT 1) l ON true
    LEFT JOIN LATERAL (
        SELECT true AS found FROM entra_reconciliation_items
        WHERE tenant_id = i.tenant_id AND entra_tenant_id = i.entra_tenant_id
            AND object_id = i.object_id AND state = 'open' LIMIT 1) q ON true
    WHERE i.tenant_id = :tenant_id AND i.entra_tenant_id = :entra_tenant_id
        AND (i.departure IS DISTINCT FROM 'deleted_upstream' OR NOT i.departure_settled
            OR i.object_id = ANY(:vanished))
        AND i.object_id NOT IN (
            SELECT unnest(object_ids) FROM entra_sync_pages
            WHERE tenant_id = :tenant_id AND run_id = :run_id
                AND managed_tenant_id = :managed_tenant_id AND reading = :reading)
    ORDER BY i.object_id
""").bindparams(bindparam("vanished", type_=IdArray()))
"""NOT IN looks into one hashed set; asked for each identity whether a page has it, it would be
quadratic."""

_MARK = text("""
    UPDATE entra_identities SET unlisted = :unlisted
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND object_id = ANY(:object_ids) AND unlisted <> :unlisted
""").bindparams(bindparam("object_ids", type_=IdArray()), bindparam("unlisted", type_=Boolean()))

_UNSETTLE = text("""
    WITH linked AS MATERIALIZED (
        SELECT object_id FROM entra_contact_links
        WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND state = 'active'
    ), unseen AS MATERIALIZED (
        SELECT object_id FROM entra_identities
        WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND departure IS NULL
            AND (acted_fingerprint IS NULL OR verdict = 'queued'
                OR object_id IN (SELECT object_id FROM linked)
                OR object_id IN (
                    SELECT object_id FROM entra_reconciliation_items
                    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
                        AND state = 'open'))
            AND (NOT unlisted OR object_id IN (SELECT object_id FROM linked))
            AND object_id NOT IN (
                SELECT unnest(object_ids) FROM entra_sync_pages
                WHERE tenant_id = :tenant_id AND run_id = :run_id
                    AND managed_tenant_id = :managed_tenant_id AND reading = :reading)
    ), unsettled AS (
        UPDATE entra_identities SET acted_fingerprint = NULL
        WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
            AND acted_fingerprint IS NOT NULL AND :new_rules
            AND object_id IN (SELECT object_id FROM unseen)
            AND object_id IN (SELECT object_id FROM linked)
    )
    SELECT count(*) AS every,
        count(*) FILTER (WHERE object_id NOT IN (SELECT object_id FROM linked)) AS unlinked
    FROM unseen
""").bindparams(bindparam("new_rules", type_=Boolean()))


class UnlistedIdentities:
    """Those whom readings of one tenant did not list."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def of(
        self, entra_tenant_id: EntraTenantId, fence: Fence, vanished: Collection[ObjectId] = ()
    ) -> list[Unlisted]:
        """Whom the present reading did not list, unless that they left is settled.

        Those ``vanished``, linked ones whose contact is gone, are among them in any case.
        """
        values = {**self._reading(entra_tenant_id, fence), "vanished": list(vanished)}
        rows = await self._connection.execute(_OF, values)
        return [
            Unlisted(
                object_id=row.object_id,
                proved=row.proved,
                concerns=row.concerns,
                is_new=row.is_new,
            )
            for row in rows
        ]

    async def mark(self, entra_tenant_id: EntraTenantId, object_ids: Collection[ObjectId]) -> None:
        """Remember that the directory did not show these when they were looked for."""
        await self._put(entra_tenant_id, object_ids, unlisted=True)

    async def find(self, entra_tenant_id: EntraTenantId, object_ids: Collection[ObjectId]) -> None:
        """Remember that the directory shows these again."""
        await self._put(entra_tenant_id, object_ids, unlisted=False)

    async def unsettle(
        self, entra_tenant_id: EntraTenantId, fence: Fence, *, new_rules: bool
    ) -> Unsettled:
        """The identities that the next reading would look at, and this one did not list.

        Under new rules those with a link are to be planned again.
        """
        values = {**self._reading(entra_tenant_id, fence), "new_rules": new_rules}
        row = (await self._connection.execute(_UNSETTLE, values)).one()
        return Unsettled(every=row.every, unlinked=row.unlinked)

    async def _put(
        self, entra_tenant_id: EntraTenantId, object_ids: Collection[ObjectId], *, unlisted: bool
    ) -> None:
        if not object_ids:
            return
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
            "unlisted": unlisted,
        }
        await self._connection.execute(_MARK, values)

    def _reading(self, entra_tenant_id: EntraTenantId, fence: Fence) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "run_id": fence.run_id,
            "managed_tenant_id": fence.managed_tenant_id,
            "reading": fence.reading,
        }
