"""OData query options as Microsoft Graph takes them for directory objects; anything else is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from devhost.simulator.metadata import Metadata

Row = Mapping[str, object]
Condition = Callable[[Row], bool]


class GraphError(Exception):
    """An error answer of Microsoft Graph."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The options of one request."""

    select: tuple[str, ...] | None
    top: int | None
    filter: Condition | None
    count: bool
    skip_token: str | None
    delta_token: str | None


def parse(
    raw: str, *, type_: str, metadata: Metadata, allowed: frozenset[str], max_top: int = 999
) -> Query:
    """Read a query string.

    Raises:
        GraphError: An option that is unknown or not allowed here, or a value that is wrong.
    """
    options: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        if name not in allowed:
            raise _bad(
                f"The query parameter '{name}' is not supported.", "Request_UnsupportedQuery"
            )
        if name in options:
            raise _bad(f"Query parameter '{name}' is specified more than once.")
        options[name] = value
    select = _select(options.get("$select"), type_, metadata)
    return Query(
        select=select,
        top=_top(options.get("$top"), max_top),
        filter=_filter(options["$filter"], type_, metadata) if "$filter" in options else None,
        count=_count(options.get("$count")),
        skip_token=options.get("$skiptoken"),
        delta_token=options.get("$deltatoken"),
    )


def _select(text: str | None, type_: str, metadata: Metadata) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in metadata.properties(type_):
            raise _bad(
                f"Could not find a property named '{name}' on type 'microsoft.graph.{type_}'."
            )
    return names


def _top(text: str | None, most: int) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise _bad(
            f"Invalid page size specified: '{text}'. Must be between 1 and {most} inclusive."
        )
    return int(text)


def _count(text: str | None) -> bool:
    if text not in {None, "true", "false"}:
        raise _bad("Invalid value for $count.")
    return text == "true"


_COMPARISON = re.compile(r"^(\w+)\s+eq\s+(?:'((?:[^']|'')*)'|(true|false|null))$")
_STARTS_WITH = re.compile(r"^startswith\((\w+),\s*'((?:[^']|'')*)'\)$", re.IGNORECASE)


def _filter(text: str, type_: str, metadata: Metadata) -> Condition:
    """``eq`` and ``startswith``, joined by ``and`` or by ``or``."""
    if " and " in text:
        parts = [_filter(part, type_, metadata) for part in text.split(" and ")]
        return lambda row: all(part(row) for part in parts)
    if " or " in text:
        parts = [_filter(part, type_, metadata) for part in text.split(" or ")]
        return lambda row: any(part(row) for part in parts)
    found = _COMPARISON.match(text.strip())
    if found:
        name = _known(found[1], type_, metadata)
        value = _value(found[2], found[3])
        return lambda row: _same(row.get(name), value)
    starts = _STARTS_WITH.match(text.strip())
    if starts:
        name = _known(starts[1], type_, metadata)
        prefix = starts[2].replace("''", "'").lower()
        return lambda row: str(row.get(name) or "").lower().startswith(prefix)
    raise _bad("Unsupported or invalid query filter clause specified.", "Request_UnsupportedQuery")


def _known(name: str, type_: str, metadata: Metadata) -> str:
    if name not in metadata.properties(type_):
        raise _bad(f"Could not find a property named '{name}' on type 'microsoft.graph.{type_}'.")
    return name


def _value(quoted: str | None, literal: str | None) -> object:
    if quoted is not None:
        return quoted.replace("''", "'")
    return {"true": True, "false": False, "null": None}[str(literal)]


def _same(held: object, wanted: object) -> bool:
    if isinstance(held, str) and isinstance(wanted, str):
        return held.lower() == wanted.lower()
    return held == wanted


def _bad(message: str, code: str = "Request_BadRequest") -> GraphError:
    return GraphError(400, code, message)
