"""A Microsoft that makes us wait and wait: after two hours in all this customer has failed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from benchmarks.composed import NoWorkflows
from devhost.servers.postgres import Urls
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.context import Context
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.discover import Discover
from entra_plugin.application.map_tenants import ConfirmMappings, PreviewMappings
from entra_plugin.application.runs import ReadRuns, RunDetails
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.sync.start import Actor, StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import MappingState, RunState, RunType
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunRef, Step
from support.devhost import NORTHWIND, running_host
from support.simulator import Simulator

NOBODY = Actor(user_id=None, name=None)
BUSY = {"match": r"GET /v1\.0/users\?", "status": 429, "headers": {"Retry-After": "2500"}}
"""Longer than a request waits, so that it is told; three times are more than two hours."""


@pytest.fixture
async def context(database: Urls, simulator: Simulator) -> AsyncIterator[Context]:
    """Connected and discovered, with one customer mapped."""
    async with running_host(database, simulator.environment) as host:
        context = replace(host.opened.context, workflows=NoWorkflows())
        ports, person = host.opened.ports, await host.person()
        url = await StartSignIn(context, ports)(person)
        await CompleteSignIn(context, ports)(person, simulator.sign_in(url))
        found = await StartCheck(context, RunType.DISCOVERY)(NORTHWIND, NOBODY)
        await Discover(context)(NORTHWIND, found.run_id, lambda _: None)
        preview = await PreviewMappings(context)(NORTHWIND)
        row = preview.auto_matched[0]
        assert row.proposal.match is not None
        decision = MappingDecision(
            managed_tenant_id=row.tenant.managed_tenant_id,
            state=MappingState.MAPPED,
            client_id=row.proposal.match.client_id,
        )
        await ConfirmMappings(context)(person, version=preview.version, decisions=[decision])
        yield context


async def begun(context: Context) -> CustomerRef:
    """A sync of the one customer, ready to be read."""
    command = StartSyncCommand(tenant_id=NORTHWIND, scope=SyncScope.INITIAL, actor=NOBODY)
    started = await StartSync(context)(command)
    run = RunRef(tenant_id=str(NORTHWIND), run_id=str(started.run_id))
    opening = await ActivityEnvironment().run(Activities(context).open_run, run)
    (managed_tenant_id,) = opening.managed_tenant_ids
    return CustomerRef(run.tenant_id, run.run_id, managed_tenant_id)


async def read(context: Context, customer: CustomerRef) -> Step:
    """One attempt at reading, as Temporal makes it."""
    return await ActivityEnvironment().run(Activities(context).read_and_plan, customer)


async def state(context: Context, customer: CustomerRef) -> RunDetails:
    return await ReadRuns(context).run(NORTHWIND, RunId(UUID(customer.run_id)))


async def test_a_long_wait_is_handed_to_temporal_and_shown_with_its_end(
    context: Context, simulator: Simulator
) -> None:
    customer = await begun(context)
    simulator.control("/faults", {"faults": [BUSY]})
    with pytest.raises(ApplicationError) as caught:
        await read(context, customer)
    assert (caught.value.type, caught.value.non_retryable) == ("throttled", False)
    assert caught.value.next_retry_delay is not None
    assert 2400 < caught.value.next_retry_delay.total_seconds() <= 2500
    found = await state(context, customer)
    assert found.run.waiting_until is not None
    assert found.run.waiting_until == found.tenants[0].waiting_until
    assert found.run.waiting_until > context.clock()


async def test_after_two_hours_of_waiting_the_customer_has_failed_and_nothing_is_planned(
    context: Context, simulator: Simulator
) -> None:
    customer = await begun(context)
    simulator.control("/faults", {"faults": [BUSY]})
    for _ in range(2):
        with pytest.raises(ApplicationError, match="throttled"):
            await read(context, customer)
    assert await read(context, customer) == Step(go_on=False)
    found = (await state(context, customer)).tenants[0]
    assert (found.state, found.failure and found.failure.code) == (RunState.FAILED, "throttled")
    assert found.waiting_until is None
    assert set(found.counts.values()) == {0}
