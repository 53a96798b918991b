"""Queries on those whose contacts a change of the mapping has left at the client of before.

A sync brings the contacts to the client of now, as long as they are what it made of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId, TenantId
from entra_plugin.store.arrays import IdArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """An identity that takes its contact along, unless the contact has another ``version``."""

    object_id: ObjectId
    version: int


_OF = text("""
    SELECT l.contact_id, l.object_id, l.host_version
    FROM entra_contact_links l
    JOIN entra_identities i ON i.tenant_id = l.tenant_id
        AND i.entra_tenant_id = l.entra_tenant_id AND i.object_id = l.object_id
    WHERE l.tenant_id = :tenant_id AND l.entra_tenant_id = :entra_tenant_id
        AND l.contact_id = ANY(:contact_ids) AND l.state = 'closed'
        AND l.closed_reason = 'mapping_changed' AND l.reason = 'created'
        AND l.host_version IS NOT NULL
        AND i.enabled AND i.departure IS NULL AND NOT i.unlisted
        AND i.verdict NOT IN ('ignored', 'undone')
        AND NOT EXISTS (
            SELECT FROM entra_contact_links o
            WHERE o.tenant_id = l.tenant_id AND o.entra_tenant_id = l.entra_tenant_id
                AND o.object_id = l.object_id AND o.state = 'active')
        AND NOT EXISTS (
            SELECT FROM entra_contact_links o
            WHERE o.tenant_id = l.tenant_id AND o.entra_tenant_id = l.entra_tenant_id
                AND o.object_id = l.object_id AND o.state = 'closed'
                AND (o.closed_at > l.closed_at
                    OR (o.closed_at = l.closed_at AND o.link_id < l.link_id)))
""").bindparams(bindparam("contact_ids", type_=IdArray()))


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
            row.contact_id: Mover(object_id=row.object_id, version=row.host_version) for row in rows
        }
