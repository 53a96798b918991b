"""Domain names as evidence: what a website or an address says about who owns a directory."""

import re
from urllib.parse import urlsplit

from entra_plugin.domain.addresses import MICROSOFT_INITIAL_SUFFIX, domain_of, normalise, to_ascii

_MAX_LENGTH = 253
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)

SHARED = frozenset(
    {
        "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "live.com",
        "msn.com", "yahoo.com", "yahoo.co.uk", "ymail.com", "aol.com", "icloud.com", "me.com",
        "mac.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "freenet.de",
        "proton.me", "protonmail.com", "mail.com", "mail.ru", "yandex.ru", "zoho.com", "qq.com",
        "163.com", "126.com", "naver.com", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net",
        "libero.it", "btinternet.com", "comcast.net", "verizon.net", "att.net", "sbcglobal.net",
        "cox.net", "bluewin.ch", "wixsite.com", "wordpress.com", "blogspot.com", "squarespace.com",
        "weebly.com", "myshopify.com", "github.io", "facebook.com", "linkedin.com",
        "instagram.com", "sharepoint.com", "azurewebsites.net", "godaddysites.com",
    }
)  # fmt: skip
"""Free mail and shared hosting: having an address or a site there says nothing about a company."""


def website_domain(website: str | None) -> str | None:
    """The domain of a website field, however it was typed; without ``www.``.

    None if it is no evidence.
    """
    if not website or len(website) > 2048:
        return None
    text = website.strip()
    try:
        host = urlsplit(text if _SCHEME.match(text) else f"//{text}").hostname
    except ValueError:
        return None
    return evidence_domain((to_ascii(host or "") or "").removeprefix("www."))


def address_domain(address: str | None) -> str | None:
    """The domain of an e-mail address, if it is evidence."""
    normal = normalise(address)
    return evidence_domain(domain_of(normal)) if normal else None


def evidence_domain(name: str | None) -> str | None:
    """A domain in ASCII form that can tell companies apart, else None."""
    if not name or len(name) > _MAX_LENGTH:
        return None
    ascii_name = to_ascii(name.strip().strip("."))
    if ascii_name is None or "." not in ascii_name:
        return None
    shared = ascii_name in SHARED or any(ascii_name.endswith(f".{host}") for host in SHARED)
    if shared or ascii_name.endswith(MICROSOFT_INITIAL_SUFFIX):
        return None
    return ascii_name
