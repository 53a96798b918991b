"""A host and its database for many histories, each of which is another MSP."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

from devhost.host import DevHost, HostDatabase
from devhost.servers.postgres import Urls, libpq
from entra_plugin.domain.errors import EntraError
from support.brisk import brisk_engine
from support.devhost import running_host
from support.office import Office
from support.postgres import fresh_database

Result = TypeVar("Result")


@dataclass(slots=True, kw_only=True)
class Stage:
    """What all histories share, and what was done in them so far."""

    loop: asyncio.AbstractEventLoop
    host: DevHost
    administrator: psycopg.Connection[tuple[object, ...]]
    neighbour: Office | None = None
    """Another MSP with the same directories, clients and customers, by their ids."""
    histories: int = 0
    crashes: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        """Wait for something."""
        return self.loop.run_until_complete(work)

    def asked(self, work: Coroutine[object, object, Result], *refusals: str) -> Result | None:
        """Wait for something that may be refused by one of these codes; None when it is."""
        return self.run(allowed(work, *refusals))


async def allowed(work: Coroutine[object, object, Result], *refusals: str) -> Result | None:
    """Wait for something that may be refused by one of these codes; None when it is."""
    try:
        return await work
    except EntraError as error:
        if error.code not in refusals:
            raise
        return None


@contextmanager
def standing_stage(server: Urls) -> Iterator[Stage]:
    """A database of its own, brought up as a host does it."""
    loop = asyncio.new_event_loop()
    with fresh_database(server) as urls:
        opening = running_host(urls, {})
        opened = loop.run_until_complete(opening.__aenter__())
        url = libpq(urls.admin).rpartition("/")[0] + "/" + urls.app.rpartition("/")[2]
        slow = opened.host.database
        brisk = HostDatabase(engine=brisk_engine(urls.app), app_role=slow.app_role)
        opened.host.database = brisk
        try:
            with psycopg.connect(url, autocommit=True) as administrator:
                yield Stage(loop=loop, host=opened.host, administrator=administrator)
        finally:
            loop.run_until_complete(brisk.engine.dispose())
            opened.host.database = slow
            loop.run_until_complete(opening.__aexit__(None, None, None))
    loop.close()
