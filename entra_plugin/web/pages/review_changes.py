"""What people decide on the page of the review queue, about one question or many at once.

Each answers the page, with what came of it: after an answer the next open question, or the list.
The list that it was looked at in comes in the query, as it does when the page is read.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request

from entra_plugin.application.review.answers import Answer
from entra_plugin.application.review.resolve import BulkOutcome
from entra_plugin.domain.ids import ReviewItemId
from entra_plugin.domain.states import ItemState
from entra_plugin.resources import Locale
from entra_plugin.store.review_beside import Named
from entra_plugin.web import problems
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages import question
from entra_plugin.web.pages.notice import Message, Tone, attempt, success
from entra_plugin.web.pages.question import show_question
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.review import (
    Answered,
    Shown,
    Told,
    View,
    ViewQuery,
    name_of,
    show_queue,
)
from entra_plugin.web.pages.review_form import (
    BulkForm,
    in_the_way,
    read_answer,
    refused,
    told_of_many,
)
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/review", default_response_class=Html, include_in_schema=False)


@router.post("/bulk")
async def bulk(
    request: Request,
    known: Known,
    runtime: Started,
    view: ViewQuery,
    form: Annotated[BulkForm, Form()],
) -> Html:
    """Answer the questions that are ticked alike, once what that does was confirmed."""
    screen, texts, action = Screen(request, known, runtime), known.locale, form.wanted
    ids = [ReviewItemId(item_id) for item_id in dict.fromkeys(form.item)]
    if not ids:
        nobody = Message(tone=Tone.WARNING, title=texts.text("review.bulk.nobody"))
        return await show_queue(screen, view, Shown(message=nobody), status=422)
    if form.confirmed is None:
        shown = Shown(chosen=frozenset(ids), asked=action)
        return await show_queue(screen, view, shown)
    done = await runtime.resolve_items(known.person, ids, Answer(action=action))
    named = await runtime.review_queue.named(known.tenant_id, ids)
    told = [_told(outcome, named, texts) for outcome in done.outcomes]
    settled = sum(each.settled for each in told)
    message = Message(
        tone=Tone.SUCCESS if settled == len(told) else Tone.WARNING,
        title=texts.count("review.bulk.done", len(told), settled=f"{settled:,}"),
    )
    left = frozenset(each.item_id for each in told if not each.settled)
    return await show_queue(screen, view, Shown(message=message, told=told, chosen=left))


@router.post("/{item_id}/answer")
async def answer(
    request: Request, known: Known, runtime: Started, item_id: UUID, view: ViewQuery
) -> Html:
    """Answer one question, as it was shown."""
    screen, key, texts = Screen(request, known, runtime), ReviewItemId(item_id), known.locale
    said, entered = read_answer(await request.form())
    done, problem = await attempt(runtime.resolve_item(known.person, key, said))
    if done is None:
        problem = problem or problems.INTERNAL
        kept = question.Shown(
            message=refused(texts, problem), contact_id=in_the_way(problem), entered=entered
        )
        return await show_question(screen, key, view, kept, status=problem.status)
    if done.state == ItemState.OPEN or done.settled_as is None:
        message = success(texts, "review.reopened")
        return await show_question(screen, key, view, question.Shown(message=message))
    found = await runtime.review_queue.question(known.tenant_id, key, known.flags, view.wanted)
    name = name_of(found.named, texts)
    outcome = texts.text(f"review.settled.{done.settled_as}")
    message = success(texts, "review.answered", name=name, outcome=outcome)
    return await _onward(screen, view, found.following, message, Answered(item_id=key, name=name))


async def _onward(
    screen: Screen,
    view: View,
    following: ReviewItemId | None,
    message: Message,
    answered: Answered,
) -> Html:
    """Go on to the next open question; to the list when there is none."""
    if following is None:
        view = replace(view, cursor=None)
        page = await show_queue(screen, view, Shown(message=message, answered=answered))
        page.headers["hx-push-url"] = f"{screen.base}/review?{view.here}"
        return page
    advice = screen.facts.locale.text("review.onward")
    shown = question.Shown(message=replace(message, advice=advice), answered=answered)
    page = await show_question(screen, following, view, shown)
    page.headers["hx-push-url"] = f"{screen.base}/review/{following}?{view.here}"
    return page


def _told(outcome: BulkOutcome, named: Mapping[ReviewItemId, Named], texts: Locale) -> Told:
    """What became of one of many, in words."""
    name = name_of(named.get(outcome.item_id), texts)
    if outcome.error is None and outcome.outcome is not None:
        words = texts.text(f"review.settled.{outcome.outcome.settled_as}")
        return Told(item_id=outcome.item_id, name=name, words=words, settled=True)
    problem = problems.of_exception(outcome.error) if outcome.error else problems.INTERNAL
    return Told(
        item_id=outcome.item_id, name=name, words=told_of_many(texts, problem), settled=False
    )
