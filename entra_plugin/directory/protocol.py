"""What the rest of the package asks of a provider of directories; two adapters will answer it.

Every method raises from ``domain.errors`` only: AuthorisationLost (the connection is dead),
ConsentMissing (this managed tenant), TransientFailure (later), ConfigurationInvalid.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do that another cannot."""

    delta: bool
    concurrency: int
    """Managed tenants that may be read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTenant:
    """A managed tenant as the partner's directory lists it."""

    entra_tenant_id: EntraTenantId
    display_name: str
    relationship_end: datetime | None
    auto_extend: bool | None
    roles: tuple[str, ...]
    """Role definition ids of the active relationships."""


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
    ) -> AsyncIterator[UserPage]:
        """List all users page by page, from the first page or an earlier reading's next link.

        Raises:
            PageExpired: ``resume`` or a next link is no longer accepted.
        """

    async def close(self) -> None: ...
