"""Routes of the schedule: whether syncs start by themselves, and how often."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from entra_plugin.application.schedule import SyncSchedule
from entra_plugin.domain.recurrence import LONGEST, SHORTEST
from entra_plugin.web.api.schema import TEMPORAL, Body, Envelope, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["schedule"])

MINUTE = timedelta(minutes=1)

Interval = Annotated[int, Field(ge=SHORTEST // MINUTE, le=LONGEST // MINUTE)]


class ScheduleBody(Body):
    """Whether syncs start by themselves, and how many minutes lie between them."""

    sync_enabled: bool
    sync_interval_minutes: Interval


class ScheduleView(View):
    """The schedule that is stored."""

    sync_enabled: bool
    sync_interval_minutes: int


@router.get("/schedule", responses=failures())
async def read(known: Known, runtime: Started) -> Envelope[ScheduleView]:
    """Read the schedule; off and daily unless told."""
    return ok(_view(await runtime.schedule.read(known.tenant_id)))


@router.put("/schedule", responses=failures(TEMPORAL, changes=True))
async def write(known: Known, runtime: Started, body: ScheduleBody) -> Envelope[ScheduleView]:
    """Replace the schedule; it is in force when this answers."""
    wanted = SyncSchedule(enabled=body.sync_enabled, interval_minutes=body.sync_interval_minutes)
    return ok(_view(await runtime.schedule.write(known.person, wanted)))


def _view(found: SyncSchedule) -> ScheduleView:
    return ScheduleView(sync_enabled=found.enabled, sync_interval_minutes=found.interval_minutes)
