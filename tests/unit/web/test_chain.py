"""What people see of a walk along the chain: complete counts, and rows that can still be read."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from entra_plugin.application.runs import RunDetails
from entra_plugin.application.validate_chain import ChainStep, StepState
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, RunId
from entra_plugin.domain.states import ConnectionType, RunState, RunType, Trigger
from entra_plugin.resources import locale
from entra_plugin.store.run_tenants import RunTenant
from entra_plugin.store.runs import Failure, Run
from entra_plugin.web.api import views
from entra_plugin.web.pages.chain import ROWS, Chain, chain_of, progress_of
from entra_plugin.web.pages.render import render

NOW = datetime(2026, 8, 1, tzinfo=UTC)
RUN = RunId(uuid4())
ENGLISH = locale("en")


def told(
    failure: Failure | None, customer: EntraTenantId | None = None, at: datetime | None = None
) -> views.FailureView | None:
    return views.failure(failure, ENGLISH, at=at, customer=customer)


def failure(code: str) -> Failure:
    return Failure(code=code, vendor_code=None, details={})


def customer(number: int, code: str | None, state: RunState | None = None) -> RunTenant:
    return RunTenant(
        run_id=RUN,
        managed_tenant_id=ManagedTenantId(uuid4()),
        entra_tenant_id=EntraTenantId(UUID(int=number)),
        display_name=f"Customer {number:03}",
        client_id=None,
        client_name=None,
        state=state or (RunState.FAILED if code else RunState.COMPLETED),
        state_reason=None,
        joined_run_id=None,
        reading=1,
        pages_read=0,
        users_read=0,
        started_at=NOW,
        finished_at=NOW,
        waiting_until=None,
        failure=failure(code) if code else None,
        counts={},
    )


def run(
    state: RunState, document: Mapping[str, object] | None = None, code: str | None = None
) -> Run:
    return Run(
        run_id=RUN,
        type=RunType.VALIDATION,
        trigger=Trigger.MANUAL,
        state=state,
        state_reason=None,
        actor_id=None,
        actor_name=None,
        client_id=None,
        workflow_id="any",
        progress=document,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        applied_at=None,
        waiting_until=None,
        failure=failure(code) if code else None,
        counts={},
    )


def walk(*customers: RunTenant, q: str = "", state: RunState = RunState.PARTIAL) -> Chain:
    details = RunDetails(run=run(state), tenants=customers)
    return chain_of(details, ENGLISH, told, q)


FIVE_HUNDRED = [
    customer(n, "consent_missing" if n < 300 else "throttled" if n < 330 else None)
    for n in range(500)
]


def test_the_counts_are_of_all_customers() -> None:
    chain = walk(*FIVE_HUNDRED)
    assert (chain.total, chain.failed, chain.readable, chain.left) == (500, 330, 170, 0)
    assert [(group.code, group.count) for group in chain.groups] == [
        ("consent_missing", 300),
        ("throttled", 30),
    ]


def test_a_problem_has_a_sentence_with_its_number() -> None:
    chain = walk(*FIVE_HUNDRED)
    assert chain.groups[0].sentence == "300 of 500 customers lack consent"


def test_a_code_without_a_sentence_of_its_own_borrows_that_of_the_error() -> None:
    chain = walk(customer(1, "unusable_answer"), customer(2, None))
    assert chain.groups[0].sentence == "1 of 2 customers: The answer could not be understood."


def test_no_more_rows_than_can_be_read_are_listed_and_none_of_the_problems_is_left_out() -> None:
    chain = walk(*FIVE_HUNDRED)
    listed = [len(group.customers) for group in chain.groups]
    assert sum(listed) <= ROWS
    assert listed == [100, 30]
    assert chain.groups[0].matching == 300


def test_a_search_narrows_the_rows_and_not_the_counts() -> None:
    chain = walk(*FIVE_HUNDRED, q=" CUSTOMER 29")
    assert [one.name for one in chain.groups[0].customers] == [
        f"Customer {n}" for n in range(290, 300)
    ]
    assert (chain.groups[0].count, chain.matching) == (300, 10)


def test_customers_that_were_not_asked_are_counted_apart() -> None:
    chain = walk(customer(1, None), customer(2, None, RunState.SKIPPED), customer(3, "throttled"))
    assert (chain.readable, chain.failed, chain.left) == (1, 1, 1)


def test_a_walk_that_has_not_begun_shows_all_five_steps() -> None:
    chain = progress_of(run(RunState.QUEUED))
    assert [(step.step, step.state) for step in chain.steps] == [
        (step, StepState.PENDING) for step in ChainStep
    ]


def test_a_step_that_was_under_way_when_the_walk_ended_is_not_shown_as_running() -> None:
    document = {"steps": [{"step": "customers", "state": "running", "count": None, "code": None}]}
    chain = progress_of(run(RunState.CANCELLED, document))
    assert {step.state for step in chain.steps} == {StepState.SKIPPED}


def test_a_count_is_shown_where_there_is_something_to_count() -> None:
    document = {
        "steps": [
            {"step": "token", "state": "passed", "count": 3, "code": None},
            {"step": "users", "state": "passed", "count": 3, "code": None},
        ]
    }
    counts = {step.step: step.count for step in progress_of(run(RunState.RUNNING, document)).steps}
    assert (counts[ChainStep.TOKEN], counts[ChainStep.USERS]) == (None, 3)


@pytest.mark.parametrize(
    ("code", "shown"), [("grant_revoked", "grant_revoked"), ("no_customer_readable", None)]
)
def test_what_stands_with_the_customers_is_not_said_of_the_connection(
    code: str, shown: str | None
) -> None:
    found = progress_of(run(RunState.FAILED, code=code), told).failure
    assert (found.code if found else None) == shown


WAITING = [
    (ConnectionType.DIRECT, "Waiting for Microsoft until"),
    (ConnectionType.CIPP, "Waiting for CIPP until"),
]


@pytest.mark.parametrize(("kind", "words"), WAITING)
def test_a_walk_that_has_to_wait_says_until_when(kind: ConnectionType, words: str) -> None:
    waiting = replace(run(RunState.RUNNING, {"total": 5, "checked": 2}), waiting_until=NOW)
    shown = render(
        "parts/chain_progress.html",
        ENGLISH,
        chain=progress_of(waiting),
        connection=SimpleNamespace(type=kind),
        post="",
        root="",
        can_change=False,
    )
    assert words in shown
    assert "1 Aug 2026, 00:00" in shown


@pytest.mark.parametrize(("kind", "words"), WAITING)
def test_a_discovery_that_has_to_wait_says_until_when(kind: ConnectionType, words: str) -> None:
    waiting = replace(run(RunState.RUNNING, {"listed": 5, "checked": 2}), waiting_until=NOW)
    shown = render(
        "parts/discovery_progress.html",
        ENGLISH,
        run=waiting,
        connection=SimpleNamespace(type=kind),
        base="",
    )
    assert words in shown
    assert "1 Aug 2026, 00:00" in shown
