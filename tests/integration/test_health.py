"""Health says what is wrong of what we stand on, and says so in time."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.service import RPCError, RPCStatusCode

from devhost.servers.postgres import Urls
from entra_plugin.web import health
from entra_plugin.web.health import probes
from entra_plugin.web.runtime import Runtime
from support.devhost import running_host


def runtime(**host: object) -> Callable[[], Runtime]:
    found = SimpleNamespace(context=SimpleNamespace(host=SimpleNamespace(**host)))
    return lambda: cast("Runtime", found)


async def temporal(answer: Callable[[], Awaitable[bool]]) -> str | None:
    """What the probe says of a Temporal that answers so."""
    client = SimpleNamespace(service_client=SimpleNamespace(check_health=answer))

    async def connected() -> object:
        return client

    _, probe = probes(runtime(temporal=connected))
    return await probe.check()


async def asked(urls: Urls) -> str | None:
    """What the probe says of the database, asked as the application."""
    engine = create_async_engine(urls.app)
    probe, _ = probes(runtime(database=SimpleNamespace(engine=engine)))
    try:
        return await probe.check()
    finally:
        await engine.dispose()


async def serves() -> bool:
    return True


async def serves_not() -> bool:
    return False


async def is_away() -> bool:
    raise RPCError("nobody there", RPCStatusCode.UNAVAILABLE, b"")


async def says_nothing() -> bool:
    await asyncio.Event().wait()
    return True


@pytest.mark.parametrize("answer", [serves_not, is_away, says_nothing])
async def test_a_temporal_that_does_not_serve_is_told(
    answer: Callable[[], Awaitable[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.1)
    async with asyncio.timeout(30):
        assert await temporal(answer) == "temporal_unavailable"


async def test_a_temporal_that_serves_is_well() -> None:
    assert await temporal(serves) is None


async def test_a_database_without_our_tables_is_told(database: Urls) -> None:
    assert await asked(database) == "database_not_migrated"


async def test_a_database_without_one_of_our_tables_is_told(database: Urls) -> None:
    async with running_host(database, {}):
        assert await asked(database) is None
        engine = create_async_engine(database.owner)
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE entra_sync_settings CASCADE"))
        await engine.dispose()
        assert await asked(database) == "database_not_migrated"
