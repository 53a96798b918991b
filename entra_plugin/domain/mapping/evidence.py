"""What speaks for and against a client being a managed tenant, in numbers and in reasons."""

from collections.abc import Iterator
from dataclasses import dataclass

from entra_plugin.domain.domains import registrable
from entra_plugin.domain.mapping.facts import Evidence, Reason
from entra_plugin.domain.mapping.index import ClientIndex
from entra_plugin.domain.mapping.likeness import Likeness, is_other_branch, label_likeness, likeness
from entra_plugin.domain.mapping.reading import Customer, Known

_NAME_FLOOR = 0.3
_LABEL_FLOOR = 0.5
_LIVES = 0.5
"""More contacts elsewhere than at home."""
_ENOUGH_NATS = 10.0
_MAX_DETAIL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One client, measured against one managed tenant. All numbers are 0 to 1.

    ``elsewhere`` is how surely its contacts live on domains that are not the tenant's.
    """

    client: Known
    alike: Likeness
    directory: float
    own_directory: float
    domain: float
    domain_shared: float
    domain_minor: float
    site: float
    census: float
    census_owned: float
    secondary: float
    website_elsewhere: float
    elsewhere: float
    other_suffix: float
    other_branch: float
    label: float
    disguised: float

    @property
    def exact(self) -> bool:
        """True when there is evidence that is ``EXACT``."""
        return bool(self.directory or self.domain)

    @property
    def for_review(self) -> bool:
        """True when there is evidence ``FOR_REVIEW``."""
        return self.exact or bool(self.secondary)

    @property
    def numbers(self) -> tuple[float, ...]:
        """What the score weighs, in the order of ``NUMBERS``."""
        alike = self.alike
        honest = 1.0 - self.disguised
        return (
            self.directory,
            self.own_directory,
            self.domain,
            self.domain_shared * min((alike.left + alike.right) / _ENOUGH_NATS, 1.5),
            self.domain_minor,
            self.site,
            self.census,
            self.census_owned,
            self.secondary,
            self.website_elsewhere,
            self.elsewhere,
            self.elsewhere * self.domain * (1.0 - max(float(alike.equal), alike.part)),
            self.other_suffix,
            self.other_branch,
            self.label,
            self.disguised,
            honest * alike.equal,
            honest * min(alike.shared / _ENOUGH_NATS, 1.5),
            honest * min(alike.left / _ENOUGH_NATS, 1.5),
            honest * min(alike.right / _ENOUGH_NATS, 1.5),
            honest * min(min(alike.left, alike.right) / _ENOUGH_NATS, 1.5),
            honest * alike.run,
        )


NUMBERS = (
    "directory",
    "own_directory",
    "domain",
    "domain_shared_unlike",
    "domain_minor",
    "site",
    "census",
    "census_owned",
    "secondary",
    "website_elsewhere",
    "elsewhere",
    "domain_contradicted",
    "other_suffix",
    "other_branch",
    "label",
    "disguised",
    "name_equal",
    "name_shared",
    "name_left",
    "name_right",
    "name_conflict",
    "name_run",
)


def measure(customer: Customer, client: Known, index: ClientIndex) -> Measured:
    """Measure one client against one managed tenant."""
    alike = likeness(customer.name, client.name, index.rarity)
    exact = customer.domains & client.own
    here = customer.domains & client.census.keys()
    there = sum(client.census[domain] for domain in here)
    people = sum(index.people_at[domain] for domain in here)
    away = _away(customer, client, index) if customer.domains else 0.0
    near = not customer.sites.isdisjoint(client.sites)
    mark = client.facts.directory_tenant_id
    holders = index.by_directory.get(customer.facts.entra_tenant_id)
    ours = mark == customer.facts.entra_tenant_id
    told = customer.own_labels & client.labels  # the domain itself says it already
    labelled = label_likeness(customer.labels - told, client.name)
    return Measured(
        client=client,
        alike=alike,
        directory=float(ours),
        own_directory=float(not ours and (mark is not None or holders is not None)),
        domain=float(bool(exact)),
        domain_shared=_many(exact, index) if exact else 0.0,
        domain_minor=float(
            bool(exact) and customer.default is not None and customer.default not in exact
        ),
        site=float(near and not exact),
        census=there / client.contacts * _enough(there) if there else 0.0,
        census_owned=there / people * _enough(there) if there else 0.0,
        secondary=_secondary(customer, client, index),
        website_elsewhere=float(
            bool(client.own and customer.domains) and customer.sites.isdisjoint(client.own_sites)
        ),
        elsewhere=away / (away + there) * _enough(away) if away else 0.0,
        other_suffix=float(not near and not customer.own_labels.isdisjoint(client.labels)),
        other_branch=float(
            not exact and not there and _is_branch(customer.own_labels, client.labels)
        ),
        label=labelled * (1.0 - max(float(alike.equal), alike.part)),
        disguised=float(
            customer.name.disguised
            or client.name.disguised
            or not (exact or there or customer.masks.isdisjoint(client.labels))
        ),
    )


def _enough(people: float) -> float:
    """How far so many contacts can be trusted: one is a stray, ten are a company."""
    return people / (people + 2)


def _away(customer: Customer, client: Known, index: ClientIndex) -> float:
    """The client's contacts on other companies' domains; clients that have a domain share it."""
    return sum(
        count / len(index.by_census[domain])
        for domain, count in client.census.items()
        if registrable(domain) not in customer.sites
    )


def _is_branch(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    return any(is_other_branch(one, other) for one in ours for other in theirs)


def _many(exact: frozenset[str], index: ClientIndex) -> float:
    """0 for a domain of one client, nearing 1 the more clients share it."""
    fewest = min(len(index.by_own[domain]) for domain in exact)
    return 1 - 1 / fewest


def _secondary(customer: Customer, client: Known, index: ClientIndex) -> float:
    """1 for a billing or inbound domain of this client alone, less the more others have it."""
    shares = [1 / len(index.by_secondary[domain]) for domain in customer.domains & client.secondary]
    return max(shares, default=0.0)


def reasons(customer: Customer, found: Measured) -> Iterator[Reason]:
    """The evidence in the order of its strength, for people."""
    client = found.client
    if found.directory:
        yield Reason(evidence=Evidence.DIRECTORY_ID, detail=str(customer.facts.entra_tenant_id))
    if found.domain:
        exact = customer.domains & client.own
        yield Reason(evidence=Evidence.DOMAIN, detail=_first(customer, exact))
    if found.census:
        there = customer.domains & client.census.keys()
        yield Reason(
            evidence=Evidence.CENSUS,
            detail=_first(customer, there),
            people=sum(client.census[domain] for domain in there),
            all_people=sum(client.facts.census.values()),
        )
    if found.site and not found.census:
        yield Reason(evidence=Evidence.SAME_SITE, detail=min(customer.sites & client.sites))
    if found.secondary:
        both = customer.domains & client.secondary
        yield Reason(evidence=Evidence.SECONDARY_DOMAIN, detail=_first(customer, both))
    yield from _name_reasons(found)
    if found.website_elsewhere and not found.census:
        yield Reason(evidence=Evidence.OTHER_DOMAIN, detail=min(client.own))
    elif found.elsewhere > _LIVES and not found.census:
        yield Reason(
            evidence=Evidence.OTHER_DOMAIN,
            detail=max(sorted(client.census), key=lambda domain: client.census[domain]),
        )


def _name_reasons(found: Measured) -> Iterator[Reason]:
    name = found.client.facts.name[:_MAX_DETAIL]
    imitated = found.alike.equal or found.alike.part > _LABEL_FLOOR
    if found.disguised:
        if imitated:
            yield Reason(evidence=Evidence.DISGUISED, detail=name)
    elif found.alike.equal or found.alike.part >= _NAME_FLOOR or found.alike.run > _LABEL_FLOOR:
        yield Reason(evidence=Evidence.NAME, detail=name)
    elif found.label >= _LABEL_FLOOR:
        yield Reason(evidence=Evidence.DOMAIN_NAME, detail=name)


def _first(customer: Customer, domains: frozenset[str]) -> str:
    """The default domain if it is among them."""
    if customer.default in domains:
        return str(customer.default)
    return min(domains)


__all__ = ["NUMBERS", "Measured", "measure", "reasons"]
