"""The schema's history: up, down, again, at the same time, and never in the host's way."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import Connection
from sqlalchemy import inspect
from sqlalchemy.engine import Connection as Engine

from devhost.db.tables import metadata as host_metadata
from devhost.migrate import upgrade
from devhost.servers.postgres import Urls, libpq
from entra_plugin.store.tables import VERSION_TABLE, metadata, owns
from support.schema import bring_up, our_migrations, owning

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
