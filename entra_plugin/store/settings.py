"""Queries on the settings row of a tenant; a tenant without one has the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.errors import Conflict
from entra_plugin.domain.ids import TenantId, UserId
from entra_plugin.store.run_tables import sync_settings as table

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSettings:
    """What is stored; the documents hold only what was ever set."""

    field_sync_config: Document
    user_filter_config: Document
    guard_config: Document
    notification_config: Document
    sync_enabled: bool
    sync_interval_minutes: int
    version: int
    last_discovery_at: datetime | None
    client_secret_expires_at: datetime | None


_DEFAULTS = StoredSettings(
    field_sync_config={},
    user_filter_config={},
    guard_config={},
    notification_config={},
    sync_enabled=False,
    sync_interval_minutes=1440,
    version=1,
    last_discovery_at=None,
    client_secret_expires_at=None,
)


class SettingsRows:
    """The settings of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def get(self) -> StoredSettings:
        """The settings, or the defaults."""
        statement = select(table).where(table.c.tenant_id == self._tenant_id)
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return _DEFAULTS
        return StoredSettings(
            field_sync_config=row.field_sync_config,
            user_filter_config=row.user_filter_config,
            guard_config=row.guard_config,
            notification_config=row.notification_config,
            sync_enabled=row.sync_enabled,
            sync_interval_minutes=row.sync_interval_minutes,
            version=int(row.version),
            last_discovery_at=row.last_discovery_at,
            client_secret_expires_at=row.client_secret_expires_at,
        )

    async def ensure(self) -> None:
        """Make sure that there is a row to lock and to update."""
        await self._connection.execute(
            insert(table)
            .values(
                tenant_id=self._tenant_id,
                field_sync_config={},
                user_filter_config={},
                guard_config={},
                notification_config={},
                updated_at=func.now(),
            )
            .on_conflict_do_nothing()
        )

    async def put(
        self,
        documents: Mapping[str, Document],
        *,
        version: int,
        actor_id: UserId,
        now: datetime,
    ) -> None:
        """Replace the documents named, by column; where none is named, the version stays.

        Raises:
            Conflict: ``stale_version``: somebody saved since ``version`` was read.
        """
        stale = Conflict("stale_version", details={"version": version})
        if not documents:
            if (await self.get()).version != version:
                raise stale
            return
        await self.ensure()
        values = {name: dict(document) for name, document in documents.items()}
        statement = (
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.version == version)
            .values(**values, version=version + 1, updated_at=now, updated_by=actor_id)
        )
        if (await self._connection.execute(statement)).rowcount != 1:
            raise stale

    async def lock_schedule(self) -> None:
        """Be the only one to change the schedule until the transaction ends."""
        key = func.hashtextextended(f"entra:{self._tenant_id}:schedule", 0)
        await self._connection.execute(select(func.pg_advisory_xact_lock(key)))

    async def put_schedule(
        self, *, enabled: bool, interval_minutes: int, actor_id: UserId, now: datetime
    ) -> None:
        """Replace the schedule; the version, which guards the documents, stays."""
        await self._set(
            sync_enabled=enabled,
            sync_interval_minutes=interval_minutes,
            updated_at=now,
            updated_by=actor_id,
        )

    async def stamp_discovery(self, now: datetime) -> None:
        """Remember when the last discovery went through."""
        await self._set(last_discovery_at=now)

    async def note_secret_expiry(self, expires_at: datetime | None) -> None:
        """Remember when the client secret that a person just entered will expire, if he said so."""
        await self._set(client_secret_expires_at=expires_at)

    async def _set(self, **values: object) -> None:
        await self.ensure()
        await self._connection.execute(
            update(table).where(table.c.tenant_id == self._tenant_id).values(**values)
        )
