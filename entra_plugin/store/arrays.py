"""Arrays of ids and of our own words as parameters, written as PostgreSQL's literals.

The driver looks at every element of a list to quote it; with ids and words there is nothing to
quote, and a page has thousands.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import msgspec
from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, Uuid

_encode = msgspec.json.Encoder().encode


class IdArray(TypeDecorator[object]):
    """``uuid[]``."""

    impl = ARRAY(Uuid())
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:
        """Write the literal."""
        del dialect
        return _ids


class PlainIdArray(TypeDecorator[object]):
    """``uuid[]`` of ids that are given in their sixteen bytes."""

    impl = ARRAY(Uuid())
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:
        """Write the literal."""
        del dialect
        return _plain_ids


class WordArray(TypeDecorator[object]):
    """``text[]`` of codes and other plain words of ours."""

    impl = ARRAY(Text())
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:
        """Write the literal."""
        del dialect
        return _literal


def _ids(values: object) -> str | None:
    """By way of JSON, whose list of ids differs from an array in its brackets only."""
    if values is None:
        return None
    return "{" + _encode(cast("Sequence[object]", values))[1:-1].decode() + "}"


def _plain_ids(values: object) -> str | None:
    if values is None:
        return None
    return "{" + b"".join(cast("Iterable[bytes]", values)).hex(",", 16) + "}"


def _literal(values: object) -> str | None:
    """An array whose elements need no quotes; None becomes NULL."""
    if values is None:
        return None
    elements = cast("Iterable[object]", values)
    return "{" + ",".join(["NULL" if e is None else str(e) for e in elements]) + "}"
