"""Company names folded to the words that tell companies apart, in any script."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from anyascii import anyascii

from entra_plugin.domain.mapping.legal_forms import NATIVE, without_form

MAX_LENGTH = 200
"""Longer names are cut: no company's name is longer, and hostile ones are."""

_MAX_VARIANTS = 4
_MAX_WORDS = 24

_ALSO_CALLED = re.compile(
    r"\b(?:t/a|d/b/a|o/a|dba|aka|a\.k\.a\.|trading as|doing business as|formerly|vormals|früher"
    r"|ehemals|anciennement|operating as)\b[.:]?",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"[(\[（【]([^()\[\]（）【】]*)[)\]）】]")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.[ ]?){2,}(?:[^\W\d_]\b)?")
_APOSTROPHE = re.compile(r"['’ʼ`´]")
_WORD = re.compile(r"[^\W_]+")
_UMLAUT = re.compile(r"([aou])e+")
_IDEOGRAPH = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")

_JOINING = frozenset(
    {"and", "the", "of", "und", "et", "y", "og", "och", "en", "e", "i", "de", "la", "le"}
)
"""Words that come and go."""

_PURPOSES = frozenset(
    {"the", "test", "testing", "dev", "development", "sandbox", "demo", "staging", "tenant", "msp"}
)
"""Words that say what a directory is for, not whose it is."""

_GENERIC = _PURPOSES | {
    *("microsoft", "office", "365", "m365", "o365", "azure", "entra", "ad", "active", "cloud"),
    *("default", "directory", "main", "organization", "organisation", "company", "standard"),
    *("standardverzeichnis", "verzeichnis", "tenancy", "production", "prod", "new", "admin"),
}
"""A name of nothing but these is what a directory is called when nobody named it."""

_SHORT = {
    **dict.fromkeys(("saint", "sankt", "sainte", "st"), "st"),
    **dict.fromkeys(("mount", "mt"), "mt"),
    **dict.fromkeys(("brothers", "bros"), "bros"),
    **dict.fromkeys(("international", "intl", "int"), "intl"),
    **dict.fromkeys(("national", "natl"), "natl"),
    **dict.fromkeys(("services", "service", "svcs", "svc"), "svc"),
    **dict.fromkeys(("manufacturing", "mfg"), "mfg"),
    **dict.fromkeys(("associates", "associated", "assoc", "assocs"), "assoc"),
    **dict.fromkeys(("association", "assn"), "assn"),
    **dict.fromkeys(("center", "centre", "centrum", "ctr"), "center"),
    **dict.fromkeys(("technologies", "technology", "tech"), "tech"),
    **dict.fromkeys(("engineering", "engineers", "eng", "engg"), "eng"),
    **dict.fromkeys(("construction", "constructions", "constr"), "constr"),
    **dict.fromkeys(("management", "mgmt"), "mgmt"),
    **dict.fromkeys(("department", "dept"), "dept"),
    **dict.fromkeys(("university", "univ"), "univ"),
    **dict.fromkeys(("solutions", "solution"), "solution"),
    **dict.fromkeys(("systems", "system", "sys"), "system"),
    **dict.fromkeys(("insurance", "ins"), "ins"),
    **dict.fromkeys(("group", "grp", "gruppe", "groupe", "gruppo", "grupo"), "group"),
    **dict.fromkeys(("holdings", "holding", "hldgs"), "group"),
    **dict.fromkeys(("hospital", "hosp"), "hosp"),
    **dict.fromkeys(("north", "n"), "north"),
    **dict.fromkeys(("south", "s"), "south"),
    **dict.fromkeys(("street", "str"), "street"),
    **dict.fromkeys(("properties", "property"), "property"),
    **dict.fromkeys(("partners", "partner", "ptnrs"), "partner"),
    **dict.fromkeys(("consulting", "consultants", "consultancy"), "consult"),
    **dict.fromkeys(("accounting", "accountants", "accountancy"), "account"),
    **dict.fromkeys(("logistics", "logistik", "logistic"), "logistics"),
    **dict.fromkeys(("doctor", "dr"), "dr"),
}
"""Words that people write short, or in one of several forms."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to say a name.

    ``words`` are those that tell; ``run`` is the name written together in Latin letters, and
    ``initials`` are the first letters of all its words. ``foreign``: written in another script.
    """

    words: tuple[str, ...]
    run: str
    initials: str
    foreign: bool


@dataclass(frozen=True, slots=True)
class Name:
    """A company's name, in the ways it can be said.

    ``disguised``: one of its words mixes scripts whose letters look alike, as no honest name does.
    """

    variants: tuple[Variant, ...]
    disguised: bool


@lru_cache(maxsize=16384)
def parsed(name: str) -> Name:
    """Read a name; one without a letter or digit has no variant, and is like no other."""
    text = _cleaned(name)
    found: dict[Variant, None] = {}
    for part in _parts(text):
        variant = _variant(part)
        if variant is not None:
            found[variant] = None
    return Name(variants=tuple(found)[:_MAX_VARIANTS], disguised=is_disguised(text))


def words(name: str) -> frozenset[str]:
    """The words that tell, of all variants of a name."""
    return frozenset(word for variant in parsed(name).variants for word in variant.words)


def _cleaned(name: str) -> str:
    """Compatibility forms folded; control characters, direction marks and lone surrogates gone."""
    text = unicodedata.normalize("NFKC", name[:MAX_LENGTH])
    if text.isascii() and text.isprintable():
        return text
    kept = (_kept(c) for c in text)
    return "".join(kept)


def _kept(character: str) -> str:
    match unicodedata.category(character):
        case "Cf" | "Cs" | "Cn" | "Co":
            return ""
        case "Cc" | "Zl" | "Zp" | "Zs":
            return " "
        case _:
            return character


def _parts(text: str) -> Iterator[str]:
    """The whole name, and what else it is called, be it in brackets or not."""
    called = [part for part in _ALSO_CALLED.split(text) if _WORD.search(part)]
    yield from called or [text]
    yield from (part for part in _IN_BRACKETS.findall(text) if " " in part.strip())


def _variant(text: str) -> Variant | None:
    for form in NATIVE:
        if form in text:
            text = text.replace(form, " ")
    text = _APOSTROPHE.sub("", _INITIALS.sub(_joined, text)).casefold()
    raw = tuple(_latin(text))[:_MAX_WORDS]
    if not raw:
        return None
    named = without_form(tuple(word for word in raw if word not in _PURPOSES) or raw)
    if _GENERIC.issuperset(named):
        return None
    telling = tuple(_SHORT.get(word, word) for word in named if word not in _JOINING)
    telling = telling or named
    return Variant(
        words=tuple(dict.fromkeys(map(_spelling, telling))),
        run="".join(anyascii(word).lower() for word in named if word not in _JOINING)
        or "".join(map(anyascii, named)).lower(),
        initials="".join(word[0] for word in raw if word.isascii()),
        foreign=not _only_latin(text),
    )


def _only_latin(text: str) -> bool:
    """False for a name with a letter of another script."""
    return text.isascii() or _scripts(text, everything=True) <= {"LATIN"}


def _joined(match: re.Match[str]) -> str:
    """``S.r.l.`` is one word."""
    return match[0].replace(".", "").replace(" ", "") + " "


def _latin(text: str) -> Iterator[str]:
    """The words in Latin letters; each ideograph is a word, since nobody can read it for sure."""
    for word in _WORD.findall(text):
        if word.isascii():
            yield word
            continue
        last = 0
        for found in _IDEOGRAPH.finditer(word):
            if found.start() > last:
                yield from _romanised(word[last : found.start()])
            yield found[0]
            last = found.end()
        if last < len(word):
            yield from _romanised(word[last:])


def _romanised(word: str) -> Sequence[str]:
    return _WORD.findall(_APOSTROPHE.sub("", anyascii(word)).casefold())


def _spelling(word: str) -> str:
    """One spelling for words with umlauts, which some people write with an e."""
    return _UMLAUT.sub(r"\1", word)


def is_disguised(text: str) -> bool:
    """True when a word mixes Latin, Cyrillic or Greek letters."""
    if text.isascii():
        return False
    return any(len(_scripts(word)) > 1 for word in _WORD.findall(text) if not word.isascii())


def _scripts(word: str, *, everything: bool = False) -> set[str]:
    names = (unicodedata.name(c, "").partition(" ")[0] for c in word if c.isalpha())
    return {script for script in names if everything or script in _ALIKE}


_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
"""Scripts whose letters look alike."""
