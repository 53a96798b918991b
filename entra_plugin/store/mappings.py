"""Queries on decisions about managed tenants.

Every one is kept, one per managed tenant is current.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Row, Select, Text, and_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, TenantId, UserId
from entra_plugin.domain.states import MappingState
from entra_plugin.store.managed_tenants import domains_of_managed_tenant
from entra_plugin.store.mapping_tables import client_tenant_mappings as table
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.paging import Page, clamp, decode_position, encode_cursor
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
    domains: tuple[str, ...]
    state: MappingState
    client_id: ClientId | None
    evidence: Mapping[str, object]
    filter_overrides: Mapping[str, object]
    paused_until: datetime | None
    version: int
    decided_by: UserId | None
    decided_by_name: str | None
    decided_at: datetime
    ended_at: datetime | None
    gone_at: datetime | None
    """When the managed tenant was found to be gone, if it is."""
    policy_fingerprint: bytes | None
    """Of the rules of its last successful sync."""

    def is_paused(self, now: datetime) -> bool:
        """True while no sync is to touch it."""
        return self.paused_until is not None and self.paused_until > now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMapping:
    """A decision to put in force; overrides and pause are told each time, lest they get lost."""

    mapping_id: UUID
    managed_tenant_id: ManagedTenantId
    state: MappingState
    client_id: ClientId | None
    evidence: Mapping[str, object]
    filter_overrides: Mapping[str, object]
    paused_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who decides, and when."""

    user_id: UserId | None
    name: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """The overrides and the pause of a managed tenant, whole."""

    filter_overrides: Mapping[str, object] = field(default_factory=dict)
    paused_until: datetime | None = None


_END = text("""
    UPDATE entra_client_tenant_mappings SET ended_at = :now
    WHERE tenant_id = :tenant_id AND managed_tenant_id = ANY(:ids) AND ended_at IS NULL
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))

_INSERT = text("""
    INSERT INTO entra_client_tenant_mappings (tenant_id, mapping_id, managed_tenant_id, client_id,
        state, evidence, filter_overrides, paused_until, version, decided_by, decided_by_name,
        decided_at)
    SELECT :tenant_id, r.mapping_id, r.managed_tenant_id, r.client_id, r.state, r.evidence,
        r.filter_overrides, r.paused_until, :version, :actor_id, :actor_name, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (mapping_id uuid, managed_tenant_id uuid,
        client_id uuid, state text, evidence jsonb, filter_overrides jsonb,
        paused_until timestamptz)
""").bindparams(bindparam("actor_id", type_=Uuid()), bindparam("actor_name", type_=Text()))

_KEEP_AS_HISTORY = text("""
    INSERT INTO entra_client_tenant_mappings (tenant_id, mapping_id, managed_tenant_id, client_id,
        state, evidence, filter_overrides, paused_until, version, decided_by, decided_by_name,
        decided_at, ended_at)
    SELECT tenant_id, :copy_id, managed_tenant_id, client_id, state, evidence, filter_overrides,
        paused_until, version, decided_by, decided_by_name, decided_at, :now
    FROM entra_client_tenant_mappings
    WHERE tenant_id = :tenant_id AND mapping_id = :mapping_id
""").bindparams(bindparam("copy_id", type_=Uuid()), bindparam("mapping_id", type_=Uuid()))


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
        self, decisions: Sequence[NewMapping], *, version: int, author: Author
    ) -> None:
        """Put decisions in force and raise the counter to ``version``; links are left as they are.

        The caller brings the links in line (``MappingLinks``) in the same transaction.
        """
        ids = [decision.managed_tenant_id for decision in decisions]
        await self._connection.execute(
            _END, {"tenant_id": self._tenant_id, "ids": ids, "now": author.now}
        )
        rows = [
            {
                "mapping_id": decision.mapping_id,
                "managed_tenant_id": decision.managed_tenant_id,
                "client_id": decision.client_id,
                "state": decision.state,
                "evidence": decision.evidence,
                "filter_overrides": decision.filter_overrides or None,
                "paused_until": decision.paused_until,
            }
            for decision in decisions
        ]
        await self._connection.execute(
            _INSERT,
            {
                "tenant_id": self._tenant_id,
                "rows": msgspec.json.encode(rows).decode(),
                "version": version,
                "actor_id": author.user_id,
                "actor_name": author.name,
                "now": author.now,
            },
        )
        await self._raise_version(version)

    async def put_settings(
        self,
        mapping: CurrentMapping,
        settings: MappingSettings,
        *,
        evidence: Mapping[str, object],
        version: int,
        author: Author,
    ) -> None:
        """Replace overrides and pause; what was in force until now is kept as history.

        The row keeps its id, which is the idempotency key of a client that is yet to be created.
        """
        where = {"tenant_id": self._tenant_id, "mapping_id": mapping.mapping_id}
        await self._connection.execute(
            _KEEP_AS_HISTORY, {**where, "copy_id": uuid4(), "now": author.now}
        )
        await self._connection.execute(
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.mapping_id == mapping.mapping_id)
            .values(
                filter_overrides=dict(settings.filter_overrides) or None,
                paused_until=settings.paused_until,
                evidence=dict(evidence),
                version=version,
                decided_by=author.user_id,
                decided_by_name=author.name,
                decided_at=author.now,
            )
        )
        await self._raise_version(version)

    async def _raise_version(self, version: int) -> None:
        await self._connection.execute(
            update(sync_settings)
            .where(sync_settings.c.tenant_id == self._tenant_id)
            .values(mapping_version=version)
        )

    async def history(
        self,
        managed_tenant_id: ManagedTenantId,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[CurrentMapping]:
        """Every decision ever made about a managed tenant, newest first.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(limit)
        statement = self._decisions().where(table.c.managed_tenant_id == managed_tenant_id)
        if cursor is not None:
            statement = statement.where(table.c.version < decode_position(cursor))
        ordered = statement.order_by(table.c.version.desc()).limit(size + 1)
        rows = (await self._connection.execute(ordered)).all()
        following = encode_cursor(str(rows[size - 1].version)) if len(rows) > size else None
        return Page(items=tuple(_mapping(row) for row in rows[:size]), next_cursor=following)

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
        values = {"tenant": self._tenant_id, "ids": list(ids)}
        return [_mapping(row) for row in await self._connection.execute(_IN_FORCE, values)]

    async def of_client(self, client_id: ClientId) -> list[CurrentMapping]:
        """The managed tenants that are mapped to a client."""
        statement = self._query().where(
            table.c.client_id == client_id, table.c.state == MappingState.MAPPED.value
        )
        return [_mapping(row) for row in await self._connection.execute(statement)]

    async def hold(self, managed_tenant_id: ManagedTenantId, client_id: ClientId) -> bool:
        """Keep a mapping as it is for the rest of this transaction; False if it is another one.

        Whoever decides waits for us, and then closes the links that we have opened.
        """
        statement = (
            select(table.c.mapping_id)
            .where(
                table.c.tenant_id == self._tenant_id,
                table.c.managed_tenant_id == managed_tenant_id,
                table.c.client_id == client_id,
                table.c.state == MappingState.MAPPED.value,
                table.c.ended_at.is_(None),
            )
            .with_for_update(read=True)
        )
        return (await self._connection.execute(statement)).first() is not None

    async def to_sync(self) -> list[CurrentMapping]:
        """What a sync is asked to take, by name: mapped or to be created; gone and paused too."""
        statement = self._query().where(
            table.c.state.in_([MappingState.MAPPED.value, MappingState.CREATE_NEW.value])
        )
        ordered = statement.order_by(managed_tenants.c.search_key)
        return [_mapping(row) for row in await self._connection.execute(ordered)]

    def _query(self) -> Select[*tuple[object, ...]]:
        """The decisions in force."""
        return self._decisions().where(table.c.ended_at.is_(None))

    def _decisions(self) -> Select[*tuple[object, ...]]:
        return _every().where(table.c.tenant_id == self._tenant_id)


def _every() -> Select[*tuple[object, ...]]:
    return select(
        table,
        managed_tenants.c.entra_tenant_id,
        managed_tenants.c.display_name,
        func.coalesce(managed_tenants.c.default_domain, managed_tenants.c.listed_domain).label(
            "default_domain"
        ),
        managed_tenants.c.gone_at,
        managed_tenants.c.policy_fingerprint,
        domains_of_managed_tenant().label("domains"),
    ).select_from(
        table.join(
            managed_tenants,
            and_(
                managed_tenants.c.tenant_id == table.c.tenant_id,
                managed_tenants.c.managed_tenant_id == table.c.managed_tenant_id,
            ),
        )
    )


_IN_FORCE = _every().where(
    table.c.tenant_id == bindparam("tenant"),
    table.c.ended_at.is_(None),
    table.c.managed_tenant_id == func.any(bindparam("ids", type_=ARRAY(Uuid()))),
)
"""Made once: a sync asks for it again and again, and making it takes longer than the answer."""


def _mapping(row: Row[*tuple[object, ...]]) -> CurrentMapping:
    return CurrentMapping(
        mapping_id=row.mapping_id,
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        default_domain=row.default_domain,
        domains=tuple(row.domains),
        state=MappingState(row.state),
        client_id=row.client_id,
        evidence=row.evidence or {},
        filter_overrides=row.filter_overrides or {},
        paused_until=row.paused_until,
        version=int(row.version),
        decided_by=row.decided_by,
        decided_by_name=row.decided_by_name,
        decided_at=row.decided_at,
        ended_at=row.ended_at,
        gone_at=row.gone_at,
        policy_fingerprint=row.policy_fingerprint,
    )
