"""Queries on those whose contacts a change of the mapping has left at the client of before.

A sync brings the contacts to the client of now, as long as they are what it made of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import (
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
)
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.looked_up import LAST_LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """An identity that takes its contact along, unless the contact has another ``version``.

    ``refused``: the host rejected that; it is tried again.
    """

    object_id: ObjectId
    version: int
    refused: bool


_OF = text(f"""
    SELECT l.contact_id, l.object_id, l.host_version, i.verdict = 'failed' AS refused
    FROM entra_contact_links l
    JOIN entra_identities i ON i.tenant_id = l.tenant_id
        AND i.entra_tenant_id = l.entra_tenant_id AND i.object_id = l.object_id
    WHERE l.tenant_id = :tenant_id AND l.entra_tenant_id = :entra_tenant_id
        AND l.contact_id = ANY(:contact_ids) AND l.state = 'closed'
        AND l.closed_reason = 'mapping_changed' AND l.reason = 'created'
        AND l.host_version IS NOT NULL
        AND i.enabled AND i.departure IS NULL AND NOT i.unlisted
        AND i.verdict NOT IN ('ignored', 'undone')
        AND {LAST_LINK}
""").bindparams(bindparam("contact_ids", type_=IdArray()))

_PLANNED = text("""
    SELECT object_id FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND managed_tenant_id = :managed_tenant_id
        AND object_id = ANY(:object_ids) AND kind = 'move' AND state IN ('planned', 'held')
        AND run_id IN (
            SELECT unnest(:run_ids)
            UNION SELECT run_id FROM entra_sync_run_tenants
            WHERE tenant_id = :tenant_id AND managed_tenant_id = :managed_tenant_id
                AND state = 'held')
""").bindparams(bindparam("run_ids", type_=IdArray()), bindparam("object_ids", type_=IdArray()))


class Movers:
    """The movers of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def of(
        self, entra_tenant_id: EntraTenantId, contact_ids: Sequence[ContactId]
    ) -> dict[ContactId, Mover]:
        """Who of a directory had these contacts made, was there when last seen, and may move."""
        if not contact_ids:
            return {}
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "contact_ids": list(contact_ids),
        }
        rows = await self._connection.execute(_OF, values)
        return {
            row.contact_id: Mover(
                object_id=row.object_id, version=row.host_version, refused=row.refused
            )
            for row in rows
        }

    async def planned(
        self,
        managed_tenant_id: ManagedTenantId,
        run_ids: Sequence[RunId],
        object_ids: Sequence[ObjectId],
    ) -> frozenset[ObjectId]:
        """Whose move is planned in one of these runs, or held in any."""
        values = {
            "tenant_id": self._tenant_id,
            "managed_tenant_id": managed_tenant_id,
            "run_ids": list(run_ids),
            "object_ids": list(object_ids),
        }
        return frozenset((await self._connection.scalars(_PLANNED, values)).all())
