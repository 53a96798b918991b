"""OData query options as Graph takes them for directory objects; anything else is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from devhost.simulator.metadata import Metadata

Row = Mapping[str, object]
Condition = Callable[[Row], bool]

UNSUPPORTED = "Request_UnsupportedQuery"


class GraphError(Exception):
    """An error answer of Microsoft Graph."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


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
    for given, value in parse_qsl(raw, keep_blank_values=True):
        name = given.lower()
        if name not in allowed:
            raise _bad(f"The query parameter '{given}' is not supported.", UNSUPPORTED)
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
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.{type_}'.",
                "BadRequest",
            )
    return names


def _top(text: str | None, most: int) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise _bad(
            f"Invalid page size specified: '{text}'. Must be between 1 and {most} inclusive.",
            UNSUPPORTED,
        )
    return int(text)


def _count(text: str | None) -> bool:
    if text not in {None, "true", "false"}:
        raise _bad("Invalid value for $count.")
    return text == "true"


_COMPARISON = re.compile(r"^(\w+)\s+eq\s+(?:'((?:[^']|'')*)'|(true|false|null))$")
_STARTS_WITH = re.compile(r"^startswith\((\w+),\s*'((?:[^']|'')*)'\)$", re.IGNORECASE)
_OUTSIDE_QUOTES = r"(?=(?:[^']*'[^']*')*[^']*$)"
_OR = re.compile(rf"\s+or\s+{_OUTSIDE_QUOTES}")
_AND = re.compile(rf"\s+and\s+{_OUTSIDE_QUOTES}")


def _filter(text: str, type_: str, metadata: Metadata) -> Condition:
    """``eq`` and ``startswith``, joined by ``and`` and ``or``, of which ``and`` binds tighter."""
    alternatives = [
        [_clause(clause.strip(), type_, metadata) for clause in _AND.split(part)]
        for part in _OR.split(text)
    ]
    return lambda row: any(all(clause(row) for clause in part) for part in alternatives)


def _clause(text: str, type_: str, metadata: Metadata) -> Condition:
    found = _COMPARISON.match(text)
    if found:
        name = _known(found[1], type_, metadata)
        value = _value(found[2], found[3])
        _require_comparable(metadata.type_of(type_, name), value)
        return lambda row: _same(row.get(name), value)
    starts = _STARTS_WITH.match(text)
    if starts:
        name = _known(starts[1], type_, metadata)
        prefix = starts[2].replace("''", "'").lower()
        return lambda row: str(row.get(name) or "").lower().startswith(prefix)
    raise _bad("Unsupported or invalid query filter clause specified.", UNSUPPORTED)


def _require_comparable(held: str, value: object) -> None:
    """Refuse to compare a truth value with text."""
    wanted = {bool: "Edm.Boolean", str: "Edm.String"}.get(type(value))
    if {held, wanted} == {"Edm.Boolean", "Edm.String"}:
        raise _bad(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{held}' and '{wanted}' for operator kind 'Equal'.",
            "BadRequest",
        )


def _known(name: str, type_: str, metadata: Metadata) -> str:
    if name not in metadata.properties(type_):
        raise _bad(
            f"Could not find a property named '{name}' on type 'microsoft.graph.{type_}'.",
            "BadRequest",
        )
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
