"""Folding of text for searching: what looks alike to people is found by the same prefix."""

import unicodedata

NAME_LENGTH = 256
"""Microsoft's own limit for display names; a longer one is cut."""

_TURNS_AROUND = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that make what follows read in another direction: a name could pose as another."""


def shown_name(value: object) -> str | None:
    """A name of somebody else's as we keep and show it; None if nothing is left.

    Control characters, which the database or a log cannot hold, lone surrogates and marks that turn
    the direction are dropped, and it has a length that lists can show.
    """
    if not isinstance(value, str):
        return None
    kept = value[: 4 * NAME_LENGTH]
    if not kept.isprintable():
        kept = "".join(
            c
            for c in kept
            if unicodedata.category(c) not in {"Cc", "Cs"} and c not in _TURNS_AROUND
        )
    return kept.strip()[:NAME_LENGTH].rstrip() or None


def search_key(value: str) -> str:
    """The folded form in which lists are searched by prefix."""
    return unicodedata.normalize("NFKC", value).casefold().strip()


def compositions(value: str) -> tuple[str, ...]:
    """A text with each accent as part of its letter, and behind it, as some systems store it."""
    if value.isascii():
        return (value,)
    forms = (value, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value))
    return tuple(dict.fromkeys(forms))


def contains(q: str, *values: str | None) -> bool:
    """True when ``q`` is a part of one of the values, whatever their case and width."""
    sought = search_key(q)
    return any(sought in search_key(value) for value in values if value)
