"""Queries on decisions about managed tenants.

Every one is kept, one per managed tenant is current.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, and_, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, TenantId, UserId
from entra_plugin.domain.states import MappingState
from entra_plugin.store.mapping_tables import client_tenant_mappings as table
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.run_tables import sync_settings
from entra_plugin.store.settings import SettingsRows


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentMapping:
    """The decision in force for one managed tenant."""

    mapping_id: UUID
    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    default_domain: str | None
    state: MappingState
    client_id: ClientId | None
    evidence: Mapping[str, object]
    filter_overrides: Mapping[str, object]
    paused_until: datetime | None
    version: int
    decided_by: UserId | None
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMapping:
    """A decision to put in force."""

    mapping_id: UUID
    managed_tenant_id: ManagedTenantId
    state: MappingState
    client_id: ClientId | None
    evidence: Mapping[str, object]


_END = text("""
    UPDATE entra_client_tenant_mappings SET ended_at = :now
    WHERE tenant_id = :tenant_id AND managed_tenant_id = ANY(:ids) AND ended_at IS NULL
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))

_INSERT = text("""
    INSERT INTO entra_client_tenant_mappings (tenant_id, mapping_id, managed_tenant_id, client_id,
        state, evidence, version, decided_by, decided_at)
    SELECT :tenant_id, r.mapping_id, r.managed_tenant_id, r.client_id, r.state, r.evidence,
        :version, :actor_id, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (mapping_id uuid, managed_tenant_id uuid,
        client_id uuid, state text, evidence jsonb)
""").bindparams(bindparam("actor_id", type_=Uuid()))

_CLOSE_LINKS = text("""
    UPDATE entra_contact_links l
    SET state = 'closed', closed_reason = 'mapping_changed', closed_at = :now,
        closed_by_user = :actor_id
    FROM entra_managed_tenants m
    JOIN unnest(:ids, :clients) AS d (managed_tenant_id, client_id)
        ON d.managed_tenant_id = m.managed_tenant_id
    WHERE m.tenant_id = :tenant_id AND l.tenant_id = m.tenant_id
        AND l.entra_tenant_id = m.entra_tenant_id AND l.state = 'active'
        AND l.client_id IS DISTINCT FROM d.client_id
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid())),
    bindparam("clients", type_=ARRAY(Uuid())),
    bindparam("actor_id", type_=Uuid()),
)

_REOPEN_LINKS = text("""
    UPDATE entra_contact_links l
    SET state = 'active', closed_reason = NULL, closed_at = NULL, closed_by_user = NULL
    FROM (
        SELECT DISTINCT ON (o.entra_tenant_id, o.object_id) o.link_id
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
        ORDER BY o.entra_tenant_id, o.object_id, o.closed_at DESC
    ) again
    WHERE l.tenant_id = :tenant_id AND l.link_id = again.link_id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("clients", type_=ARRAY(Uuid())))


class Mappings:
    """The mapping decisions of one MSP."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def version(self) -> int:
        """The counter of decisions; 0 before the first."""
        statement = select(sync_settings.c.mapping_version).where(
            sync_settings.c.tenant_id == self._tenant_id
        )
        return int(await self._connection.scalar(statement) or 0)

    async def lock_version(self) -> int:
        """The counter, held against other deciders until this transaction ends."""
        await SettingsRows(self._connection, self._tenant_id).ensure()
        statement = (
            select(sync_settings.c.mapping_version)
            .where(sync_settings.c.tenant_id == self._tenant_id)
            .with_for_update()
        )
        return int((await self._connection.execute(statement)).scalar_one())

    async def decide(
        self,
        decisions: Sequence[NewMapping],
        *,
        version: int,
        actor_id: UserId | None,
        now: datetime,
    ) -> None:
        """Put decisions in force, raise the counter to ``version``, and adjust the links.

        Links to a client that a managed tenant is no longer mapped to are closed; links that such a
        change closed before are opened again when it is mapped back.
        """
        ids = [decision.managed_tenant_id for decision in decisions]
        scope = {"tenant_id": self._tenant_id, "ids": ids}
        clients = {"clients": [decision.client_id for decision in decisions]}
        await self._connection.execute(_END, {**scope, "now": now})
        rows = [
            {
                "mapping_id": decision.mapping_id,
                "managed_tenant_id": decision.managed_tenant_id,
                "client_id": decision.client_id,
                "state": decision.state,
                "evidence": decision.evidence,
            }
            for decision in decisions
        ]
        await self._connection.execute(
            _INSERT,
            {
                "tenant_id": self._tenant_id,
                "rows": msgspec.json.encode(rows).decode(),
                "version": version,
                "actor_id": actor_id,
                "now": now,
            },
        )
        await self._connection.execute(
            update(sync_settings)
            .where(sync_settings.c.tenant_id == self._tenant_id)
            .values(mapping_version=version)
        )
        await self._connection.execute(
            _CLOSE_LINKS, {**scope, **clients, "actor_id": actor_id, "now": now}
        )
        await self._connection.execute(_REOPEN_LINKS, {**scope, **clients})

    async def all(self) -> list[CurrentMapping]:
        """Every decision in force, by name; ``unmapped`` ones included."""
        ordered = self._query().order_by(managed_tenants.c.search_key)
        return [_mapping(row) for row in await self._connection.execute(ordered)]

    async def current(self, managed_tenant_id: ManagedTenantId) -> CurrentMapping | None:
        """The decision in force for one managed tenant."""
        found = await self.by_managed_tenants([managed_tenant_id])
        return found[0] if found else None

    async def by_managed_tenants(self, ids: Sequence[ManagedTenantId]) -> list[CurrentMapping]:
        """The decisions in force for these managed tenants."""
        statement = self._query().where(
            table.c.managed_tenant_id == func.any(bindparam("ids", list(ids), type_=ARRAY(Uuid())))
        )
        return [_mapping(row) for row in await self._connection.execute(statement)]

    async def of_client(self, client_id: ClientId) -> list[CurrentMapping]:
        """The managed tenants that are mapped to a client."""
        statement = self._query().where(
            table.c.client_id == client_id, table.c.state == MappingState.MAPPED.value
        )
        return [_mapping(row) for row in await self._connection.execute(statement)]

    async def syncable(self, now: datetime) -> list[CurrentMapping]:
        """What a sync takes: mapped or to be created, not gone, not paused."""
        statement = self._query().where(
            table.c.state.in_([MappingState.MAPPED.value, MappingState.CREATE_NEW.value]),
            managed_tenants.c.gone_at.is_(None),
            or_(table.c.paused_until.is_(None), table.c.paused_until <= now),
        )
        ordered = statement.order_by(managed_tenants.c.search_key)
        return [_mapping(row) for row in await self._connection.execute(ordered)]

    def _query(self) -> Select[*tuple[object, ...]]:
        return (
            select(
                table,
                managed_tenants.c.entra_tenant_id,
                managed_tenants.c.display_name,
                managed_tenants.c.default_domain,
            )
            .select_from(
                table.join(
                    managed_tenants,
                    and_(
                        managed_tenants.c.tenant_id == table.c.tenant_id,
                        managed_tenants.c.managed_tenant_id == table.c.managed_tenant_id,
                    ),
                )
            )
            .where(table.c.tenant_id == self._tenant_id, table.c.ended_at.is_(None))
        )


def _mapping(row: Row[*tuple[object, ...]]) -> CurrentMapping:
    return CurrentMapping(
        mapping_id=row.mapping_id,
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        default_domain=row.default_domain,
        state=MappingState(row.state),
        client_id=row.client_id,
        evidence=row.evidence or {},
        filter_overrides=row.filter_overrides or {},
        paused_until=row.paused_until,
        version=int(row.version),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
