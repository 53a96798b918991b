"""The plugin composed over a host on a benchmark's database, connected, discovered and mapped."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid5

from benchmarks.people import MEASURED, WARM_UP, Customer
from devhost.host import DevHost
from devhost.migrate import migrate
from devhost.plugins.manager import Plugins
from devhost.seeds.msps import MSPS
from devhost.servers.postgres import Urls
from devhost.settings import Settings
from devhost.simulator.running import ORIGIN, Simulator
from entra_plugin import bootstrap
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.context import Context, Person
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.discover import Discover
from entra_plugin.application.map_tenants import ConfirmMappings, PreviewMappings
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.sync.start import Actor
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.domain.ids import (
    ClientId,
    EntraTenantId,
    ManagedTenantId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import MappingState, RunType

if TYPE_CHECKING:
    from entra_plugin.host import Host

TENANT = TenantId(MSPS[0].tenant_id)
ADMINISTRATOR = UserId(uuid5(TENANT, MSPS[0].users[0].login))
ACTOR = Actor(user_id=ADMINISTRATOR, name=MSPS[0].users[0].login)


class NoWorkflows:
    """Takes the place of Temporal where the use cases are called directly."""

    async def start_check(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
        """Leave it to the caller."""

    async def start_sync(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Leave it to the caller."""

    async def start_apply(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Leave it to the caller."""

    async def start_held(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        approval_id: UUID,
    ) -> None:
        """Leave it to the caller."""

    async def is_open(self, workflow_id: str) -> bool:
        """Say that all is well."""
        del workflow_id
        return True

    async def cancel(self, workflow_id: str) -> None:
        """Nothing runs."""

    async def schedule_discovery(self, tenant_id: TenantId) -> None:
        """Nothing starts by itself."""

    async def pause_discovery(self, tenant_id: TenantId) -> None:
        """There is nothing to pause."""

    async def schedule_sync(self, tenant_id: TenantId, every: timedelta) -> None:
        """Nothing starts by itself."""

    async def pause_sync(self, tenant_id: TenantId) -> None:
        """There is nothing to pause."""

    async def remove_schedules(self, tenant_id: TenantId) -> None:
        """There are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A host, and the plugin in it."""

    host: DevHost
    opened: bootstrap.Opened
    context: Context


def settings(urls: Urls, folder: str, *, seed: str, temporal: str) -> Settings:
    """The settings of a benchmark's devhost."""
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
        master_api_key="benchmark",
        simulator=None,
    )


@asynccontextmanager
async def composed(facts: Settings, *, workflows: bool = False) -> AsyncIterator[Composed]:
    """Put the plugin together; without ``workflows`` nothing is started at Temporal."""
    host = DevHost(facts)
    host.open()
    opened = bootstrap.compose(cast("Host", host), os.environ)
    context = opened.context if workflows else replace(opened.context, workflows=NoWorkflows())
    try:
        yield Composed(host=host, opened=opened, context=context)
    finally:
        await opened.close()
        await host.close()


async def tokens(facts: Settings, *customers: Customer) -> list[str]:
    """Tokens for these customers' directories, as the plugin gets them."""
    async with composed(facts) as parts:
        directory = await parts.context.directories.of_tenant(TENANT)
        if not isinstance(directory, MicrosoftDirectory):
            raise TypeError("the benchmark's connection is direct")
        return [
            await directory.tokens.of(EntraTenantId(customer.entra_tenant_id))
            for customer in customers
        ]


async def prepare(facts: Settings, simulator: Simulator) -> None:
    """Migrate, seed, connect, discover and map, so that the next thing is the first sync."""
    plugins = Plugins()
    plugins.load()
    await migrate(facts, plugins)
    async with composed(facts) as parts:
        await _connect(parts, simulator)
        started = await StartCheck(parts.context, RunType.DISCOVERY)(TENANT, ACTOR)
        await Discover(parts.context)(TENANT, started.run_id, lambda _: None)
        await _map(parts.context)


async def prepare_everybody(facts: Settings, simulator: Simulator) -> None:
    """As ``prepare``, with any seed: customers without an exact match get a client of their own."""
    plugins = Plugins()
    plugins.load()
    await migrate(facts, plugins)
    async with composed(facts) as parts:
        await _connect(parts, simulator)
        started = await StartCheck(parts.context, RunType.DISCOVERY)(TENANT, ACTOR)
        await Discover(parts.context)(TENANT, started.run_id, lambda _: None)
        preview = await PreviewMappings(parts.context)(TENANT)
        decisions = [
            MappingDecision(
                managed_tenant_id=row.tenant.managed_tenant_id,
                state=MappingState.MAPPED,
                client_id=row.proposal.candidates[0].client_id,
            )
            for row in preview.auto_matched
        ] + [
            MappingDecision(
                managed_tenant_id=row.tenant.managed_tenant_id, state=MappingState.CREATE_NEW
            )
            for row in (*preview.needs_review, *preview.unmatched)
        ]
        await ConfirmMappings(parts.context)(
            _person(), version=preview.version, decisions=decisions
        )


async def _connect(parts: Composed, simulator: Simulator) -> None:
    ports, person = parts.opened.ports, _person()
    url = await StartSignIn(parts.context, ports)(person)
    await CompleteSignIn(parts.context, ports)(person, simulator.sign_in(url))


async def _map(context: Context) -> None:
    clients = {c.entra_tenant_id: ClientId(c.client_id) for c in (MEASURED, WARM_UP)}
    preview = await PreviewMappings(context)(TENANT)
    rows = [*preview.auto_matched, *preview.needs_review, *preview.unmatched]
    decisions = [
        MappingDecision(
            managed_tenant_id=row.tenant.managed_tenant_id,
            state=MappingState.MAPPED,
            client_id=clients[row.tenant.entra_tenant_id],
        )
        for row in rows
    ]
    await ConfirmMappings(context)(_person(), version=preview.version, decisions=decisions)


def _person() -> Person:
    return Person(tenant_id=TENANT, user_id=ADMINISTRATOR)
