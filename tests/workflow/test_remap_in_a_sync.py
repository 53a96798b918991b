"""A customer that is mapped to another client while it is synced gets nothing at the first one."""

from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls, libpq
from entra_plugin.application.decide import MappingDecision, Put
from entra_plugin.application.map_tenants import ConfirmMappings
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.application.tenant_settings import TenantSettings, TenantSettingsChange
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId
from entra_plugin.domain.states import MappingState, RunState
from entra_plugin.store.changes import Changes
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunRef, Step
from support.checking import NOBODY, Checks, checking
from support.folders import client_id, tenant_id, write_seed
from support.schema import enter_tenant
from support.simulator import Simulator

USERS = 5
FIRST, SECOND = (ClientId(UUID(client_id(n))) for n in (1, 2))


async def decide(
    checks: Checks, tenant: ManagedTenantId, client: ClientId | None, state: MappingState
) -> None:
    confirm = ConfirmMappings(checks.context)
    version = await confirm.current_version(checks.tenant_id)
    decision = MappingDecision(managed_tenant_id=tenant, state=state, client_id=client)
    await confirm(checks.person, version=version, decisions=[decision])


async def planned(checks: Checks, tenant: ManagedTenantId) -> CustomerRef:
    """Map, start, and go as far as a plan."""
    await decide(checks, tenant, FIRST, MappingState.MAPPED)
    command = StartSyncCommand(tenant_id=checks.tenant_id, scope=SyncScope.ALL, actor=NOBODY)
    started = await StartSync(checks.context)(command)
    run = RunRef(tenant_id=str(checks.tenant_id), run_id=str(started.run_id))
    await ActivityEnvironment().run(Activities(checks.context).open_run, run)
    customer = CustomerRef(run.tenant_id, run.run_id, str(tenant))
    await attempt(checks, "read_and_plan", customer)
    return customer


async def attempt(checks: Checks, name: str, customer: CustomerRef) -> Step:
    work = getattr(Activities(checks.context), name)
    step: Step = await ActivityEnvironment().run(work, customer)
    return step


def counted(urls: Urls, checks: Checks) -> tuple[int, int]:
    """Links that are open, and contacts at the first client."""
    with psycopg.connect(libpq(urls.owner)) as connection:
        enter_tenant(connection, checks.tenant_id)
        found = connection.execute(
            "SELECT (SELECT count(*) FROM entra_contact_links WHERE state = 'active'),"
            " (SELECT count(*) FROM psa_contacts WHERE client_id = %s)",
            [FIRST],
        ).fetchone()
    assert found is not None
    return found[0], found[1]


async def test_a_remap_between_plan_and_batch_leaves_the_first_client_as_it_was(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_seed(tmp_path, tenants=2, users=USERS)
    simulator.control("/seed", {"dir": str(tmp_path)})
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await checks.sign_in()
        await checks.discover()
        tenant = (await checks.known())[UUID(tenant_id(1))].managed_tenant_id
        customer = await planned(checks, tenant)
        before = counted(database, checks)
        original = Changes.planned

        async def remapped_meanwhile(self: Changes, *args: object, **more: object) -> object:
            rows = await original(self, *args, **more)  # type: ignore[arg-type]
            await decide(checks, tenant, SECOND, MappingState.MAPPED)
            return rows

        with monkeypatch.context() as patch:
            patch.setattr(Changes, "planned", remapped_meanwhile)
            step = await attempt(checks, "apply", customer)
        assert step == Step(go_on=False)
        assert counted(database, checks) == before
        (row,) = (await checks.run(RunId(UUID(customer.run_id)))).tenants
        assert (row.state, row.state_reason) == (RunState.SKIPPED, "mapping_changed")


async def test_a_pause_before_it_is_read_leaves_it_out_and_a_new_filter_does_not(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_seed(tmp_path, tenants=1, users=USERS)
    simulator.control("/seed", {"dir": str(tmp_path)})
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await checks.sign_in()
        await checks.discover()
        tenant = (await checks.known())[UUID(tenant_id(1))].managed_tenant_id
        customer = await planned(checks, tenant)
        settings = TenantSettings(checks.context)
        seen = await settings.read(checks.tenant_id, tenant)
        changed = TenantSettingsChange(
            managed_tenant_id=tenant,
            version=seen.version,
            user_filter=Put(value={"excludePatterns": ["nobody@*"]}),
        )
        await settings.write(checks.person, changed)
        assert (await attempt(checks, "apply", customer)).go_on
        seen = await settings.read(checks.tenant_id, tenant)
        until = checks.context.clock().replace(year=2099)
        paused = TenantSettingsChange(
            managed_tenant_id=tenant, version=seen.version, pause=Put(value=until)
        )
        await settings.write(checks.person, paused)
        assert await attempt(checks, "read_and_plan", customer) == Step(go_on=False)
        (row,) = (await checks.run(RunId(UUID(customer.run_id)))).tenants
        assert (row.state, row.state_reason) == (RunState.SKIPPED, "mapping_changed")
