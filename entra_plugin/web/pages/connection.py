"""The page of the connection: its state, what runs out, the walk along the chain, the ends of GDAP.

Looking at it changes nothing.
"""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Query, Request

from entra_plugin.access import Permission
from entra_plugin.application.overview import OverviewFacts
from entra_plugin.application.remedies import Links
from entra_plugin.web.api.connection import warning
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.chain import ROWS, Chain, chain_of, progress_of
from entra_plugin.web.pages.forms import Filled
from entra_plugin.web.pages.notice import Message, Tone, of_code
from entra_plugin.web.pages.render import Screen, fragment, in_place_of
from entra_plugin.web.pages.shared import (
    connection_values,
    is_connected,
    is_open,
    page_values,
    told,
)
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/connection", default_response_class=Html, include_in_schema=False)

ROOT = "#entra-connection"

WARNINGS = 8
"""Warnings that are shown; the table of relationships has the rest."""

Code = Annotated[str | None, Query(max_length=100, pattern="^[a-z0-9_]+$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did on the page, to be shown with it."""

    message: Message | None = None
    form: Filled = field(default_factory=Filled)
    q: str = ""


async def show_connection(screen: Screen, shown: Shown, *, status: int = 200) -> Html:
    """Answer the page."""
    facts = await screen.runtime.overview(screen.facts.tenant_id, screen.facts.flags)
    texts = screen.facts.locale
    links = await screen.runtime.remedies(screen.facts.tenant_id)
    relationships = await screen.runtime.read_mappings.relationships(screen.facts.tenant_id)
    return await screen.answer(
        "connection.html",
        title=texts.text("setup.title.step", step=texts.text("connection.title")),
        status=status,
        **await page_values(screen, facts, links, shown.message),
        **connection_values(screen, facts),
        root=ROOT,
        post=f"{screen.base}/connection",
        form=shown.form,
        q=shown.q,
        warnings=[warning(expiry, texts, links) for expiry in facts.expiries[:WARNINGS]],
        chain=await _chain(screen, facts, links, shown.q),
        relationships=relationships[:ROWS],
        relationship_count=len(relationships),
    )


async def _chain(screen: Screen, facts: OverviewFacts, links: Links, q: str) -> Chain | None:
    """The last walk along the chain of this connection."""
    run, connection = facts.last_validation, facts.connection
    if run is None or connection is None or not is_connected(facts):
        return None
    if is_open(run):
        return progress_of(run)
    if run.created_at < connection.created_at:
        return None
    details = await screen.runtime.read_runs.run(screen.facts.tenant_id, run.run_id)
    return chain_of(details, screen.facts.locale, told(screen, links), q)


@router.get("")
async def connection(
    request: Request,
    known: Known,
    runtime: Started,
    outcome: Annotated[str | None, Query(pattern="^(consented|failed)$")] = None,
    code: Code = None,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Html:
    """Show the page; after a consent at Microsoft, with how it went."""
    screen = Screen(request, known, runtime)
    return await show_connection(screen, Shown(message=_outcome(screen, outcome, code), q=q))


@router.get("/progress")
async def progress(request: Request, known: Known, runtime: Started) -> Html:
    """Show how far the walk is; the whole page once it is over."""
    screen = Screen(request, known, runtime)
    facts = await runtime.overview(known.tenant_id, known.flags)
    run = facts.last_validation
    if run is None or not is_open(run):
        return in_place_of(ROOT, await show_connection(screen, Shown()))
    host = runtime.context.host
    return fragment(
        screen.render(
            "parts/chain_progress.html",
            chain=progress_of(run),
            post=f"{screen.base}/connection",
            root=ROOT,
            connection=facts.connection,
            can_change=await host.authorize(known.principal, Permission.UPDATE),
        )
    )


def _outcome(screen: Screen, outcome: str | None, code: str | None) -> Message | None:
    texts = screen.facts.locale
    if outcome == "consented":
        return Message(
            tone=Tone.INFO,
            title=texts.text("outcome.consented.title"),
            advice=texts.text("outcome.consented.advice"),
        )
    if outcome == "failed":
        return of_code(texts, code or "consent_refused")
    return None
