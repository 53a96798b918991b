"""Queries on discovered managed tenants and their domains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from entra_plugin.domain.folding import search_key
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, TenantId
from entra_plugin.domain.states import MappingState
from entra_plugin.store.mapping_tables import (
    client_tenant_mappings,
    managed_tenant_domains,
    managed_tenants,
)
from entra_plugin.store.paging import Page, clamp, decode_cursor, encode_cursor
from entra_plugin.store.runs import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedTenant:
    """A customer directory as stored; ``domains`` are the verified ones, ASCII form.

    ``default_domain`` is the directory's own, or else what the partner's lists say.
    """

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    default_domain: str | None
    domains: tuple[str, ...]
    user_count: int | None
    relationship_end: datetime | None
    auto_extend: bool | None
    roles: tuple[str, ...]
    privilege_status: str | None
    provider_errors: int | None
    health_code: str | None
    health_details: Mapping[str, object]
    health_at: datetime | None
    first_seen_at: datetime
    gone_at: datetime | None
    last_success_at: datetime | None
    policy_fingerprint: bytes | None

    @property
    def failure(self) -> Failure | None:
        """What the last reading or check found wrong."""
        if self.health_code is None:
            return None
        vendor = self.health_details.get("vendorCode")
        return Failure(
            code=self.health_code,
            vendor_code=str(vendor) if vendor else None,
            details=self.health_details,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A managed tenant to insert or bring up to date; the id is used only when it is new."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    listed_domain: str | None
    relationship_end: datetime | None
    auto_extend: bool | None
    roles: tuple[str, ...]
    privilege_status: str | None
    provider_errors: int | None


_UPSERT = text("""
    INSERT INTO entra_managed_tenants AS m (tenant_id, managed_tenant_id, entra_tenant_id,
        display_name, search_key, listed_domain, relationship_end, auto_extend, roles,
        privilege_status, provider_errors, first_seen_at, last_seen_at)
    SELECT :tenant_id, r.managed_tenant_id, r.entra_tenant_id, r.display_name, r.search_key,
        r.listed_domain, r.relationship_end, r.auto_extend, r.roles, r.privilege_status,
        r.provider_errors, :now, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (managed_tenant_id uuid,
        entra_tenant_id uuid, display_name text, search_key text, listed_domain text,
        relationship_end timestamptz, auto_extend boolean, roles text[], privilege_status text,
        provider_errors integer)
    ON CONFLICT (tenant_id, entra_tenant_id) DO UPDATE
    SET display_name = excluded.display_name, search_key = excluded.search_key,
        listed_domain = coalesce(excluded.listed_domain, m.listed_domain),
        relationship_end = excluded.relationship_end, auto_extend = excluded.auto_extend,
        roles = excluded.roles, privilege_status = excluded.privilege_status,
        provider_errors = excluded.provider_errors, last_seen_at = excluded.last_seen_at,
        gone_at = NULL
""")

_SET_DOMAINS = text("""
    INSERT INTO entra_managed_tenant_domains
        (tenant_id, managed_tenant_id, domain, is_default, is_initial)
    SELECT :tenant_id, :managed_tenant_id, d.domain, d.is_default, d.is_initial
    FROM unnest(:domains, :defaults, :initials) AS d (domain, is_default, is_initial)
    ON CONFLICT (tenant_id, managed_tenant_id, domain) DO UPDATE
    SET is_default = excluded.is_default, is_initial = excluded.is_initial
""").bindparams(
    bindparam("domains", type_=ARRAY(Text())),
    bindparam("defaults", type_=ARRAY(Boolean())),
    bindparam("initials", type_=ARRAY(Boolean())),
)


class ManagedTenants:
    """The managed tenants of one MSP."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def upsert_listed(self, listed: Sequence[Listed], now: datetime) -> None:
        """Insert new managed tenants and bring known ones up to date; one that was gone is back."""
        rows = [
            {
                "managed_tenant_id": row.managed_tenant_id,
                "entra_tenant_id": row.entra_tenant_id,
                "display_name": row.display_name,
                "search_key": search_key(row.display_name),
                "listed_domain": row.listed_domain,
                "relationship_end": row.relationship_end,
                "auto_extend": row.auto_extend,
                "roles": row.roles,
                "privilege_status": row.privilege_status,
                "provider_errors": row.provider_errors,
            }
            for row in listed
        ]
        document = msgspec.json.encode(rows).decode()
        await self._connection.execute(
            _UPSERT, {"tenant_id": self._tenant_id, "rows": document, "now": now}
        )

    async def mark_gone(self, listed: Sequence[EntraTenantId], now: datetime) -> int:
        """Mark those that a complete list no longer has; answers how many are newly gone."""
        statement = (
            update(managed_tenants)
            .where(
                managed_tenants.c.tenant_id == self._tenant_id,
                managed_tenants.c.gone_at.is_(None),
                managed_tenants.c.entra_tenant_id
                != func.all(bindparam("listed", list(listed), type_=ARRAY(Uuid()))),
            )
            .values(gone_at=now)
        )
        return int((await self._connection.execute(statement)).rowcount)

    async def set_details(
        self,
        managed_tenant_id: ManagedTenantId,
        *,
        domains: Sequence[tuple[str, bool, bool]],
        now: datetime,
    ) -> None:
        """Store what the managed tenant said of itself: (name, is default, is initial)."""
        names = [name for name, _, _ in domains]
        await self._connection.execute(
            delete(managed_tenant_domains).where(
                managed_tenant_domains.c.tenant_id == self._tenant_id,
                managed_tenant_domains.c.managed_tenant_id == managed_tenant_id,
                managed_tenant_domains.c.domain
                != func.all(bindparam("names", names, type_=ARRAY(Text()))),
            )
        )
        await self._connection.execute(
            _SET_DOMAINS,
            {
                "tenant_id": self._tenant_id,
                "managed_tenant_id": managed_tenant_id,
                "domains": names,
                "defaults": [is_default for _, is_default, _ in domains],
                "initials": [is_initial for _, _, is_initial in domains],
            },
        )
        default = next((name for name, is_default, _ in domains if is_default), None)
        await self._set(
            managed_tenant_id,
            default_domain=default or (names[0] if names else None),
            health_code=None,
            health_details=None,
            health_at=now,
        )

    async def set_failure(
        self, managed_tenant_id: ManagedTenantId, failure: Failure, now: datetime
    ) -> None:
        """Store what the last reading or check found wrong."""
        await self._set(
            managed_tenant_id,
            health_code=failure.code,
            health_details={**failure.details, "vendorCode": failure.vendor_code},
            health_at=now,
        )

    async def stamp_success(
        self,
        managed_tenant_id: ManagedTenantId,
        policy_fingerprint: bytes | None,
        user_count: int,
        now: datetime,
    ) -> None:
        """Stamp a sync that went through, and how many users it saw.

        Without a fingerprint the next one plans everybody.
        """
        await self._set(
            managed_tenant_id,
            last_success_at=now,
            policy_fingerprint=policy_fingerprint,
            user_count=user_count,
            health_code=None,
            health_details=None,
            health_at=now,
        )

    async def forget_policies(self, managed_tenant_ids: Sequence[ManagedTenantId]) -> None:
        """From now on some identities are planned by other rules than those of the last success."""
        await self._connection.execute(
            update(managed_tenants)
            .where(
                managed_tenants.c.tenant_id == self._tenant_id,
                managed_tenants.c.managed_tenant_id.in_(managed_tenant_ids),
                managed_tenants.c.policy_fingerprint.is_not(None),
            )
            .values(policy_fingerprint=None)
        )

    async def get(self, managed_tenant_id: ManagedTenantId) -> ManagedTenant | None:
        """One managed tenant."""
        found = await self.by_ids([managed_tenant_id])
        return found[0] if found else None

    async def of_directory(self, entra_tenant_id: EntraTenantId) -> ManagedTenant | None:
        """The managed tenant that is this directory."""
        statement = self._query().where(managed_tenants.c.entra_tenant_id == entra_tenant_id)
        row = (await self._connection.execute(statement)).first()
        return _managed_tenant(row) if row is not None else None

    async def by_ids(self, ids: Sequence[ManagedTenantId]) -> list[ManagedTenant]:
        """Those that exist among ``ids``."""
        values = {"tenant": self._tenant_id, "ids": list(ids)}
        return [_managed_tenant(row) for row in await self._connection.execute(_THOSE, values)]

    async def known(self) -> list[ManagedTenant]:
        """All that were ever found, those that are gone included."""
        statement = self._query().order_by(managed_tenants.c.managed_tenant_id)
        return [_managed_tenant(row) for row in await self._connection.execute(statement)]

    async def all(self) -> list[ManagedTenant]:
        """All that are known and not gone, by name."""
        statement = (
            self._query()
            .where(managed_tenants.c.gone_at.is_(None))
            .order_by(managed_tenants.c.search_key, managed_tenants.c.managed_tenant_id)
        )
        return [_managed_tenant(row) for row in await self._connection.execute(statement)]

    async def ending_before(self, moment: datetime) -> list[ManagedTenant]:
        """Those whose relationship ends by then and does not extend itself, soonest first."""
        statement = (
            self._query()
            .where(
                managed_tenants.c.gone_at.is_(None),
                managed_tenants.c.relationship_end < moment,
                managed_tenants.c.auto_extend.is_not(True),
            )
            .order_by(managed_tenants.c.relationship_end, managed_tenants.c.managed_tenant_id)
        )
        return [_managed_tenant(row) for row in await self._connection.execute(statement)]

    async def counts(self) -> Mapping[str, int]:
        """How many are discovered and not gone, and how many of them carry each decision."""
        statement = (
            select(client_tenant_mappings.c.state, func.count())
            .select_from(managed_tenants.outerjoin(client_tenant_mappings, _current_mapping()))
            .where(
                managed_tenants.c.tenant_id == self._tenant_id, managed_tenants.c.gone_at.is_(None)
            )
            .group_by(client_tenant_mappings.c.state)
        )
        found = {
            state or MappingState.UNMAPPED.value: int(count)
            for state, count in await self._connection.execute(statement)
        }
        return {**found, "discovered": sum(found.values())}

    async def page(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: MappingState | None = None,
        q: str | None = None,
    ) -> Page[ManagedTenant]:
        """Managed tenants by name; ``q`` is the start of a name or of a domain.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(limit)
        statement = self._query()
        if q:
            statement = statement.where(self._starts_with(search_key(q)))
        if state is not None:
            statement = statement.where(self._decided(state))
        if cursor is not None:
            last_key, last_id = decode_cursor(cursor, 2)
            sort = func.row(
                managed_tenants.c.search_key, managed_tenants.c.managed_tenant_id.cast(Text)
            )
            statement = statement.where(sort > func.row(last_key, last_id))
        ordered = statement.order_by(
            managed_tenants.c.search_key, managed_tenants.c.managed_tenant_id.cast(Text)
        ).limit(size + 1)
        rows = (await self._connection.execute(ordered)).all()
        following = (
            encode_cursor(rows[size - 1].search_key, str(rows[size - 1].managed_tenant_id))
            if len(rows) > size
            else None
        )
        return Page(items=tuple(_managed_tenant(row) for row in rows[:size]), next_cursor=following)

    def _starts_with(self, folded: str) -> ColumnElement[bool]:
        domain = select(managed_tenant_domains.c.managed_tenant_id).where(
            managed_tenant_domains.c.tenant_id == self._tenant_id,
            managed_tenant_domains.c.domain.op("^@")(folded),
        )
        return or_(
            managed_tenants.c.search_key.op("^@")(folded),
            managed_tenants.c.managed_tenant_id.in_(domain),
        )

    def _decided(self, state: MappingState) -> ColumnElement[bool]:
        decided = select(client_tenant_mappings.c.managed_tenant_id).where(
            client_tenant_mappings.c.tenant_id == self._tenant_id,
            client_tenant_mappings.c.ended_at.is_(None),
        )
        if state == MappingState.UNMAPPED:
            settled = decided.where(client_tenant_mappings.c.state != state.value)
            return managed_tenants.c.managed_tenant_id.not_in(settled)
        return managed_tenants.c.managed_tenant_id.in_(
            decided.where(client_tenant_mappings.c.state == state.value)
        )

    def _query(self) -> Select[*tuple[object, ...]]:
        domains = domains_of_managed_tenant().label("domains")
        return select(managed_tenants, domains).where(
            managed_tenants.c.tenant_id == self._tenant_id
        )

    async def _set(self, managed_tenant_id: ManagedTenantId, **values: object) -> None:
        await self._connection.execute(
            update(managed_tenants)
            .where(
                managed_tenants.c.tenant_id == self._tenant_id,
                managed_tenants.c.managed_tenant_id == managed_tenant_id,
            )
            .values(**values)
        )


def domains_of_managed_tenant() -> ScalarSelect[Sequence[str]]:
    """The verified domains of the managed tenant in the query around it, the default one first."""
    return (
        select(
            func.coalesce(
                func.array_agg(
                    aggregate_order_by(
                        managed_tenant_domains.c.domain,
                        managed_tenant_domains.c.is_default.desc(),
                        managed_tenant_domains.c.domain,
                    )
                ),
                text("'{}'"),
            )
        )
        .where(
            managed_tenant_domains.c.tenant_id == managed_tenants.c.tenant_id,
            managed_tenant_domains.c.managed_tenant_id == managed_tenants.c.managed_tenant_id,
        )
        .correlate(managed_tenants)
        .scalar_subquery()
    )


_THOSE = select(managed_tenants, domains_of_managed_tenant().label("domains")).where(
    managed_tenants.c.tenant_id == bindparam("tenant"),
    managed_tenants.c.managed_tenant_id == func.any(bindparam("ids", type_=ARRAY(Uuid()))),
)
"""Made once: a sync asks for it again and again, and making it takes longer than the answer."""


def _current_mapping() -> ColumnElement[bool]:
    return and_(
        client_tenant_mappings.c.tenant_id == managed_tenants.c.tenant_id,
        client_tenant_mappings.c.managed_tenant_id == managed_tenants.c.managed_tenant_id,
        client_tenant_mappings.c.ended_at.is_(None),
    )


def _managed_tenant(row: Row[*tuple[object, ...]]) -> ManagedTenant:
    return ManagedTenant(
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        display_name=row.display_name,
        default_domain=row.default_domain or row.listed_domain,
        domains=tuple(row.domains),
        user_count=row.user_count,
        relationship_end=row.relationship_end,
        auto_extend=row.auto_extend,
        roles=tuple(row.roles),
        privilege_status=row.privilege_status,
        provider_errors=row.provider_errors,
        health_code=row.health_code,
        health_details=row.health_details or {},
        health_at=row.health_at,
        first_seen_at=row.first_seen_at,
        gone_at=row.gone_at,
        last_success_at=row.last_success_at,
        policy_fingerprint=row.policy_fingerprint,
    )
