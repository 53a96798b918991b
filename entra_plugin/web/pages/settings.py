"""The page of the settings: whom a sync leaves out, when it stops and asks, who is told what."""

from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import APIRouter, Request

from entra_plugin.web import problems
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_edit, of_mistakes, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.settings_form import (
    Draft,
    Wrong,
    as_texts,
    change_of,
    defaults,
    find_wrong,
    ranges,
    read_draft,
)
from entra_plugin.web.pages.shared import page_values
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/settings", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did on the page, to be shown with it."""

    message: Message | None = None
    draft: Draft = field(default_factory=Draft)
    wrong: Wrong = field(default_factory=Wrong)


async def show_settings(screen: Screen, shown: Shown, *, status: int = 200) -> Html:
    """Answer the page."""
    runtime, facts = screen.runtime, screen.facts
    found = await runtime.settings.read(facts.tenant_id, facts.flags)
    overview = await runtime.overview(facts.tenant_id, facts.flags)
    links = await runtime.remedies(facts.tenant_id)
    in_force = as_texts(found)
    return await screen.answer(
        "settings.html",
        title=facts.locale.text("setup.title.step", step=facts.locale.text("settings.title")),
        status=status,
        **await page_values(screen, overview, links, shown.message),
        root=ROOT,
        version=found.version if shown.draft.version is None else shown.draft.version,
        in_force=in_force,
        at={**in_force, **shown.draft.entered},
        wrong=shown.wrong,
        ranges=ranges(),
        defaults=defaults(),
    )


@router.get("")
async def settings(request: Request, known: Known, runtime: Started) -> Html:
    """Show the page."""
    return await show_settings(Screen(request, known, runtime), Shown())


@router.post("")
async def save(request: Request, known: Known, runtime: Started) -> Html:
    """Put all that the form says in force, or nothing."""
    screen, texts = Screen(request, known, runtime), known.locale
    draft = read_draft(await request.form())
    wrong = find_wrong(draft, texts)
    if wrong.fields:
        shown = Shown(message=of_mistakes(texts), draft=draft, wrong=wrong)
        return await show_settings(screen, shown, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    change = change_of(draft, await runtime.settings.read(known.tenant_id, known.flags))
    if change is None:
        nothing = Message(tone=Tone.INFO, title=texts.text("edit.nothing"))
        return await show_settings(screen, Shown(message=nothing))
    saved, problem = await attempt(runtime.settings.write(known.person, change, known.flags))
    if saved is None:
        return await _not_saved(screen, draft, problem or problems.INTERNAL)
    return await show_settings(screen, Shown(message=success(texts, "settings.saved")))


async def _not_saved(screen: Screen, draft: Draft, problem: Problem) -> Html:
    """The page with what was entered; after a conflict on the version that is in force now."""
    message = of_edit(screen.facts.locale, problem)
    if problem.status == HTTPStatus.CONFLICT:
        draft = Draft(entered=draft.entered)
    return await show_settings(screen, Shown(message=message, draft=draft), status=problem.status)
