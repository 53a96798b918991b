"""The tenants that a CIPP knows: its partner's customers, and the partner's own directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from devhost.simulator.cipp.switches import Switches
from devhost.simulator.world import Directory, Partner, World

ALL = "AllTenants"
_TOO_MANY_ERRORS = 50
_PORTALS = {
    "portal_m365": "https://admin.cloud.microsoft/?delegatedOrg={initialDomainName}",
    "portal_exchange": "https://admin.cloud.microsoft/exchange?delegatedOrg={initialDomainName}",
    "portal_entra": "https://entra.microsoft.com/{defaultDomainName}",
    "portal_teams": "https://admin.teams.microsoft.com?delegatedOrg={initialDomainName}",
    "portal_azure": "https://portal.azure.com/{defaultDomainName}",
    "portal_intune": "https://intune.microsoft.com/{defaultDomainName}",
    "portal_security": "https://security.microsoft.com/?tid={customerId}",
    "portal_compliance": "https://purview.microsoft.com/?tid={customerId}",
    "portal_sharepoint": "/api/ListSharePointAdminUrl?tenantFilter={defaultDomainName}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """What one CIPP sees of the world."""

    world: World
    switches: Switches
    partner: Partner

    def included(self) -> list[Directory]:
        """The customers with an active relationship, without those that were excluded."""
        found = self.world.customers_of(self.partner)
        return [d for d in found if d.tenant_id not in self.switches.excluded]

    def find(self, name: str) -> Directory | Partner | None:
        """A tenant by GUID, default or initial domain, in any case; None if CIPP has none."""
        wanted = name.lower()
        if wanted in {self.partner.tenant_id, self.partner.domain.lower()}:
            return self.partner
        return next((d for d in self.included() if wanted in names_of(d)), None)

    def allows(self, tenant: Directory | Partner) -> bool:
        """May the client of this request see that tenant?"""
        allowed = self.switches.restricted_to
        return allowed is None or tenant.tenant_id in allowed

    def has_failed_too_often(self, tenant: Directory) -> bool:
        """Tenants that failed so often drop out of calls other than ListTenants."""
        return self.switches.graph_errors.get(tenant.tenant_id, 0) >= _TOO_MANY_ERRORS

    def rows(self) -> Iterator[dict[str, object]]:
        """The rows of ListTenants; a client that is restricted misses some without a word."""
        if self.allows(self.partner):
            yield self._own_row()
        for directory in self.included():
            if self.allows(directory):
                yield self._row(directory)

    def _row(self, directory: Directory) -> dict[str, object]:
        active = directory.active(self.partner)
        guessed = directory.tenant_id in self.switches.requires_refresh
        initial = directory.default_domain if guessed else directory.initial_domain
        end = max(r.end for r in active)
        return {
            **self._common(directory.tenant_id),
            "displayName": directory.display_name,
            "defaultDomainName": directory.default_domain,
            "initialDomainName": initial,
            "domains": "",
            "delegatedPrivilegeStatus": "granularDelegatedAdminPrivileges",
            "relationshipEnd": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "relationshipCount": len(active),
            "hasAutoExtend": any(r.auto_extend for r in active),
            "RequiresRefresh": guessed,
        }

    def _own_row(self) -> dict[str, object]:
        return {
            **self._common(self.partner.tenant_id),
            "displayName": "*Partner Tenant",
            "defaultDomainName": self.partner.domain,
            "initialDomainName": self.partner.domain,
            "domains": "PartnerTenant",
            "relationshipEnd": None,
            "relationshipCount": 0,
            "hasAutoExtend": False,
            "RequiresRefresh": False,
        }

    def _common(self, tenant_id: str) -> dict[str, object]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "PartitionKey": "Tenants",
            "RowKey": tenant_id,
            "customerId": tenant_id,
            "Excluded": False,
            "ExcludeUser": "",
            "ExcludeDate": "",
            "GraphErrorCount": self.switches.graph_errors.get(tenant_id, 0),
            "LastGraphError": self.switches.last_errors.get(tenant_id, ""),
            "LastRefresh": now,
            "Timestamp": now,
        }


def names_of(directory: Directory) -> set[str]:
    """What a ``tenantFilter`` may call a customer, in lower case."""
    return {
        directory.tenant_id,
        directory.default_domain.lower(),
        directory.initial_domain.lower(),
    }


def selector_row() -> dict[str, object]:
    """The row with which people choose all tenants."""
    return {
        "customerId": ALL,
        "defaultDomainName": ALL,
        "displayName": "*All Tenants",
        "domains": ALL,
        "GraphErrorCount": 0,
    }


def failure_row() -> dict[str, object]:
    """The only row of a list that could not be made, which comes with status 200."""
    return {
        "Results": "Failed to retrieve tenants: The remote server returned an error.",
        "defaultDomainName": "",
        "displayName": "Failed to retrieve tenants. Perform a permission check.",
        "customerId": "",
    }


def with_portals(row: dict[str, object]) -> dict[str, object]:
    """A row with its links, as for ``Mode=TenantList``."""
    known = {"initialDomainName": "", **row}
    return {**row, **{name: link.format(**known) for name, link in _PORTALS.items()}}
