"""What one MSP's data come to, without ids, times and whatever else differs between equal runs.

Every row of every table that a sync leaves behind, as one line of JSON: an id of ours or of the
host is replaced by what it stands for (a contact's client and address, a directory's GUID), and
left out where it stands for nothing else. Two outcomes are equal if their normal forms are.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from devhost.servers.postgres import libpq

TABLES = (
    "psa_clients",
    "psa_contacts",
    "psa_contact_phones",
    "entra_managed_tenants",
    "entra_managed_tenant_domains",
    "entra_client_tenant_mappings",
    "entra_identities",
    "entra_contact_links",
    "entra_reconciliation_items",
    "entra_decisions",
    "entra_pins",
    "entra_delta_cursors",
    "entra_sync_runs",
    "entra_sync_run_tenants",
    "entra_sync_pages",
    "entra_sync_changes",
)

_OWN = {"tenant_id", "link_id", "item_id", "change_id", "source_change_id", "mapping_id", "pin_id"}
"""Ids that stand for nothing but the row itself."""

_HOW_OFTEN = {"fence", "reading", "waited_seconds", "position", "creation_key", "workflow_id"}
"""How many attempts it took, and in which order they came."""

_OF_IDS = {"policy_fingerprint", "cursor_link"}
"""Made of ids or of the provider's tokens."""

_APART = {
    "entra_client_tenant_mappings": {"version"},
    "entra_delta_cursors": {"link"},
}
"""Columns of one table: a counter that goes over its rows in any order, the provider's tokens."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""A time within a document."""

_NAMES: Sequence[LiteralString] = (
    "SELECT id, 'client ' || name FROM psa_clients WHERE tenant_id = %s",
    "SELECT c.id, 'contact of ' || k.name || ': ' || coalesce(c.email_key, c.full_name)"
    " FROM psa_contacts c JOIN psa_clients k ON k.tenant_id = c.tenant_id AND k.id = c.client_id"
    " WHERE c.tenant_id = %s",
    "SELECT managed_tenant_id, 'directory ' || entra_tenant_id FROM entra_managed_tenants"
    " WHERE tenant_id = %s",
    "SELECT run_id, type || ' run ' || row_number() OVER (PARTITION BY type ORDER BY created_at)"
    " FROM entra_sync_runs WHERE tenant_id = %s",
    "SELECT id, login FROM psa_users WHERE tenant_id = %s",
)

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class NormalForm:
    """Lines of JSON by table."""

    tables: Mapping[str, Counter[str]]

    def differences(self, other: "NormalForm", most: int = 12) -> list[str]:
        """What only one of the two has, a few lines of each table."""
        found = []
        for table, lines in self.tables.items():
            theirs = other.tables[table]
            for mark, rest in (("only here", lines - theirs), ("only there", theirs - lines)):
                rows = sorted(rest.elements())
                found += [f"{table}, {mark}: {row}" for row in rows[:most]]
                if len(rows) > most:
                    found.append(f"{table}, {mark}: {len(rows) - most} more")
        return found

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return self.tables[table].total()


def normal_form(url: str, tenant_id: str, *, tables: Sequence[str] = TABLES) -> NormalForm:
    """Read the normal form of one MSP, as an administrator who sees all rows."""
    with psycopg.connect(libpq(url), row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        names = _names(connection, tenant_id)
        return NormalForm({table: _lines(connection, table, tenant_id, names) for table in tables})


def _names(connection: psycopg.Connection[dict[str, object]], tenant_id: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for query in _NAMES:
        for row in connection.execute(query, [tenant_id]):
            key, name = row.values()
            found[str(key)] = str(name)
    return found


def _lines(
    connection: psycopg.Connection[dict[str, object]],
    table: str,
    tenant_id: str,
    names: Mapping[str, str],
) -> Counter[str]:
    query = sql.SQL("SELECT * FROM {} WHERE tenant_id = %s").format(sql.Identifier(table))
    left_out = _OWN | _HOW_OFTEN | _OF_IDS | _APART.get(table, set())
    rows = connection.execute(query, [tenant_id])
    return Counter(_line(row, names, left_out) for row in rows)


def _line(row: Row, names: Mapping[str, str], left_out: set[str]) -> str:
    kept = {
        name: _plain(value, names)
        for name, value in row.items()
        if name not in left_out and value is not None
    }
    return json.dumps(kept, sort_keys=True, ensure_ascii=False)


def _plain(value: object, names: Mapping[str, str]) -> object:
    match value:
        case datetime():
            return "then"
        case UUID():
            return names.get(str(value), str(value))
        case bytes():
            return value.hex()
        case str():
            return "then" if _MOMENT.fullmatch(value) else names.get(value, value)
        case dict():
            return {key: _plain(inner, names) for key, inner in value.items()}
        case list():
            plain = [_plain(inner, names) for inner in value]
            return sorted(plain, key=json.dumps) if _all_ids(value) else plain
        case _:
            return value


def _all_ids(values: list[object]) -> bool:
    """Lists of ids come in the order of ids, which differ."""
    return all(isinstance(value, UUID) or _is_id(value) for value in values)


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
