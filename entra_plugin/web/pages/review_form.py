"""The forms of the review queue: how they are read, and what is said about a refused answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData

from entra_plugin.application.review.answers import Answer
from entra_plugin.domain.ids import ContactId
from entra_plugin.domain.reviewing import Action, Side
from entra_plugin.resources import Locale
from entra_plugin.web.api.review import MAX_BULK
from entra_plugin.web.api.schema import LARGEST, Text
from entra_plugin.web.malformed import MalformedRequest, path_of
from entra_plugin.web.pages.notice import Message, Tone, of_problem
from entra_plugin.web.problems import Problem

FOUND = frozenset(
    {
        "active_changed",
        "address_changed",
        "asked_again",
        "changed",
        "contact_gone",
        "decided_otherwise",
        "identity_gone",
        "item_changed",
        "link_gone",
        "linked_elsewhere",
        "linked_meanwhile",
        "linked_otherwise",
        "mapping_changed",
        "other_client",
        "same_client",
    }
)
"""What an answer may find instead of what was shown, as far as there are words for it."""

_SIDE = "side."
_AtOnce = Literal["link", "move", "keep", "dismiss"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BulkForm(_Form):
    """Questions to answer alike, by an answer that is only asked for, or confirmed."""

    item: Annotated[list[UUID], Field(max_length=MAX_BULK)] = []
    action: _AtOnce | None = None
    confirmed: _AtOnce | None = None

    @property
    def wanted(self) -> Action:
        """The answer.

        Raises:
            MalformedRequest: There is none.
        """
        answer = self.confirmed or self.action
        if answer is None:
            raise MalformedRequest("action")
        return Action(answer)


class _AnswerForm(_Form):
    """An answer to one question, as it was shown in ``version``."""

    action: Action
    version: Annotated[int, Field(ge=0, le=LARGEST)]
    contact_id: UUID | None = None
    reason: Annotated[Text, Field(max_length=500)] = ""
    sides: dict[str, Side] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What was entered and not put in force, to stand on the page again."""

    reason: str = ""
    sides: Mapping[str, Side] = field(default_factory=dict)


def read_answer(form: FormData) -> tuple[Answer, Entered]:
    """The answer that a form holds.

    Raises:
        MalformedRequest: A field is none of ours, or holds what it cannot.
    """
    plain: dict[str, object] = {}
    sides: dict[str, object] = {}
    for key, value in form.multi_items():
        if key.startswith(_SIDE):
            sides[key.removeprefix(_SIDE)] = value
        else:
            plain[key] = value
    try:
        said = _AnswerForm.model_validate({**plain, "sides": sides})
    except ValidationError as error:
        raise MalformedRequest(path_of(("body", *error.errors()[0]["loc"]))) from error
    answer = Answer(
        action=said.action,
        version=said.version,
        contact_id=ContactId(said.contact_id) if said.contact_id is not None else None,
        fields=said.sides,
        reason=said.reason.strip() or None,
    )
    return answer, Entered(reason=said.reason, sides=said.sides)


def refused(texts: Locale, problem: Problem) -> Message:
    """Why an answer was not put in force, in words: what was found instead, and what to do."""
    if problem.code == "not_found" and "field" in problem.details:
        return Message(tone=Tone.ERROR, title=texts.text("review.fields_off"), code=problem.code)
    message = of_problem(texts, problem)
    instead = _found(texts, problem)
    advice = f"{instead} {message.advice}" if instead else message.advice
    return Message(tone=message.tone, title=message.title, advice=advice, code=message.code)


def told_of_many(texts: Locale, problem: Problem) -> str:
    """Why one of many was not answered, in one or two sentences."""
    if problem.code == "contact_required" and not problem.details.get("candidates"):
        return texts.text("review.no_contacts")
    sentence = texts.error(problem.code).sentence
    instead = _found(texts, problem)
    return f"{sentence} {instead}" if instead else sentence


def in_the_way(problem: Problem) -> ContactId | None:
    """The contact that a refusal names."""
    named = problem.details.get("contactId")
    return ContactId(UUID(named)) if isinstance(named, str) else None


def _found(texts: Locale, problem: Problem) -> str | None:
    """What was found instead of what was shown, where there are words for it."""
    found = problem.details.get("found")
    return texts.text(f"review.found.{found}") if found in FOUND else None
