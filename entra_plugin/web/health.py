"""Probes of what we stand on: the database under the right role, and Temporal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text
from temporalio.service import RPCError

from entra_plugin.host import HealthCheck
from entra_plugin.resources import locale
from entra_plugin.web.problems import AWAY
from entra_plugin.web.runtime import Runtime

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
    """Reach the database, and refuse a role that policies do not bind."""
    try:
        async with runtime.context.host.database.engine.connect() as connection:
            too_strong = await connection.scalar(_ROLE)
    except AWAY:
        return "database_unavailable"
    return "database_role_too_strong" if too_strong else None


async def _temporal(runtime: Runtime) -> str | None:
    try:
        client = await runtime.context.host.temporal()
        await client.service_client.check_health()
    except (RPCError, RuntimeError, OSError):
        return "temporal_unavailable"
    return None


def health_checks(runtime: Callable[[], Runtime]) -> tuple[HealthCheck, ...]:
    """The probes as a host runs them: a sentence when something is wrong."""
    return tuple(HealthCheck(name=probe.name, check=_in_words(probe)) for probe in probes(runtime))


def _in_words(probe: Probe) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        code = await probe.check()
        return locale("en").error(code).sentence if code else None

    return check
