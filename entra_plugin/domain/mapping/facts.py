"""What is known of managed tenants and clients, and what is proposed for them."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId

MAX_CANDIDATES = 5


class Evidence(StrEnum):
    """Why a client is a candidate, strongest first; the last ones speak against it."""

    DIRECTORY_ID = "directory_id"
    DOMAIN = "domain"
    CENSUS = "census"
    SAME_SITE = "same_site"
    SECONDARY_DOMAIN = "secondary_domain"
    NAME = "name"
    DOMAIN_NAME = "domain_name"
    OTHER_DOMAIN = "other_domain"
    DISGUISED = "disguised"
    RIVAL = "rival"


AGAINST = frozenset({Evidence.OTHER_DOMAIN, Evidence.DISGUISED, Evidence.RIVAL})
EXACT = frozenset({Evidence.DIRECTORY_ID, Evidence.DOMAIN})
"""Somebody entered it at the client: a new client would be its double, or share its domain."""
FOR_REVIEW = EXACT | {Evidence.SECONDARY_DOMAIN}
"""A person has to look at it, however unlikely the client is for all that speaks against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFacts:
    """What discovery knows of a managed tenant, and the client that a person mapped it to."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    domains: tuple[str, ...]
    default_domain: str | None = None
    mapped_to: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What the host knows of a client, with the census of its contacts' domains."""

    client_id: ClientId
    name: str
    website: str | None
    domain: str | None
    billing_email: str | None
    inbound_domains: tuple[str, ...]
    directory_tenant_id: UUID | None
    census: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One piece of evidence; ``detail`` is the domain, the GUID or the name it rests on.

    Of a census, ``people`` of the client's ``all_people`` contacts are there.
    """

    evidence: Evidence
    detail: str
    people: int | None = None
    all_people: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A client that may be the managed tenant's.

    ``score`` is the chance that it is right: of the suggestions with 0.9, nine in ten are.
    ``rivals`` are other managed tenants for which the same client is suggested as well.
    """

    client_id: ClientId
    score: float
    reasons: tuple[Reason, ...]
    rivals: tuple[ManagedTenantId, ...] = ()

    def has(self, kinds: Set[Evidence]) -> bool:
        """True when one of its reasons is of these kinds."""
        return any(reason.evidence in kinds for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed for one managed tenant: ``match`` only when no person is needed."""

    tenant: TenantFacts
    match: Suggestion | None
    candidates: tuple[Suggestion, ...]
