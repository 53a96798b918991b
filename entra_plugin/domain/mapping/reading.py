"""Facts of managed tenants and clients, read once for many comparisons."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from anyascii import anyascii

from entra_plugin.domain.domains import (
    address_domain,
    appearance,
    evidence_domain,
    label,
    registrable,
    website_domain,
)
from entra_plugin.domain.mapping.facts import ClientFacts, TenantFacts
from entra_plugin.domain.mapping.likeness import label_likeness
from entra_plugin.domain.mapping.names import Name, parsed

_NOT_IN_LABEL = re.compile(r"[^a-z0-9]+")
_OWN_NAME = 0.4
"""A domain whose label is less like the client's name is somebody else's, if the path has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A managed tenant, read for comparison.

    ``sites`` are the registrable domains of its ``domains``; ``labels`` their first parts, that of
    the initial domain included.
    """

    facts: TenantFacts
    name: Name
    domains: frozenset[str]
    default: str | None
    sites: frozenset[str]
    labels: frozenset[str]
    own_labels: frozenset[str]
    masks: frozenset[str]
    """What its domains with foreign letters look like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A client, read for comparison.

    ``census`` and ``contacts`` count contacts whose domain is evidence; ``sites`` are the
    registrable domains of all its domains, ``own_sites`` those of its ``own``.
    """

    facts: ClientFacts
    name: Name
    own: frozenset[str]
    own_sites: frozenset[str]
    sites: frozenset[str]
    secondary: frozenset[str]
    census: Mapping[str, int]
    contacts: int
    labels: frozenset[str]


def read_customer(facts: TenantFacts) -> Customer:
    """Read what discovery knows."""
    domains = frozenset(filter(None, map(evidence_domain, facts.domains)))
    return Customer(
        facts=facts,
        name=parsed(facts.display_name),
        domains=domains,
        default=evidence_domain(facts.default_domain),
        sites=frozenset(map(registrable, domains)),
        labels=frozenset(filter(None, map(label, facts.domains))),
        own_labels=frozenset(filter(None, map(label, domains))),
        masks=frozenset(filter(None, map(appearance, domains))),
    )


def read_client(facts: ClientFacts) -> Known:
    """Read what the host knows."""
    name = parsed(facts.name)
    site = website_domain(facts.website)
    if site and _is_hosted(facts.website or "", site, name):
        site = None
    own = frozenset(filter(None, (site, website_domain(facts.domain))))
    secondary = frozenset(
        filter(
            None,
            (address_domain(facts.billing_email), *map(evidence_domain, facts.inbound_domains)),
        )
    )
    census: Counter[str] = Counter()
    for typed, count in facts.census.items():
        domain = evidence_domain(typed)
        if domain:
            census[domain] += count
    return Known(
        facts=facts,
        name=name,
        own=own,
        own_sites=frozenset(map(registrable, own)),
        sites=frozenset(map(registrable, {*own, *census})),
        secondary=secondary,
        census=census,
        contacts=census.total(),
        labels=frozenset(filter(None, map(label, {*own, *census}))),
    )


def _is_hosted(website: str, site: str, name: Name) -> bool:
    """True for a page of the client's name on a domain of another name: an agency's, a portal's."""
    path = website.rpartition("//")[2].partition("/")[2]
    segments = {_NOT_IN_LABEL.sub("", anyascii(part).lower()) for part in path.split("/")}
    if label_likeness(segments - {""}, name) < _OWN_NAME:
        return False
    return label_likeness(filter(None, (label(site),)), name) < _OWN_NAME
