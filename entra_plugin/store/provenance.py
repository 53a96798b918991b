"""Queries on where a contact comes from, and what syncs made of it: for the panel on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId, RunId, TenantId
from entra_plugin.domain.states import ChangeKind
from entra_plugin.store.links import ERASED
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.people_tables import contact_links, identities

LINKED_PEOPLE = contact_links.join(
    identities,
    and_(
        identities.c.tenant_id == contact_links.c.tenant_id,
        identities.c.entra_tenant_id == contact_links.c.entra_tenant_id,
        identities.c.object_id == contact_links.c.object_id,
    ),
).join(
    managed_tenants,
    and_(
        managed_tenants.c.tenant_id == contact_links.c.tenant_id,
        managed_tenants.c.entra_tenant_id == contact_links.c.entra_tenant_id,
    ),
)
"""Links with their identities, and the managed tenants that those are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """Where a contact comes from: for the panel on the contact.

    With ``closed_at`` and ``closed_reason`` it came from there until then.
    """

    entra_tenant_id: EntraTenantId
    object_id: ObjectId
    contact_id: ContactId
    reason: str
    opened_at: datetime
    opened_by_run: RunId | None
    closed_at: datetime | None
    closed_reason: str | None
    address: str | None
    display_name: str | None
    user_principal_name: str | None
    enabled: bool
    tenant_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChange:
    """One change that a run made to a contact, or to its link."""

    run_id: RunId
    kind: ChangeKind
    reason: str
    at: datetime
    after: Mapping[str, object] | None


_CHANGES = text("""
    SELECT c.run_id, c.kind, c.reason, c.applied_at, c.after
    FROM entra_sync_run_tenants t
    JOIN entra_sync_runs r ON r.tenant_id = t.tenant_id AND r.run_id = t.run_id
    JOIN entra_managed_tenants m ON m.tenant_id = t.tenant_id
        AND m.managed_tenant_id = t.managed_tenant_id
    CROSS JOIN LATERAL (
        SELECT * FROM entra_sync_changes
        WHERE tenant_id = t.tenant_id AND run_id = t.run_id
            AND managed_tenant_id = t.managed_tenant_id AND object_id = :object_id
        OFFSET 0) c
    WHERE t.tenant_id = :tenant_id AND m.entra_tenant_id = :entra_tenant_id
        AND (r.type = 'undo'
            OR t.created + t.linked + t.updated + t.inactivated + t.reactivated + t.moved > 0)
        AND c.contact_id = :contact_id AND c.kind <> 'queue' AND c.applied_at IS NOT NULL
    ORDER BY c.applied_at DESC, c.change_id
    LIMIT :limit
""")
"""By the runs that changed something: changes have no index by their contact."""


class Provenance:
    """Where the contacts of one tenant come from."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def link(self, contact_id: ContactId) -> LinkRow | None:
        """The active link of a contact, with the identity behind it; else the youngest closed one.

        One that was closed because the person was erased tells of nobody any more.
        """
        statement = (
            select(
                contact_links.c.entra_tenant_id,
                contact_links.c.object_id,
                contact_links.c.contact_id,
                contact_links.c.reason,
                contact_links.c.opened_at,
                contact_links.c.opened_by_run,
                contact_links.c.closed_at,
                contact_links.c.closed_reason,
                identities.c.address,
                identities.c.display_name,
                identities.c.attributes["user_principal_name"].astext.label("upn"),
                identities.c.enabled,
                managed_tenants.c.display_name.label("tenant_name"),
            )
            .select_from(LINKED_PEOPLE)
            .where(
                contact_links.c.tenant_id == self._tenant_id,
                contact_links.c.contact_id == contact_id,
                contact_links.c.closed_reason.is_distinct_from(ERASED),
            )
            .order_by(contact_links.c.closed_at.desc().nulls_first(), contact_links.c.link_id)
            .limit(1)
        )
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return None
        return LinkRow(
            entra_tenant_id=EntraTenantId(row.entra_tenant_id),
            object_id=ObjectId(row.object_id),
            contact_id=ContactId(row.contact_id),
            reason=row.reason,
            opened_at=row.opened_at,
            opened_by_run=row.opened_by_run,
            closed_at=row.closed_at,
            closed_reason=row.closed_reason,
            address=row.address,
            display_name=row.display_name,
            user_principal_name=row.upn,
            enabled=row.enabled,
            tenant_name=row.tenant_name,
        )

    async def changes(self, link: LinkRow, *, limit: int) -> tuple[ContactChange, ...]:
        """The last changes that runs made for the identity of a link to its contact."""
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": link.entra_tenant_id,
            "object_id": link.object_id,
            "contact_id": link.contact_id,
            "limit": limit,
        }
        return tuple(
            ContactChange(
                run_id=RunId(row.run_id),
                kind=ChangeKind(row.kind),
                reason=row.reason,
                at=row.applied_at,
                after=row.after,
            )
            for row in await self._connection.execute(_CHANGES, values)
        )
