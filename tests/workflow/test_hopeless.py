"""A step that fails for a defect is given up; one that fails for an outage is tried again."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from entra_plugin.domain.errors import TransientFailure
from entra_plugin.workflows import interface
from entra_plugin.workflows.activities import _guarded, _tries

_CAUSE = Exception("a row that nobody should read")


async def fail(error: Exception, *, attempt: int) -> ApplicationError:
    async def work() -> None:
        raise error

    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    with pytest.raises(ApplicationError) as raised:
        await environment.run(_guarded, work)
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        KeyError("row"),
        DataError("INSERT", {}, _CAUSE),
        IntegrityError("INSERT", {}, _CAUSE),
    ],
    ids=["ours", "data", "integrity"],
)
async def test_a_defect_is_tried_a_few_times_and_then_given_up(error: Exception) -> None:
    assert not (await fail(error, attempt=3)).non_retryable
    assert (await fail(error, attempt=4)).non_retryable


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT", {}, _CAUSE),
        InterfaceError("SELECT", {}, _CAUSE),
        IntegrityError("INSERT", {}, _CAUSE, connection_invalidated=True),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
    ids=["away", "interface", "broken off", "refused", "slow"],
)
async def test_an_outage_is_never_given_up_by_the_step(error: Exception) -> None:
    found = await fail(error, attempt=400)
    assert not found.non_retryable
    assert (found.type, str(found)) == ("internal_error", "internal_error: internal_error")


async def test_what_failed_is_not_told() -> None:
    found = await fail(DataError("INSERT", {}, _CAUSE), attempt=9)
    assert "nobody should read" not in repr(found)
    assert found.__cause__ is None


WAIT = "told to wait"
AHEAD = "got ahead, then broke off"
AGAIN = "began anew, then broke off"
AWAY = "nobody answers"

HAPPENINGS = {
    "once": ([AWAY], 2),
    "too often": ([AWAY, AWAY], 0),
    "throttled": ([WAIT, WAIT, AWAY], 4),
    "throttled in between": ([WAIT, AWAY, WAIT, AWAY], 0),
    "slow": ([AHEAD, AHEAD, AHEAD], 4),
    "again": ([AWAY, AHEAD, AWAY], 4),
    "stuck": ([AHEAD, AWAY, AWAY], 0),
    "in a circle": ([AHEAD, AGAIN, AGAIN], 0),
    "told to wait after getting ahead": ([AHEAD, WAIT, AWAY], 4),
}
"""What happens to one try after the other, and how many are made until it succeeds; 0: never."""


@workflow.defn(sandboxed=False)
class OneStep:
    """A step as Temporal tries it, again and again."""

    @workflow.run
    async def run(self, name: str) -> int:
        made: int = await workflow.execute_activity(
            "step",
            name,
            result_type=int,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=interface.HEARTBEAT,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=1), backoff_coefficient=1.0
            ),
        )
        return made


@activity.defn
async def step(name: str) -> int:
    """Succeed once everything has happened."""
    happenings, _ = HAPPENINGS[name]
    attempt = activity.info().attempt

    async def work() -> int:
        if attempt > len(happenings):
            return attempt
        happens = happenings[attempt - 1]
        if happens in {AHEAD, AGAIN}:
            _tries.get().got_ahead(attempt if happens == AHEAD else 1)
        code = "throttled" if happens == WAIT else "provider_unreachable"
        raise TransientFailure(code, retry_after=0.001)

    return await _guarded(work)


async def test_only_tries_in_vain_count(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entra_plugin.workflows.activities._UNREACHABLE_TRIES", 2)
    client, queue = await Client.connect(temporal_address), f"tries-{uuid4()}"

    async def tries(name: str) -> int:
        try:
            return await client.execute_workflow(
                OneStep.run, name, id=f"{queue}/{name}", task_queue=queue
            )
        except WorkflowFailureError:
            return 0

    async with Worker(client, task_queue=queue, workflows=[OneStep], activities=[step]):
        made = await asyncio.gather(*map(tries, HAPPENINGS))
    assert dict(zip(HAPPENINGS, made, strict=True)) == {
        name: expected for name, (_, expected) in HAPPENINGS.items()
    }
