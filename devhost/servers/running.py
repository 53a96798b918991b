"""Servers that live as long as a ``with`` block, in folders of their own: for tests, benchmarks."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from devhost.processes.tether import die_with_parent
from devhost.servers import postgres, temporal
from devhost.servers.postgres import Urls, libpq


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


@contextmanager
def running_temporal() -> Iterator[str]:
    """Start a Temporal dev server on a file in a temporary folder; answers its address."""
    with tempfile.TemporaryDirectory(prefix="psa-test-temporal-") as folder:
        command = temporal.prepare(Path(folder))
        process = subprocess.Popen(
            command.argv,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent(),
        )
        try:
            wait_for_port(command.address)
            yield command.address
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for_port(address: str, seconds: float = 30) -> None:
    """Wait until something listens at ``host:port``."""
    host, _, port = address.partition(":")
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
