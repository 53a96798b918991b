"""The floors: the least that any sync has to do with the same data, over the same wire.

First sync: fetch, decode, COPY into a temporary table, set-based inserts of contacts, phones, links
and one journal row per user, commit. Unchanged: fetch, decode, fingerprint, compare with the stored
fingerprints. No rule, no match, no filter beyond enabled members, no resumption.
"""

import asyncio
import http.client
import os
import ssl
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import psycopg

from benchmarks.child import Order, Stopwatch, serve
from benchmarks.composed import TENANT, composed
from benchmarks.people import MEASURED
from devhost import settings as settings_file
from devhost.servers.postgres import libpq
from entra_plugin.application.directories import ConnectedDirectories
from entra_plugin.directory.microsoft.wire import USER_SELECT, User, UserList
from entra_plugin.domain.ids import EntraTenantId

Connection = psycopg.Connection[tuple[Any, ...]]

TABLES = """
    CREATE TABLE floor_contacts (tenant_id uuid, id uuid, client_id uuid NOT NULL,
        full_name text NOT NULL, email text NOT NULL, role text, active boolean NOT NULL,
        PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, email));
    CREATE TABLE floor_phones (tenant_id uuid, contact_id uuid, type text, number text NOT NULL,
        PRIMARY KEY (tenant_id, contact_id, type));
    CREATE TABLE floor_links (tenant_id uuid, object_id uuid, contact_id uuid,
        fingerprint bytea NOT NULL, PRIMARY KEY (tenant_id, object_id));
    CREATE TABLE floor_journal (tenant_id uuid, run_id uuid, object_id uuid, kind text NOT NULL,
        after jsonb, created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, run_id, object_id));
    GRANT SELECT, INSERT ON floor_contacts, floor_phones, floor_links, floor_journal TO psa_app;
"""

_STAGE = """
    CREATE TEMP TABLE stage (object_id uuid, contact_id uuid, name text, email text, role text,
        work text, mobile text, counts boolean, fingerprint bytea) ON COMMIT DROP
"""
_COPY = "COPY stage FROM STDIN (FORMAT binary)"
_TYPES = ("uuid", "uuid", "text", "text", "text", "text", "text", "bool", "bytea")

_WRITE = (
    """INSERT INTO floor_contacts
       SELECT %(tenant)s, contact_id, %(client)s, name, email, role, true FROM stage WHERE counts
       ON CONFLICT DO NOTHING""",
    """INSERT INTO floor_phones
       SELECT %(tenant)s, contact_id, 'work', work FROM stage WHERE counts AND work IS NOT NULL
       UNION ALL
       SELECT %(tenant)s, contact_id, 'mobile', mobile FROM stage
       WHERE counts AND mobile IS NOT NULL""",
    "INSERT INTO floor_links SELECT %(tenant)s, object_id, contact_id, fingerprint FROM stage",
    """INSERT INTO floor_journal
       SELECT %(tenant)s, %(run)s, object_id, 'create',
           jsonb_build_object('name', name, 'email', email, 'role', role, 'work', work,
               'mobile', mobile)
       FROM stage""",
)

_STORED = "SELECT object_id, fingerprint FROM floor_links WHERE tenant_id = %s"
_PATH = f"/v1.0/users?$select={USER_SELECT}&$top=999"

_decode = msgspec.json.Decoder(UserList).decode
_encode = msgspec.msgpack.Encoder().encode


class Floor:
    """The two floors on one database."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._reader: _Reader | None = None

    async def open(self, _: Order) -> float:
        """Connect to both sides, with a token that the plugin gets."""
        facts = settings_file.load()
        async with composed(facts) as parts:
            directories = parts.context.directories
            if not isinstance(directories, ConnectedDirectories):
                raise TypeError("the composition root opens other directories")
            directory = await directories.of_tenant(TENANT)
            token = await directory.tokens.of(EntraTenantId(MEASURED.entra_tenant_id))
        self._connection = psycopg.connect(libpq(facts.app_url), application_name="floor")
        self._reader = _Reader(token)
        _write(self._connection, ())  # warm, as the engine is
        self._connection.execute(_STORED, [TENANT])
        self._connection.commit()
        return 0.0

    async def close(self, _: Order) -> float:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()
        return 0.0

    async def first(self, _: Order) -> float:
        """Write everybody."""
        connection, reader = self._require()
        reader.connect()
        with Stopwatch() as watch:
            _write(connection, reader.users())
        return watch.seconds

    async def again(self, _: Order) -> float:
        """Find that nobody has changed."""
        connection, reader = self._require()
        reader.connect()
        with Stopwatch() as watch:
            stored: dict[object, object] = dict(connection.execute(_STORED, [TENANT]))
            connection.commit()
            changed = [u for u in reader.users() if stored.get(u.id) != _fingerprint(u)]
        if changed:
            raise RuntimeError(f"{len(changed)} users changed between two readings")
        return watch.seconds

    def _require(self) -> "tuple[Connection, _Reader]":
        if self._connection is None or self._reader is None:
            raise RuntimeError("nothing is open")
        return self._connection, self._reader


class _Reader:
    """One kept connection to Graph, by the standard library's client."""

    def __init__(self, token: str) -> None:
        base = urlsplit(os.environ["MICROSOFT_GRAPH_BASE_URL"])
        context = ssl.create_default_context(cafile=os.environ["ENTRA_CA_FILE"])
        self._http = http.client.HTTPSConnection(base.hostname or "", base.port, context=context)
        self._headers = {"Authorization": f"Bearer {token}"}

    def connect(self) -> None:
        """Open the connection anew: a server closes one that is idle."""
        self._http.close()
        self._http.connect()

    def users(self) -> Iterator[User]:
        """All users, page by page."""
        path: str | None = _PATH
        while path is not None:
            self._http.request("GET", path, headers=self._headers)
            answer = self._http.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"Graph answered {answer.status}")
            page = _decode(body)
            yield from page.value
            link = urlsplit(page.next_link or "")
            path = f"{link.path}?{link.query}" if page.next_link else None


def _fingerprint(user: User) -> bytes:
    return blake2b(_encode(user), digest_size=16).digest()


def _write(connection: Connection, users: Iterable[User]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for user in users:
                copy.write_row(_row(user))
        keys = {"tenant": TENANT, "client": MEASURED.client_id, "run": UUID(int=1)}
        for statement in _WRITE:
            cursor.execute(statement, keys)
    connection.commit()


def _row(user: User) -> tuple[object, ...]:
    return (
        user.id,
        UUID(bytes=os.urandom(16), version=4),
        user.display_name,
        user.mail,
        user.job_title,
        user.business_phones[0] if user.business_phones else None,
        user.mobile_phone,
        user.account_enabled is True and user.user_type == "Member",
        _fingerprint(user),
    )


async def main() -> None:
    """Serve."""
    floor = Floor()
    await serve(
        {"open": floor.open, "close": floor.close, "first": floor.first, "again": floor.again}
    )


if __name__ == "__main__":
    asyncio.run(main())
