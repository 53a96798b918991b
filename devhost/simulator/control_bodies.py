"""The bodies of the control interface, apart from those of users, faults and CIPP."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from devhost.simulator.changes import Strict

RelationshipStatus = Literal[
    "activating",
    "active",
    "approvalPending",
    "approved",
    "created",
    "expired",
    "expiring",
    "terminated",
    "terminating",
    "terminationRequested",
]


class Empty(Strict):
    """No fields."""


class SeedBody(Strict):
    """A seed by name or by folder."""

    name: str | None = None
    dir: str | None = None


class TokensBody(Strict):
    """End the life of tokens, or make refresh tokens single-use."""

    expire: bool = False
    revoke: bool = False
    idle: bool = False
    challenge: bool | None = None
    rotate_strictly: bool | None = None


class ThrottleBody(Strict):
    """The limits of Graph; what is not there is as at Microsoft."""

    rate_per10s: Annotated[int, msgspec.Meta(ge=1)] | None = msgspec.field(name="ratePer10s")
    """Requests that each directory may get in ten seconds; null for no limit."""
    units_per10s: Annotated[int, msgspec.Meta(ge=1)] | None = msgspec.field(
        name="unitsPer10s", default=None
    )
    across_tenants: bool = False
    omit_retry_after: bool = False
    retry_after_date: bool = False


class ExpireBody(Strict):
    """Let the links made so far expire."""

    expire: bool


class PagesBody(Strict):
    """How long the pages of users are."""

    largest: Annotated[int, msgspec.Meta(ge=1, le=999)] | None
    """Users on a page at most; null for as many as asked for."""


class ConsentBody(Strict):
    """What a customer allows."""

    tenant: str
    granted: bool | None = None
    application: bool | UnsetType | None = UNSET
    """Consent to application permissions; null for the same as ``granted``."""
    conditional_access: bool | None = None


class PermissionsBody(Strict):
    """What is granted at the partners from now on."""

    managed_tenants: bool | None = None
    cross_tenant_information: bool | None = None
    application_relationships: bool | None = None
    contracts: bool | None = None


class RelationshipsBody(Strict):
    """Change the relationships with a customer, or add one."""

    tenant: str
    partner: str | None = None
    """Of one partner only, by the GUID of his directory."""
    add: bool = False
    name: str | None = None
    status: RelationshipStatus | None = None
    end: datetime | None = None
    auto_extend: bool | None = None
    roles: list[str] | None = None


class NewTenant(Strict):
    """A customer to add."""

    tenant: str
    display_name: str
    default_domain: str
    verified_domains: list[str] = msgspec.field(default_factory=list)
    partners: list[int] = msgspec.field(default_factory=lambda: [0])
    """Positions of the partners that have a contract with it."""
    consented: bool = True


class TenantChange(Strict):
    """What to set of a customer."""

    tenant: str
    display_name: str | None = None
    default_domain: str | None = None
    verified_domains: list[str] | None = None


class TenantsBody(Strict):
    """Customers that appear, change, or disappear, in the order of the fields."""

    add: list[NewTenant] = msgspec.field(default_factory=list)
    change: list[TenantChange] = msgspec.field(default_factory=list)
    remove: list[str] = msgspec.field(default_factory=list)


class GroupBody(Strict):
    """A group as it shall be."""

    id: str
    display_name: str
    mail: str | None = None
    members: list[str] = msgspec.field(default_factory=list)
    """Ids of users and groups that are in it directly."""


class GroupsBody(Strict):
    """Groups of one directory that appear, change, or disappear, in the order of the fields."""

    tenant: str
    put: list[GroupBody] = msgspec.field(default_factory=list)
    remove: list[str] = msgspec.field(default_factory=list)


class AppBody(Strict):
    """Change an app registration."""

    client_id: str | None = None
    """Which one; the first unless told."""
    add_secret: str | None = None
    remove_secret: str | None = None
    expire_secret: str | None = None
    enabled: bool | None = None
