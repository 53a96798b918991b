"""The page of the field rules: what a sync may overwrite, a preview of rules that are not saved.

Rules that are not saved stand in the address, so that one comes back to them from their preview.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, Request

from entra_plugin.application.settings import Document, SettingsChange, SettingsView
from entra_plugin.application.sync.policy import available_fields, field_rules
from entra_plugin.application.sync.start_preview import StartPreviewCommand
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import RunId
from entra_plugin.domain.states import FieldName
from entra_plugin.resources import Locale
from entra_plugin.web import problems
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.forms import read_texts, read_version
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_edit
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.shared import page_values
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/rules", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-rules"


class Choice(StrEnum):
    """What a rule says: nothing, or who wins where directory and contact were both changed."""

    OFF = "off"
    DIRECTORY_WINS = "directory_wins"
    LOCAL_WINS = "local_wins"
    ASK = "ask"


Choices = Mapping[FieldName, Choice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field."""

    name: FieldName
    available: bool
    in_force: Choice
    chosen: Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Rules as a form has them, and the version that it was made on."""

    chosen: Choices = field(default_factory=dict)
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did on the page, to be shown with it."""

    message: Message | None = None
    draft: Draft = field(default_factory=Draft)
    preview: RunId | None = None


async def show_rules(screen: Screen, shown: Shown, *, status: int = 200) -> Html:
    """Answer the page."""
    runtime, facts = screen.runtime, screen.facts
    found = await runtime.settings.read(facts.tenant_id, facts.flags)
    overview = await runtime.overview(facts.tenant_id, facts.flags)
    links = await runtime.remedies(facts.tenant_id)
    draft = shown.draft
    rows = rows_of(found, draft.chosen, runtime.context.host.contacts.capabilities)
    return await screen.answer(
        "rules.html",
        title=facts.locale.text("setup.title.step", step=facts.locale.text("rules.title")),
        status=status,
        **await page_values(screen, overview, links, shown.message),
        root=ROOT,
        version=found.version if draft.version is None else draft.version,
        rows=rows,
        choices=list(Choice),
        differs=any(row.chosen != row.in_force for row in rows),
        preview=shown.preview,
        asks_unseen=Flag.QUEUE not in facts.flags,
    )


@router.get("")
async def rules(request: Request, known: Known, runtime: Started) -> Html:
    """Show the page; rules in the address are shown as not saved."""
    sent = request.query_params
    version = read_version(sent) if "version" in sent else None
    draft = Draft(chosen=_read_choices(sent), version=version)
    return await show_rules(Screen(request, known, runtime), Shown(draft=draft))


@router.post("")
async def save(request: Request, known: Known, runtime: Started) -> Html:
    """Put the rules in force."""
    screen = Screen(request, known, runtime)
    draft = await _read_draft(request)
    found = await runtime.settings.read(known.tenant_id, known.flags)
    if not _differing(found, draft.chosen):
        nothing = Message(tone=Tone.INFO, title=known.locale.text("edit.nothing"))
        return await show_rules(screen, Shown(message=nothing))
    change = SettingsChange(version=_version(draft, found), field_sync=_document(found, draft))
    saved, problem = await attempt(runtime.settings.write(known.person, change, known.flags))
    if saved is None:
        return await _not_saved(screen, draft, problem or problems.INTERNAL)
    message = _saved(known.locale, saved, runtime.context.host.contacts.capabilities)
    answer = await show_rules(screen, Shown(message=message))
    answer.headers["hx-push-url"] = f"{screen.base}/rules"
    return answer


@router.post("/preview")
async def preview(request: Request, known: Known, runtime: Started) -> Html:
    """Plan a sync by the rules of the form, which are not saved; nothing else is written."""
    screen = Screen(request, known, runtime)
    draft = await _read_draft(request)
    found = await runtime.settings.read(known.tenant_id, known.flags)
    command = StartPreviewCommand(
        tenant_id=known.tenant_id,
        actor=known.actor,
        what_if={"fieldSyncConfig": _document(found, draft)},
    )
    started, problem = await attempt(runtime.start_preview(command))
    if started is None:
        return await _not_saved(screen, draft, problem or problems.INTERNAL)
    message = Message(
        tone=Tone.SUCCESS,
        title=known.locale.text("rules.preview.started"),
        advice=known.locale.text("rules.preview.advice"),
    )
    shown = Shown(message=message, draft=draft, preview=started.run_id)
    answer = await show_rules(screen, shown)
    answer.headers["hx-push-url"] = f"{screen.base}/rules?{_query(draft)}"
    return answer


async def _not_saved(screen: Screen, draft: Draft, problem: Problem) -> Html:
    """The page with what was entered; after a conflict on the version that is in force now."""
    message = of_edit(screen.facts.locale, problem)
    if problem.status == HTTPStatus.CONFLICT:
        draft = Draft(chosen=draft.chosen)
    return await show_rules(screen, Shown(message=message, draft=draft), status=problem.status)


async def _read_draft(request: Request) -> Draft:
    sent = read_texts(await request.form(), {"version", *FieldName})
    return Draft(chosen=_read_choices(sent), version=read_version(sent))


def _read_choices(sent: Mapping[str, str]) -> Choices:
    """The choices that a form or an address names."""
    chosen: dict[FieldName, Choice] = {}
    for name in FieldName:
        value = sent.get(name.value)
        if value is None:
            continue
        if value not in set(Choice):
            raise MalformedRequest(name.value)
        chosen[name] = Choice(value)
    return chosen


def _version(draft: Draft, found: SettingsView) -> int:
    return found.version if draft.version is None else draft.version


def _query(draft: Draft) -> str:
    parts = {name.value: choice.value for name, choice in draft.chosen.items()}
    return urlencode({"version": str(draft.version), **parts})


def rows_of(found: SettingsView, chosen: Choices, capabilities: frozenset[str]) -> list[Row]:
    """One row for each field; what the host's contacts do not have cannot be chosen."""
    in_force, available = _in_force(found), available_fields(capabilities)
    return [
        Row(
            name=name,
            available=name in available,
            in_force=in_force[name],
            chosen=chosen.get(name, in_force[name]) if name in available else in_force[name],
        )
        for name in FieldName
    ]


def _in_force(found: SettingsView) -> Choices:
    return {name: _choice(_stored(found).get(name.value)) for name in FieldName}


def _stored(found: SettingsView) -> Document:
    """The rules; the page is not there while their flag is off."""
    return found.field_sync or {}


def _choice(rule: object) -> Choice:
    if not isinstance(rule, dict) or not rule.get("enabled"):
        return Choice.OFF
    return Choice(rule.get("mode", Choice.DIRECTORY_WINS))


def _differing(found: SettingsView, chosen: Choices) -> Choices:
    in_force = _in_force(found)
    return {name: choice for name, choice in chosen.items() if choice != in_force[name]}


def _document(found: SettingsView, draft: Draft) -> Document:
    """The rules that are stored, with the chosen ones in their place."""
    changed = {
        name.value: {
            "enabled": choice != Choice.OFF,
            "mode": (Choice.DIRECTORY_WINS if choice == Choice.OFF else choice).value,
        }
        for name, choice in _differing(found, draft.chosen).items()
    }
    return {**_stored(found), **changed}


def _saved(texts: Locale, saved: SettingsView, capabilities: frozenset[str]) -> Message:
    """What the next sync will do."""
    on = field_rules(_stored(saved), capabilities)
    each = [
        texts.text(
            "rules.saved.rule",
            field=texts.text(f"field.{name}"),
            choice=texts.text(f"rules.choice.{mode}"),
        )
        for name, mode in on.items()
    ]
    next_sync = (
        texts.text("rules.saved.next", rules="; ".join(each))
        if each
        else texts.text("rules.saved.none")
    )
    return Message(tone=Tone.SUCCESS, title=texts.text("rules.saved"), advice=next_sync)
