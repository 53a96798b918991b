"""Where no discovery has begun for more than a day, one is started: its schedule is gone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from entra_plugin.application.discover_overdue import OVERDUE, DiscoverOverdue
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import RunType
from entra_plugin.store.connection_tables import partner_connections
from support.house import House, Row
from support.mortal import NoWorkflows

LATE, IN_TIME = OVERDUE + timedelta(minutes=1), OVERDUE - timedelta(minutes=1)
LONG = timedelta(days=9)


async def connected(house: House, age: timedelta, *, ended: timedelta | None = None) -> None:
    await house.add(
        partner_connections,
        type="direct",
        credential_source="tenant-secret",
        created_at=house.now - age,
        ended_at=house.now - ended if ended is not None else None,
    )


async def started(house: House) -> list[Row]:
    """What the chore starts."""
    await DiscoverOverdue(house.context)(house.tenant_id)
    query = "SELECT run_id, type, trigger, actor_id FROM entra_sync_runs WHERE state = 'queued'"
    found = await house.rows(query)
    assert house.workflows.asked == [("start discovery", str(row["run_id"])) for row in found]
    return found


@pytest.mark.parametrize("state", ["completed", "partial", "failed", "cancelled"])
async def test_it_is_started_a_day_after_the_last_one_and_nobody_did_it(
    house: House, state: str
) -> None:
    await connected(house, LONG)
    await house.run(state, type_="discovery", age=LATE)
    await house.run("completed", type_="validation")
    (run,) = await started(house)
    assert (run["type"], run["trigger"], run["actor_id"]) == ("discovery", "scheduled", None)
    assert await started(house) == [run], "once"


async def test_who_never_had_one_gets_it_a_day_after_connecting(house: House) -> None:
    await connected(house, LATE)
    assert len(await started(house)) == 1


@pytest.mark.parametrize(("since", "last"), [(LONG, IN_TIME), (IN_TIME, LONG), (IN_TIME, None)])
async def test_who_had_one_or_has_just_connected_waits_for_the_schedule(
    house: House, since: timedelta, last: timedelta | None
) -> None:
    await connected(house, since)
    if last is not None:
        await house.run("completed", type_="discovery", age=last)
    assert await started(house) == []


async def test_who_has_disconnected_gets_none(house: House) -> None:
    await connected(house, LONG, ended=timedelta(hours=1))
    assert await started(house) == []


async def test_without_temporal_nothing_is_left_behind(house: House) -> None:
    class Away(NoWorkflows):
        """A Temporal that cannot be reached."""

        async def start_check(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
            raise TransientFailure("temporal_unavailable")

    await connected(house, LONG)
    with pytest.raises(TransientFailure):
        await DiscoverOverdue(replace(house.context, workflows=Away()))(house.tenant_id)
    assert await house.rows("SELECT run_id FROM entra_sync_runs") == []
