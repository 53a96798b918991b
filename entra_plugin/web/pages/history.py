"""The history: runs, youngest first. Looking at it changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from entra_plugin.access import Permission
from entra_plugin.application.clients import KnownClients
from entra_plugin.application.runs import RunQuery
from entra_plugin.domain.folding import search_key
from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.states import RunState, RunType
from entra_plugin.store.run_rows import Finished
from entra_plugin.store.runs import Run
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.run_words import counts_of, took, why
from entra_plugin.web.pages.shared import is_open
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/history", default_response_class=Html, include_in_schema=False)

STATES = tuple(state for state in RunState if state not in {RunState.JOINED, RunState.SKIPPED})
"""What a run can be; the others are of one customer in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which runs are looked at."""

    type: RunType | None = None
    state: RunState | None = None
    client_id: ClientId | None = None
    cursor: str | None = None

    def query(self, cursor: str | None = None) -> str:
        """The query of the address of a page of the list, filtered as it is now."""
        parts = {
            "type": self.type,
            "state": self.state,
            "client": self.client_id,
            "cursor": cursor,
        }
        return urlencode({key: value for key, value in parts.items() if value})

    @property
    def filtered(self) -> bool:
        """True when some runs may be left out."""
        return any((self.type, self.state, self.client_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run for people."""

    run: Run
    client_name: str | None
    took: str | None
    why: str | None
    counts: Mapping[str, int]
    finished: Finished | None
    """How far it is, while it is under way."""


def view_of(
    type: Annotated[RunType | Literal[""], Query()] = "",  # noqa: A002 - the parameter's name
    state: Annotated[RunState | Literal[""], Query()] = "",
    client: Annotated[UUID | Literal[""], Query()] = "",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> View:
    """The view that an address names."""
    return View(
        type=type or None,
        state=state or None,
        client_id=ClientId(client) if client else None,
        cursor=cursor,
    )


@router.get("")
async def history(
    request: Request, known: Known, runtime: Started, view: Annotated[View, Depends(view_of)]
) -> Html:
    """Show the list."""
    screen = Screen(request, known, runtime)
    query = RunQuery(
        cursor=view.cursor,
        types=(view.type,) if view.type else (),
        states=(view.state,) if view.state else (),
        client_id=view.client_id,
    )
    page = await runtime.read_runs.runs(known.tenant_id, query)
    ids = [view.client_id, *(run.client_id for run in page.items)]
    clients = await runtime.run_history.clients(known.tenant_id, ids)
    texts = known.locale
    host = runtime.context.host
    return await screen.answer(
        "history.html",
        title=texts.text("setup.title.step", step=texts.text("history.title")),
        root="#entra-history",
        message=None,
        can_change=await host.authorize(known.principal, Permission.UPDATE),
        view=view,
        here=view.query(view.cursor),
        types=tuple(RunType),
        states=STATES,
        clients=await _choosable(screen, view, clients),
        runs=await _shown(screen, page.items, clients),
        under_way=any(is_open(run) for run in page.items),
        older=view.query(page.next_cursor) if page.next_cursor else None,
        youngest=view.query(),
    )


async def _choosable(
    screen: Screen, view: View, clients: KnownClients
) -> Sequence[tuple[ClientId, str]]:
    """The clients that something is mapped to, and the one that is looked at, by name."""
    texts = screen.facts.locale
    _, mapped = await screen.runtime.read_mappings.mappings(screen.facts.tenant_id)
    names = {client_id: client.name for client_id, client in mapped.by_id.items()}
    if view.client_id is not None:
        names[view.client_id] = clients.name(view.client_id) or texts.text("clients.missing")
    return sorted(names.items(), key=lambda item: (search_key(item[1]), item[0]))


async def _shown(screen: Screen, runs: Sequence[Run], clients: KnownClients) -> Sequence[ShownRun]:
    finished = await screen.runtime.run_history.finished(screen.facts.tenant_id, runs)
    now, texts = screen.runtime.context.clock(), screen.facts.locale
    return [
        ShownRun(
            run=run,
            client_name=clients.name(run.client_id),
            took=took(run, now, texts),
            why=why(run.state_reason, texts),
            counts=counts_of(run),
            finished=finished.get(run.run_id),
        )
        for run in runs
    ]
