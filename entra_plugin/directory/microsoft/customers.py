"""Lists a partner's customers: those with GDAP, and what his other lists say of them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from entra_plugin.directory.microsoft import partner_wire as wire
from entra_plugin.directory.microsoft.endpoints import LIGHTHOUSE_SCOPE
from entra_plugin.directory.microsoft.reading import Bearer, GraphReader, Page
from entra_plugin.directory.microsoft.refusals import translated
from entra_plugin.directory.moments import told_moment
from entra_plugin.directory.protocol import ListedTenant
from entra_plugin.directory.transport import UnexpectedStatus
from entra_plugin.domain.addresses import to_ascii
from entra_plugin.domain.errors import ConfigurationInvalid, TransientFailure
from entra_plugin.domain.folding import shown_name
from entra_plugin.domain.ids import EntraTenantId

log = logging.getLogger(__name__)

_CUSTOMERS = "/tenantRelationships/delegatedAdminCustomers?$select=tenantId,displayName&$top=300"
_RELATIONSHIPS = (
    "/tenantRelationships/delegatedAdminRelationships?$filter=status%20eq%20%27active%27"
    "&$select=displayName,customer,endDateTime,autoExtendDuration,accessDetails&$top=300"
)
_CONTRACTS = "/contracts?$select=customerId,defaultDomainName&$top=999"
_LIGHTHOUSE = "/tenantRelationships/managedTenants/tenants"

_NAMED_MEMBERS = {"prefer": "include-unknown-enum-members"}
"""Without it Lighthouse calls GDAP ``unknownFutureValue``."""

_MICROSOFT_LED = "MLT_"
"""Relationships that Microsoft made when it ended DAP; they carry no roles that can be used."""

_NO_EXTENSION = frozenset({None, "", "PT0S", "P0D"})


async def list_customers(reader: GraphReader) -> list[ListedTenant]:
    """The customers with an active relationship, enriched by what else may be read.

    Raises:
        ConfigurationInvalid: ``partner_permission_missing`` or ``app_only_discovery_refused``;
            ``unusable_answer`` when every row was rejected.
        EntraError: The list could not be read.
    """
    customers = await _required(reader, _CUSTOMERS, wire.CustomerList)
    relationships = await _required(reader, _RELATIONSHIPS, wire.RelationshipList)
    bearer = reader.bearer(reader.tokens.home)
    contracts_url = reader.endpoints.graph_url(_CONTRACTS)
    contracts = await _optional(reader, bearer, contracts_url, wire.ContractList)
    lighthouse = await _lighthouse(reader, bearer)
    active = _by_customer(row for page in relationships for row in page.value)
    domains = _domains(row for page in contracts for row in page.value)
    seen = {
        key: row
        for page in lighthouse
        for row in page.value
        if (key := _guid(row.tenant_id)) is not None
    }
    return [
        _listed(tenant_id, name, active.get(tenant_id, ()), domains.get(tenant_id), seen)
        for tenant_id, name in _accepted(customers).items()
    ]


async def count_customers(reader: GraphReader) -> int:
    """How many customers are listed; the cheapest proof that the partner may list them.

    Raises:
        EntraError: As ``list_customers``.
    """
    return len(_accepted(await _required(reader, _CUSTOMERS, wire.CustomerList)))


async def _required(reader: GraphReader, path: str, type_: type[Page]) -> list[Page]:
    """A list without which there is no discovery, in whoever's name it may be read."""
    tokens, url = reader.tokens, reader.endpoints.graph_url(path)
    access = tokens.at_home
    try:
        return await _listed_at_home(reader, url, type_)
    except ConfigurationInvalid as error:
        # Another listing may have given way since this one began.
        gave_way = tokens.give_way() or tokens.at_home != access
        if error.code != "app_only_discovery_refused" or not gave_way:
            raise
    return await _listed_at_home(reader, url, type_)


async def _listed_at_home(reader: GraphReader, url: str, type_: type[Page]) -> list[Page]:
    """A list of the partner's own directory.

    A token whose rights did not suffice is dropped: one made after an administrator helped has
    more.
    """
    home, access = reader.tokens.home, reader.tokens.at_home
    try:
        with translated(at_customer=False, access=access):
            return await reader.listing(reader.bearer(home), url, type_)
    except ConfigurationInvalid:
        reader.tokens.forget(home)
        raise


async def _lighthouse(reader: GraphReader, bearer: Bearer) -> list[wire.LighthouseList]:
    if LIGHTHOUSE_SCOPE not in reader.tokens.home_scopes:
        return []
    url = reader.endpoints.beta_url(_LIGHTHOUSE)
    return await _optional(reader, bearer, url, wire.LighthouseList, _NAMED_MEMBERS)


async def _optional(
    reader: GraphReader,
    bearer: Bearer,
    url: str,
    type_: type[Page],
    headers: Mapping[str, str] | None = None,
) -> list[Page]:
    """A list that only adds to what is known; who may not read it goes without.

    Neither a partner who is no reseller nor a beta interface in trouble may stop a discovery. A
    throttled one does: the budget is that of the lists that are needed.
    """
    try:
        return await reader.listing(bearer, url, type_, headers=headers)
    except UnexpectedStatus as answer:
        log.debug("enrichment refused", extra={"list": type_.__name__, "status": answer.status})
    except TransientFailure as failure:
        if failure.code == "throttled":
            raise
        log.debug("enrichment failed", extra={"list": type_.__name__, "code": failure.code})
    return []


def _accepted(pages: Sequence[wire.CustomerList]) -> dict[EntraTenantId, str | None]:
    """The names of the customers by id, each once; rows that are no tenant are left out."""
    rows = [row for page in pages for row in page.value]
    found = {
        tenant_id: row.display_name
        for row in rows
        if (tenant_id := _guid(row.tenant_id)) is not None
    }
    if rows and not found:
        raise ConfigurationInvalid("unusable_answer", details={"rejectedRows": len(rows)})
    return found


def _by_customer(
    rows: Iterable[wire.Relationship],
) -> Mapping[EntraTenantId, list[wire.Relationship]]:
    found: defaultdict[EntraTenantId, list[wire.Relationship]] = defaultdict(list)
    for row in rows:
        tenant_id = _guid(row.customer.tenant_id if row.customer else None)
        if tenant_id is not None and not (row.display_name or "").startswith(_MICROSOFT_LED):
            found[tenant_id].append(row)
    return found


def _domains(rows: Iterable[wire.Contract]) -> Mapping[EntraTenantId, str | None]:
    return {
        tenant_id: row.default_domain_name
        for row in rows
        if (tenant_id := _guid(row.customer_id)) is not None
    }


def _listed(
    tenant_id: EntraTenantId,
    name: str | None,
    active: Sequence[wire.Relationship],
    contract_domain: str | None,
    lighthouse: Mapping[EntraTenantId, wire.LighthouseTenant],
) -> ListedTenant:
    """One customer; Lighthouse's domain is younger than that of the contract."""
    seen = lighthouse.get(tenant_id)
    status = seen.tenant_status_information if seen else None
    younger = seen.contract.default_domain_name if seen and seen.contract else None
    domain = younger or contract_domain
    return ListedTenant(
        entra_tenant_id=tenant_id,
        display_name=shown_name(name) or str(tenant_id),
        default_domain=to_ascii(domain) if domain else None,
        relationship_end=_latest_end(active),
        auto_extend=_extends(active),
        roles=_roles(active),
        privilege_status=shown_name(status.delegated_privilege_status) if status else None,
    )


def _latest_end(active: Sequence[wire.Relationship]) -> datetime | None:
    ends = (told_moment(relationship.end_date_time) for relationship in active)
    return max((end for end in ends if end is not None), default=None)


def _extends(active: Sequence[wire.Relationship]) -> bool | None:
    if not active:
        return None
    return any(r.auto_extend_duration not in _NO_EXTENSION for r in active)


def _roles(active: Sequence[wire.Relationship]) -> tuple[str, ...]:
    granted = (r.access_details.unified_roles or () for r in active if r.access_details)
    names = {role.role_definition_id for roles in granted for role in roles}
    return tuple(sorted(filter(None, map(shown_name, names))))


def _guid(text: str | None) -> EntraTenantId | None:
    try:
        return EntraTenantId(UUID(text or ""))
    except ValueError:
        return None
