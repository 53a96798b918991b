"""Keyset paging: every list has a limit and an opaque cursor that names the last row it answered."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from entra_plugin.domain.errors import NotAcceptable

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


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
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """The sort key in a cursor of ``encode_cursor``.

    Raises:
        NotAcceptable: ``invalid_cursor``.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise NotAcceptable("invalid_cursor") from error
    if not isinstance(values, list) or len(values) != parts:
        raise NotAcceptable("invalid_cursor")
    if not all(isinstance(value, str) for value in values):
        raise NotAcceptable("invalid_cursor")
    return values
