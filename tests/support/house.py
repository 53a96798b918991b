"""A migrated host in this process, with rows that a test lays out, and a clock that it sets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Table, delete, insert, select, text

from devhost.db.tables import notices
from devhost.host import DevHost
from devhost.servers.postgres import Urls
from entra_plugin.application.context import Context
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.store.erasure import erase_tenant
from entra_plugin.store.mapping_tables import client_tenant_mappings, managed_tenants
from entra_plugin.store.people_tables import contact_links, identities, reconciliation_items
from entra_plugin.store.run_tables import sync_changes, sync_run_tenants, sync_runs
from support.devhost import NORTHWIND, running_host
from support.mortal import NoWorkflows
from support.postgres import fresh_database
from support.schema import row

START = datetime(2030, 6, 1, 12, tzinfo=UTC)

Row = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class House:
    """One MSP's rows, and time."""

    context: Context
    host: DevHost
    workflows: NoWorkflows = field(default_factory=NoWorkflows)
    now: datetime = START
    tenant_id: TenantId = NORTHWIND

    async def add(self, table: Table, **values: object) -> None:
        """A row; what is not said is any value that the column takes."""
        filled = {**row(table, self.tenant_id), **values}
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            await connection.execute(insert(table), filled)

    async def rows(self, query: str, **values: object) -> list[Row]:
        """What a query finds."""
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            found = await connection.execute(text(query), values)
            return [dict(r._mapping) for r in found]

    async def told(self) -> list[tuple[str, Row]]:
        """Key and params of the notices that the host was given, oldest first."""
        statement = select(notices).where(notices.c.tenant_id == self.tenant_id)
        async with self.host.database.engine.connect() as connection:
            found = await connection.execute(statement.order_by(notices.c.id))
            return [(r.key, r.params) for r in found]

    async def clear(self) -> None:
        """Begin anew: no rows, no notices, and the first day."""
        self.now = START
        self.workflows.open, self.workflows.asked = set(), []
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            await erase_tenant(connection, self.tenant_id)
        async with self.host.database.engine.begin() as connection:
            await connection.execute(delete(notices).where(notices.c.tenant_id == self.tenant_id))

    # --- Rows ---

    async def customer(
        self, state: str | None = "mapped", *, days: float = 0, **values: object
    ) -> UUID:
        """A managed tenant, and the decision about it so many days ago."""
        id_ = uuid4()
        facts = {"entra_tenant_id": uuid4(), "gone_at": None, "relationship_warned_for": None}
        await self.add(managed_tenants, managed_tenant_id=id_, **{**facts, **values})
        if state is not None:
            await self.add(
                client_tenant_mappings,
                mapping_id=uuid4(),
                managed_tenant_id=id_,
                client_id=uuid4() if state == "mapped" else None,
                state=state,
                decided_at=self.now - timedelta(days=days),
                ended_at=None,
            )
        return id_

    async def run(
        self,
        state: str = "running",
        *,
        type_: str = "client",
        age: timedelta = timedelta(0),
        **values: object,
    ) -> RunId:
        """A run of so long ago."""
        run_id, at = RunId(uuid4()), self.now - age
        ended = None if state in {"queued", "running"} else at
        facts = {
            "error_code": None,
            "error_vendor_code": None,
            "error_details": None,
            "notified_at": None,
            "workflow_id": f"workflow {run_id}",
            "finished_at": ended,
            "applied_at": ended,
            "state_reason": None,
        }
        await self.add(
            sync_runs,
            **{
                **facts,
                "run_id": run_id,
                "type": type_,
                "state": state,
                "created_at": at,
                **values,
            },
        )
        return run_id

    async def take(
        self, run_id: RunId, customer: UUID, state: str = "running", **values: object
    ) -> None:
        """A managed tenant in a run."""
        facts = {"error_code": None, "error_details": None, "error_vendor_code": None, "held": 0}
        await self.add(
            sync_run_tenants,
            **{
                **facts,
                "run_id": run_id,
                "managed_tenant_id": customer,
                "state": state,
                "state_reason": None,
                "joined_run_id": None,
                **values,
            },
        )

    async def change(self, run_id: RunId, customer: UUID, state: str, **values: object) -> UUID:
        """A change row of a run, as old as that run."""
        (run,) = await self.rows("SELECT * FROM entra_sync_runs WHERE run_id = :id", id=run_id)
        change_id = uuid4()
        facts = {
            "change_id": change_id,
            "run_id": run_id,
            "managed_tenant_id": customer,
            "object_id": uuid4(),
            "kind": "update",
            "reason": "fields_changed",
            "state": state,
            "created_at": run["created_at"],
        }
        await self.add(sync_changes, **{**facts, **values})
        return change_id

    async def person(self, customer: UUID, **values: object) -> UUID:
        """An identity of a managed tenant with something in it."""
        object_id = uuid4()
        await self.add(
            identities,
            entra_tenant_id=await self.directory(customer),
            object_id=object_id,
            attributes={"display_name": "Ada"},
            **values,
        )
        return object_id

    async def link(self, customer: UUID, object_id: UUID, **values: object) -> UUID:
        """A link of an identity."""
        link_id = uuid4()
        facts = {"link_id": link_id, "contact_id": uuid4(), "object_id": object_id}
        directory = await self.directory(customer)
        await self.add(contact_links, **{**facts, "entra_tenant_id": directory, **values})
        return link_id

    async def item(self, customer: UUID, run_id: RunId, **values: object) -> UUID:
        """A review item."""
        item_id = uuid4()
        facts = {"item_id": item_id, "managed_tenant_id": customer, "object_id": uuid4()}
        directory = await self.directory(customer)
        await self.add(
            reconciliation_items,
            **{**facts, "run_id": run_id, "entra_tenant_id": directory, "state": "open", **values},
        )
        return item_id

    async def directory(self, customer: UUID) -> UUID:
        """The Microsoft directory of a managed tenant."""
        query = "SELECT entra_tenant_id FROM entra_managed_tenants WHERE managed_tenant_id = :id"
        (found,) = await self.rows(query, id=customer)
        return cast("UUID", found["entra_tenant_id"])


@asynccontextmanager
async def housed(server: Urls, *, temporal: str = "127.0.0.1:1") -> AsyncIterator[House]:
    """A host on a database of its own."""
    with fresh_database(server) as urls:
        async with _housed(urls, temporal) as house:
            yield house


@asynccontextmanager
async def _housed(urls: Urls, temporal: str) -> AsyncIterator[House]:
    async with running_host(urls, {}, temporal=temporal) as host:
        house = House(context=host.opened.context, host=host.host)
        house.context = replace(
            host.opened.context, workflows=house.workflows, clock=lambda: house.now
        )
        yield house
