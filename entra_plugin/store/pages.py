"""Queries on the pages that a run has read: where a reading resumes, and whom it saw."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, case, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.store.arrays import PlainIdArray
from entra_plugin.store.fences import Fence
from entra_plugin.store.run_tables import sync_pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a reading has come; ``next_link`` is None when it is complete or has not begun."""

    pages: int
    next_link: str | None

    @property
    def complete(self) -> bool:
        """True when the last page has been read."""
        return self.pages > 0 and self.next_link is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCounts:
    """What the pages of a reading counted beside their change rows."""

    unchanged: int
    filtered: int

    def __add__(self, other: "PageCounts") -> "PageCounts":
        """The sum."""
        return PageCounts(
            unchanged=self.unchanged + other.unchanged, filtered=self.filtered + other.filtered
        )


_ADD = text("""
    INSERT INTO entra_sync_pages (tenant_id, run_id, managed_tenant_id, reading, page, next_link,
        object_ids, unchanged, filtered)
    VALUES (:tenant_id, :run_id, :managed_tenant_id, :reading, :page, :next_link, :object_ids,
        :unchanged, :filtered)
""").bindparams(bindparam("object_ids", type_=PlainIdArray()))

_TAKE = text("""
    WITH gone AS (
        DELETE FROM entra_sync_pages
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        RETURNING unchanged, filtered
    )
    SELECT coalesce(sum(unchanged), 0) AS unchanged, coalesce(sum(filtered), 0) AS filtered
    FROM gone
""")


class Pages:
    """The page rows of one tenant's runs."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def progress(self, fence: Fence) -> Progress:
        """The last page of the current reading; before the first attempt there is none."""
        if fence.is_first:
            return Progress(pages=0, next_link=None)
        statement = (
            select(sync_pages.c.page, sync_pages.c.next_link)
            .where(*self._reading(fence))
            .order_by(sync_pages.c.page.desc())
            .limit(1)
        )
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return Progress(pages=0, next_link=None)
        return Progress(pages=row.page, next_link=row.next_link)

    async def add(
        self,
        fence: Fence,
        *,
        page: int,
        next_link: str | None,
        object_ids: Sequence[bytes],
        counts: PageCounts,
    ) -> None:
        """Record a page, in the transaction that wrote its plan; ids are in bytes."""
        await self._connection.execute(
            _ADD,
            {
                "tenant_id": self._tenant_id,
                "run_id": fence.run_id,
                "managed_tenant_id": fence.managed_tenant_id,
                "reading": fence.reading,
                "page": page,
                "next_link": next_link,
                "object_ids": object_ids,
                "unchanged": counts.unchanged,
                "filtered": counts.filtered,
            },
        )

    async def object_ids(self, fence: Fence) -> set[bytes]:
        """Who was on the pages of the current reading, in bytes."""
        statement = select(func.unnest(sync_pages.c.object_ids)).where(*self._reading(fence))
        return {object_id.bytes for object_id in await self._connection.scalars(statement)}

    async def repeated(self, fence: Fence) -> int:
        """How often somebody of the current reading was listed once more."""
        ids = select(func.unnest(sync_pages.c.object_ids).label("id")).where(*self._reading(fence))
        listed = ids.subquery()
        statement = select(func.count() - func.count(listed.c.id.distinct())).select_from(listed)
        return int((await self._connection.execute(statement)).scalar_one())

    async def recount(self, fence: Fence, counts: PageCounts) -> None:
        """Let the current reading have counted this in all."""
        first = self._is_first(fence)
        await self._connection.execute(
            update(sync_pages)
            .where(*self._reading(fence))
            .values(
                unchanged=case((first, counts.unchanged), else_=0),
                filtered=case((first, counts.filtered), else_=0),
            )
        )

    async def count_unchanged(self, fence: Fence, more: int) -> None:
        """Add to the unchanged ones of the reading, or take off, what turned out since."""
        if more == 0:
            return
        await self._connection.execute(
            update(sync_pages)
            .where(*self._reading(fence), self._is_first(fence))
            .values(unchanged=sync_pages.c.unchanged + more)
        )

    async def take(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> PageCounts:
        """Sums over the pages of a managed tenant, whose rows have served with that."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
        }
        row = (await self._connection.execute(_TAKE, values)).one()
        return PageCounts(unchanged=int(row.unchanged), filtered=int(row.filtered))

    async def remove(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> None:
        """Drop the page rows: the reading is recorded, or starts anew."""
        await self._connection.execute(
            delete(sync_pages).where(*self._of(run_id, managed_tenant_id))
        )

    def _of(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> list[ColumnElement[bool]]:
        return [
            sync_pages.c.tenant_id == self._tenant_id,
            sync_pages.c.run_id == run_id,
            sync_pages.c.managed_tenant_id == managed_tenant_id,
        ]

    def _is_first(self, fence: Fence) -> ColumnElement[bool]:
        """True for the row of the first page, which may be of several pages of the directory."""
        earliest = select(func.min(sync_pages.c.page)).where(*self._reading(fence))
        return sync_pages.c.page == earliest.scalar_subquery()

    def _reading(self, fence: Fence) -> list[ColumnElement[bool]]:
        return [
            *self._of(fence.run_id, fence.managed_tenant_id),
            sync_pages.c.reading == fence.reading,
        ]
