"""What the database says about a piece of work: statements, rows written, log written, CPU."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from devhost.servers.postgres import Urls, libpq

_STATEMENTS = """
    SELECT coalesce(sum(s.calls), 0) FROM pg_stat_statements s
    JOIN pg_roles r ON r.oid = s.userid AND r.rolname = 'psa_app'
    JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()
    WHERE s.query NOT LIKE '%pg_stat_force_next_flush%'
"""
_ROWS = """
    SELECT relname::text, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables
    WHERE NOT relname ^@ 'floor_'
"""
OWN_TABLES = frozenset(
    {
        *("entra_sync_runs", "entra_sync_run_tenants", "entra_sync_pages"),
        *("entra_delta_cursors", "entra_managed_tenants"),
    }
)
"""What a sync writes that finds everybody as they were: its own rows, cursor and last success."""

REPORTED_SECONDS = 12
"""After which an idle session has reported its row counts: PostgreSQL lets it take ten."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Totals at one moment, or the difference of two."""

    statements: int = 0
    tables: Mapping[str, int] = field(default_factory=dict)
    """Rows inserted, updated and deleted, by table."""
    wal_mb: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Those of all tables."""
        return sum(self.tables.values())

    def since(self, before: "Counts") -> "Counts":
        """What was added."""
        return Counts(
            statements=self.statements - before.statements,
            tables={
                name: rows - before.tables.get(name, 0)
                for name, rows in self.tables.items()
                if rows != before.tables.get(name, 0)
            },
            wal_mb=self.wal_mb - before.wal_mb,
            cpu_seconds=self.cpu_seconds - before.cpu_seconds,
        )


class Counters:
    """Reads the totals of one database."""

    def __init__(self, urls: Urls) -> None:
        self.urls = urls
        name = urls.app.rpartition("/")[2]
        address = libpq(urls.admin).rpartition("/")[0] + f"/{name}"
        self._connection = psycopg.connect(address, autocommit=True)

    def read(self) -> Counts:
        """The totals now."""
        return Counts(
            statements=int(str(self._value(_STATEMENTS))),
            tables={
                str(name): int(rows) for name, rows in self._connection.execute(_ROWS).fetchall()
            },
            wal_mb=float(str(self._value("SELECT pg_current_wal_lsn() - '0/0'"))) / 2**20,
            cpu_seconds=self._cpu(),
        )

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _value(self, statement: str) -> object:
        row = self._connection.execute(statement.encode()).fetchone()
        return row[0] if row else None

    def _cpu(self) -> float:
        """CPU of the server process, of its children, and of those that have ended."""
        own = _stat(int(str(self._value("SELECT pg_backend_pid()"))))
        server = int(own[1])
        total = sum(map(int, _stat(server)[11:15]))
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                fields = _stat(int(entry.name))
                if fields and int(fields[1]) == server:
                    total += sum(map(int, fields[11:13]))
        return total / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` behind the name: state, parent, ...; see proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(") ")[2].split()
