"""What the rest of the package asks of a provider of directories; two adapters answer it.

Every method raises from ``domain.errors`` only: AuthorisationLost (the connection is dead),
ConsentMissing (this managed tenant), TransientFailure (later), ConfigurationInvalid.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, GroupId, ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do that another cannot."""

    delta: bool
    """It can tell what changed since a reading, so that not everything is read each time."""
    proves_absence: bool
    """It can prove that one id does not exist; otherwise only the deleted items are evidence."""
    groups: bool
    """It can search groups and read who is in one."""
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
    """One page of users; ``next_link`` is None on the last.

    ``digests`` stand for the text that each of ``users`` was read from, in their order, if the
    adapter can tell. ``known`` are the digests of further users, who were asked to be left out.
    """

    users: tuple[DirectoryUser, ...]
    next_link: str | None
    digests: tuple[bytes, ...] = ()
    known: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of one directory, of any type."""

    group_id: GroupId
    display_name: str
    mail: str | None


class UserChange(Protocol):
    """What a delta reading says of one user."""

    @property
    def object_id(self) -> ObjectId: ...

    @property
    def removed(self) -> bool:
        """The user is gone from the directory; whether it can be restored is not told."""

    def over(self, stored: DirectoryUser | None) -> DirectoryUser | None:
        """The user after this change, given the attributes that were stored before.

        A property that is missing is as stored, null is cleared. None when it cannot be told and
        the user has to be read whole: it is not known and the change is not complete, or only one
        of the properties that we store as one came. None for a removed one, too.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """One page of changes, in their order; exactly one of both links is there.

    An object may come twice in a round, each time with other properties: the changes add up.
    """

    changes: tuple[UserChange, ...]
    next_link: str | None
    """More changes follow there; the page may be empty all the same."""
    delta_link: str | None
    """The round is complete; the next one begins there."""


class PageExpired(Exception):
    """The next link is no longer accepted: the listing has to start again from its first page."""


class CursorExpired(Exception):
    """No changes can be had from this link: read everything, and take it for no proof of absence.

    It is older than the provider remembers, or not one of its links. A provider without delta
    raises it always.
    """


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
        self,
        entra_tenant_id: EntraTenantId,
        *,
        resume: str | None = None,
        known: Collection[bytes] = (),
    ) -> AsyncGenerator[UserPage, None]:
        """List all users page by page, from the first page or an earlier reading's next link.

        Users whose digest is ``known`` need not be decoded: a page may name their digests instead.

        Before the first page the directory has proved to be that one.

        Raises:
            PageExpired: ``resume`` or a next link is no longer accepted.
        """

    @property
    def select_fingerprint(self) -> bytes:
        """Sixteen bytes that change when other properties are read.

        Links keep the properties that they were begun with: with another fingerprint they are of
        no use.
        """

    async def delta_start(self, entra_tenant_id: EntraTenantId) -> str:
        """A delta link from now on, without any user.

        Raises:
            CursorExpired: There is none to be had.
        """

    def changes(
        self, entra_tenant_id: EntraTenantId, link: str
    ) -> AsyncGenerator[ChangePage, None]:
        """What changed since a delta link, or the rest of a round from one of its next links.

        Raises:
            CursorExpired: ``link`` or a next link is no longer accepted.
        """

    async def user(
        self, entra_tenant_id: EntraTenantId, object_id: ObjectId
    ) -> DirectoryUser | None:
        """Read one user whole. None only with the proof that ``is_absent`` asks for.

        Raises:
            ConsentMissing: ``user_unreadable``, among others: there is no such user, or it could
                not be read, and the provider cannot tell which.
        """

    async def groups(
        self, entra_tenant_id: EntraTenantId, q: str, limit: int = 20
    ) -> tuple[Group, ...]:
        """Groups whose display name starts with ``q``, at most ``limit``; any for an empty one.

        Raises:
            ConsentMissing: ``group_unreadable``, among others.
        """

    async def members(
        self, entra_tenant_id: EntraTenantId, group_id: GroupId
    ) -> frozenset[ObjectId]:
        """The users in a group and in the groups within it.

        Raises:
            ConsentMissing: ``group_unreadable``, among others: it is gone or may not be read; never
                taken for an empty one.
        """

    async def deleted_users(self, entra_tenant_id: EntraTenantId) -> frozenset[ObjectId]:
        """The ids in the directory's deleted items: soft-deleted, kept for 30 days."""

    async def is_absent(self, entra_tenant_id: EntraTenantId, object_id: ObjectId) -> bool:
        """True only with proof: this very directory answered that it has no such user.

        Always False where the provider cannot prove it (``Capabilities.proves_absence``).
        """

    async def close(self) -> None: ...
