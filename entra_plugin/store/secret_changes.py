"""Queries on changes of secrets that are under way, which a process that died leaves behind."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.errors import Conflict
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.connection_tables import secret_changes as table


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretChange:
    """Names of secrets to set and to delete; ``committed`` once the rows that need it are."""

    change_id: UUID
    sets: tuple[str, ...]
    deletes: tuple[str, ...]
    committed: bool


class SecretChanges:
    """The changes of one tenant's secrets that are not over."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, change: SecretChange, now: datetime) -> None:
        """Write down what is about to be done."""
        await self._connection.execute(
            insert(table).values(
                tenant_id=self._tenant_id,
                change_id=change.change_id,
                sets=list(change.sets),
                deletes=list(change.deletes),
                created_at=now,
            )
        )

    async def require_none_committed(self) -> None:
        """Refuse while another change is decided and not finished.

        Raises:
            Conflict: ``changed_meanwhile``.
        """
        if any(change.committed for change in await self.open()):
            raise Conflict("changed_meanwhile")

    async def commit(self, change_id: UUID) -> None:
        """Decide that the change is to be finished.

        Raises:
            Conflict: ``changed_meanwhile``: somebody has undone it.
        """
        statement = (
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.change_id == change_id)
            .values(committed=True)
        )
        if (await self._connection.execute(statement)).rowcount != 1:
            raise Conflict("changed_meanwhile")

    async def open(self) -> list[SecretChange]:
        """Those that are not over, in the order they began."""
        statement = (
            select(table).where(table.c.tenant_id == self._tenant_id).order_by(table.c.position)
        )
        return [
            SecretChange(
                change_id=row.change_id,
                sets=tuple(row.sets),
                deletes=tuple(row.deletes),
                committed=row.committed,
            )
            for row in await self._connection.execute(statement)
        ]

    async def any(self) -> bool:
        """True when one is not over."""
        statement = select(exists().where(table.c.tenant_id == self._tenant_id))
        return bool((await self._connection.execute(statement)).scalar_one())

    async def remove(self, change_id: UUID) -> None:
        """It is over."""
        this = and_(table.c.tenant_id == self._tenant_id, table.c.change_id == change_id)
        await self._connection.execute(delete(table).where(this))
