"""Queries on partner connections."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId, UserId
from entra_plugin.domain.states import (
    ConnectionMode,
    ConnectionStatus,
    ConnectionType,
    CredentialSource,
)
from entra_plugin.store.connection_tables import partner_connections as table
from entra_plugin.store.runs import Failure, failure_of

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A partner connection as stored; ``failure`` is what the last check found."""

    connection_id: ConnectionId
    type: ConnectionType
    mode: ConnectionMode
    status: ConnectionStatus
    credential_source: CredentialSource | None
    partner_tenant_id: EntraTenantId | None
    scope: str | None
    created_at: datetime
    validated_at: datetime | None
    ended_at: datetime | None
    failure: Failure | None
    failed_at: datetime | None
    renewed_at: datetime | None

    def require_partner(self) -> EntraTenantId:
        """The partner's own tenant, which every direct connection has.

        Raises:
            ValueError: This is no direct connection.
        """
        if self.partner_tenant_id is None:
            raise ValueError("not a direct connection")
        return self.partner_tenant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """A connection that has just proved to work."""

    connection_id: ConnectionId
    mode: ConnectionMode
    credential_source: CredentialSource
    created_by: UserId
    partner_tenant_id: EntraTenantId | None = None
    scope: str | None = None
    signed_in: bool = False
    """It lives on the refresh token of a sign-in, which is young now."""

    @property
    def type(self) -> ConnectionType:
        """The type that the mode belongs to."""
        direct = self.mode in {ConnectionMode.DELEGATED, ConnectionMode.APP_ONLY}
        return ConnectionType.DIRECT if direct else ConnectionType.CIPP


class Connections:
    """The partner connections of one tenant: at most one is active."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def lock(self) -> None:
        """Make every other writer of this tenant's connection wait until this transaction ends."""
        await self._connection.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(f"entra:{self._tenant_id}", 0)))
        )

    async def active(self) -> Connection | None:
        """The connection that is not ended."""
        statement = select(table).where(
            table.c.tenant_id == self._tenant_id, table.c.ended_at.is_(None)
        )
        row = (await self._connection.execute(statement)).first()
        return _connection(row) if row is not None else None

    async def active_direct(self) -> Connection | None:
        """The active connection, if Microsoft's own credentials are behind it."""
        active = await self.active()
        return active if active is not None and active.type == ConnectionType.DIRECT else None

    async def partner(self) -> EntraTenantId | None:
        """The partner tenant of the active connection; None without one, and for CIPP."""
        active = await self.active()
        return active.partner_tenant_id if active is not None else None

    async def latest(self) -> Connection | None:
        """The youngest connection, ended or not."""
        statement = (
            select(table)
            .where(table.c.tenant_id == self._tenant_id)
            .order_by(table.c.ended_at.desc().nulls_first(), table.c.created_at.desc())
            .limit(1)
        )
        row = (await self._connection.execute(statement)).first()
        return _connection(row) if row is not None else None

    async def history(self) -> list[Connection]:
        """Every connection ever made, youngest first."""
        statement = (
            select(table)
            .where(table.c.tenant_id == self._tenant_id)
            .order_by(table.c.created_at.desc())
        )
        return [_connection(row) for row in await self._connection.execute(statement)]

    async def replace(self, new: NewConnection, now: datetime) -> None:
        """End the active connection, if any, and begin this one."""
        await self.end("replaced", now)
        await self._connection.execute(
            insert(table).values(
                tenant_id=self._tenant_id,
                connection_id=new.connection_id,
                type=new.type.value,
                mode=new.mode.value,
                status=ConnectionStatus.CONNECTED.value,
                credential_source=new.credential_source.value,
                partner_tenant_id=new.partner_tenant_id,
                scope=new.scope,
                created_by=new.created_by,
                created_at=now,
                validated_at=now,
                renewed_at=now if new.signed_in else None,
            )
        )

    async def mark_validated(
        self,
        now: datetime,
        *,
        begun: datetime | None = None,
        connection_id: ConnectionId | None = None,
    ) -> None:
        """The active connection has just worked.

        One that was made after ``begun``, or has another id, is not the one that has worked.
        """
        await self._set(
            begun,
            connection_id,
            status=ConnectionStatus.CONNECTED.value,
            validated_at=now,
            error_code=None,
            error_vendor_code=None,
            error_details=None,
            error_at=None,
        )

    async def mark_failed(
        self,
        failure: Failure,
        now: datetime,
        *,
        broken: bool = True,
        begun: datetime | None = None,
        connection_id: ConnectionId | None = None,
    ) -> None:
        """The active connection has just failed; it stays, for the reader to repair.

        One that is not ``broken`` keeps its status: the provider could not answer just now. One
        that was made after ``begun``, or has another id, is not the one that has failed.
        """
        status = {"status": ConnectionStatus.VALIDATION_FAILED.value} if broken else {}
        await self._set(
            begun,
            connection_id,
            **status,
            error_code=failure.code,
            error_vendor_code=failure.vendor_code,
            error_details=dict(failure.details),
            error_at=now,
        )

    async def set_credentials(self, source: CredentialSource, now: datetime) -> None:
        """The app credentials of the active connection were replaced by working ones."""
        await self.mark_validated(now)
        await self._set(credential_source=source.value)

    async def stamp_renewal(self, now: datetime) -> None:
        """The partner's refresh token has just been renewed."""
        await self._set(renewed_at=now)

    async def end(self, reason: str, now: datetime) -> None:
        """End the active connection; it stays as history."""
        await self._set(
            status=ConnectionStatus.DISCONNECTED.value, ended_at=now, ended_reason=reason
        )

    async def _set(
        self,
        begun: datetime | None = None,
        connection_id: ConnectionId | None = None,
        **values: object,
    ) -> None:
        statement = update(table).where(
            table.c.tenant_id == self._tenant_id, table.c.ended_at.is_(None)
        )
        if begun is not None:
            statement = statement.where(table.c.created_at <= begun)
        if connection_id is not None:
            statement = statement.where(table.c.connection_id == connection_id)
        await self._connection.execute(statement.values(**values))


def _connection(row: Row[*tuple[object, ...]]) -> Connection:
    partner: UUID | None = row.partner_tenant_id
    return Connection(
        connection_id=row.connection_id,
        type=ConnectionType(row.type),
        mode=ConnectionMode(row.mode),
        status=ConnectionStatus(row.status),
        credential_source=CredentialSource(row.credential_source)
        if row.credential_source
        else None,
        partner_tenant_id=EntraTenantId(partner) if partner else None,
        scope=row.scope,
        created_at=row.created_at,
        validated_at=row.validated_at,
        ended_at=row.ended_at,
        failure=failure_of(row),
        failed_at=row.error_at,
        renewed_at=row.renewed_at,
    )
