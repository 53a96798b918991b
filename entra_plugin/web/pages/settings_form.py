"""The form of the settings: how it is read, what is wrong with it, and how it comes back.

Its fields are named as in the JSON API, whose bodies say what each may hold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from starlette.datastructures import FormData

from entra_plugin.application.settings import (
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    Document,
    SettingsChange,
    SettingsView,
    check_patterns,
)
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.resources import Locale
from entra_plugin.web.api.schema import Body
from entra_plugin.web.api.settings import GuardConfig, NotificationConfig, UserFilterConfig
from entra_plugin.web.pages.forms import read_texts, read_version

Texts = Mapping[str, str]
"""Values as the form has them, by field."""

YES = "true"
"""A box that is ticked; one that is not is empty."""

PATTERNS = "excludePatterns"

BODIES: Mapping[str, type[Body]] = {
    "user_filter": UserFilterConfig,
    "guard": GuardConfig,
    "notification": NotificationConfig,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a number may be, and what it is unless told."""

    least: int
    most: int
    default: int

    def read(self, text: str) -> int | None:
        """The number of a text; None for one that cannot be used."""
        digits = text.strip()
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(self.most))):
            return None
        number = int(digits)
        return number if self.least <= number <= self.most else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A pattern, and where in its field it stands, from one."""

    number: int
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The form as it was sent, and the version that it was made on."""

    entered: Texts = field(default_factory=dict)
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong, in words by field; ``lines`` are the patterns that cannot be used."""

    fields: Texts = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


@cache
def ranges() -> Mapping[str, Range]:
    """The numbers of the form."""
    return {
        name: Range(least=shape["minimum"], most=shape["maximum"], default=shape["default"])
        for name, shape in _shapes(GuardConfig).items()
        if shape["type"] == "integer"
    }


@cache
def defaults() -> Mapping[str, bool]:
    """Whether a box of the form is ticked unless told."""
    return {
        name: shape["default"]
        for body in BODIES.values()
        for name, shape in _shapes(body).items()
        if shape["type"] == "boolean"
    }


def read_draft(form: FormData) -> Draft:
    """The form as it was sent.

    Raises:
        MalformedRequest: A field that is not known, or is no text.
    """
    names = [name for body in BODIES.values() for name in _shapes(body)]
    sent = read_texts(form, {"version", *names})
    entered = {name: sent.get(name, "") for name in names}
    entered[PATTERNS] = "\n".join(entered[PATTERNS].rstrip().splitlines())
    return Draft(entered=entered, version=read_version(sent))


def as_texts(found: SettingsView) -> Texts:
    """The settings in force, as the form has them."""
    return {
        name: _text(document[name])
        for part, document in _documents(found).items()
        for name in _shapes(BODIES[part])
    }


def find_wrong(draft: Draft, texts: Locale) -> Wrong:
    """Everything that is wrong, not only the first."""
    fields: dict[str, str] = {}
    for name, limits in ranges().items():
        if limits.read(draft.entered[name]) is None:
            fields[name] = texts.text(
                "settings.wrong.number", least=f"{limits.least:,}", most=f"{limits.most:,}"
            )
    lines = list(_lines(draft))
    unusable = tuple(line for line in lines if not _is_usable(line.pattern))
    if len(lines) > MAX_PATTERNS:
        fields[PATTERNS] = texts.text("settings.wrong.patterns", most=MAX_PATTERNS)
        return Wrong(fields=fields)
    if unusable:
        fields[PATTERNS] = texts.text("settings.wrong.pattern", most=MAX_PATTERN_LENGTH)
    return Wrong(fields=fields, lines=unusable)


def change_of(draft: Draft, found: SettingsView) -> SettingsChange | None:
    """The objects in which a draft without faults differs from what is in force; None if none."""
    version = found.version if draft.version is None else draft.version
    stored = _documents(found)
    changed: dict[str, Document] = {}
    for part, body in BODIES.items():
        document = {name: _value(draft, name) for name in _shapes(body)}
        if document != {name: stored[part][name] for name in document}:
            changed[part] = document
    return SettingsChange(version=version, **changed) if changed else None


def _value(draft: Draft, name: str) -> object:
    if name == PATTERNS:
        return [line.pattern for line in _lines(draft)]
    limits = ranges().get(name)
    return limits.read(draft.entered[name]) if limits else draft.entered[name] == YES


def _lines(draft: Draft) -> Iterator[Line]:
    for number, line in enumerate(draft.entered[PATTERNS].splitlines(), start=1):
        if line.strip():
            yield Line(number=number, pattern=line.strip())


def _is_usable(pattern: str) -> bool:
    try:
        check_patterns([pattern])
    except NotAcceptable:
        return False
    return True


def _text(value: object) -> str:
    if isinstance(value, bool):
        return YES if value else ""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _documents(found: SettingsView) -> Mapping[str, Document]:
    return {
        "user_filter": found.user_filter,
        "guard": found.guard,
        "notification": found.notification,
    }


@cache
def _shapes(body: type[Body]) -> Mapping[str, Mapping[str, Any]]:
    """What the API says of each field of a body, by its name."""
    properties: Mapping[str, Mapping[str, Any]] = body.model_json_schema()["properties"]
    return properties
