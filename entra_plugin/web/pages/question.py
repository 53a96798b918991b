"""The page of one question of the review queue: both sides, and what each choice will do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from fastapi import APIRouter, Request

from entra_plugin.access import Permission
from entra_plugin.application.review.queue import Question
from entra_plugin.application.review.read import ContactSide
from entra_plugin.domain.addresses import normalise
from entra_plugin.domain.filters import address_of
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ContactId, ReviewItemId
from entra_plugin.domain.matching import other_addresses
from entra_plugin.domain.merging import Values, values_of
from entra_plugin.domain.reviewing import ONE_CONTACT, Action, shown_fields
from entra_plugin.domain.states import FieldName, VerdictReason
from entra_plugin.web.api.review_views import ChoiceView, choice_view
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.notice import Message
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.review import ROOT, Answered, View, ViewQuery, name_of
from entra_plugin.web.pages.review_form import Entered
from entra_plugin.web.responses import Html

router = APIRouter(prefix="/review", default_response_class=Html, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did, to be shown with the question."""

    message: Message | None = None
    answered: Answered | None = None
    """The question before this one."""
    contact_id: ContactId | None = None
    """A contact that stands in the way."""
    entered: Entered = field(default_factory=Entered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One field of the user beside the same field of a contact."""

    name: FieldName
    there: str | None
    here: str | None
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A field about which a person has to say whose value stays."""

    name: FieldName
    there: str | None
    here: str | None
    may_write: bool
    """False where a pin, or a flag, keeps the directory's value out."""


async def show_question(
    screen: Screen, item_id: ReviewItemId, view: View, shown: Shown, *, status: int = 200
) -> Html:
    """Answer the page."""
    runtime, facts, texts = screen.runtime, screen.facts, screen.facts.locale
    found = await runtime.review_queue.question(facts.tenant_id, item_id, facts.flags, view.wanted)
    details = found.details
    who = name_of(found.named, texts)
    choices = [choice_view(choice, texts) for choice in details.choices]
    can_change = await runtime.context.host.authorize(facts.principal, Permission.UPDATE)
    there = values_of(details.user) if details.user is not None else {}
    return await screen.answer(
        "question.html",
        title=texts.text("setup.title.step", step=who),
        status=status,
        root=ROOT,
        message=shown.message,
        answered=shown.answered,
        in_the_way=shown.contact_id,
        entered=shown.entered,
        can_change=can_change,
        view=view,
        post=f"{screen.base}/review/{item_id}/answer?{view.here}",
        who=who,
        question=found,
        item=details.item,
        user=details.user,
        aliases=_aliases(details.user) if details.user is not None else (),
        directory=there,
        contacts=details.contacts,
        compared={side.contact_id: _compared(there, side) for side in details.contacts},
        of_contact=_of_contacts(choices),
        others=[choice for choice in choices if choice.action not in ONE_CONTACT],
        asked=_asked(found),
    )


@router.get("/{item_id}")
async def question(
    request: Request, known: Known, runtime: Started, item_id: UUID, view: ViewQuery
) -> Html:
    """Show the page; ``view`` is the list that leads back and on."""
    screen = Screen(request, known, runtime)
    return await show_question(screen, ReviewItemId(item_id), view, Shown())


def _aliases(user: DirectoryUser) -> Sequence[str]:
    """The addresses beside the first one and the user principal name."""
    others = other_addresses(user, address_of(user))
    return [alias for alias in others if alias != normalise(user.user_principal_name)]


def _of_contacts(choices: Sequence[ChoiceView]) -> Mapping[UUID, Sequence[ChoiceView]]:
    """The choices that are made of one contact, by that contact."""
    found: dict[UUID, list[ChoiceView]] = {}
    for choice in choices:
        if choice.action in ONE_CONTACT and choice.contact_id is not None:
            found.setdefault(choice.contact_id, []).append(choice)
    return found


def _compared(there: Values, side: ContactSide) -> Sequence[Compared]:
    """The fields that one of the sides has."""
    here = side.contact.values if side.contact is not None else {}
    return [
        Compared(
            name=name,
            there=there.get(name),
            here=here.get(name),
            differs=name in side.differing,
        )
        for name in FieldName
        if there.get(name) or here.get(name)
    ]


def _asked(found: Question) -> Sequence[Asked]:
    """The fields in question, as they were when it was asked."""
    item = found.details.item
    if item.reason != VerdictReason.FIELD_CONFLICT:
        return ()
    writable = {
        name
        for choice in found.details.choices
        if choice.action == Action.FIELDS
        for name in choice.overwrites
    }
    return [
        Asked(name=name, there=there, here=here, may_write=name in writable)
        for name, (there, here) in shown_fields(item.details).items()
    ]
