"""The floors: the least that any sync has to do with the same data, over the same wire.

First sync: fetch, decode, COPY into a temporary table, set-based inserts of contacts, phones, links
and one journal row per user, commit; the tables are like those that the sync fills. Unchanged:
fetch, decode, fingerprint, compare with the stored fingerprints. No rule, no match, no filter
beyond enabled members, no resumption.
"""

import asyncio
import http.client
import os
import ssl
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import psycopg

from benchmarks.child import Order, Stopwatch, serve
from benchmarks.composed import TENANT, tokens
from benchmarks.people import MEASURED
from devhost import settings as settings_file
from devhost.servers.postgres import libpq
from entra_plugin.directory.microsoft.wire import USER_SELECT, User, UserList

Connection = psycopg.Connection[tuple[Any, ...]]

TABLES = """
    CREATE TABLE floor_contacts (LIKE psa_contacts INCLUDING ALL);
    CREATE TABLE floor_phones (LIKE psa_contact_phones INCLUDING ALL);
    CREATE TABLE floor_links (LIKE entra_contact_links INCLUDING ALL);
    ALTER TABLE floor_links ADD fingerprint bytea NOT NULL;
    CREATE TABLE floor_journal (LIKE entra_sync_changes INCLUDING ALL);
    ALTER TABLE floor_contacts ADD FOREIGN KEY (tenant_id, client_id)
        REFERENCES psa_clients (tenant_id, id);
    ALTER TABLE floor_journal ADD FOREIGN KEY (tenant_id, run_id)
        REFERENCES entra_sync_runs (tenant_id, run_id) NOT VALID;
    ALTER TABLE floor_links ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    ALTER TABLE floor_journal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY isolation ON floor_links
        USING (tenant_id = current_setting('entra.tenant_id')::uuid);
    CREATE POLICY isolation ON floor_journal
        USING (tenant_id = current_setting('entra.tenant_id')::uuid);
    GRANT SELECT, INSERT ON floor_contacts, floor_phones, floor_links, floor_journal TO psa_app;
"""
"""Columns, indexes, checks, keys and policies of the tables that the sync fills."""

_STAGE = """
    CREATE TEMP TABLE stage (object_id uuid, contact_id uuid, name text, email text, role text,
        work text, mobile text, counts boolean, fingerprint bytea) ON COMMIT DROP
"""
_COPY = "COPY stage FROM STDIN (FORMAT binary)"
_TYPES = ("uuid", "uuid", "text", "text", "text", "text", "text", "bool", "bytea")

_WRITE = (
    """INSERT INTO floor_contacts (tenant_id, id, client_id, full_name, name_key, email, email_key,
           email_domain, role, creation_key)
       SELECT %(tenant)s, contact_id, %(client)s, name, lower(name), email, lower(email),
           split_part(lower(email), '@', -1), role, contact_id
       FROM stage WHERE counts
       ON CONFLICT DO NOTHING""",
    """INSERT INTO floor_phones
       SELECT %(tenant)s, contact_id, 'work', work FROM stage WHERE counts AND work IS NOT NULL
       UNION ALL
       SELECT %(tenant)s, contact_id, 'mobile', mobile FROM stage
       WHERE counts AND mobile IS NOT NULL""",
    """INSERT INTO floor_links (tenant_id, link_id, entra_tenant_id, object_id, contact_id,
           client_id, state, reason, opened_by_run, opened_at, fingerprint)
       SELECT %(tenant)s, contact_id, %(directory)s, object_id, contact_id, %(client)s, 'active',
           'created', %(run)s, now(), fingerprint
       FROM stage""",
    """INSERT INTO floor_journal (tenant_id, change_id, run_id, managed_tenant_id,
           entra_tenant_id, object_id, client_id, contact_id, kind, state, reason, label,
           search_key, after, created_at, applied_at)
       SELECT %(tenant)s, contact_id, %(run)s, %(run)s, %(directory)s, object_id, %(client)s,
           contact_id, 'create', 'applied', 'created', coalesce(email, ''), lower(name),
           jsonb_build_object('name', name, 'email', email, 'role', role, 'work', work,
               'mobile', mobile), now(), now()
       FROM stage""",
)

_ENTER = "SELECT set_config('entra.tenant_id', %s, true)"
_ANY_RUN = "SELECT run_id FROM entra_sync_runs LIMIT 1"
_STORED = "SELECT object_id, fingerprint FROM floor_links WHERE tenant_id = %s"
_GZIP = 16 + zlib.MAX_WBITS
"""As Graph packs its pages for whoever takes them packed."""
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
        (token,) = await tokens(facts, MEASURED)
        self._connection = psycopg.connect(libpq(facts.app_url), application_name="floor")
        self._reader = _Reader(token)
        _write(self._connection, ())  # warm, as the engine is
        _stored(self._connection)
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
            stored = _stored(connection)
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
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}

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
            page = _decode(zlib.decompress(body, _GZIP))
            yield from page.value
            link = urlsplit(page.next_link or "")
            path = f"{link.path}?{link.query}" if page.next_link else None


def _fingerprint(user: User) -> bytes:
    return blake2b(_encode(user), digest_size=16).digest()


def _write(connection: Connection, users: Iterable[User]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, [str(TENANT)])
        run = cursor.execute(_ANY_RUN).fetchone()
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for user in users:
                copy.write_row(_row(user))
        keys = {
            "tenant": TENANT,
            "client": MEASURED.client_id,
            "directory": MEASURED.entra_tenant_id,
            "run": run[0] if run else None,
        }
        for statement in _WRITE:
            cursor.execute(statement, keys)
    connection.commit()


def _stored(connection: Connection) -> dict[object, object]:
    """The fingerprints by object id."""
    connection.execute(_ENTER, [str(TENANT)])
    stored: dict[object, object] = dict(connection.execute(_STORED, [TENANT]))
    connection.commit()
    return stored


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
