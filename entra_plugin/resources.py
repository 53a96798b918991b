"""Typed access to what people see: manifest, locales, templates, static files. No rules here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

Json = Mapping[str, object]

_DEFAULT_LOCALE = "en"
_HTMX = "js_lib_htmx"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionEntry:
    """A permission as the manifest declares it; ``title`` is a text key."""

    name: str
    title: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagEntry:
    """A feature flag as the manifest declares it."""

    key: str
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A page, an action or a panel as the manifest declares it; the texts are keys."""

    id: str
    endpoint: str
    slot: str
    title: str
    description: str
    when: Json
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The parts of manifest.json that our own code reads."""

    permissions: tuple[PermissionEntry, ...]
    flags: tuple[FlagEntry, ...]
    pages: tuple[Surface, ...]
    client_actions: tuple[Surface, ...]
    contact_panels: tuple[Surface, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorText:
    """What people read about an error: what happened, and what to do."""

    sentence: str
    advice: str


class Locale:
    """The texts of one language; a key that it lacks is taken from English."""

    def __init__(self, tag: str, texts: Mapping[str, str], fallback: Mapping[str, str]) -> None:
        self.tag = tag
        self._texts = texts
        self._fallback = fallback

    def text(self, key: str, **values: object) -> str:
        """The text of a key with its ``{name}`` places filled.

        Raises:
            KeyError: The key is in no locale; tests hold that every key used exists.
        """
        found = self._texts.get(key)
        if found is None:
            found = self._fallback[key]
        return found.format(**values) if values else found

    def count(self, key: str, n: int, **values: object) -> str:
        """The text of ``key.one`` or ``key.other``, by the number ``n``."""
        form = "one" if n == 1 else "other"
        return self.text(f"{key}.{form}", n=f"{n:,}", **values)

    def known(self, key: str) -> bool:
        """True when the key has a text."""
        return key in self._texts or key in self._fallback

    def error(self, code: str) -> ErrorText:
        """Sentence and advice of an error code; an unknown code gets the general ones."""
        name = code if self.known(f"error.{code}.sentence") else "internal_error"
        return ErrorText(
            sentence=self.text(f"error.{name}.sentence"), advice=self.text(f"error.{name}.advice")
        )


@cache
def _root() -> Traversable:
    return files("entra_plugin.ui_manifest")


@cache
def document() -> Json:
    """The manifest as it is, for hosts that draw for themselves."""
    return cast("Json", json.loads(_root().joinpath("manifest.json").read_text("utf-8")))


@cache
def manifest() -> Manifest:
    """The manifest, typed."""
    raw = document()
    return Manifest(
        permissions=tuple(
            PermissionEntry(
                name=str(p["name"]),
                title=_key(p["title"]),
                grants=tuple(map(str, cast("Sequence[object]", p["grants"]))),
            )
            for p in _rows(raw, "permissions")
        ),
        flags=tuple(
            FlagEntry(key=str(f["key"]), title=_key(f["title"]), description=_key(f["description"]))
            for f in _rows(raw, "flags")
        ),
        pages=_pages(raw),
        client_actions=tuple(_contribution(c) for c in _rows(raw, "client_actions")),
        contact_panels=tuple(_contribution(c) for c in _rows(raw, "contact_panels")),
    )


def locale(tag: str) -> Locale:
    """The locale of a BCP 47 tag: the tag itself, its language, or English."""
    for name in (tag, tag.partition("-")[0]):
        if name in _locale_names():
            return _locale(name)
    return _locale(_DEFAULT_LOCALE)


@cache
def _locale(name: str) -> Locale:
    return Locale(name, _texts(name), _texts(_DEFAULT_LOCALE))


@cache
def _locale_names() -> frozenset[str]:
    folder = _root().joinpath("locales")
    return frozenset(
        f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json")
    )


@cache
def _texts(name: str) -> Mapping[str, str]:
    return cast(
        "Mapping[str, str]",
        json.loads(_root().joinpath("locales", f"{name}.json").read_text("utf-8")),
    )


def template(name: str) -> str | None:
    """The source of a template; None if there is no such template."""
    found = _root().joinpath("templates", *name.split("/"))
    return found.read_text("utf-8") if found.is_file() else None


@cache
def static_file(name: str) -> bytes | None:
    """A static file of ours, or htmx from its package; None for any other name."""
    if name == "htmx.min.js":
        return _htmx()
    if name not in {f.name for f in _root().joinpath("static").iterdir()}:
        return None
    return _root().joinpath("static", name).read_bytes()


def _htmx() -> bytes | None:
    """Htmx as its package ships it; located and not imported, as the import would want Django."""
    spec = find_spec(_HTMX)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).with_name("static").joinpath("htmx", "htmx.min.js").read_bytes()


def _pages(raw: Json) -> tuple[Surface, ...]:
    """Pages with the placement that links to each."""
    placements = {str(p["page"]): p for p in _rows(raw, "placements")}
    return tuple(
        Surface(
            id=str(page["id"]),
            endpoint=str(page["route"]),
            slot=str(placements[str(page["id"])]["attach_to"]),
            title=_key(page["title"]),
            description=_key(page["description"]),
            when=cast("Json", page["when"]),
            rank=int(str(placements[str(page["id"])]["rank"])),
        )
        for page in _rows(raw, "pages")
    )


def _contribution(entry: Json) -> Surface:
    return Surface(
        id=str(entry["id"]),
        endpoint=str(entry["endpoint"]),
        slot=str(entry["attach_to"]),
        title=_key(entry["label"]),
        description=_key(entry["description"]),
        when=cast("Json", entry["when"]),
        rank=int(str(entry["rank"])),
    )


def _rows(raw: Json, name: str) -> Sequence[Json]:
    return cast("Sequence[Json]", raw[name])


def _key(value: object) -> str:
    """The text key in ``@key``."""
    return str(value).removeprefix("@")
