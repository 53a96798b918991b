"""The page of decisions in a spreadsheet: download; upload with a look first, then apply.

What is applied is what was looked at: the checked file travels in the page and comes back.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile

from entra_plugin.access import Permission
from entra_plugin.application.decision_file import FileChange, Imported
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.mapping.facts import Suggestion
from entra_plugin.web import problems
from entra_plugin.web.decision_file import (
    COLUMNS,
    MAX_BYTES,
    MAX_FAULTS,
    ReadFile,
    read_file,
    refusal,
)
from entra_plugin.web.decisions import links_in_words, require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_problem, success
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/clients/file", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-file"
MAX_PART = 2 * MAX_BYTES
"""Bytes of a field with a checked file in it, which is packed and in letters."""
MAX_CHANGES = 200
"""Changes that are listed; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A client that a line has created, and clients that look like it."""

    customer: str
    clients: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a file would change, or what is wrong with it."""

    file: ReadFile
    found: Imported
    links: str
    packed: str
    doubts: Sequence[Doubted]
    names: dict[str, str]

    @property
    def changes(self) -> Sequence[FileChange]:
        """Those that are listed."""
        return self.found.changes[:MAX_CHANGES]


async def show_file(
    screen: Screen,
    *,
    message: Message | None = None,
    checked: Checked | None = None,
    status: int = 200,
) -> Html:
    """Answer the page."""
    texts = screen.facts.locale
    host = screen.runtime.context.host
    return await screen.answer(
        "decision_file.html",
        title=texts.text("setup.title.step", step=texts.text("file.title")),
        status=status,
        root=ROOT,
        message=message,
        checked=checked,
        columns=COLUMNS,
        max_faults=MAX_FAULTS,
        can_change=await host.authorize(screen.facts.principal, Permission.UPDATE),
    )


@router.get("")
async def file(request: Request, known: Known, runtime: Started) -> Html:
    """Show the page."""
    return await show_file(Screen(request, known, runtime))


@router.post("/check")
async def check(request: Request, known: Known, runtime: Started) -> Html:
    """Tell what a file would change, or all that is wrong with it; nothing is written."""
    screen = Screen(request, known, runtime)
    async with request.form(max_files=1, max_fields=4) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise MalformedRequest("file")
        content = await upload.read(MAX_BYTES + 1)
        name = upload.filename
    if not name:
        message = Message(tone=Tone.INFO, title=known.locale.text("file.none"))
        return await show_file(screen, message=message)
    return await _take_in(screen, content, dry_run=True)


@router.post("/apply")
async def apply(request: Request, known: Known, runtime: Started) -> Html:
    """Put the decisions of the file that was checked in force, all or none."""
    async with request.form(max_files=0, max_fields=4, max_part_size=MAX_PART) as form:
        content = _unpacked(form)
    return await _take_in(Screen(request, known, runtime), content, dry_run=False)


async def _take_in(screen: Screen, content: bytes, *, dry_run: bool) -> Html:
    runtime, facts = screen.runtime, screen.facts
    try:
        read = read_file(content)
    except NotAcceptable as error:
        return await _problem(screen, problems.of_exception(error))
    await require_client_create(runtime, facts, {row.state for row in read.rows})
    done, problem = await attempt(
        runtime.import_decisions(facts.person, read.rows, faults=read.faults, dry_run=dry_run)
    )
    if done is None:
        return await _problem(screen, problem or problems.INTERNAL)
    links = links_in_words(done.links, facts.locale)
    if done.faults:
        wrong = problems.of_exception(refusal(done.faults, facts.locale))
        checked = _checked(read, done, links, b"")
        return await _problem(screen, wrong, checked)
    if dry_run:
        return await show_file(screen, checked=_checked(read, done, links, content))
    message = success(facts.locale, "file.done", n=len(done.changes))
    return await show_file(
        screen, message=Message(tone=message.tone, title=message.title, advice=links)
    )


async def _problem(screen: Screen, problem: Problem, checked: Checked | None = None) -> Html:
    message = of_problem(screen.facts.locale, problem)
    return await show_file(screen, message=message, checked=checked, status=problem.status)


def _checked(read: ReadFile, done: Imported, links: str, content: bytes) -> Checked:
    customers = {c.tenant.managed_tenant_id: c.tenant.display_name for c in done.changes}
    return Checked(
        file=read,
        found=done,
        links=links,
        packed=b64encode(zlib.compress(content)).decode(),
        doubts=[
            Doubted(customer=customers[doubt.managed_tenant_id], clients=doubt.clients)
            for doubt in done.warnings
        ],
        names={str(client_id): name for client_id, name in done.client_names.items()},
    )


def _unpacked(form: FormData) -> bytes:
    """The file that the page of the check carried."""
    value = form.get("checked")
    try:
        packed = b64decode(value if isinstance(value, str) else "", validate=True)
        content = zlib.decompressobj().decompress(packed, MAX_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise MalformedRequest("checked") from error
    return content
