"""Probes of what we stand on: the database with our tables under the right role, and Temporal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from temporalio.service import RPCError

from entra_plugin.host import HealthCheck
from entra_plugin.resources import locale
from entra_plugin.store.arrays import WordArray
from entra_plugin.store.tables import metadata
from entra_plugin.web.problems import AWAY
from entra_plugin.web.runtime import Runtime

_PATIENCE_SECONDS = 3
"""For Temporal, which keeps a caller waiting when nobody answers: less than a host may wait."""

_MISSING = text("""
    SELECT bool_or(to_regclass(name) IS NULL) FROM unnest(:names) AS t (name)
""").bindparams(bindparam("names", sorted(metadata.tables), type_=WordArray()))

_ROLE = text("""
    SELECT r.rolsuper OR r.rolbypassrls OR EXISTS (
        SELECT FROM pg_class c
        WHERE c.relkind = 'r' AND c.relname LIKE 'entra\\_%'
            AND pg_has_role(current_user, c.relowner, 'MEMBER')) AS too_strong
    FROM pg_roles r WHERE r.rolname = current_user
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A named check; it answers an error code, or None if all is well."""

    name: str
    check: Callable[[], Awaitable[str | None]]


def probes(runtime: Callable[[], Runtime]) -> tuple[Probe, ...]:
    """The probes of a process; the runtime is asked for when they run."""

    async def database() -> str | None:
        return await _database(runtime())

    async def temporal() -> str | None:
        return await _temporal(runtime())

    return (
        Probe(name="entra.database", check=database),
        Probe(name="entra.temporal", check=temporal),
    )


async def _database(runtime: Runtime) -> str | None:
    """Reach the database and our tables, and refuse a role that policies do not bind."""
    try:
        async with runtime.context.host.database.engine.connect() as connection:
            missing = await connection.scalar(_MISSING)
            too_strong = await connection.scalar(_ROLE)
    except AWAY:
        return "database_unavailable"
    if missing:
        return "database_not_migrated"
    return "database_role_too_strong" if too_strong else None


async def _temporal(runtime: Runtime) -> str | None:
    """Reach Temporal, which may answer and yet not serve."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            client = await runtime.context.host.temporal()
            serves = await client.service_client.check_health()
    except (RPCError, RuntimeError, OSError):
        return "temporal_unavailable"
    return None if serves else "temporal_unavailable"


def health_checks(runtime: Callable[[], Runtime]) -> tuple[HealthCheck, ...]:
    """The probes as a host runs them: a sentence when something is wrong."""
    return tuple(HealthCheck(name=probe.name, check=_in_words(probe)) for probe in probes(runtime))


def _in_words(probe: Probe) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        code = await probe.check()
        return locale("en").error(code).sentence if code else None

    return check
