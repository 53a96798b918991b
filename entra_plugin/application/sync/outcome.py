"""The state of a run from those of its managed tenants."""

from collections.abc import Sequence

from entra_plugin.domain.states import RunState
from entra_plugin.store.run_tenants import RunTenant


def outcome(tenants: Sequence[RunTenant], *, cancelled: bool, failed: bool) -> RunState:
    """Completed, partial, failed, held or cancelled.

    Joined and skipped ones do not count.
    """
    if cancelled:
        return RunState.CANCELLED
    states = [t.state for t in tenants if t.state not in {RunState.JOINED, RunState.SKIPPED}]
    failures = sum(state == RunState.FAILED for state in states)
    if failed or (states and failures == len(states)):
        return RunState.FAILED
    if RunState.HELD in states:
        return RunState.HELD
    return RunState.PARTIAL if failures else RunState.COMPLETED
