"""How much two companies are called the same, in information that is shared and that is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from rapidfuzz.distance import OSA, Indel

from entra_plugin.domain.mapping.names import Name, Variant
from entra_plugin.domain.mapping.rarity import Rarity

_MIN_FUZZY = 4
"""Letters of a word in which a slip can be told; two slips need twice as many and one more."""
_MIN_SHORTENED = 3
_LEFT_OUT = 2
"""Letters that a shortened word lacks, at least; and that a slip adds or drops, at most."""
_SHORTENED = 0.6
_SAME_SOUND = 0.7
_TWO_WORDS = 0.35
"""What a likeness counts between two words in use: Norton is no slip for Morton."""
_INITIAL = 1.7
"""Nats in one letter of initials."""
INITIALS = range(2, 7)
"""So many letters can be initials."""
_BY_INITIALS = 0.5
_MIN_RUN = 4
_MIN_LABEL = 3
_NEAR_LABEL = 0.84
_SOUND = str.maketrans("cqzvp", "kksff", "aeiouwyh")
_MIN_CONSONANTS = 3
_MIN_STEM = 6
_MIN_BRANCH = 3


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two names share and what each has alone, in nats; ``run`` is 0 to 1, written together.

    ``equal`` names are the same after folding.
    """

    shared: float = 0.0
    left: float = 0.0
    right: float = 0.0
    run: float = 0.0
    equal: bool = False

    @property
    def part(self) -> float:
        """The shared information in that of both: 0 to 1."""
        everything = self.shared + self.left + self.right
        return self.shared / everything if everything > 0 else 0.0


NOTHING = Likeness()


def likeness(first: Name, second: Name, rarity: Rarity) -> Likeness:
    """The closest that any ways to say the two names come; two empty names are not alike."""
    best = NOTHING
    for one in first.variants:
        for other in second.variants:
            found = _compare(one, other, rarity)
            if (found.equal, found.part, found.run) > (best.equal, best.part, best.run):
                best = found
    return best


def _compare(one: Variant, other: Variant, rarity: Rarity) -> Likeness:
    weight = rarity.weight
    common = [word for word in one.words if word in other.words]
    shared = sum(map(weight, common))
    if len(common) == len(one.words) == len(other.words):
        return Likeness(shared=shared, run=1.0, equal=True)
    left = [word for word in one.words if word not in common]
    right = [word for word in other.words if word not in common]
    if len(one.run) >= _MIN_RUN and one.run == other.run:
        rest = min(sum(map(weight, left)), sum(map(weight, right)))
        return Likeness(shared=shared + rest, run=1.0, equal=True)
    more, alone_left, alone_right = _pair(left, right, rarity, foreign=one.foreign != other.foreign)
    initials = _initials(one, other, left, right)
    if initials:
        more, alone_left, alone_right = more + initials, 0.0, 0.0
    return Likeness(
        shared=shared + more, left=alone_left, right=alone_right, run=_together(one, other)
    )


def _together(one: Variant, other: Variant) -> float:
    """How alike the names are written together, where their words say little.

    That is where one is of another script, or written as a single word.
    """
    if one.foreign == other.foreign and len(one.words) > 1 and len(other.words) > 1:
        return 0.0
    return max(0.0, Indel.normalized_similarity(one.run, other.run) - 0.5) * 2


def _pair(
    left: Sequence[str], right: Sequence[str], rarity: Rarity, *, foreign: bool
) -> tuple[float, float, float]:
    """Pair words that differ by a slip or were shortened; what they share, and what is alone."""
    free = list(right)
    shared = alone = 0.0
    for word in left:
        weight = rarity.weight(word)
        best, nearest = 0.0, -1
        for at, other in enumerate(free):
            alike = _alike(word, other, rarity)
            if foreign and not alike:
                alike = _same_sound(word, other)
            if alike > best:
                best, nearest = alike, at
        if nearest >= 0:
            partner = rarity.weight(free.pop(nearest))
            shared += best * min(weight, partner)
            alone += (1 - best) * weight
        else:
            alone += weight
    return shared, alone, sum(map(rarity.weight, free))


def _alike(word: str, other: str, rarity: Rarity) -> float:
    """0 to 1: the chance, roughly, that two words are meant to be one."""
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) < _MIN_SHORTENED:
        return 0.0
    if len(longer) - len(shorter) >= _LEFT_OUT and longer.startswith(shorter):
        alike = _SHORTENED
    elif len(shorter) >= _MIN_FUZZY and len(longer) - len(shorter) <= _LEFT_OUT:
        allowed = 1 if len(shorter) <= 2 * _MIN_FUZZY else 2
        slips = OSA.distance(word, other, score_cutoff=allowed)
        alike = 1 - slips / len(longer) if slips <= allowed else 0.0
    else:
        return 0.0
    if alike and rarity.known(word) and rarity.known(other):
        alike *= _TWO_WORDS
    return alike


def _same_sound(word: str, other: str) -> float:
    """Consonants alone, for scripts without vowels and the many ways to write them in ours."""
    bones, others = _bones(word), _bones(other)
    if len(bones) < _MIN_CONSONANTS or len(others) < _MIN_CONSONANTS:
        return 0.0
    return _SAME_SOUND if others in (bones, bones.removeprefix("l")) else 0.0


def _bones(word: str) -> str:
    return word.replace("ph", "f").translate(_SOUND)


def _initials(one: Variant, other: Variant, left: Iterable[str], right: Iterable[str]) -> float:
    """What is shared if all that one name has alone are the other's initials."""
    for short, full, rest in ((one, other, left), (other, one, right)):
        letters = "".join(rest)
        edges = (full.initials[: len(letters)], full.initials[-len(letters) :])
        if len(letters) in INITIALS and len(full.initials) > len(short.words) and letters in edges:
            return _INITIAL * len(letters)
    return 0.0


def label_likeness(labels: Iterable[str], name: Name) -> float:
    """How much the label of a domain, as ``contoso`` of contoso.com, is the name: 0 to 1."""
    best = 0.0
    for label in labels:
        for variant in name.variants:
            best = max(best, _label(label, variant))
            if best == 1.0:
                return best
    return best


def _label(label: str, variant: Variant) -> float:
    run = variant.run
    if label == run and len(run) >= _MIN_LABEL:
        return 1.0
    shorter, longer = sorted((label, run), key=len)
    if len(shorter) >= _MIN_RUN and longer.startswith(shorter):
        return max(0.3, len(shorter) / len(longer))
    if label == variant.initials and len(label) >= _MIN_LABEL:
        return _BY_INITIALS
    if len(shorter) > _MIN_RUN:
        return OSA.normalized_similarity(label, run, score_cutoff=_NEAR_LABEL) * 0.9
    return 0.0


def is_other_branch(label: str, other: str) -> bool:
    """True for ``pizzaleeds`` and ``pizzayork``: one name, and each goes on with its own."""
    pairs = zip(label, other, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return common >= _MIN_STEM and min(len(label), len(other)) - common >= _MIN_BRANCH
