"""Which of what others send can be a text in the database."""

from typing import TypeGuard


def storable(value: object) -> TypeGuard[str]:
    """True for text that PostgreSQL holds: without NUL, and without half a surrogate pair."""
    if not isinstance(value, str) or "\x00" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
