"""The message at the head of a step: what happened, and what to do."""

from dataclasses import dataclass
from enum import StrEnum

from entra_plugin.resources import Locale
from entra_plugin.web.problems import Problem


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


def success(texts: Locale, key: str, **values: object) -> Message:
    """A message that something was done."""
    return Message(tone=Tone.SUCCESS, title=texts.text(key, **values))


def of_problem(texts: Locale, problem: Problem) -> Message:
    """A failure in words."""
    return of_code(texts, problem.code, vendor_code=problem.details.get("vendorCode"))


def of_code(texts: Locale, code: str, *, vendor_code: object = None) -> Message:
    """The words of an error code; an unknown code gets the general words."""
    found = texts.error(code)
    shown = f"{code} · {vendor_code}" if vendor_code else code
    return Message(tone=Tone.ERROR, title=found.sentence, advice=found.advice, code=shown)
