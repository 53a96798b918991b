"""An undo whose process dies at any moment ends as if nothing had happened."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls, libpq
from entra_plugin.application.apply_run import ApplyRun
from entra_plugin.application.context import Context
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import ConfirmMappings
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.application.undo import apply, plan
from entra_plugin.application.undo.start import StartUndo, UndoCommand
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import MappingState, RunState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunEnd, RunRef
from support.checking import NOBODY, Checks, checking
from support.crashes import Killed, Moments, MortalStore
from support.folders import client_id, tenant_id, write_seed
from support.mortal import NoWorkflows
from support.simulator import Simulator

USERS = 7


@dataclass(slots=True, kw_only=True)
class Story:
    """One customer that was synced."""

    checks: Checks
    urls: Urls
    tenant: ManagedTenantId
    run_id: RunId

    def customer(self, run_id: RunId) -> CustomerRef:
        return CustomerRef(str(self.checks.tenant_id), str(run_id), str(self.tenant))

    def ref(self, run_id: RunId) -> RunRef:
        return RunRef(tenant_id=str(self.checks.tenant_id), run_id=str(run_id))

    async def step(self, name: str, argument: object, context: Context | None = None) -> None:
        work = getattr(Activities(context or self.checks.context), name)
        await ActivityEnvironment().run(work, argument)

    async def dying(self, name: str, argument: object) -> int:
        """Die at the first moment, then at the second, until it gets to its end; how often."""
        deaths = 0
        while True:
            store = MortalStore(self.checks.context.store, Moments(bad=deaths + 1))
            try:
                await self.step(name, argument, replace(self.checks.context, store=store))
            except Killed:
                deaths += 1
            else:
                return deaths

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(libpq(self.urls.owner)) as connection:
            connection.execute(
                "SELECT set_config('entra.tenant_id', %s, true)", [str(self.checks.tenant_id)]
            )
            return connection.execute(query.encode(), values).fetchall()

    def kinds(self, run_id: RunId) -> list[tuple[object, ...]]:
        return self.rows(
            "SELECT kind, state, count(*) FROM entra_sync_changes WHERE run_id = %s"
            " GROUP BY 1, 2 ORDER BY 1, 2",
            run_id,
        )


@pytest.fixture
async def story(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Story]:
    write_seed(tmp_path, tenants=1, users=USERS)
    simulator.control("/seed", {"dir": str(tmp_path)})
    monkeypatch.setattr(plan, "PAGE", 2)
    monkeypatch.setattr(apply, "BATCH", 2)
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await checks.sign_in()
        await checks.discover()
        tenant = (await checks.known())[UUID(tenant_id(1))].managed_tenant_id
        confirm = ConfirmMappings(checks.context)
        decision = MappingDecision(
            managed_tenant_id=tenant,
            state=MappingState.MAPPED,
            client_id=ClientId(UUID(client_id(1))),
        )
        version = await confirm.current_version(checks.tenant_id)
        await confirm(checks.person, version=version, decisions=[decision])
        command = StartSyncCommand(tenant_id=checks.tenant_id, scope=SyncScope.ALL, actor=NOBODY)
        started = await StartSync(checks.context)(command)
        found = Story(checks=checks, urls=database, tenant=tenant, run_id=started.run_id)
        await found.step("open_run", found.ref(started.run_id))
        for name in ("read_and_plan", "apply", "finish"):
            await found.step(name, found.customer(started.run_id))
        await found.step("close_run", RunEnd(run=found.ref(started.run_id)))
        yield found


async def planned(story: Story) -> RunId:
    command = UndoCommand(tenant_id=story.checks.tenant_id, run_id=story.run_id, actor=NOBODY)
    undo_id = await StartUndo(story.checks.context)(command)
    await story.step("open_run", story.ref(undo_id))
    return undo_id


async def test_an_undo_that_dies_at_every_moment_does_each_thing_once(story: Story) -> None:
    undo_id = await planned(story)
    deaths = await story.dying("read_and_plan", story.customer(undo_id))
    assert deaths > USERS // 2, "it died between the pages"
    await story.step("read_and_plan", story.customer(undo_id))
    await story.step("close_run", RunEnd(run=story.ref(undo_id), applied=False))
    assert story.kinds(undo_id) == [
        ("close_link", "planned", 1),
        ("inactivate", "planned", USERS - 1),
    ]
    details = await story.checks.run(undo_id)
    assert (details.run.state, details.run.applied_at) == (RunState.COMPLETED, None)
    await ApplyRun(story.checks.context)(story.checks.tenant_id, undo_id)
    assert story.checks.workflows.asked[-1] == ("start apply", str(undo_id))
    await story.step("open_run", story.ref(undo_id))
    deaths = await story.dying("finish", story.customer(undo_id))
    assert deaths > USERS // 2, "it died between the batches"
    await story.step("finish", story.customer(undo_id))
    for _ in range(2):
        await story.step("close_run", RunEnd(run=story.ref(undo_id)))
    details = await story.checks.run(undo_id)
    assert details.run.state == RunState.COMPLETED
    assert details.run.applied_at is not None
    assert details.run.counts["inactivated"] == USERS - 1
    assert story.kinds(undo_id) == [
        ("close_link", "applied", 1),
        ("inactivate", "applied", USERS - 1),
    ]
    assert story.kinds(story.run_id) == [("create", "undone", USERS - 1), ("link", "undone", 1)]
    versions = story.rows("SELECT active, version, count(*) FROM psa_contacts GROUP BY 1, 2")
    assert sorted(versions) == [(False, 2, USERS - 1), (True, 1, 1)], "each was written once"
    assert story.rows("SELECT kind, count(*) FROM entra_decisions GROUP BY 1") == [
        ("undone", USERS)
    ]


class _Away(NoWorkflows):
    """Temporal cannot be reached."""

    async def start_sync(self, tenant_id: TenantId, run_id: RunId) -> None:
        raise TransientFailure("temporal_unavailable")

    async def start_apply(self, tenant_id: TenantId, run_id: RunId) -> None:
        raise TransientFailure("temporal_unavailable")


async def test_without_temporal_everything_is_as_before(story: Story) -> None:
    context = replace(story.checks.context, workflows=_Away())
    command = UndoCommand(tenant_id=story.checks.tenant_id, run_id=story.run_id, actor=NOBODY)
    with pytest.raises(TransientFailure):
        await StartUndo(context)(command)
    assert story.rows("SELECT count(*) FROM entra_sync_runs WHERE type = 'undo'") == [(0,)]
    undo_id = await planned(story)
    await story.step("read_and_plan", story.customer(undo_id))
    await story.step("close_run", RunEnd(run=story.ref(undo_id), applied=False))
    before = await story.checks.run(undo_id)
    with pytest.raises(TransientFailure):
        await ApplyRun(context)(story.checks.tenant_id, undo_id)
    assert await story.checks.run(undo_id) == before
    await ApplyRun(story.checks.context)(story.checks.tenant_id, undo_id)
    assert (await story.checks.run(undo_id)).run.applying


async def test_a_planning_that_fails_is_not_applied(story: Story) -> None:
    undo_id = await planned(story)
    await story.step("close_run", RunEnd(run=story.ref(undo_id), cancelled=True))
    details = await story.checks.run(undo_id)
    assert (details.run.state, details.run.applied_at) == (RunState.CANCELLED, None)
