"""The schema's history: up, down, again, at the same time, with data, never in the host's way."""

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import Connection
from psycopg.errors import CheckViolation
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from sqlalchemy import insert, inspect
from sqlalchemy.engine import Connection as Engine

from devhost.db.tables import metadata as host_metadata
from devhost.migrate import upgrade
from devhost.servers.postgres import Urls, libpq
from entra_plugin.store.tables import VERSION_TABLE, metadata, owns
from support.schema import OURS, THEIRS, bring_up, enter_tenant, our_migrations, owning, row

ROOT = Path(__file__).parents[2]
HOST_SCRIPTS = str(ROOT / "devhost" / "db")


@contextmanager
def configured(urls: Urls, location: str | None = None) -> Iterator[Config]:
    """An Alembic configuration on a connection of the owning role."""
    with owning(urls) as engine, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", location or our_migrations().script_location)
        config.attributes["connection"] = connection
        config.attributes["app_role"] = "psa_app"
        yield config


def objects(urls: Urls) -> set[str]:
    """Tables, indexes, sequences and types in the schema that migrations write to."""
    with psycopg.connect(libpq(urls.owner)) as connection:
        found = connection.execute(
            "SELECT relkind::text || ' ' || relname FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relowner = 'psa_owner'::regrole"
        )
        return {str(name) for (name,) in found}


def shape(urls: Urls) -> list[tuple[object, ...]]:
    """Every column and constraint, in words."""
    with psycopg.connect(libpq(urls.owner)) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_name LIKE 'entra%' ORDER BY 1, 2"
        ).fetchall()
        constraints = connection.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid::regclass::text LIKE 'entra%' ORDER BY 1, 2"
        ).fetchall()
    return [*columns, *constraints]


def test_an_upgrade_creates_every_table_of_the_metadata_and_no_other(database: Urls) -> None:
    bring_up(database)
    with owning(database) as engine:
        assert set(inspect(engine).get_table_names()) == {*metadata.tables, VERSION_TABLE}


def test_a_downgrade_to_base_leaves_only_the_version_table(database: Urls) -> None:
    bring_up(database)
    with configured(database) as config:
        command.downgrade(config, "base")
    assert objects(database) == {f"r {VERSION_TABLE}", f"i {VERSION_TABLE}_pkc"}


def test_an_upgrade_after_a_downgrade_gives_the_same_schema(database: Urls) -> None:
    bring_up(database)
    first = shape(database)
    with configured(database) as config:
        command.downgrade(config, "base")
    bring_up(database)
    assert shape(database) == first


def test_an_upgrade_of_a_schema_that_is_up_to_date_changes_nothing(database: Urls) -> None:
    bring_up(database)
    first = shape(database)
    bring_up(database)
    assert shape(database) == first


def test_the_revisions_give_what_the_metadata_says(database: Urls) -> None:
    bring_up(database)
    with configured(database) as config:
        command.check(config)


def test_there_is_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", our_migrations().script_location)
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_every_revision_is_in_a_file_of_its_name() -> None:
    config = Config()
    config.set_main_option("script_location", our_migrations().script_location)
    for script in ScriptDirectory.from_config(config).walk_revisions():
        assert Path(script.path).name.startswith(f"rev_{script.revision}_")
        assert callable(script.module.downgrade)


def test_a_failing_upgrade_leaves_nothing_behind(database: Urls) -> None:
    with psycopg.connect(libpq(database.owner)) as connection:
        connection.execute("CREATE TABLE entra_delta_cursors (in_the_way int)")
    with pytest.raises(Exception, match="entra_delta_cursors"):
        bring_up(database)
    assert objects(database) == {"r entra_delta_cursors"}


@contextmanager
def lock_held(urls: Urls) -> Iterator[Connection]:
    """The lock of our migrations, in the hands of a third."""
    with psycopg.connect(libpq(urls.owner)) as connection:
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('entra_plugin migrations', 0))"
        )
        yield connection


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def waiting(urls: Urls) -> int:
    """How many connections wait for an advisory lock in this database."""
    with psycopg.connect(libpq(urls.owner)) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_two_upgrades_at_once_are_safe(database: Urls) -> None:
    environment = {**os.environ, "DATABASE_URL": database.owner, "PSA_APP_ROLE": "psa_app"}
    argv = [sys.executable, "-m", "alembic", "upgrade", "head"]
    with lock_held(database):
        both = [
            subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        until(lambda: waiting(database) == len(both))
    errors = [process.communicate(timeout=60)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    with configured(database) as config:
        command.check(config)


def test_the_hosts_own_comparison_is_clean_with_our_tables_beside_its_own(database: Urls) -> None:
    both_up(database)
    with configured(database, HOST_SCRIPTS) as config:
        command.check(config)


def test_our_comparison_is_clean_with_the_hosts_tables_beside_ours(database: Urls) -> None:
    both_up(database)
    with configured(database) as config:
        command.check(config)


def both_up(urls: Urls) -> None:
    with owning(urls) as engine, engine.begin() as connection:
        upgrade(connection, HOST_SCRIPTS, "psa_app")
    bring_up(urls)


def differences(connection: Engine, *, with_owns: bool) -> set[str]:
    """The tables that a host's comparison would drop, by what it gives as ``include_object``."""
    options = (
        {
            "include_object": lambda _item, name, type_, _reflected, _other: (
                not (type_ == "table" and owns(name))
            )
        }
        if with_owns
        else {}
    )
    context = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(context, host_metadata)
    return {difference[1].name for difference in found if difference[0] == "remove_table"}


def test_a_host_that_asks_owns_would_drop_none_of_our_tables(database: Urls) -> None:
    both_up(database)
    with owning(database) as engine, engine.connect() as connection:
        assert differences(connection, with_owns=False) == {*metadata.tables, VERSION_TABLE}
        assert differences(connection, with_owns=True) == set()


OUR_SECRET_ENDS = dt.datetime(2031, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
THEIR_SECRET_ENDS = dt.datetime(2032, 3, 4, tzinfo=dt.UTC)
EXPIRY = "client_secret_expires_at"

Rows = dict[str, list[dict[str, Any]]]
"""By table: its rows, each in the order of its text."""


def filled_at_first_revision(urls: Urls) -> None:
    """The schema of 0001, with a row of two tenants in every table; one has no settings."""
    with configured(urls) as config:
        command.upgrade(config, "0001")
    for tenant_id, ends_at in ((OURS, OUR_SECRET_ENDS), (THEIRS, THEIR_SECRET_ENDS)):
        fill(urls, tenant_id)
        with owner_at(urls, tenant_id) as connection:
            connection.execute("UPDATE entra_partner_connections SET ended_at = NULL")
            connection.execute(
                SQL("UPDATE entra_partner_connections SET {} = %s").format(Identifier(EXPIRY)),
                [ends_at],
            )
    with owner_at(urls, THEIRS) as connection:
        connection.execute("DELETE FROM entra_sync_settings")


def fill(urls: Urls, tenant_id: UUID) -> None:
    """A row of one tenant in every table that there is, with the columns that there are."""
    with owning(urls) as engine, engine.begin() as connection:
        enter_tenant(connection.connection.driver_connection, tenant_id)  # type: ignore[arg-type]
        there = inspect(connection)
        tables = [t for t in metadata.sorted_tables if there.has_table(t.name)]
        for table in tables:
            columns = {column["name"] for column in there.get_columns(table.name)}
            found = {k: v for k, v in row(table, tenant_id).items() if k in columns}
            connection.execute(insert(table).values(found))


@contextmanager
def owner_at(urls: Urls, tenant_id: UUID) -> Iterator[Connection[dict[str, Any]]]:
    """The owning role among the rows of one tenant, of which it sees no other's."""
    with psycopg.connect(libpq(urls.owner), row_factory=dict_row) as connection:
        enter_tenant(connection, tenant_id)  # type: ignore[arg-type]
        yield connection


def rows_of(urls: Urls, tenant_id: UUID) -> Rows:
    """Every row of one tenant."""
    with owner_at(urls, tenant_id) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename LIKE 'entra\\_%'"
        ).fetchall()
        return {
            name: connection.execute(
                SQL("SELECT * FROM {} t ORDER BY t::text").format(Identifier(name))
            ).fetchall()
            for name in sorted(table["tablename"] for table in tables)
        }


def as_before(now: Rows, before: Rows) -> Rows:
    """The rows of the tables of then, with the columns of then."""
    return {
        table: [
            {name: value for name, value in found.items() if name in rows[0]}
            for found in now[table]
        ]
        for table, rows in before.items()
        if rows
    }


def without_expiry(rows: Rows) -> Rows:
    return {
        table: [{k: v for k, v in found.items() if k != EXPIRY} for found in those]
        for table, those in rows.items()
        if those
    }


def settings_of(urls: Urls, tenant_id: UUID) -> Mapping[str, Any]:
    (found,) = rows_of(urls, tenant_id)["entra_sync_settings"]
    return found


@pytest.fixture
def at_first_revision(database: Urls) -> Urls:
    filled_at_first_revision(database)
    return database


def test_an_upgrade_moves_the_expiry_of_a_client_secret_to_the_settings(
    at_first_revision: Urls,
) -> None:
    bring_up(at_first_revision)
    assert settings_of(at_first_revision, OURS)[EXPIRY] == OUR_SECRET_ENDS


def test_an_upgrade_makes_settings_for_a_tenant_that_had_none(at_first_revision: Urls) -> None:
    bring_up(at_first_revision)
    found = settings_of(at_first_revision, THEIRS)
    assert found[EXPIRY] == THEIR_SECRET_ENDS
    assert (found["sync_enabled"], found["version"]) == (False, 1)


def test_an_upgrade_leaves_out_the_expiry_of_a_connection_that_is_over(
    at_first_revision: Urls,
) -> None:
    with owner_at(at_first_revision, OURS) as connection:
        connection.execute("UPDATE entra_partner_connections SET ended_at = now()")
    bring_up(at_first_revision)
    assert settings_of(at_first_revision, OURS)[EXPIRY] is None


@pytest.mark.parametrize("tenant_id", [OURS, THEIRS])
def test_an_upgrade_keeps_every_row_of_every_table(
    at_first_revision: Urls, tenant_id: UUID
) -> None:
    before = without_expiry(rows_of(at_first_revision, tenant_id))
    assert len(before) >= 15
    bring_up(at_first_revision)
    assert as_before(rows_of(at_first_revision, tenant_id), before) == before


@pytest.mark.parametrize("tenant_id", [OURS, THEIRS])
def test_a_downgrade_brings_back_every_row_as_it_was_before_the_upgrade(
    at_first_revision: Urls, tenant_id: UUID
) -> None:
    before = rows_of(at_first_revision, tenant_id)
    bring_up(at_first_revision)
    with configured(at_first_revision) as config:
        command.downgrade(config, "0001")
    after = rows_of(at_first_revision, tenant_id)
    if not before["entra_sync_settings"]:
        del after["entra_sync_settings"], before["entra_sync_settings"]
    assert after == before


def test_a_downgrade_brings_back_the_expiry_of_the_client_secret(at_first_revision: Urls) -> None:
    bring_up(at_first_revision)
    later = OUR_SECRET_ENDS + dt.timedelta(days=1)
    with owner_at(at_first_revision, OURS) as connection:
        connection.execute("UPDATE entra_sync_settings SET client_secret_expires_at = %s", [later])
    with configured(at_first_revision) as config:
        command.downgrade(config, "0001")
    (found,) = rows_of(at_first_revision, OURS)["entra_partner_connections"]
    assert found[EXPIRY] == later


def test_the_owner_is_bound_by_the_policies_again_after_a_migration_of_data(
    at_first_revision: Urls,
) -> None:
    bring_up(at_first_revision)
    assert unforced(at_first_revision) == []
    with configured(at_first_revision) as config:
        command.downgrade(config, "0001")
    assert unforced(at_first_revision) == []


def unforced(urls: Urls) -> list[str]:
    """Our tables whose policies do not bind their owner."""
    with psycopg.connect(libpq(urls.owner)) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'entra\\_%'"
            " AND NOT relforcerowsecurity"
        )
        return [str(name) for (name,) in found]


def test_an_upgraded_connection_can_be_of_a_mode_of_today_only(at_first_revision: Urls) -> None:
    with owner_at(at_first_revision, OURS) as connection:
        connection.execute("UPDATE entra_partner_connections SET mode = 'delegated'")
    bring_up(at_first_revision)
    with pytest.raises(CheckViolation), owner_at(at_first_revision, OURS) as connection:
        connection.execute("UPDATE entra_partner_connections SET mode = 'magic'")
