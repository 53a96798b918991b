"""Queries that bring the links of people in line with the decisions about their managed tenants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from entra_plugin.domain.ids import ClientId, ContactId, LinkId, ManagedTenantId, TenantId, UserId

ClientOf = Mapping[ManagedTenantId, ClientId | None]
"""Managed tenant to the client that it is mapped to from now on, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLink:
    """A link that an earlier change of the mapping closed, and that may be opened again.

    ``chosen``: a person chose the contact, whosever client it is of.
    """

    link_id: LinkId
    contact_id: ContactId
    client_id: ClientId
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """A person whose contact may be at the client of before.

    ``version`` is the contact's at our last write, if we had made it.
    """

    contact_id: ContactId
    client_id: ClientId
    version: int | None


_ARRAYS = (bindparam("ids", type_=ARRAY(Uuid())), bindparam("clients", type_=ARRAY(Uuid())))

_CLOSE = text("""
    UPDATE entra_contact_links l
    SET state = 'closed', closed_reason = 'mapping_changed', closed_at = :now,
        closed_by_user = :actor_id
    FROM entra_managed_tenants m
    JOIN unnest(:ids, :clients) AS d (managed_tenant_id, client_id)
        ON d.managed_tenant_id = m.managed_tenant_id
    WHERE m.tenant_id = :tenant_id AND l.tenant_id = m.tenant_id
        AND l.entra_tenant_id = m.entra_tenant_id AND l.state = 'active'
        AND l.client_id IS DISTINCT FROM d.client_id
""").bindparams(*_ARRAYS, bindparam("actor_id", type_=Uuid()))

_OPEN = text("""
    SELECT count(*)
    FROM entra_contact_links l
    JOIN entra_managed_tenants m
        ON m.tenant_id = l.tenant_id AND m.entra_tenant_id = l.entra_tenant_id
    WHERE m.tenant_id = :tenant_id AND m.managed_tenant_id = ANY(:ids) AND l.state = 'active'
""").bindparams(_ARRAYS[0])

_REOPENABLE = text("""
    SELECT DISTINCT ON (contact_id) link_id, contact_id, client_id, chosen
    FROM (
        SELECT DISTINCT ON (o.entra_tenant_id, o.object_id)
            o.link_id, o.contact_id, o.client_id, o.closed_at, o.reason = 'decided' AS chosen
        FROM entra_contact_links o
        JOIN entra_managed_tenants m
            ON m.tenant_id = o.tenant_id AND m.entra_tenant_id = o.entra_tenant_id
        JOIN unnest(:ids, :clients) AS d (managed_tenant_id, client_id)
            ON d.managed_tenant_id = m.managed_tenant_id AND d.client_id = o.client_id
        WHERE o.tenant_id = :tenant_id AND o.state = 'closed'
            AND o.closed_reason = 'mapping_changed'
            AND NOT EXISTS (
                SELECT FROM entra_contact_links a
                WHERE a.tenant_id = o.tenant_id AND a.state = 'active'
                    AND (a.contact_id = o.contact_id OR (a.entra_tenant_id = o.entra_tenant_id
                        AND a.object_id = o.object_id)))
        ORDER BY o.entra_tenant_id, o.object_id, o.closed_at DESC, o.link_id
    ) youngest
    ORDER BY contact_id, closed_at DESC, link_id
""").bindparams(*_ARRAYS)

_REOPEN = text("""
    UPDATE entra_contact_links
    SET state = 'active', closed_reason = NULL, closed_at = NULL, closed_by_user = NULL
    WHERE tenant_id = :tenant_id AND state = 'closed' AND link_id = ANY(:links)
""").bindparams(bindparam("links", type_=ARRAY(Uuid())))


_LEFT_BEHIND = text("""
    SELECT y.contact_id, y.wanted, y.version
    FROM (
        SELECT DISTINCT ON (o.entra_tenant_id, o.object_id) o.contact_id, o.closed_reason,
            d.client_id AS wanted, o.entra_tenant_id, o.object_id,
            CASE WHEN o.reason = 'created' THEN o.host_version END AS version
        FROM entra_contact_links o
        JOIN entra_managed_tenants m
            ON m.tenant_id = o.tenant_id AND m.entra_tenant_id = o.entra_tenant_id
        JOIN unnest(:ids, :clients) AS d (managed_tenant_id, client_id)
            ON d.managed_tenant_id = m.managed_tenant_id AND d.client_id IS NOT NULL
        WHERE o.tenant_id = :tenant_id
        ORDER BY o.entra_tenant_id, o.object_id, (o.state = 'active') DESC, o.closed_at DESC,
            o.link_id
    ) y
    JOIN entra_identities i ON i.tenant_id = :tenant_id
        AND i.entra_tenant_id = y.entra_tenant_id AND i.object_id = y.object_id
        AND i.enabled AND i.departure IS NULL
    WHERE y.closed_reason = 'mapping_changed'
        AND NOT EXISTS (
            SELECT FROM entra_decisions e
            WHERE e.tenant_id = :tenant_id AND e.entra_tenant_id = y.entra_tenant_id
                AND e.object_id = y.object_id AND (e.kind IN ('undone', 'ignored')
                    OR (e.kind = 'dismissed' AND e.question = 'remapped'
                        AND e.client_id = y.wanted AND e.fingerprint = i.seen_fingerprint)))
        AND NOT EXISTS (
            SELECT FROM entra_pins p
            WHERE p.tenant_id = :tenant_id
                AND ((p.kind = 'hands_off' AND p.contact_id = y.contact_id)
                    OR (p.kind = 'ignore_identity' AND p.object_id = y.object_id
                        AND p.entra_tenant_id = y.entra_tenant_id)))
""").bindparams(*_ARRAYS)


class MappingLinks:
    """The links of one MSP, as its mappings ask for them."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def close_others(
        self, clients: ClientOf, *, actor_id: UserId | None, now: datetime
    ) -> int:
        """Close the open links to any other client; answers how many there were."""
        values = {**self._values(clients), "actor_id": actor_id, "now": now}
        return int((await self._connection.execute(_CLOSE, values)).rowcount)

    async def open(self, managed_tenant_ids: Sequence[ManagedTenantId]) -> int:
        """How many links are open."""
        values = {"tenant_id": self._tenant_id, "ids": list(managed_tenant_ids)}
        return int((await self._connection.execute(_OPEN, values)).scalar_one())

    async def reopenable(self, clients: ClientOf) -> list[ClosedLink]:
        """Links to the client of now that a change of the mapping had closed.

        The youngest of each person and of each contact, unless either is linked otherwise by now.
        """
        found = await self._connection.execute(_REOPENABLE, self._values(clients))
        return [
            ClosedLink(
                link_id=row.link_id,
                contact_id=row.contact_id,
                client_id=row.client_id,
                chosen=row.chosen,
            )
            for row in found
        ]

    async def left_behind(self, clients: ClientOf) -> list[LeftBehind]:
        """People whose link a change of the mapping closed, and who have no other since."""
        found = await self._connection.execute(_LEFT_BEHIND, self._values(clients))
        return [
            LeftBehind(contact_id=row.contact_id, client_id=row.wanted, version=row.version)
            for row in found
        ]

    async def reopen(self, links: Sequence[ClosedLink]) -> int:
        """Open these links again."""
        values = {"tenant_id": self._tenant_id, "links": [link.link_id for link in links]}
        return int((await self._connection.execute(_REOPEN, values)).rowcount)

    def _values(self, clients: ClientOf) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "ids": list(clients),
            "clients": list(clients.values()),
        }
