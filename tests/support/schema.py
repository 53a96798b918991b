"""The plugin's schema for tests: brought up as a host does it, and a row for any of its tables."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid5

import psycopg
from psycopg import Connection
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    create_engine,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from devhost.migrate import upgrade
from devhost.plugins.manager import Plugins
from devhost.servers.postgres import Urls, libpq
from entra_plugin.host import Migrations
from entra_plugin.store.base import TENANT_SETTING

OURS = UUID("00000000-0000-4000-8000-00000000000a")
THEIRS = UUID("00000000-0000-4000-8000-00000000000b")


SOME: tuple[tuple[type, Callable[[UUID, str], object]], ...] = (
    (Uuid, uuid5),
    (Text, lambda _tenant, _name: "text"),
    (JSONB, lambda _tenant, _name: {}),
    (DateTime, lambda _tenant, _name: dt.datetime(2030, 1, 1, tzinfo=dt.UTC)),
    (Boolean, lambda _tenant, _name: True),
    (Integer, lambda _tenant, _name: 1),
    (LargeBinary, lambda _tenant, _name: b"bytes"),
    (ARRAY, lambda _tenant, _name: []),
)
"""For each type of column, a value it takes; the same id wherever a column has the same name."""


def our_migrations() -> Migrations:
    """The record of the plugin's hook."""
    plugins = Plugins()
    plugins.load()
    (record,) = plugins.records("psa_migrations")
    assert isinstance(record, Migrations)
    return record


def bring_up(urls: Urls) -> None:
    """Migrate as a host does."""
    with owning(urls) as engine, engine.begin() as connection:
        upgrade(connection, our_migrations().script_location, "psa_app")


@contextmanager
def owning(urls: Urls) -> Iterator[Engine]:
    """An engine of the owning role."""
    engine = create_engine(urls.owner)
    try:
        yield engine
    finally:
        engine.dispose()


def row(table: Table, tenant_id: UUID) -> dict[str, object]:
    """A row of a table; the same id in every column of a name, so that references hold."""
    return {
        column.name: tenant_id if column.name == "tenant_id" else value_of(column, tenant_id)
        for column in table.columns
        if column.identity is None
    }


def value_of(column: Column[object], tenant_id: UUID) -> object:
    """Some value that the column takes."""
    allowed = closed_set(column)
    if allowed:
        return allowed[0]
    return next(
        make(tenant_id, column.name) for kind, make in SOME if isinstance(column.type, kind)
    )


def closed_set(column: Column[object]) -> list[str]:
    """The values that the column's CHECK allows."""
    for constraint in column.table.constraints:
        condition = str(getattr(constraint, "sqltext", ""))
        head = f"{column.name} IN ("
        if head in condition:
            return [v.strip("'") for v in condition.partition(head)[2].rstrip(")").split(", ")]
    return []


def rolled_back(url: str) -> Iterator[Connection]:
    """A transaction of one role that never commits."""
    with psycopg.connect(libpq(url)) as connection:
        yield connection
        connection.rollback()


def enter_tenant(connection: Connection, tenant_id: UUID) -> None:
    """What ``tenant_transaction`` does first."""
    connection.execute("SELECT set_config(%s, %s, true)", [TENANT_SETTING, str(tenant_id)])
