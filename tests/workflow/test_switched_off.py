"""The feature is switched off during a run: who is begun finishes, nobody else begins."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import RunState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunEnd, RunRef, Step
from support.checking import NOBODY, Checks, checking
from support.flags import AllOff
from support.folders import tenant_id, write_seed
from support.simulator import Simulator

USERS = 5


@dataclass(slots=True, kw_only=True)
class Run:
    """A run of two customers, step by step as its workflow does them."""

    checks: Checks
    ref: RunRef
    customers: tuple[CustomerRef, CustomerRef]

    async def do(self, name: str, *subject: object) -> object:
        """One activity, by its name."""
        work = getattr(Activities(self.checks.context), name)
        return await ActivityEnvironment().run(work, *subject)

    async def step(self, name: str, number: int) -> Step:
        """One step of a customer."""
        step = await self.do(name, self.customers[number])
        assert isinstance(step, Step)
        return step

    async def to_its_end(self, number: int) -> None:
        """Read, plan and apply a customer."""
        step = await self.step("read_and_plan", number)
        if step.rows:
            await self.step("apply", number)
        await self.step("finish", number)

    async def closed(self) -> RunDetails:
        """The run, closed."""
        await self.do("close_run", RunEnd(run=self.ref))
        return await self.checks.run(RunId(UUID(self.ref.run_id)))

    def switch_off(self) -> None:
        """Every feature."""
        self.checks.context = replace(self.checks.context, flags=AllOff())


async def begun(checks: Checks) -> Run:
    """Start a run of both customers."""
    command = StartSyncCommand(tenant_id=checks.tenant_id, scope=SyncScope.ALL, actor=NOBODY)
    started = await StartSync(checks.context)(command)
    ref = RunRef(tenant_id=str(checks.tenant_id), run_id=str(started.run_id))
    known = await checks.known()
    first, second = (
        CustomerRef(ref.tenant_id, ref.run_id, str(known[UUID(tenant_id(n))].managed_tenant_id))
        for n in (1, 2)
    )
    run = Run(checks=checks, ref=ref, customers=(first, second))
    await run.do("open_run", ref)
    return run


@pytest.fixture
async def mapped(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Checks]:
    write_seed(tmp_path, tenants=2, users=USERS)
    simulator.control("/seed", {"dir": str(tmp_path)})
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await checks.sign_in()
        await checks.discover()
        await checks.map_all()
        yield checks


async def test_who_is_begun_finishes_and_nobody_else_begins(mapped: Checks) -> None:
    before = await begun(mapped)
    for number in (0, 1):
        await before.to_its_end(number)
    assert (await before.closed()).run.state == RunState.COMPLETED
    run = await begun(mapped)
    assert (await run.step("read_and_plan", 0)).go_on
    run.switch_off()
    assert (await run.step("read_and_plan", 0)).go_on, "an attempt of a customer that is begun"
    other = await run.step("read_and_plan", 1)
    assert other == Step(go_on=False), "the run goes on to its end, for those that are begun"
    await run.do("guard", run.ref)
    assert (await run.step("finish", 0)).go_on
    found = await run.closed()
    assert (found.run.state, found.run.state_reason) == (RunState.CANCELLED, "feature_off")
    states = {str(t.managed_tenant_id): (t.state, t.state_reason) for t in found.tenants}
    assert states == {
        run.customers[0].managed_tenant_id: (RunState.COMPLETED, None),
        run.customers[1].managed_tenant_id: (RunState.CANCELLED, "feature_off"),
    }


async def test_what_is_planned_of_who_is_begun_is_applied(mapped: Checks) -> None:
    run = await begun(mapped)
    assert (await run.step("read_and_plan", 0)).rows
    run.switch_off()
    assert (await run.step("apply", 0)).go_on
    await run.do("guard", run.ref)
    assert (await run.step("finish", 0)).go_on
    found = await run.closed()
    assert (found.run.state, found.run.state_reason) == (RunState.CANCELLED, "feature_off")
    counts = {str(t.managed_tenant_id): t.counts for t in found.tenants}
    first, second = (counts[customer.managed_tenant_id] for customer in run.customers)
    assert first["created"] + first["linked"] == USERS
    assert second["created"] + second["linked"] == 0
