"""A customer that lets us wait for too long takes its plan with it, and nobody else's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls, libpq
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import RunState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunEnd, RunRef, Step
from support.checking import NOBODY, Checks, checking
from support.folders import tenant_id, write_seed
from support.schema import enter_tenant
from support.simulator import Simulator

PAGE = 999
USERS = PAGE + 3
BUSY = {
    "match": r"GET /v1\.0/users\?.*skiptoken",
    "status": 429,
    "headers": {"Retry-After": "2500"},
}
"""The second page; three such waits are more than two hours."""


@dataclass(slots=True, kw_only=True)
class Sync:
    """A sync of two customers, one of which lets us wait in the middle of its list."""

    checks: Checks
    urls: Urls
    run: RunRef
    busy: CustomerRef
    calm: CustomerRef

    async def read(self, customer: CustomerRef) -> Step:
        """One attempt at reading, as Temporal makes it."""
        return await ActivityEnvironment().run(self.activities.read_and_plan, customer)

    async def give_up(self) -> Step:
        """Wait as long as a customer may cost; answers the attempt after that."""
        for _ in range(2):
            with pytest.raises(ApplicationError, match="throttled"):
                await self.read(self.busy)
        return await self.read(self.busy)

    async def finish(self, customer: CustomerRef) -> None:
        """Read, apply and record."""
        for work in (self.activities.read_and_plan, self.activities.finish):
            assert (await ActivityEnvironment().run(work, customer)).go_on

    async def close(self) -> RunDetails:
        """Close the run."""
        await ActivityEnvironment().run(self.activities.close_run, RunEnd(run=self.run))
        return await self.checks.run(RunId(UUID(self.run.run_id)))

    @property
    def activities(self) -> Activities:
        """What the worker has."""
        return Activities(self.checks.context)

    def rows(self, customer: CustomerRef) -> tuple[int, int]:
        """How many changes and pages are stored of a customer."""
        with psycopg.connect(libpq(self.urls.owner)) as connection:
            enter_tenant(connection, self.checks.tenant_id)
            found = connection.execute(
                "SELECT (SELECT count(*) FROM entra_sync_changes WHERE managed_tenant_id = %(c)s),"
                " (SELECT count(*) FROM entra_sync_pages WHERE managed_tenant_id = %(c)s)",
                {"c": customer.managed_tenant_id},
            ).fetchone()
        assert found is not None
        return found[0], found[1]


@pytest.fixture
async def sync(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Sync]:
    write_seed(tmp_path, tenants=2, users=USERS)
    simulator.control("/seed", {"dir": str(tmp_path)})
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await checks.sign_in()
        await checks.discover()
        await checks.map_all()
        command = StartSyncCommand(
            tenant_id=checks.tenant_id, scope=SyncScope.INITIAL, actor=NOBODY
        )
        started = await StartSync(checks.context)(command)
        run = RunRef(tenant_id=str(checks.tenant_id), run_id=str(started.run_id))
        await ActivityEnvironment().run(Activities(checks.context).open_run, run)
        known = await checks.known()
        busy, calm = (
            CustomerRef(run.tenant_id, run.run_id, str(known[UUID(tenant_id(n))].managed_tenant_id))
            for n in (1, 2)
        )
        simulator.control("/faults", {**BUSY, "tenants": [tenant_id(1)]})
        yield Sync(checks=checks, urls=database, run=run, busy=busy, calm=calm)


async def test_while_it_waits_what_was_read_and_planned_is_kept(sync: Sync) -> None:
    with pytest.raises(ApplicationError, match="throttled"):
        await sync.read(sync.busy)
    assert sync.rows(sync.busy) == (PAGE, 1)


async def test_after_too_much_waiting_its_plan_and_its_pages_are_gone(sync: Sync) -> None:
    assert await sync.give_up() == Step(go_on=False)
    assert sync.rows(sync.busy) == (0, 0)


async def test_the_other_customer_completes_and_the_run_is_partial(sync: Sync) -> None:
    await sync.give_up()
    await sync.finish(sync.calm)
    found = await sync.close()
    assert found.run.state == RunState.PARTIAL
    outcomes = {
        str(row.managed_tenant_id): (row.state, row.failure.code if row.failure else None)
        for row in found.tenants
    }
    assert outcomes == {
        sync.busy.managed_tenant_id: (RunState.FAILED, "throttled"),
        sync.calm.managed_tenant_id: (RunState.COMPLETED, None),
    }
    assert sync.rows(sync.calm)[0] == USERS
    assert found.run.waiting_until is None


async def test_a_customer_that_has_let_us_wait_is_read_on_where_it_stopped(
    sync: Sync, simulator: Simulator
) -> None:
    with pytest.raises(ApplicationError, match="throttled"):
        await sync.read(sync.busy)
    simulator.control("/faults", [])
    sync.checks.naps.now += 2500
    simulator.forget_requests()
    await sync.finish(sync.busy)
    asked = [str(r["query"]) for r in simulator.requests() if r["path"] == "/v1.0/users"]
    assert ["skiptoken" in query for query in asked] == [True]
    assert sync.rows(sync.busy)[0] == USERS
