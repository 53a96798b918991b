"""Discoveries and validations in this process: attempts as Temporal makes them, and no waiting."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import pytest
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls
from entra_plugin.application import check_customers
from entra_plugin.application.connect.cipp import ConnectCipp
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.connect.directories import ConnectedDirectories
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.context import Context, Directories, Person
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import ConfirmMappings
from entra_plugin.application.runs import ReadRuns, RunDetails
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.sync.start import Actor
from entra_plugin.directory.protocol import Directory
from entra_plugin.directory.throttle import Throttle
from entra_plugin.directory.transport import Transport, plain_network
from entra_plugin.domain.ids import ClientId, RunId, TenantId
from entra_plugin.domain.states import MappingState, RunType
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import RunRef
from support.clock import Clock
from support.connecting import access_of
from support.devhost import running_host
from support.folders import client_id, tenant_id
from support.mortal import NoWorkflows
from support.simulator import Simulator

NOBODY = Actor(user_id=None, name=None)


@dataclass(slots=True)
class Naps(Clock):
    """What was waited for, without waiting; somebody may look around meanwhile."""

    meanwhile: Callable[[float], Awaitable[object]] | None = None

    async def sleep(self, seconds: float) -> None:
        """Let so much time go by."""
        if self.meanwhile is not None:
            await self.meanwhile(seconds)
        await Clock.sleep(self, seconds)


@dataclass(slots=True, kw_only=True)
class Checks:
    """A tenant whose connection is checked."""

    context: Context
    ports: ConnectPorts
    person: Person
    simulator: Simulator
    naps: Naps
    workflows: NoWorkflows = field(default_factory=NoWorkflows)

    @property
    def tenant_id(self) -> TenantId:
        """The MSP."""
        return self.person.tenant_id

    async def sign_in(self) -> None:
        """Connect through Microsoft's sign-in."""
        url = await StartSignIn(self.context, self.ports)(self.person)
        answer = await asyncio.to_thread(self.simulator.sign_in, url)
        await CompleteSignIn(self.context, self.ports)(self.person, answer)

    async def connect_cipp(self) -> None:
        """Connect through CIPP."""
        await ConnectCipp(self.context, self.ports)(self.person, access_of(self.simulator))

    async def begin(self, type_: RunType) -> RunId:
        """Start a run, which nobody carries out yet."""
        started = await StartCheck(self.context, type_)(self.tenant_id, NOBODY)
        return started.run_id

    async def attempt(
        self,
        type_: RunType,
        run_id: RunId,
        *,
        number: int = 1,
        heartbeat: Callable[..., None] | None = None,
    ) -> RunDetails:
        """Carry it out; ``number`` is how often that was begun."""
        activities = Activities(self.context)
        work = activities.discover if type_ == RunType.DISCOVERY else activities.validate
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=number)
        if heartbeat is not None:
            environment.on_heartbeat = heartbeat
        ref = RunRef(tenant_id=str(self.tenant_id), run_id=str(run_id))
        await environment.run(work, ref)
        return await self.run(run_id)

    async def discover(self) -> RunDetails:
        """A discovery from its start to its end."""
        return await self.attempt(RunType.DISCOVERY, await self.begin(RunType.DISCOVERY))

    async def map_all(self) -> None:
        """Map each customer of a written seed to the client with its number."""
        known, confirm = await self.known(), ConfirmMappings(self.context)
        decisions = [
            MappingDecision(
                managed_tenant_id=known[UUID(tenant_id(number))].managed_tenant_id,
                state=MappingState.MAPPED,
                client_id=ClientId(UUID(client_id(number))),
            )
            for number in range(1, len(known) + 1)
        ]
        version = await confirm.current_version(self.tenant_id)
        await confirm(self.person, version=version, decisions=decisions)

    async def validate(self) -> RunDetails:
        """A walk along the chain from its start to its end."""
        return await self.attempt(RunType.VALIDATION, await self.begin(RunType.VALIDATION))

    async def run(self, run_id: RunId) -> RunDetails:
        """What is known of a run."""
        return await ReadRuns(self.context).run(self.tenant_id, run_id)

    def one_by_one(self) -> None:
        """Let no two customers be asked at once, so that a death breaks nothing off but itself."""
        narrow = _NarrowDirectories(self.context.directories)
        self.context = replace(self.context, directories=narrow)

    async def connection(self) -> Connection:
        """The connection that is active."""
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            active = await Connections(connection, self.tenant_id).active()
        assert active is not None
        return active

    async def known(self) -> dict[UUID, ManagedTenant]:
        """Every managed tenant that was ever found."""
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            found = await ManagedTenants(connection, self.tenant_id).known()
        return {tenant.entra_tenant_id: tenant for tenant in found}

    def asked(self, part: str) -> list[str]:
        """The directories that were asked for something, once for each request."""
        return [str(r["tenant"]) for r in self.simulator.requests() if part in str(r["path"])]


class _NarrowDirectory:
    """A directory whose customers are read one at a time."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.capabilities = replace(directory.capabilities, concurrency=1)

    def __getattr__(self, name: str) -> object:
        return getattr(self._directory, name)


class _NarrowDirectories:
    """Opens narrow ones."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def of_tenant(self, tenant_id: TenantId) -> Directory:
        """The directory, made narrow."""
        return cast("Directory", _NarrowDirectory(await self._directories.of_tenant(tenant_id)))

    async def forget(self, tenant_id: TenantId) -> None:
        """Forget the real one."""
        await self._directories.forget(tenant_id)


@asynccontextmanager
async def checking(
    urls: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, *, seed: str = "demo"
) -> AsyncIterator[Checks]:
    """A host whose plugin never really waits; nothing is connected yet."""
    async with running_host(urls, simulator.environment, seed=seed) as host:
        naps, opener = Naps(), host.opened.ports.opener
        transport = Transport(
            opener.endpoints.graph,
            plain_network(opener.tls),
            throttle=Throttle(clock=naps),
            sleep=naps.sleep,
        )
        ports = replace(host.opened.ports, opener=replace(opener, transport=transport))
        store, secrets = host.opened.context.store, host.opened.context.host.secrets
        directories = ConnectedDirectories(store=store, secrets=secrets, ports=ports)
        workflows = NoWorkflows()
        context = replace(host.opened.context, workflows=workflows, directories=directories)
        shim = SimpleNamespace(
            sleep=naps.sleep, Semaphore=asyncio.Semaphore, TaskGroup=asyncio.TaskGroup
        )
        monkeypatch.setattr(check_customers, "asyncio", shim)
        try:
            yield Checks(
                context=context,
                ports=ports,
                person=await host.person(),
                simulator=simulator,
                naps=naps,
                workflows=workflows,
            )
        finally:
            await directories.close()
            await transport.close()
