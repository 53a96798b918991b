"""The page of customers and clients: lists of one preview, searched and paged; writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from entra_plugin.access import Permission
from entra_plugin.application.map_tenants import Preview, PreviewRow
from entra_plugin.domain.folding import search_key
from entra_plugin.domain.ids import ManagedTenantId
from entra_plugin.web.decisions import may_create_clients
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.mapping_form import (
    Filled,
    all_rows,
    as_sent,
    exact_matches,
    in_force,
    row_values,
)
from entra_plugin.web.pages.notice import Message
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/clients", default_response_class=Html, include_in_schema=False)

PAGE_SIZE = 50
ROOT = "#entra-clients-page"


class Tab(StrEnum):
    """The lists in the order in which people work through them."""

    NEEDS_REVIEW = "needs_review"
    AUTO_MATCHED = "auto_matched"
    UNMATCHED = "unmatched"
    DECIDED = "decided"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of the preview is looked at; without a list, the first that holds anything."""

    tab: Tab | None = None
    q: str = ""
    page: int = 1
    row: ManagedTenantId | None = None
    """A customer to be shown, on whatever page of the list it stands."""

    def query(self, tab: Tab, page: int = 1) -> str:
        """The query of the address of a page of a list, as it is searched now."""
        parts = {"list": tab.value, "q": self.q, "page": str(page) if page > 1 else ""}
        return urlencode({key: value for key, value in parts.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class TabLink:
    """One list to go to, with how many rows it has."""

    tab: Tab
    query: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where in a list one is."""

    number: int
    last: int
    total: int
    before: str | None
    after: str | None

    @property
    def first_row(self) -> int:
        """The position of the first row shown, from one."""
        return min(self.total, (self.number - 1) * PAGE_SIZE + 1)

    @property
    def last_row(self) -> int:
        """The position of the last row shown."""
        return min(self.total, self.number * PAGE_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did on the page, to be shown with it."""

    message: Message | None = None
    filled: Filled = field(default_factory=Filled)


def view_of(
    tab: Annotated[Tab | None, Query(alias="list")] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    row: UUID | None = None,
) -> View:
    """The view that an address names."""
    return View(tab=tab, q=q.strip(), page=page, row=ManagedTenantId(row) if row else None)


async def show_clients(
    screen: Screen,
    view: View,
    shown: Shown,
    *,
    preview: Preview | None = None,
    status: int = 200,
) -> Html:
    """Answer the page, from a preview that still holds where there is one."""
    if preview is None:
        preview = await screen.runtime.preview_mappings(screen.facts.tenant_id)
    texts = screen.facts.locale
    exact = exact_matches(preview)
    found = preview.only(None, view.q) if view.q else preview
    lists = {tab: _rows(found, tab) for tab in Tab}
    tab = view.tab or next((t for t in Tab if lists[t]), Tab.NEEDS_REVIEW)
    pages, rows = _page(lists[tab], view, tab)
    rows = (*_kept(preview, shown.filled, rows), *rows)
    was = {str(row.tenant.managed_tenant_id): in_force(row) for row in rows}
    host = screen.runtime.context.host
    return await screen.answer(
        "clients.html",
        title=texts.text("setup.title.step", step=texts.text("clients.title")),
        status=status,
        **row_values(screen, preview),
        on_page=True,
        full_select=False,
        message=shown.message,
        can_change=await host.authorize(screen.facts.principal, Permission.UPDATE),
        can_create=await may_create_clients(screen.runtime, screen.facts),
        root=ROOT,
        version=preview.version,
        total=len(all_rows(preview)),
        exact=len(exact),
        exact_pairs=as_sent(exact),
        tab=tab,
        q=view.q,
        tabs=[
            TabLink(tab=t, query=view.query(t), count=len(lists[t]), current=t == tab) for t in Tab
        ],
        pages=pages,
        rows=rows,
        here=view.query(tab, pages.number),
        was=was,
        chosen={key: shown.filled.chosen.get(key, value) for key, value in was.items()},
        changed=shown.filled.changed,
        typed=shown.filled.typed,
        question=shown.filled.question,
        now=screen.runtime.context.clock(),
    )


ViewQuery = Annotated[View, Depends(view_of)]
"""The view in the query of an address."""


@router.get("")
async def clients(request: Request, known: Known, runtime: Started, view: ViewQuery) -> Html:
    """Show the page."""
    return await show_clients(Screen(request, known, runtime), view, Shown())


def _rows(preview: Preview, tab: Tab) -> Sequence[PreviewRow]:
    match tab:
        case Tab.NEEDS_REVIEW:
            return preview.needs_review
        case Tab.AUTO_MATCHED:
            return preview.auto_matched
        case Tab.UNMATCHED:
            return preview.unmatched
        case Tab.DECIDED:
            return preview.decided
        case Tab.ALL:
            return sorted(all_rows(preview), key=_by_name)


def _kept(preview: Preview, filled: Filled, rows: Sequence[PreviewRow]) -> Sequence[PreviewRow]:
    """The rows of a form that comes back which have left this page of the list meanwhile."""
    keys = {*filled.chosen, *filled.changed}
    here = {row.tenant.managed_tenant_id for row in rows}
    return [
        row
        for row in all_rows(preview)
        if str(row.tenant.managed_tenant_id) in keys and row.tenant.managed_tenant_id not in here
    ]


def _by_name(row: PreviewRow) -> tuple[str, UUID]:
    return search_key(row.tenant.display_name), row.tenant.managed_tenant_id


def _page(rows: Sequence[PreviewRow], view: View, tab: Tab) -> tuple[Pages, Sequence[PreviewRow]]:
    """The rows of a page; a page past the end is the last."""
    last = max(1, -(-len(rows) // PAGE_SIZE))
    ids = [row.tenant.managed_tenant_id for row in rows] if view.row else []
    wanted = ids.index(view.row) // PAGE_SIZE + 1 if view.row in ids else view.page
    number = min(wanted, last)
    pages = Pages(
        number=number,
        last=last,
        total=len(rows),
        before=view.query(tab, number - 1) if number > 1 else None,
        after=view.query(tab, number + 1) if number < last else None,
    )
    return pages, rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
