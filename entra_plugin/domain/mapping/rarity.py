"""How much a word says: rare ones much, "dental" and "group" little."""

from collections import Counter
from collections.abc import Iterable
from math import log

_BEYOND = 1000
"""Names that are imagined beside those that are known, with the same words in fashion.

With twenty clients, a word of three of them is a common one; a word of one may be anything.
"""
_A_PAIR = 2
"""As many names have a word that is but one company's: the tenant's and the client's."""
_NUMBER = 2.5
"""Nats in a number, however rare: it may as well be that of a list in which the name stood."""


class Rarity:
    """Information in words, learned from the names of one MSP's own customers and clients."""

    def __init__(self, names: Iterable[frozenset[str]]) -> None:
        self._counts: Counter[str] = Counter()
        known = 0
        for name in names:
            known += 1
            self._counts.update(name)
        self._total = known + _BEYOND
        self._imagined = _BEYOND / max(known, 1)
        self._weights: dict[str, float] = {}

    def weight(self, word: str) -> float:
        """Information in a word, in nats; a word never seen says most."""
        weight = self._weights.get(word)
        if weight is None:
            count = self._counts[word]
            others = max(0, count - _A_PAIR) * self._imagined
            weight = log((self._total + 1) / (count + others + 0.5)) + 0.1
            weight = min(weight, _NUMBER) if word.isdigit() else max(weight, 0.1)
            self._weights[word] = weight
        return weight

    def known(self, word: str) -> bool:
        """True for a word of several names: it is no slip of the keyboard."""
        return self._counts[word] > _A_PAIR
