"""The message at the head of a step: what happened, and what to do."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar

from entra_plugin.domain.errors import EntraError
from entra_plugin.resources import Locale
from entra_plugin.web import problems
from entra_plugin.web.problems import Problem

Result = TypeVar("Result")


class Tone(StrEnum):
    """How a message is meant; each tone has a word and a sign, not a colour alone."""

    SUCCESS = "success"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; ``code`` is shown for support."""

    tone: Tone
    title: str
    advice: str | None = None
    code: str | None = None


async def attempt(work: Awaitable[Result]) -> tuple[Result | None, Problem | None]:
    """Carry out a use case; a failure that people can read comes back as a problem."""
    try:
        return await work, None
    except EntraError as error:
        return None, problems.of_exception(error)


def success(texts: Locale, key: str, **values: object) -> Message:
    """A message that something was done."""
    return Message(tone=Tone.SUCCESS, title=texts.text(key, **values))


def of_problem(texts: Locale, problem: Problem) -> Message:
    """A failure in words."""
    return of_code(texts, problem.code, vendor_code=problem.details.get("vendorCode"))


def of_mistakes(texts: Locale) -> Message:
    """A form in which something is wrong, on a page that marks what."""
    return Message(
        tone=Tone.ERROR, title=texts.text("edit.wrong"), advice=texts.text("edit.wrong.advice")
    )


def of_edit(texts: Locale, problem: Problem) -> Message:
    """A failure in words, on a page that shows what is in force beside what was entered."""
    message = of_problem(texts, problem)
    conflict = problem.status == HTTPStatus.CONFLICT
    return replace(message, advice=texts.text("edit.conflict")) if conflict else message


def of_code(texts: Locale, code: str, *, vendor_code: object = None) -> Message:
    """The words of an error code; an unknown code gets the general words."""
    found = texts.error(code)
    shown = f"{code} · {vendor_code}" if vendor_code else code
    return Message(tone=Tone.ERROR, title=found.sentence, advice=found.advice, code=shown)
