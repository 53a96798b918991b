"""Values of the domain with sensible defaults, so that a test names only what it is about."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from entra_plugin.domain.filters import FilterRule, Filters
from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.identity import DirectoryUser, IdentityKey
from entra_plugin.domain.ids import (
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
)
from entra_plugin.domain.mapping.facts import ClientFacts, TenantFacts
from entra_plugin.domain.matching import Candidate, Index
from entra_plugin.domain.merging import FieldRules, Values
from entra_plugin.domain.pins import NO_PINS, Pins
from entra_plugin.domain.planner import Planner
from entra_plugin.domain.planning import (
    Dormant,
    Known,
    Link,
    PagePlan,
    Remembered,
    Rules,
    Scope,
    Surroundings,
    read,
)
from entra_plugin.domain.states import MappingState
from entra_plugin.store.managed_tenants import ManagedTenant
from entra_plugin.store.mappings import CurrentMapping

_NAMES = UUID("6f1d2c1e-0d0c-4a55-9a6f-5f6f0b0a9d11")

DIRECTORY = EntraTenantId(UUID("11111111-1111-4111-8111-111111111111"))

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def guid(name: object) -> UUID:
    """A UUID that is the same for the same name."""
    return uuid5(_NAMES, str(name).encode("unicode_escape").decode())


CLIENT = ClientId(guid("client"))
OTHER_CLIENT = ClientId(guid("other client"))
RUN = RunId(guid("run"))
SCOPE = Scope(run_id=RUN, entra_tenant_id=DIRECTORY, client_id=CLIENT)

_ADA = DirectoryUser(
    object_id=ObjectId(guid("ada")),
    user_principal_name="ada@contoso.example",
    mail="ada@contoso.example",
    aliases=(),
    display_name="Ada Lovelace",
    given_name="Ada",
    surname="Lovelace",
    enabled=True,
    user_type="Member",
    external_state=None,
    resource_account=False,
    licensed=True,
    job_title="Engineer",
    department=None,
    company_name=None,
    office_location=None,
    business_phones=(),
    mobile_phone=None,
)


def user(name: object = "ada", **attributes: Any) -> DirectoryUser:
    """A licensed member with an address; ``name`` decides the object id."""
    return replace(_ADA, object_id=ObjectId(guid(name)), **attributes)


def person(local: str, domain: str = "contoso.example", **attributes: Any) -> DirectoryUser:
    """A user whose UPN and mail are one address."""
    address = f"{local}@{domain}"
    return user(address, user_principal_name=address, mail=address, **attributes)


def identity(of: DirectoryUser) -> IdentityKey:
    """The key of a user of the one directory."""
    return IdentityKey(entra_tenant_id=DIRECTORY, object_id=of.object_id)


def contact(
    name: object,
    *,
    client_id: ClientId = CLIENT,
    active: bool = True,
    linked_to: IdentityKey | None = None,
    version: int = 1,
    values: Values | None = None,
) -> Candidate:
    """A contact; ``name`` decides its id."""
    return Candidate(
        contact_id=ContactId(guid(name)),
        client_id=client_id,
        active=active,
        linked_to=linked_to,
        version=version,
        values=values or {},
    )


def plan_of(
    users: Iterable[DirectoryUser],
    *,
    index: Index | None = None,
    known: Mapping[ObjectId, Known] | None = None,
    decisions: Mapping[ObjectId, Remembered] | None = None,
    filters: Filters | None = None,
    scope: Scope = SCOPE,
    links: Mapping[ObjectId, Link] | None = None,
    dormant: Mapping[ObjectId, Dormant] | None = None,
    bases: Mapping[tuple[ObjectId, ContactId], Mapping[str, str]] | None = None,
    chosen: Iterable[Candidate] = (),
    fields: FieldRules | None = None,
    guard: Guard | None = None,
    pins: Pins = NO_PINS,
    now: datetime = NOW,
) -> PagePlan:
    """The plan of one page, everything looked at anew."""
    plan = PagePlan()
    rules = Rules(
        filters=FilterRule(filters or Filters()),
        fields=fields or {},
        guard=guard or Guard(),
        decisions=decisions or {},
    )
    around = Surroundings(
        index=index or {},
        links=links or {},
        dormant=dormant or {},
        bases=bases or {},
        decided={c.contact_id: c for c in chosen},
        pins=pins,
    )
    Planner(scope, rules, now).plan(read(users, known or {}), around, plan)
    return plan


def tenant(name: str, *domains: str, display_name: str | None = None) -> TenantFacts:
    """A managed tenant; ``name`` decides its ids."""
    return TenantFacts(
        managed_tenant_id=ManagedTenantId(guid(f"managed {name}")),
        entra_tenant_id=EntraTenantId(guid(f"directory {name}")),
        display_name=name if display_name is None else display_name,
        domains=domains,
    )


def client(
    name: str,
    *,
    website: str | None = None,
    domain: str | None = None,
    billing_email: str | None = None,
    inbound_domains: Sequence[str] = (),
    directory_tenant_id: UUID | None = None,
    census: Mapping[str, int] | None = None,
) -> ClientFacts:
    """A client; ``name`` decides its id."""
    return ClientFacts(
        client_id=ClientId(guid(f"client {name}")),
        name=name,
        website=website,
        domain=domain,
        billing_email=billing_email,
        inbound_domains=tuple(inbound_domains),
        directory_tenant_id=directory_tenant_id,
        census=census or {},
    )


def managed_tenant(name: str, *domains: str, gone_at: datetime | None = None) -> ManagedTenant:
    """A managed tenant as stored; ``name`` decides its ids."""
    facts = tenant(name, *domains)
    return ManagedTenant(
        managed_tenant_id=facts.managed_tenant_id,
        entra_tenant_id=facts.entra_tenant_id,
        display_name=name,
        default_domain=domains[0] if domains else None,
        domains=domains,
        user_count=None,
        relationship_end=None,
        auto_extend=None,
        roles=(),
        privilege_status=None,
        provider_errors=None,
        health_code=None,
        health_details={},
        health_at=None,
        first_seen_at=NOW,
        gone_at=gone_at,
        last_success_at=None,
        policy_fingerprint=None,
    )


def mapping(
    of: ManagedTenant,
    state: MappingState = MappingState.MAPPED,
    client_id: ClientId | None = None,
    *,
    paused_until: datetime | None = None,
    filter_overrides: Mapping[str, object] | None = None,
    version: int = 1,
) -> CurrentMapping:
    """The decision in force about a managed tenant."""
    return CurrentMapping(
        mapping_id=guid(f"mapping {of.managed_tenant_id}"),
        managed_tenant_id=of.managed_tenant_id,
        entra_tenant_id=of.entra_tenant_id,
        display_name=of.display_name,
        default_domain=of.default_domain,
        domains=of.domains,
        state=state,
        client_id=client_id,
        evidence={},
        filter_overrides=filter_overrides or {},
        paused_until=paused_until,
        version=version,
        decided_by=None,
        decided_by_name=None,
        decided_at=NOW,
        ended_at=None,
        gone_at=of.gone_at,
        policy_fingerprint=of.policy_fingerprint,
    )
