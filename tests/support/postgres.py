"""A real PostgreSQL for a test session, and a fresh database for each test that asks for one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
from devhost.processes.tether import die_with_parent
from devhost.servers import postgres
from devhost.servers.postgres import Urls, libpq
from psycopg import sql


@contextmanager
def running_postgres(options: tuple[str, ...] = tuple(postgres.FORGETFUL)) -> Iterator[Urls]:
    """Start a server in a temporary folder, with the two roles; it dies with this process."""
    with tempfile.TemporaryDirectory(prefix="psa-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        command = postgres.prepare(folder, options=options)
        with (folder / "postgres.log").open("wb") as log:
            process = subprocess.Popen(
                command.argv,
                user=command.user,
                group=postgres.group_of(command.user),
                extra_groups=[] if command.user else None,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent(),
                cwd="/",
            )
        try:
            postgres.wait_until_ready(command.urls)
            postgres.ensure_roles(command.urls)
            yield command.urls
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def fresh_database(server: Urls, template: str | None = None) -> Iterator[Urls]:
    """A database of its own on the server, owned by psa_owner; dropped afterwards."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(libpq(server.admin), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} OWNER psa_owner TEMPLATE {}")
        connection.execute(
            statement.format(sql.Identifier(name), sql.Identifier(template or "psa"))
        )
        try:
            yield replace(
                server,
                owner=server.owner.rpartition("/")[0] + f"/{name}",
                app=server.app.rpartition("/")[0] + f"/{name}",
            )
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))
