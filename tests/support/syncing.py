"""Syncs in this process: the real activities, tried as often as Temporal would, without waiting."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import ConfirmMappings
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.ids import ClientId, RunId
from entra_plugin.domain.states import MappingState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerEnd, CustomerRef, Opening, RunEnd, RunRef, Step
from support.checking import NOBODY, Checks, checking
from support.folders import client_id
from support.simulator import Simulator

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_MOST_ATTEMPTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Syncing:
    """An MSP whose customers are mapped; what Temporal does is done here, one step at a time."""

    checks: Checks
    urls: Urls
    misfortune: Callable[[str, int], None] = lambda _step, _attempt: None
    """Told the name of each step and the number of the attempt, before it begins."""

    @property
    def admin_url(self) -> str:
        """Its database, for an administrator, who sees all rows."""
        return self.urls.admin.rpartition("/")[0] + "/" + self.urls.app.rpartition("/")[2]

    @property
    def _activities(self) -> Activities:
        return Activities(self.checks.context)

    async def sync(self) -> RunDetails:
        """Sync everything, from the start to the close of the run."""
        tenant_id = self.checks.tenant_id
        command = StartSyncCommand(tenant_id=tenant_id, scope=SyncScope.ALL, actor=NOBODY)
        started = await StartSync(self.checks.context)(command)
        run = RunRef(tenant_id=str(tenant_id), run_id=str(started.run_id))
        code: str | None = None
        try:
            code = await self._carried_out(run)
        except ApplicationError as error:
            code = error.type
        await self._tried(self._activities.close_run, RunEnd(run=run, code=code))
        return await self.checks.run(RunId(UUID(run.run_id)))

    async def _carried_out(self, run: RunRef) -> str | None:
        """What the workflow does; answers the code that stopped the run, if one did."""
        work = self._activities
        opening: Opening = await self._tried(work.open_run, run)
        for step in (self._plan, self._finish):
            for managed_tenant_id in opening.managed_tenant_ids:
                stop = await step(CustomerRef(run.tenant_id, run.run_id, managed_tenant_id))
                if stop is not None:
                    return stop
            if step == self._plan:
                opening = await self._tried(work.guard, run)
        return None

    async def _plan(self, customer: CustomerRef) -> str | None:
        step = await self._step(self._activities.read_and_plan, customer)
        if step.go_on and step.rows:
            step = await self._step(self._activities.apply, customer)
        return step.stop

    async def _finish(self, customer: CustomerRef) -> str | None:
        return (await self._step(self._activities.finish, customer)).stop

    async def _step(
        self, work: Callable[[CustomerRef], Awaitable[Step]], customer: CustomerRef
    ) -> Step:
        try:
            return await self._tried(work, customer)
        except ApplicationError as error:
            end = CustomerEnd(customer=customer, state="failed", code=error.type)
            await self._tried(self._activities.close_customer, end)
            return Step(go_on=False)

    async def _tried(
        self, work: Callable[[Argument], Awaitable[Result]], argument: Argument
    ) -> Result:
        """Try until it goes through or says that it never will; time goes by in between.

        Raises:
            ApplicationError: It is of no use.
        """
        told: tuple[object, ...] = ()

        def hear(*details: object) -> None:
            nonlocal told
            told = details

        for attempt in range(1, _MOST_ATTEMPTS):
            self.misfortune(getattr(work, "__name__", ""), attempt)
            environment = ActivityEnvironment()
            environment.on_heartbeat = hear
            environment.info = replace(
                environment.info, attempt=attempt, heartbeat_details=list(told)
            )
            try:
                return await environment.run(work, argument)
            except ApplicationError as error:
                if error.non_retryable:
                    raise
                pause = error.next_retry_delay or timedelta(seconds=1)
                await self.checks.naps.sleep(pause.total_seconds())
        raise AssertionError(f"{work} was tried {_MOST_ATTEMPTS} times")


@asynccontextmanager
async def syncing(
    urls: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, seed: Path
) -> AsyncIterator[Syncing]:
    """A connected MSP, with the customers of a folder mapped to the clients of their numbers."""
    simulator.control("/seed", {"dir": str(seed)})
    async with checking(urls, simulator, monkeypatch, seed=str(seed)) as checks:
        await checks.sign_in()
        await checks.discover()
        decide = ConfirmMappings(checks.context)
        decisions = [
            MappingDecision(
                managed_tenant_id=tenant.managed_tenant_id,
                state=MappingState.MAPPED,
                client_id=ClientId(UUID(client_id(int(entra_tenant_id.hex[-12:])))),
            )
            for entra_tenant_id, tenant in (await checks.known()).items()
        ]
        version = await decide.current_version(checks.tenant_id)
        await decide(checks.person, version=version, decisions=decisions)
        yield Syncing(checks=checks, urls=urls)
