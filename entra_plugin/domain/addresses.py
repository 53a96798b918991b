"""E-mail addresses, normalised in one place: NFKC, trimmed, lower case, IDNA ASCII domain.

Two addresses are the same person's exactly when their normal forms are equal.
"""

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache

import idna

from entra_plugin.domain.folding import compositions

_MAX_LENGTH = 320
"""64 octets of local part, the sign, 255 octets of domain: RFC 5321 4.5.3.1."""

_MAX_TYPED = 2000
"""Longer text is not even looked at."""

_DOMAIN = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")

MICROSOFT_INITIAL_SUFFIX = ".onmicrosoft.com"
"""Every directory's first domain; nobody writes to it, so a UPN on it is no address."""


@lru_cache(maxsize=8192)
def normalise(address: str | None) -> str | None:
    """The normal form, or None when the text cannot be an address.

    There is exactly one ``@``: a quoted name could hold more, and what has more is a slip.
    Control characters, direction marks and other invisible ones are refused: two addresses that
    look alike must not differ, and the database holds no NUL.
    """
    if not address or len(address) > _MAX_TYPED:
        return None
    folded = (address.lower() if address.isascii() else _folded(address)).strip()
    local, _, domain = folded.partition("@")  # a second one makes the domain none
    if not local or not folded.isprintable() or " " in folded:
        return None
    ascii_domain = to_ascii(domain)
    if ascii_domain is None:
        return None
    result = f"{local}@{ascii_domain}"
    return result if len(result) <= _MAX_LENGTH else None


def _folded(text: str) -> str:
    """NFKC and lower case; twice NFKC, because lower case may leave what composes."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())


def to_ascii(domain: str) -> str | None:
    """A domain name in IDNA ASCII form, lower case, or None when it is none."""
    try:
        name = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    name = name.removesuffix(".")
    return name if _DOMAIN.fullmatch(name) else None


def spellings(address: str) -> tuple[str, ...]:
    """The forms in which a host may hold a normalised address.

    With ASCII and with Unicode domain; with an accent as part of its letter, and behind it.
    """
    local, _, domain = address.partition("@")
    forms = [address]
    if "xn--" in domain:
        with suppress(idna.IDNAError, UnicodeError):
            forms.append(f"{local}@{idna.decode(domain)}")
    return tuple(dict.fromkeys(written for form in forms for written in compositions(form)))


def domain_of(address: str) -> str:
    """The part behind the ``@``; of a normalised address."""
    return address.partition("@")[2]


def usable_address(mail: str | None, user_principal_name: str) -> str | None:
    """The address a person can be written to.

    Mail, else the UPN unless it is on the initial domain.
    """
    address = normalise(mail)
    if address is not None:
        return address
    upn = normalise(user_principal_name)
    if upn is None or upn.endswith(MICROSOFT_INITIAL_SUFFIX):
        return None
    return upn
