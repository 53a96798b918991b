"""Every table of the metadata, so that none can be forgotten: keys, names, closed sets."""

import re
from collections.abc import Sequence
from enum import StrEnum

import pytest
from psycopg import Connection
from sqlalchemy import CheckConstraint, Table, UniqueConstraint

from entra_plugin.domain import states
from entra_plugin.store.tables import metadata

TABLES = metadata.sorted_tables
LONGEST = 63
"""Bytes of a name that PostgreSQL keeps."""

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)

CLOSED_SETS: dict[str, type[StrEnum]] = {
    "entra_client_tenant_mappings.state": states.MappingState,
    "entra_contact_links.reason": states.VerdictReason,
    "entra_contact_links.state": states.LinkState,
    "entra_decisions.kind": states.DecisionKind,
    "entra_decisions.question": states.VerdictReason,
    "entra_identities.reason": states.VerdictReason,
    "entra_identities.verdict": states.Verdict,
    "entra_oauth_attempts.credential_source": states.CredentialSource,
    "entra_partner_connections.credential_source": states.CredentialSource,
    "entra_partner_connections.mode": states.ConnectionMode,
    "entra_identities.departure": states.DepartureKind,
    "entra_sync_run_tenants.reading_kind": states.ReadingKind,
    "entra_partner_connections.status": states.ConnectionStatus,
    "entra_partner_connections.type": states.ConnectionType,
    "entra_pins.field": states.FieldName,
    "entra_pins.kind": states.PinKind,
    "entra_reconciliation_items.reason": states.VerdictReason,
    "entra_reconciliation_items.settled_as": states.Settlement,
    "entra_reconciliation_items.state": states.ItemState,
    "entra_sync_changes.kind": states.ChangeKind,
    "entra_sync_changes.reason": states.VerdictReason,
    "entra_sync_changes.state": states.ChangeState,
    "entra_sync_run_tenants.state": states.RunState,
    "entra_sync_runs.state": states.RunState,
    "entra_sync_runs.trigger": states.Trigger,
    "entra_sync_runs.type": states.RunType,
}
"""Every column that may hold only the values of one of our enumerations."""


def column_names(connection: Connection, table: Table, kinds: str) -> dict[str, Sequence[str]]:
    """Names and columns of the table's constraints of some kinds."""
    found = connection.execute(
        "SELECT c.conname, array(SELECT a.attname::text"
        " FROM unnest(c.conkey) WITH ORDINALITY k(n, i)"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i)"
        " FROM pg_constraint c WHERE c.conrelid = %s::regclass AND c.contype::text = ANY(%s)",
        [table.name, list(kinds)],
    )
    return dict(found.fetchall())


@every_table
def test_the_primary_key_starts_with_the_tenant(owner: Connection, table: Table) -> None:
    ((_, columns),) = column_names(owner, table, "p").items()
    assert columns[0] == "tenant_id"


@every_table
def test_every_unique_and_foreign_key_starts_with_the_tenant(
    owner: Connection, table: Table
) -> None:
    found = column_names(owner, table, "uf")
    assert {name for name, columns in found.items() if columns[0] != "tenant_id"} == set()


@every_table
def test_every_index_starts_with_the_tenant(owner: Connection, table: Table) -> None:
    found = owner.execute(
        "SELECT i.indexrelid::regclass::text, a.attname::text FROM pg_index i"
        " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = %s::regclass",
        [table.name],
    ).fetchall()
    assert found
    assert {name for name, first in found if first != "tenant_id"} == set()


@every_table
def test_every_foreign_key_stays_inside_our_tables(table: Table) -> None:
    targets = {key.column.table.name for key in table.foreign_keys}
    assert targets <= set(metadata.tables)


@every_table
def test_every_constraint_has_a_name_by_the_convention(owner: Connection, table: Table) -> None:
    found = column_names(owner, table, "pufc")
    unconventional = {n for n in found if not re.match(rf"(pk|uq|fk|ck)_{table.name}", n)}
    assert unconventional == set()


@every_table
def test_names_in_the_metadata_are_the_names_in_the_database(
    owner: Connection, table: Table
) -> None:
    said = {str(constraint.name) for constraint in table.constraints}
    assert set(column_names(owner, table, "pufc")) == said


@every_table
def test_no_name_is_so_long_that_it_is_cut(table: Table) -> None:
    names = {str(constraint.name) for constraint in table.constraints}
    names |= {str(index.name) for index in table.indexes}
    assert {name for name in names if len(name) > LONGEST} == set()


@every_table
def test_every_time_carries_its_zone(owner: Connection, table: Table) -> None:
    found = owner.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %s AND data_type IN ('timestamp without time zone', 'date', 'time')",
        [table.name],
    )
    assert found.fetchall() == []


def checks(connection: Connection) -> dict[str, set[str]]:
    """The values that the database allows, by ``table.column``."""
    found = connection.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'c' AND conrelid::regclass::text = ANY(%s)",
        [list(metadata.tables)],
    )
    allowed: dict[str, set[str]] = {}
    for table, definition in found:
        listed = re.search(r"\((\w+) = ANY \(ARRAY\[(.+?)\]\)\)", definition)
        if listed:
            values = re.findall(r"'([^']*)'::text", listed[2])
            allowed[f"{table}.{listed[1]}"] = set(values)
    return allowed


def test_the_database_allows_exactly_the_closed_sets(owner: Connection) -> None:
    said = {column: {value.value for value in values} for column, values in CLOSED_SETS.items()}
    assert checks(owner) == said


@pytest.mark.parametrize("word", ["state", "status", "kind", "type", "verdict", "trigger"])
def test_a_column_of_such_a_name_holds_a_closed_set(word: str) -> None:
    open_ones = {f"{table.name}.{word}" for table in TABLES if word in table.columns} - set(
        CLOSED_SETS
    )
    assert open_ones <= {"entra_oauth_attempts.state"}, "OAuth's random value is no state of ours"


def test_a_value_outside_its_closed_set_is_refused_by_every_check() -> None:
    covered = {
        f"{table.name}.{constraint.name}"
        for table in TABLES
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint) and " IN (" in str(constraint.sqltext)
    }
    assert len(covered) == len(CLOSED_SETS)


def test_what_there_may_be_only_one_of_is_held_by_an_index() -> None:
    partial = {
        str(index.name)
        for table in TABLES
        for index in table.indexes
        if index.unique and index.dialect_options["postgresql"]["where"] is not None
    }
    assert partial == {
        "uq_entra_partner_connections_one_active",
        "uq_entra_client_tenant_mappings_current",
        "uq_entra_sync_runs_one_at_a_time",
        "uq_entra_sync_run_tenants_one_writer",
        "uq_entra_contact_links_identity",
        "uq_entra_contact_links_contact",
        "uq_entra_reconciliation_items_open",
    }


def test_unique_constraints_never_rest_on_a_column_that_may_be_empty() -> None:
    loose = {
        f"{table.name}.{column.name}"
        for table in TABLES
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
        for column in constraint.columns
        if column.nullable
    }
    assert loose == set()
