"""What the partner's own directory says of customers, as Microsoft's JSON has it.

All of it but the ids may be missing: a row that lacks something is told apart by its reader.
"""

import msgspec


class Customer(msgspec.Struct, rename="camel"):
    """A delegatedAdminCustomer."""

    tenant_id: str | None = None
    display_name: str | None = None


class CustomerList(msgspec.Struct):
    """A page of customers."""

    value: list[Customer]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Role(msgspec.Struct, rename="camel"):
    """A role of a relationship."""

    role_definition_id: str | None = None


class AccessDetails(msgspec.Struct, rename="camel"):
    """What a relationship grants."""

    unified_roles: list[Role] | None = None


class Relationship(msgspec.Struct, rename="camel"):
    """A delegatedAdminRelationship (GDAP)."""

    display_name: str | None = None
    customer: Customer | None = None
    end_date_time: str | None = None
    auto_extend_duration: str | None = None
    access_details: AccessDetails | None = None


class RelationshipList(msgspec.Struct):
    """A page of relationships."""

    value: list[Relationship]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Contract(msgspec.Struct, rename="camel"):
    """A copy of a customer's names, made with the contract and not refreshed since."""

    customer_id: str | None = None
    default_domain_name: str | None = None


class ContractList(msgspec.Struct):
    """A page of contracts."""

    value: list[Contract]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class LighthouseContract(msgspec.Struct, rename="camel"):
    """A contract as Lighthouse has it."""

    default_domain_name: str | None = None


class LighthouseStatus(msgspec.Struct, rename="camel"):
    """How Lighthouse sees a customer."""

    delegated_privilege_status: str | None = None


class LighthouseTenant(msgspec.Struct, rename="camel"):
    """A customer in Microsoft 365 Lighthouse (``managedTenants.tenant``, beta)."""

    tenant_id: str | None = None
    contract: LighthouseContract | None = None
    tenant_status_information: LighthouseStatus | None = None


class LighthouseList(msgspec.Struct):
    """A page of Lighthouse's customers."""

    value: list[LighthouseTenant]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
