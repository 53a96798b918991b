"""A migrated and seeded devhost in this process, with the plugin composed over it."""

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from devhost.db.tables import users
from devhost.host import DevHost
from devhost.migrate import migrate
from devhost.plugins.manager import Plugins
from devhost.seeds.msps import MSPS
from devhost.servers.postgres import Urls
from devhost.settings import Settings
from entra_plugin import bootstrap
from entra_plugin.application.context import Person
from entra_plugin.domain.ids import TenantId, UserId
from support.simulator import ORIGIN

if TYPE_CHECKING:
    from entra_plugin.host import Host

NORTHWIND = TenantId(MSPS[0].tenant_id)
SOUTHWIND = TenantId(MSPS[1].tenant_id)
MASTER_KEY = "the-master-key-of-the-tests"


@dataclass(slots=True, kw_only=True)
class TestHost:
    """A host and the plugin in it."""

    __test__ = False
    host: DevHost
    opened: bootstrap.Opened
    urls: Urls

    async def person(self, login: str = "admin@northwind.example") -> Person:
        """A seeded person as the use cases know him."""
        async with self.host.database.engine.connect() as connection:
            row = (
                await connection.execute(
                    select(users.c.id, users.c.tenant_id).where(users.c.login == login)
                )
            ).one()
        return Person(tenant_id=TenantId(row.tenant_id), user_id=UserId(row.id))


def settings(
    urls: Urls, folder: str, *, seed: str = "demo", temporal: str = "127.0.0.1:1"
) -> Settings:
    """The settings of a test's devhost."""
    return Settings(
        data_dir=folder,
        base_url=ORIGIN,
        port=8080,
        edition="enterprise",
        seed=seed,
        owner_url=urls.owner,
        app_url=urls.app,
        app_role="psa_app",
        temporal_address=temporal,
        task_queue="psa",
        master_api_key=MASTER_KEY,
        simulator=None,
    )


@asynccontextmanager
async def running_host(
    urls: Urls,
    environment: Mapping[str, str],
    *,
    seed: str = "demo",
    temporal: str = "127.0.0.1:1",
) -> AsyncIterator[TestHost]:
    """Migrate and seed the database, and compose the plugin over a host on it."""
    os.environ["NEXT_PUBLIC_EDITION"] = "enterprise"
    plugins = Plugins()
    plugins.load()
    assert not plugins.problems, plugins.problems
    with tempfile.TemporaryDirectory(prefix="psa-test-host-") as folder:
        facts = settings(urls, folder, seed=seed, temporal=temporal)
        await migrate(facts, plugins)
        host = DevHost(facts)
        host.open()
        opened = bootstrap.compose(cast("Host", host), environment)
        try:
            yield TestHost(host=host, opened=opened, urls=urls)
        finally:
            await opened.close()
            await host.close()
