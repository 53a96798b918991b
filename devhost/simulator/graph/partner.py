"""What a partner's own directory answers: his customers, relationships, contracts, Lighthouse."""

import re
from typing import TYPE_CHECKING

from devhost.simulator.answers import Body, Entity, Page, not_found
from devhost.simulator.graph.caller import Caller, denied
from devhost.simulator.graph.lists import LIST, SELECT, page_of, query_of
from devhost.simulator.graph.people import DEFAULT_USER, project
from devhost.simulator.odata import GraphError
from devhost.simulator.world import Directory, Partner

if TYPE_CHECKING:
    from devhost.simulator.graph.ask import Ask
    from devhost.simulator.graph.service import GraphService
    from devhost.simulator.world import User

RELATIONSHIPS_READ = "DelegatedAdminRelationship.Read.All"
FIND_BY_ID = re.compile(r"^findTenantInformationByTenantId\(tenantId='([^']*)'\)$")


def me(service: "GraphService", caller: Caller, ask: "Ask") -> Body:
    """The signed-in account."""
    if not caller.delegated:
        message = "/me request is only valid with delegated authentication flow."
        raise GraphError(400, "BadRequest", message)
    caller.require("User.Read")
    query = query_of(service.metadata, ask, "user", SELECT)
    if caller.partner is None:
        raise not_found(str(caller.claims["oid"]))
    account: User = {
        "id": caller.partner.account_id,
        "userPrincipalName": caller.partner.account,
        "displayName": f"{caller.partner.name} administrator",
        "accountEnabled": True,
        "userType": "Member",
    }
    row = project(service.metadata, account, query.select or DEFAULT_USER)
    return Entity(name="users/$entity", row=row)


def customers(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The customers of the partner: those with an active relationship."""
    partner = _partner(caller, RELATIONSHIPS_READ)
    rows = [
        {"id": d.tenant_id, "tenantId": d.tenant_id, "displayName": d.display_name}
        for d in service.world.customers_of(partner)
    ]
    query = query_of(service.metadata, ask, "delegatedAdminCustomer", max_top=300)
    return page_of(ask, caller, query, rows, epoch=service.link_epoch)


def relationships(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The GDAP relationships of the partner, whatever their status."""
    partner = _partner(caller, RELATIONSHIPS_READ)
    rows = [
        relationship.row(d.tenant_id, d.display_name)
        for d in service.world.directories.values()
        for relationship in d.relationships
        if relationship.partner == partner.position
    ]
    query = query_of(service.metadata, ask, "delegatedAdminRelationship", max_top=300)
    return page_of(ask, caller, query, rows, epoch=service.link_epoch)


def contracts(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """Copies of customer names and domains, as they were when the contract was made."""
    partner = _partner(caller, "Directory.Read.All")
    if not service.permissions.contracts:
        raise denied()
    rows = [
        {
            "id": d.tenant_id,
            "customerId": d.tenant_id,
            "defaultDomainName": d.contract_domain,
            "displayName": d.contract_name,
            "contractType": "SyndicationPartner",
        }
        for d in service.world.contracts_of(partner)
    ]
    query = query_of(service.metadata, ask, "contract")
    return page_of(ask, caller, query, rows, epoch=service.link_epoch)


def managed_tenants(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The customers as Microsoft 365 Lighthouse knows them; beta, and for accounts only."""
    if not caller.delegated:
        raise denied("Application permissions are not supported.")
    partner = _partner(caller, "ManagedTenants.Read.All")
    rows = [
        _managed_tenant(d, partner, named=ask.named_members)
        for d in service.world.contracts_of(partner)
    ]
    query = query_of(service.metadata, ask, "managedTenants.tenant", LIST)
    return page_of(ask, caller, query, rows, epoch=service.link_epoch)


def tenant_information(
    service: "GraphService", caller: Caller, ask: "Ask", tenant_id: str
) -> Entity:
    """What any directory tells of itself, without its consent."""
    caller.require("CrossTenantInformation.ReadBasic.All")
    query_of(service.metadata, ask, "tenantRelationship", frozenset())
    directory = service.world.directories.get(tenant_id.lower())
    if directory is None:
        raise not_found(tenant_id)
    row = {
        "tenantId": directory.tenant_id,
        "federationBrandName": None,
        "displayName": directory.display_name,
        "defaultDomainName": directory.default_domain,
    }
    return Entity(name="microsoft.graph.tenantInformation", row=row)


def _managed_tenant(directory: Directory, partner: Partner, *, named: bool) -> dict[str, object]:
    """One row; members that the enumeration got later are told apart only on request.

    See the resource type ``managedTenants.tenantStatusInformation`` of Graph beta.
    """
    granular = "granularDelegatedAdminPrivileges" if named else "unknownFutureValue"
    active = bool(directory.active(partner))
    return {
        "id": directory.tenant_id,
        "tenantId": directory.tenant_id,
        "displayName": directory.display_name,
        "createdDateTime": "2026-01-01T00:00:00Z",
        "lastUpdatedDateTime": "2026-01-01T00:00:00Z",
        "contract": {
            "contractType": 0,
            "defaultDomainName": directory.default_domain,
            "displayName": directory.display_name,
        },
        "tenantStatusInformation": {
            "delegatedPrivilegeStatus": granular if active else "none",
            "lastDelegatedPrivilegeRefreshDateTime": "2026-01-01T00:00:00Z",
            "onboardingStatus": "active" if active else "inactive",
            "tenantOnboardingEligibilityReason": "none",
            "workloadStatuses": [],
        },
    }


def _partner(caller: Caller, permission: str) -> Partner:
    caller.require(permission)
    if caller.partner is None:
        raise denied("The tenant is not a partner.")
    return caller.partner
