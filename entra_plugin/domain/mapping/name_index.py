"""Clients by what they are called: words, words with a slip, initials, and labels of domains."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest

from entra_plugin.domain.mapping.likeness import INITIALS
from entra_plugin.domain.mapping.names import Variant
from entra_plugin.domain.mapping.rarity import Rarity
from entra_plugin.domain.mapping.reading import Customer, Known

_NEAREST = 14
"""Clients that are looked at because of their name alone."""
_MAX_POSTING = 400
"""A word that more clients share is no way to find one."""
_MIN_PREFIX = 5
_LONGER_RUNS = 8
"""So many names are followed that begin with the one that is looked for."""
_MIN_SLIP = 5

# How much a way to a client counts beside the nats of a shared word.
_BY_SLIP = 0.7
_BY_RUN = 4.0
_BY_INITIALS = 4.0
_BY_LABEL = 5.0

Index = defaultdict[str, list[int]]


class NameIndex:
    """Finds the clients whose names come nearest; they are known by position."""

    def __init__(self, clients: Sequence[Known], rarity: Rarity) -> None:
        self._rarity = rarity
        self._words: Index = defaultdict(list)
        self._runs: Index = defaultdict(list)
        self._initials: Index = defaultdict(list)
        self._labels: Index = defaultdict(list)
        for at, client in enumerate(clients):
            variants = client.name.variants
            for index, keys in (
                (self._words, {word for variant in variants for word in variant.words}),
                (self._runs, {variant.run for variant in variants}),
                (self._initials, {variant.initials for variant in variants}),
                (self._labels, client.labels),
            ):
                for key in keys:
                    index[key].append(at)
        self._sorted_runs = sorted(self._runs)
        self._slips: defaultdict[str, set[str]] = defaultdict(set)
        for word in self._words:
            for left_out in _one_left_out(word):
                self._slips[left_out].add(word)

    def nearest(self, customer: Customer) -> list[int]:
        """Those with the most votes: of shared words the rarest count most."""
        votes: defaultdict[int, float] = defaultdict(float)
        ways = [way for variant in customer.name.variants for way in self._of_name(variant)]
        ways.extend(way for label in customer.labels for way in self._of_label(label))
        for clients, weight in ways:
            if len(clients) <= _MAX_POSTING:
                for at in clients:
                    votes[at] += weight
        return nsmallest(_NEAREST, votes, key=lambda at: (-votes[at], at))

    def _of_name(self, variant: Variant) -> Iterator[tuple[Sequence[int], float]]:
        for word in variant.words:
            weight = self._rarity.weight(word)
            yield self._words.get(word, ()), weight
            for other in self._near(word):
                yield self._words[other], min(weight, self._rarity.weight(other)) * _BY_SLIP
            if len(word) in INITIALS:
                yield self._initials.get(word, ()), _BY_INITIALS
        for run in self._beginning(variant.run):
            yield self._runs[run], _BY_RUN
        yield self._words.get(variant.initials, ()), _BY_INITIALS
        yield self._labels.get(variant.run, ()), _BY_LABEL

    def _of_label(self, label: str) -> Iterator[tuple[Sequence[int], float]]:
        for run in self._beginning(label):
            yield self._runs[run], _BY_LABEL
        yield self._words.get(label, ()), _BY_LABEL
        yield self._labels.get(label, ()), _BY_LABEL
        yield self._initials.get(label, ()), _BY_INITIALS

    def _near(self, word: str) -> Iterator[str]:
        """Words of clients that are one slip away from this one, in an order of their own."""
        found = {
            other for left_out in _one_left_out(word) for other in self._slips.get(left_out, ())
        }
        return iter(sorted(found - {word}))

    def _beginning(self, run: str) -> Iterator[str]:
        """Names, written together, that begin with this one, or that this one begins with."""
        if len(run) < _MIN_PREFIX:
            return
        at = bisect_left(self._sorted_runs, run)
        for other in self._sorted_runs[at : at + _LONGER_RUNS]:
            if not other.startswith(run):
                break
            yield other
        for size in range(_MIN_PREFIX, len(run)):
            if run[:size] in self._runs:
                yield run[:size]


def _one_left_out(word: str) -> Iterator[str]:
    """The word, and each way to leave out one letter: words one slip apart share one of these."""
    if len(word) < _MIN_SLIP:
        return
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
