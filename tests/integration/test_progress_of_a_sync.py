"""What a sync has done shows while it is under way."""

from entra_plugin.application.runs import ReadRuns, RunDetails
from entra_plugin.domain.states import RunState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunRef
from support.case import Case


async def half_done(case: Case) -> RunDetails:
    """A sync whose one customer is planned, and waits for the guard."""
    engine = case.engine
    activities, run_id = Activities(engine.context), await engine.start()
    run = RunRef(tenant_id=str(engine.tenant_id), run_id=str(run_id))
    opened = await engine.attempt(lambda: activities.open_run(run))
    (managed_tenant_id,) = opened.managed_tenant_ids
    customer = CustomerRef(run.tenant_id, run.run_id, managed_tenant_id)
    await engine.attempt(lambda: activities.read_and_plan(customer))
    await engine.attempt(lambda: activities.apply(customer))
    return await ReadRuns(engine.context).run(engine.tenant_id, run_id)


def test_what_is_applied_counts_before_the_run_is_through(case: Case) -> None:
    case.change("cyd")
    found = case.stage.run(half_done(case))
    assert (found.run.state, found.tenants[0].state) == (RunState.RUNNING, RunState.RUNNING)
    assert found.run.counts["created"] == found.tenants[0].counts["created"] == 1
