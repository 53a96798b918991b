"""What a running devhost's database holds, seen as its administrator."""

from collections.abc import Iterable, Mapping
from typing import LiteralString

import psycopg
from psycopg import sql

from devhost.servers.postgres import libpq
from support.oracle import Person

_CONTACTS = """
    SELECT c.client_id::text, c.full_name, c.email, c.role, c.active,
        coalesce(array_agg(p.type || ':' || p.number ORDER BY p.type)
            FILTER (WHERE p.type IS NOT NULL), '{}') AS phones
    FROM psa_contacts c
    LEFT JOIN psa_contact_phones p ON p.tenant_id = c.tenant_id AND p.contact_id = c.id
    WHERE c.tenant_id = %s GROUP BY c.tenant_id, c.id
"""

KEPT = (
    "psa_contacts",
    "psa_contact_phones",
    "psa_clients",
    "entra_client_tenant_mappings",
    "entra_contact_links",
    "entra_identities",
    "entra_reconciliation_items",
    "entra_managed_tenant_domains",
    "entra_decisions",
    "entra_pins",
)
"""Tables that an unchanged sync must not touch."""


class Inside:
    """Looks into one database."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._url = libpq(str(facts["adminDatabaseUrl"]))

    def rows(self, query: LiteralString, *values: object) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with psycopg.connect(self._url) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: object) -> None:
        """Change something behind everybody's back."""
        with psycopg.connect(self._url) as connection:
            connection.execute(statement.encode(), values)

    def count(self, table: str, tenant_id: str) -> int:
        """How many rows of a table an MSP has."""
        query = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s")
        with psycopg.connect(self._url) as connection:
            found = connection.execute(query.format(sql.Identifier(table)), [tenant_id]).fetchone()
        assert found is not None
        return int(found[0])

    def contacts(self, tenant_id: str) -> list[Person]:
        """The contacts of an MSP."""
        return [
            Person(
                client_id=str(client_id),
                name=str(name),
                email=str(email) if email else None,
                role=str(role) if role else None,
                phones=tuple(tuple(p.split(":", 1)) for p in phones),  # type: ignore[attr-defined]
                active=bool(active),
            )
            for client_id, name, email, role, active, phones in self.rows(_CONTACTS, tenant_id)
        ]

    def links(self) -> dict[str, str]:
        """Object id to contact address of the open links of all MSPs."""
        found = self.rows(
            "SELECT l.object_id::text, c.email FROM entra_contact_links l"
            " JOIN psa_contacts c ON c.tenant_id = l.tenant_id AND c.id = l.contact_id"
            " WHERE l.state = 'active'"
        )
        return {str(object_id): str(email) for object_id, email in found}

    def versions(self) -> dict[str, set[tuple[object, ...]]]:
        """Which transaction wrote each row of the tables that must keep still."""
        return self._written(KEPT)

    def everything(self) -> dict[str, set[tuple[object, ...]]]:
        """Which transaction wrote each row of our tables and the host's."""
        tables = self.rows(
            "SELECT tablename FROM pg_tables WHERE tablename ^@ 'entra_' OR tablename ^@ 'psa_'"
        )
        return self._written(str(name) for (name,) in tables)

    def _written(self, tables: Iterable[str]) -> dict[str, set[tuple[object, ...]]]:
        found: dict[str, set[tuple[object, ...]]] = {}
        with psycopg.connect(self._url) as connection:
            for table in tables:
                query = sql.SQL("SELECT ctid::text, xmin::text FROM {}").format(
                    sql.Identifier(table)
                )
                found[table] = set(connection.execute(query).fetchall())
        return found
