"""An attempt that nobody waits for any more closes nothing, and takes nothing away."""

from collections.abc import AsyncGenerator

import pytest
from temporalio.testing import ActivityEnvironment

from entra_plugin.application.sync.record import Record
from entra_plugin.directory.protocol import ChangePage
from entra_plugin.domain.ids import EntraTenantId
from entra_plugin.domain.states import RunState
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerRef, RunRef, Step
from support.case import Case
from support.office import CUSTOMERS
from support.paper import PaperDirectory


def test_an_attempt_that_was_overtaken_leaves_the_later_one_alone(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.sync()
    case.change("cyd")
    run_id = case.stage.run(case.engine.start())
    run = RunRef(tenant_id=str(case.engine.tenant_id), run_id=str(run_id))
    customer = CustomerRef(run.tenant_id, run.run_id, str(CUSTOMERS[0]))
    activities, later = Activities(case.engine.context), list[Step]()
    changes = PaperDirectory.changes

    async def overtaken(
        directory: PaperDirectory, entra_tenant_id: EntraTenantId, link: str
    ) -> AsyncGenerator[ChangePage, None]:
        monkeypatch.setattr(PaperDirectory, "changes", changes)
        later.append(await ActivityEnvironment().run(activities.read_and_plan, customer))
        async for page in changes(directory, entra_tenant_id, link):
            yield page

    async def both() -> Step:
        await ActivityEnvironment().run(activities.open_run, run)
        return await ActivityEnvironment().run(activities.read_and_plan, customer)

    monkeypatch.setattr(PaperDirectory, "changes", overtaken)
    first = case.stage.run(both())
    assert (first.go_on, [step.go_on for step in later]) == (False, [True])
    assert case.rows(run_id) == [("create", "planned")]
    case.stage.run(case.engine.carry_out(run_id))
    assert case.rows(run_id) == [("create", "applied")]
    assert case.office.state().runs[str(run_id)]["state"] == "completed"


def test_what_waits_of_a_customer_is_not_taken_away_by_closing_it_once_more(case: Case) -> None:
    case.save(guard={"inactivateMin": 0, "inactivatePercent": 0})
    case.change("ada", enabled=False)
    run_id = case.sync()
    record = Record(case.engine.context)
    case.stage.run(
        record.closed(case.engine.tenant_id, run_id, CUSTOMERS[0], state=RunState.CANCELLED)
    )
    assert case.rows(run_id) == [("inactivate", "held")]
