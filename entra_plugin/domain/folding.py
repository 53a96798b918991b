"""Folding of text for searching: what looks alike to people is found by the same prefix."""

import unicodedata


def search_key(value: str) -> str:
    """The folded form in which lists are searched by prefix."""
    return unicodedata.normalize("NFKC", value).casefold().strip()
