"""What an administrator has granted to the application beyond what it needs; for tests to set."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Permissions:
    """Grants at the partners. They go into the tokens that are made from then on."""

    managed_tenants: bool = False
    """Delegated ``ManagedTenants.Read.All``, for Lighthouse."""
    cross_tenant_information: bool = False
    """``CrossTenantInformation.ReadBasic.All``, delegated and for the application itself."""
    application_relationships: bool = True
    """``DelegatedAdminRelationship.Read.All`` for the application itself."""
    contracts: bool = True
    """Not a grant: the partner is a reseller, and so has contracts to list."""

    def delegated(self) -> tuple[str, ...]:
        """The optional delegated permissions that were granted."""
        lighthouse = ("ManagedTenants.Read.All",) if self.managed_tenants else ()
        return (*lighthouse, *self._shared())

    def application(self) -> tuple[str, ...]:
        """The optional application permissions that were granted at the partner."""
        named = "DelegatedAdminRelationship.Read.All"
        return (*((named,) if self.application_relationships else ()), *self._shared())

    def _shared(self) -> tuple[str, ...]:
        named = "CrossTenantInformation.ReadBasic.All"
        return (named,) if self.cross_tenant_information else ()
