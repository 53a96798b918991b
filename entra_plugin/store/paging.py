"""Keyset paging: every list has a limit and an opaque cursor that names its last row."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from entra_plugin.domain.errors import NotAcceptable

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_MAX_POSITION = 2**63 - 1
"""The database's bigint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Some items of a list; ``next_cursor`` is None on the last page."""

    items: tuple[Item, ...]
    next_cursor: str | None


def clamp(limit: int | None) -> int:
    """The number of items to answer: 50 unless told, 1 to 200."""
    return DEFAULT_LIMIT if limit is None else max(1, min(limit, MAX_LIMIT))


def encode_cursor(*parts: str) -> str:
    """An opaque cursor from the sort key of the last item."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """The sort key in a cursor of ``encode_cursor``.

    Raises:
        NotAcceptable: ``invalid_cursor``.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.json.decode(text, type=list[str])
    except (ValueError, msgspec.MsgspecError) as error:
        raise NotAcceptable("invalid_cursor") from error
    if len(values) != parts or any("\x00" in value for value in values):
        raise NotAcceptable("invalid_cursor")
    return values


def decode_position(cursor: str) -> int:
    """The position in a cursor of a list that is ordered by position.

    Raises:
        NotAcceptable: ``invalid_cursor``.
    """
    (last,) = decode_cursor(cursor, 1)
    if not (last.isascii() and last.isdecimal() and len(last) < 20 and int(last) <= _MAX_POSITION):
        raise NotAcceptable("invalid_cursor")
    return int(last)


def decode_moment(cursor: str) -> tuple[datetime, UUID]:
    """The moment and id in a cursor of a list that is ordered by time.

    Raises:
        NotAcceptable: ``invalid_cursor``.
    """
    at, last = decode_cursor(cursor, 2)
    try:
        moment, last_id = datetime.fromisoformat(at), UUID(last)
    except ValueError as error:
        raise NotAcceptable("invalid_cursor") from error
    if moment.tzinfo is None:
        raise NotAcceptable("invalid_cursor")
    return moment, last_id
