"""Folding of text for searching: what looks alike to people is found by the same prefix."""

import unicodedata


def search_key(value: str) -> str:
    """The folded form in which lists are searched by prefix."""
    return unicodedata.normalize("NFKC", value).casefold().strip()


def contains(q: str, *values: str | None) -> bool:
    """True when ``q`` is a part of one of the values, whatever their case and width."""
    sought = search_key(q)
    return any(sought in search_key(value) for value in values if value)
