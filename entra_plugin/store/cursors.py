"""Queries on delta cursors: where the next round of changes of a managed tenant starts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, TenantId
from entra_plugin.store.people_tables import delta_cursors as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A delta link, and when a full reading last looked for those who are gone."""

    link: str
    select_fingerprint: bytes
    verified_at: datetime | None


class Cursors:
    """The delta cursors of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def get(self, managed_tenant_id: ManagedTenantId) -> Cursor | None:
        """The cursor of a managed tenant."""
        statement = select(table).where(
            table.c.tenant_id == self._tenant_id, table.c.managed_tenant_id == managed_tenant_id
        )
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return None
        return Cursor(
            link=row.link,
            select_fingerprint=bytes(row.select_fingerprint),
            verified_at=row.verified_at,
        )

    async def put(
        self,
        managed_tenant_id: ManagedTenantId,
        link: str,
        *,
        select_fingerprint: bytes,
        now: datetime,
        verified: bool,
    ) -> None:
        """Advance the cursor; ``verified`` when this reading looked for those who are gone."""
        values = {
            "link": link,
            "select_fingerprint": select_fingerprint,
            "obtained_at": now,
            "verified_at": now if verified else None,
        }
        statement = insert(table).values(
            tenant_id=self._tenant_id, managed_tenant_id=managed_tenant_id, **values
        )
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "managed_tenant_id"],
                set_={
                    **values,
                    "verified_at": func.coalesce(
                        statement.excluded.verified_at, table.c.verified_at
                    ),
                },
            )
        )

    async def remove(self, managed_tenant_id: ManagedTenantId) -> None:
        """Forget the cursor: the next reading is a full one."""
        await self._connection.execute(
            delete(table).where(
                table.c.tenant_id == self._tenant_id,
                table.c.managed_tenant_id == managed_tenant_id,
            )
        )
