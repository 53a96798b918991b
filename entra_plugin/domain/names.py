"""Company names folded to the words that tell companies apart."""

import re
import unicodedata
from collections.abc import Iterable
from math import fsum, log

_LEGAL = frozenset(
    [
        "ab",
        "ag",
        "aps",
        "as",
        "asa",
        "bv",
        "co",
        "corp",
        "corporation",
        "company",
        "cv",
        "doo",
        "eg",
        "ehf",
        "ek",
        "eood",
        "eurl",
        "gmbh",
        "group",
        "holding",
        "holdings",
        "inc",
        "incorporated",
        "kft",
        "kg",
        "kk",
        "lda",
        "limited",
        "llc",
        "llp",
        "ltd",
        "ltda",
        "mbh",
        "nv",
        "oao",
        "ohg",
        "ooo",
        "oy",
        "oyj",
        "plc",
        "pllc",
        "pte",
        "pty",
        "pvt",
        "sa",
        "sarl",
        "sas",
        "se",
        "sl",
        "snc",
        "spa",
        "spol",
        "sprl",
        "srl",
        "sro",
        "the",
        "und",
        "and",
    ]
)
_WORD = re.compile(r"[^\W_]+")
_MAX_LENGTH = 300
"""Longer names are cut: no company's name is longer, and hostile ones are."""


def words(name: str) -> frozenset[str]:
    """The significant words of a name; empty for a name that has none."""
    text = unicodedata.normalize("NFKD", name[:_MAX_LENGTH]).casefold()
    plain = "".join(c for c in text if not unicodedata.combining(c)).replace("&", " and ")
    found = frozenset(_WORD.findall(plain.replace("'", "").replace(".", "")))
    return (found - _LEGAL) or found


class Rarity:
    """How much each word says: rare ones much, "dental" and "group" little."""

    def __init__(self, names: Iterable[frozenset[str]]) -> None:
        counts: dict[str, int] = {}
        total = 0
        for name in names:
            total += 1
            for word in name:
                counts[word] = counts.get(word, 0) + 1
        self._counts = counts
        self._total = total

    def weight(self, word: str) -> float:
        """Information in a word, in nats; a word never seen says most."""
        return log((self._total + 1) / (self._counts.get(word, 0) + 0.5)) + 0.1

    def similarity(self, first: frozenset[str], second: frozenset[str]) -> float:
        """0 to 1: the weight of the shared words in that of all words.

        Two empty names are not alike. The sums are exact, so that no order of words matters.
        """
        if not first or not second:
            return 0.0
        shared = fsum(self.weight(word) for word in first & second)
        everything = fsum(self.weight(word) for word in first | second)
        return max(0.0, min(1.0, shared / everything)) if everything > 0 else 0.0
