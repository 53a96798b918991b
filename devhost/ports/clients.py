"""The client port: batched, tenant-scoped, on the caller's connection."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from devhost.db.tables import clients
from devhost.ports.contacts import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A client as plugins and pages read it."""

    id: UUID
    name: str
    website: str | None
    domain: str | None
    billing_email: str | None
    inbound_domains: tuple[str, ...]
    directory_tenant_id: UUID | None
    active: bool
    version: int


class NewClient(Protocol):
    """A client to create, read by attribute."""

    key: UUID
    name: str
    domain: str | None
    directory_tenant_id: UUID


_INSERT = text("""
    INSERT INTO psa_clients
        (tenant_id, id, name, website, domain, directory_tenant_id, creation_key)
    SELECT :tenant_id, r.id, r.name, r.domain, r.domain, r.directory_tenant_id, r.key
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id uuid, key uuid, name text, domain text,
        directory_tenant_id uuid)
    ON CONFLICT (tenant_id, creation_key) DO NOTHING
""")


class ClientPort:
    """The clients of every tenant."""

    transactional = True

    async def page(
        self, connection: AsyncConnection, tenant_id: UUID, *, after: UUID | None, limit: int
    ) -> list[ClientRow]:
        """Active clients in order of id, from behind ``after``."""
        statement = client_query(tenant_id).where(clients.c.active)
        if after is not None:
            statement = statement.where(clients.c.id > after)
        rows = await connection.execute(statement.order_by(clients.c.id).limit(limit))
        return [client_row(row) for row in rows]

    async def by_ids(
        self, connection: AsyncConnection, tenant_id: UUID, ids: Sequence[UUID]
    ) -> list[ClientRow]:
        """The clients that exist among ``ids``, inactive ones included."""
        if not ids:
            return []
        wanted = func.any(bindparam("ids", list(ids), type_=ARRAY(Uuid())))
        rows = await connection.execute(client_query(tenant_id).where(clients.c.id == wanted))
        return [client_row(row) for row in rows]

    async def create_many(
        self, connection: AsyncConnection, tenant_id: UUID, items: Sequence[NewClient]
    ) -> list[Outcome]:
        """Create clients; the same key a second time answers the client of the first."""
        rows = [
            {
                "id": str(uuid4()),
                "key": str(item.key),
                "name": item.name,
                "domain": item.domain,
                "directory_tenant_id": str(item.directory_tenant_id),
            }
            for item in items
            if item.name.strip()
        ]
        await connection.execute(_INSERT, {"tenant_id": tenant_id, "rows": json.dumps(rows)})
        keys = func.any(bindparam("keys", [item.key for item in items], type_=ARRAY(Uuid())))
        found = {
            row.creation_key: Outcome(status="written", id=row.id, version=row.version)
            for row in await connection.execute(
                client_query(tenant_id).where(clients.c.creation_key == keys)
            )
        }
        return [
            found.get(item.key) or Outcome(status="rejected", code="name_missing") for item in items
        ]


def client_query(tenant_id: UUID) -> Select[*tuple[object, ...]]:
    """Clients of a tenant."""
    return select(clients).where(clients.c.tenant_id == tenant_id)


def client_row(row: Row[*tuple[object, ...]]) -> ClientRow:
    """A row of ``client_query`` as a value."""
    return ClientRow(
        id=row.id,
        name=row.name,
        website=row.website,
        domain=row.domain,
        billing_email=row.billing_email,
        inbound_domains=tuple(row.inbound_domains),
        directory_tenant_id=row.directory_tenant_id,
        active=row.active,
        version=row.version,
    )
