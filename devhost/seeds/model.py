"""The parts of a seed. Rows are as in the JSON lines files that can take its place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

GraphUser = Mapping[str, object]
"""A user as Microsoft Graph spells it; a property that is not there is null or empty."""

ADMINISTRATOR = (
    "system_settings.read",
    "system_settings.update",
    "client.read",
    "client.create",
    "contact.read",
)
TECHNICIAN = ("system_settings.read", "client.read", "contact.read")
DIRECTORY_READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
"""Microsoft's id of the role that is enough to read users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedUser:
    """A person who can sign in at the host."""

    login: str
    display_name: str
    type: str
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedMsp:
    """A tenant of the host, and its own directory at Microsoft (the partner)."""

    tenant_id: UUID
    name: str
    users: tuple[SeedUser, ...]
    partner_tenant_id: UUID
    partner_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTenant:
    """A customer's directory. ``partners`` are positions in the list of MSPs."""

    entra_tenant_id: UUID
    display_name: str
    default_domain: str
    verified_domains: tuple[str, ...]
    partners: tuple[int, ...] = (0,)
    consented: bool = True
    relationship_days: int = 400
    """Days until the GDAP relationship ends."""
    auto_extend: bool = True
    relationship_status: str = "active"
    relationship_roles: tuple[str, ...] = (DIRECTORY_READERS,)
    """Ids of the roles that the relationship brings."""
    application_consented: bool | None = None
    """Consent to application permissions; None for the same as ``consented``."""
    conditional_access: bool = False
    """A policy of the customer keeps the partner's account out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGroup:
    """A group in a directory. ``members`` are ids of users and of groups of that directory."""

    entra_tenant_id: UUID
    group_id: UUID
    display_name: str
    mail: str | None = None
    members: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedClient:
    """A client at the host; ``msp`` is a position in the list of MSPs."""

    client_id: UUID
    name: str
    website: str | None = None
    domain: str | None = None
    billing_email: str | None = None
    inbound_email_domains: tuple[str, ...] = ()
    directory_tenant_id: UUID | None = None
    is_active: bool = True
    msp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedContact:
    """A contact at a client; ``msp`` tells which, where two MSPs have a client with the same id."""

    client_id: UUID
    full_name: str
    email: str | None
    role: str | None = None
    phones: tuple[tuple[str, str], ...] = ()
    is_active: bool = True
    msp: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Everything a devhost starts with; ``users`` may be made one directory at a time."""

    msps: tuple[SeedMsp, ...]
    tenants: tuple[SeedTenant, ...]
    clients: tuple[SeedClient, ...]
    contacts: tuple[SeedContact, ...]
    users: Iterable[tuple[UUID, GraphUser]]
    """(directory, user) pairs."""
    groups: tuple[SeedGroup, ...] = ()
