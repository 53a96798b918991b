"""A step that fails for a defect is given up; one that fails for an outage is tried again."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from entra_plugin.workflows.activities import _guarded

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
