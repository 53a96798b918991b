"""What the rest of the package asks of a provider of directories; two adapters answer it.

Every method raises from ``domain.errors`` only: AuthorisationLost (the connection is dead),
ConsentMissing (this managed tenant), TransientFailure (later), ConfigurationInvalid.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do that another cannot."""

    delta: bool
    """It can tell what changed since a reading, so that not everything is read each time."""
    proves_absence: bool
    """It can prove that one id does not exist; otherwise only the deleted items are evidence."""
    concurrency: int
    """Managed tenants that may be read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTenant:
    """A managed tenant as the partner's directory lists it."""

    entra_tenant_id: EntraTenantId
    display_name: str
    default_domain: str | None = None
    """As the partner's lists say, ASCII form; it can be out of date and is no verified domain."""
    relationship_end: datetime | None = None
    auto_extend: bool | None = None
    roles: tuple[str, ...] = ()
    """Role definition ids of the active relationships."""
    privilege_status: str | None = None
    """The provider's word for how the partner has access, for example
    ``granularDelegatedAdminPrivileges``."""
    provider_errors: int | None = None
    """How often the provider itself failed to reach this directory lately, if it counts that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A verified domain, IDNA ASCII form, lower case."""

    name: str
    is_default: bool
    is_initial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDetails:
    """What a managed tenant says of itself, read with its own token."""

    domains: tuple[Domain, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """One page of users; ``next_link`` is None on the last."""

    users: tuple[DirectoryUser, ...]
    next_link: str | None


class PageExpired(Exception):
    """The next link is no longer accepted: the listing has to start again from its first page."""


class Directory(Protocol):
    """One connection to a provider. Safe to use from many tasks at once."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def renew(self) -> None:
        """Renew what the connection lives on, where that grows old without use."""

    async def probe(self) -> int:
        """Prove that the connection works.

        Answers the number of managed tenants that are listed.
        """

    def managed_tenants(self) -> AsyncIterator[ListedTenant]:
        """List the customers; rows that are no tenant are left out.

        Raises:
            ConfigurationInvalid: ``unusable_answer`` when every row was rejected.
        """

    async def tenant_details(self, entra_tenant_id: EntraTenantId) -> TenantDetails:
        """Read the domains of one managed tenant, and prove that it is that one."""

    def user_pages(
        self, entra_tenant_id: EntraTenantId, *, resume: str | None = None
    ) -> AsyncGenerator[UserPage, None]:
        """List all users page by page, from the first page or an earlier reading's next link.

        Raises:
            PageExpired: ``resume`` or a next link is no longer accepted.
        """

    async def deleted_users(self, entra_tenant_id: EntraTenantId) -> frozenset[ObjectId]:
        """The ids in the directory's deleted items: soft-deleted, kept for 30 days."""

    async def is_absent(self, entra_tenant_id: EntraTenantId, object_id: ObjectId) -> bool:
        """True only with proof: this very directory answered that it has no such user.

        Always False where the provider cannot prove it (``Capabilities.proves_absence``).
        """

    async def close(self) -> None: ...
