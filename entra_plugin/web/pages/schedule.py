"""The page of the schedule: whether syncs start by themselves, when the next one does, the last."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field

from entra_plugin.application.schedule import SyncSchedule
from entra_plugin.domain.recurrence import LONGEST, SHORTEST
from entra_plugin.web import problems
from entra_plugin.web.api.schema import Text
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.notice import Message, attempt, of_edit, of_mistakes, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.shared import is_connected, page_values
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/schedule", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-schedule"

MINUTE = timedelta(minutes=1)


class Unit(StrEnum):
    """A unit of time in which people say an interval; the largest that fits is shown."""

    DAYS = "days"
    HOURS = "hours"
    MINUTES = "minutes"

    @property
    def minutes(self) -> int:
        """How many minutes it has."""
        return timedelta(**{self.value: 1}) // MINUTE


class ScheduleForm(BaseModel):
    """Whether syncs start by themselves, how often, and what was in force when this was shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    every: Text = ""
    unit: Unit
    seen_enabled: bool
    seen_minutes: Annotated[int, Field(ge=0, le=LONGEST // MINUTE)]

    @property
    def minutes(self) -> int | None:
        """The interval; None for one that cannot be used."""
        number = self.every.strip()
        if not (number.isascii() and number.isdecimal()):
            return None
        minutes = int(number) * self.unit.minutes
        return minutes if SHORTEST // MINUTE <= minutes <= LONGEST // MINUTE else None

    @property
    def seen(self) -> SyncSchedule:
        """What was in force."""
        return SyncSchedule(enabled=self.seen_enabled, interval_minutes=self.seen_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval as people say it."""

    number: str
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did on the page, to be shown with it."""

    message: Message | None = None
    form: ScheduleForm | None = None
    wrong: bool = False
    """The interval of the form cannot be used."""
    seen: SyncSchedule | None = None
    """What the form was made on; None for what is in force now."""


async def show_schedule(screen: Screen, shown: Shown, *, status: int = 200) -> Html:
    """Answer the page."""
    runtime, facts = screen.runtime, screen.facts
    in_force = await runtime.schedule.read(facts.tenant_id)
    overview = await runtime.overview(facts.tenant_id, facts.flags)
    links = await runtime.remedies(facts.tenant_id)
    last = await runtime.read_runs.last_by_itself(facts.tenant_id)
    form, now = shown.form, in_words(in_force.interval_minutes)
    return await screen.answer(
        "schedule.html",
        title=facts.locale.text("setup.title.step", step=facts.locale.text("schedule.title")),
        status=status,
        **await page_values(screen, overview, links, shown.message),
        root=ROOT,
        seen=shown.seen or in_force,
        in_force=in_force,
        interval=now,
        entered=Interval(number=form.every, unit=form.unit) if form else now,
        enabled=form.enabled if form else in_force.enabled,
        wrong=shown.wrong,
        units=list(reversed(Unit)),
        last=last,
    )


@router.get("")
async def schedule(request: Request, known: Known, runtime: Started) -> Html:
    """Show the page."""
    return await show_schedule(Screen(request, known, runtime), Shown())


@router.post("")
async def save(
    request: Request, known: Known, runtime: Started, form: Annotated[ScheduleForm, Form()]
) -> Html:
    """Put the schedule in force."""
    screen, texts = Screen(request, known, runtime), known.locale
    minutes = form.minutes
    if minutes is None:
        shown = Shown(message=of_mistakes(texts), form=form, wrong=True, seen=form.seen)
        return await show_schedule(screen, shown, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    wanted = SyncSchedule(enabled=form.enabled, interval_minutes=minutes)
    saved, problem = await attempt(runtime.schedule.write(known.person, wanted, seen=form.seen))
    if saved is None:
        problem = problem or problems.INTERNAL
        conflict = problem.status == HTTPStatus.CONFLICT
        shown = Shown(
            message=of_edit(texts, problem), form=form, seen=None if conflict else form.seen
        )
        return await show_schedule(screen, shown, status=problem.status)
    overview = await runtime.overview(known.tenant_id, known.flags)
    waits = saved.enabled and not is_connected(overview)
    key = "schedule.saved.on" if saved.enabled else "schedule.saved.off"
    done = success(texts, "schedule.saved.waits" if waits else key)
    return await show_schedule(screen, Shown(message=done))


def in_words(minutes: int) -> Interval:
    """An interval in the largest unit that fits."""
    unit = next(unit for unit in Unit if minutes % unit.minutes == 0)
    return Interval(number=str(minutes // unit.minutes), unit=unit)
