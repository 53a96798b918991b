"""The page of the review queue: questions of one state, narrowed and paged; writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from entra_plugin.access import Permission
from entra_plugin.application.review.queue import COUNTED
from entra_plugin.domain.ids import ManagedTenantId, ReviewItemId
from entra_plugin.domain.reviewing import ACTIONS, ONE_CONTACT, Action
from entra_plugin.domain.states import ItemState, VerdictReason
from entra_plugin.resources import Locale
from entra_plugin.store.paging import decode_position
from entra_plugin.store.review import Item, ItemQuery
from entra_plugin.store.review_beside import Named
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.notice import Message
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/review", default_response_class=Html, include_in_schema=False)

PAGE_SIZE = 50
ROOT = "#entra-review"
"""The list and a question stand in each other's place."""

TABS = (ItemState.OPEN, ItemState.DISMISSED, ItemState.RESOLVED)
AT_ONCE = (Action.LINK, Action.MOVE, Action.KEEP, Action.DISMISS)
"""Answers that many questions can be given together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of the queue is looked at."""

    state: ItemState = ItemState.OPEN
    reason: VerdictReason | None = None
    customer: ManagedTenantId | None = None
    q: str = ""
    cursor: str | None = None

    @property
    def wanted(self) -> ItemQuery:
        """The list as the use cases know it."""
        return ItemQuery(
            limit=PAGE_SIZE,
            cursor=self.cursor,
            state=self.state,
            reason=self.reason,
            managed_tenant_id=self.customer,
            q=self.q or None,
        )

    @property
    def is_narrowed(self) -> bool:
        """True when not all questions of the state are asked for."""
        return bool(self.reason or self.customer or self.q)

    def query(self, **otherwise: object) -> str:
        """The query of the address of this view, or of one that differs; of its first page."""
        parts = {
            "list": self.state,
            "reason": self.reason,
            "customer": self.customer,
            "q": self.q,
            **otherwise,
        }
        return urlencode({key: str(value) for key, value in parts.items() if value})

    @property
    def here(self) -> str:
        """The query of the address of this page of the list."""
        return self.query(cursor=self.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one question of many, in words."""

    item_id: ReviewItemId
    name: str
    words: str
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question that was just answered, to look at once more."""

    item_id: ReviewItemId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did, to be shown with the list."""

    message: Message | None = None
    answered: Answered | None = None
    told: Sequence[Told] = ()
    chosen: frozenset[ReviewItemId] = frozenset()
    """The questions that stay ticked."""
    asked: Action | None = None
    """An answer to all that are ticked, whose effect is to be confirmed."""


def view_of(
    state: Annotated[ItemState, Query(alias="list")] = ItemState.OPEN,
    reason: VerdictReason | Literal[""] = "",
    customer: UUID | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> View:
    """The view that an address names.

    Raises:
        NotAcceptable: The cursor is none of ours; it is told before anything is written.
    """
    if cursor is not None:
        decode_position(cursor)
    return View(
        state=state,
        reason=reason or None,
        customer=ManagedTenantId(customer) if customer else None,
        q=q.strip(),
        cursor=cursor,
    )


ViewQuery = Annotated[View, Depends(view_of)]
"""The view in the query of an address."""


async def show_queue(screen: Screen, view: View, shown: Shown, *, status: int = 200) -> Html:
    """Answer the list."""
    texts, runtime = screen.facts.locale, screen.runtime
    found = await runtime.review_queue.page(screen.facts.tenant_id, view.wanted)
    can_change = await runtime.context.host.authorize(screen.facts.principal, Permission.UPDATE)
    return await screen.answer(
        "review.html",
        title=texts.text("setup.title.step", step=texts.text("review.title")),
        status=status,
        root=ROOT,
        message=shown.message,
        answered=shown.answered,
        told=sorted(shown.told, key=lambda told: told.settled),
        chosen=shown.chosen,
        asked=shown.asked,
        can_change=can_change,
        view=view,
        tabs=TABS,
        reasons=tuple(ACTIONS),
        counts=found.counts,
        counted=COUNTED,
        items=found.page.items,
        following=found.page.next_cursor,
        names={key: name_of(named, texts) for key, named in found.named.items()},
        customers=found.customers,
        clients=found.clients,
        answers=_at_once(found.page.items) if can_change else (),
    )


@router.get("")
async def queue(request: Request, known: Known, runtime: Started, view: ViewQuery) -> Html:
    """Show the list."""
    return await show_queue(Screen(request, known, runtime), view, Shown())


def name_of(named: Named | None, texts: Locale) -> str:
    """The name of a user, or what else is known of him."""
    known = named and (named.name or named.address)
    return known or texts.text("review.erased")


def _at_once(items: Sequence[Item]) -> Sequence[Action]:
    """The answers that at least one of the questions admits without saying more."""
    return [
        action
        for action in AT_ONCE
        if any(
            item.state == ItemState.OPEN
            and action in ACTIONS.get(item.reason, ())
            and (action not in ONE_CONTACT or len(item.candidates) == 1)
            for item in items
        )
    ]
