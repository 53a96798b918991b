"""The state of a run follows from those of its managed tenants."""

from uuid import uuid4

import pytest

from entra_plugin.application.sync.outcome import outcome
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, RunId
from entra_plugin.domain.states import RunState
from entra_plugin.store.run_tenants import RunTenant

COMPLETED, FAILED, HELD = RunState.COMPLETED, RunState.FAILED, RunState.HELD
JOINED, SKIPPED = RunState.JOINED, RunState.SKIPPED


def in_state(state: RunState) -> RunTenant:
    """A managed tenant of a run."""
    return RunTenant(
        run_id=RunId(uuid4()),
        managed_tenant_id=ManagedTenantId(uuid4()),
        entra_tenant_id=EntraTenantId(uuid4()),
        display_name="Contoso",
        client_id=None,
        client_name=None,
        state=state,
        state_reason=None,
        joined_run_id=None,
        reading=1,
        pages_read=0,
        users_read=0,
        started_at=None,
        finished_at=None,
        waiting_until=None,
        failure=None,
        counts={},
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], COMPLETED),
        ([COMPLETED], COMPLETED),
        ([COMPLETED, COMPLETED], COMPLETED),
        ([COMPLETED, FAILED], RunState.PARTIAL),
        ([FAILED], FAILED),
        ([FAILED, FAILED], FAILED),
        ([HELD, COMPLETED], HELD),
        ([HELD, FAILED], HELD),
        ([HELD, FAILED, COMPLETED], HELD),
        ([JOINED, SKIPPED], COMPLETED),
        ([COMPLETED, SKIPPED, JOINED], COMPLETED),
        ([FAILED, SKIPPED, JOINED], FAILED),
        ([FAILED, COMPLETED, SKIPPED], RunState.PARTIAL),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_the_outcome_follows_from_the_states(
    states: list[RunState], expected: RunState, order: int
) -> None:
    tenants = [in_state(state) for state in states[::order]]
    assert outcome(tenants, cancelled=False, failed=False) == expected


@pytest.mark.parametrize("state", [COMPLETED, FAILED, HELD, SKIPPED])
def test_a_cancelled_run_is_cancelled_whatever_it_did(state: RunState) -> None:
    assert outcome([in_state(state)], cancelled=True, failed=True) == RunState.CANCELLED


@pytest.mark.parametrize("states", [[], [COMPLETED], [SKIPPED]])
def test_a_run_that_could_not_start_failed(states: list[RunState]) -> None:
    assert outcome([in_state(s) for s in states], cancelled=False, failed=True) == FAILED
