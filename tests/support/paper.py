"""A provider of directories on paper: users, deltas, groups, proofs, and readings gone wrong."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from entra_plugin.directory.protocol import (
    Capabilities,
    ChangePage,
    CursorExpired,
    Group,
    ListedTenant,
    PageExpired,
    TenantDetails,
    UserPage,
)
from entra_plugin.domain.errors import ConsentMissing, TransientFailure
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, GroupId, ObjectId

PAGE = 2
"""Users per page, so that few users are several pages."""

FAULTS = (
    "truncated",
    "throttled",
    "page_expired",
    "cursor_expired",
    "empty_page",
    "duplicates",
    "shifted",
    "refused_proofs",
)
"""How a reading goes wrong; ``shifted`` leaves a user out who moved between two pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperChange:
    """One item of a delta round: the user as he is now, and the attributes that came."""

    object_id: ObjectId
    user: DirectoryUser | None
    given: frozenset[str] | None
    """None for all of them."""

    @property
    def removed(self) -> bool:
        """He is gone."""
        return self.user is None

    def over(self, stored: DirectoryUser | None) -> DirectoryUser | None:
        """The user after the change; None when it cannot be told."""
        if self.user is None or self.given is None:
            return self.user
        if stored is None:
            return None
        values = {name: getattr(self.user, name) for name in self.given}
        return msgspec.structs.replace(stored, **values)


@dataclass(slots=True, kw_only=True)
class Paper:
    """One customer's directory."""

    users: dict[ObjectId, DirectoryUser] = field(default_factory=dict)
    deleted: dict[ObjectId, DirectoryUser] = field(default_factory=dict)
    groups: dict[GroupId, frozenset[ObjectId]] = field(default_factory=dict)
    log: list[tuple[ObjectId, frozenset[str] | None]] = field(default_factory=list)
    """What changed, in order; None for a user who came or went."""
    faults: deque[str] = field(default_factory=deque)
    """The next readings go wrong by these, one each."""
    lasting: bool = False
    """A fault stays until it is taken away."""

    def put(self, user: DirectoryUser) -> None:
        """Add a user, or restore or change one."""
        before = self.users.get(user.object_id)
        self.deleted.pop(user.object_id, None)
        self.users[user.object_id] = user
        names = user.__struct_fields__
        changed = (
            None
            if before is None
            else frozenset(n for n in names if getattr(before, n) != getattr(user, n))
        )
        if changed != frozenset():
            self.log.append((user.object_id, changed))

    def delete(self, object_id: ObjectId, *, purge: bool = False) -> None:
        """Delete a user, softly or for good."""
        user = self.users.pop(object_id)
        if not purge:
            self.deleted[object_id] = user
        self.log.append((object_id, None))

    def purge(self, object_id: ObjectId) -> None:
        """Empty one out of the deleted items."""
        del self.deleted[object_id]

    def changes_since(self, position: int) -> list[PaperChange]:
        """One item for each user that changed, as he is now."""
        given: dict[ObjectId, frozenset[str] | None] = {}
        for object_id, names in self.log[position:]:
            held = given.pop(object_id, frozenset())
            given[object_id] = None if names is None or held is None else held | names
        return [
            PaperChange(object_id=object_id, user=self.users.get(object_id), given=names)
            for object_id, names in given.items()
        ]

    def goes_wrong(self, *kinds: str) -> str | None:
        """The fault of now, if it is one of these; it is over then, unless it lasts."""
        if not self.faults or self.faults[0] not in kinds:
            return None
        return self.faults[0] if self.lasting else self.faults.popleft()


@dataclass(slots=True, kw_only=True)
class PaperDirectory:
    """One connection, to any number of directories."""

    papers: Mapping[EntraTenantId, Paper]
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            delta=True, proves_absence=True, groups=True, concurrency=1
        )
    )
    select_fingerprint: bytes = bytes(16)

    async def renew(self) -> None:
        """Nothing grows old."""

    async def probe(self) -> int:
        """All is well."""
        return len(self.papers)

    async def managed_tenants(self) -> AsyncIterator[ListedTenant]:
        """The customers."""
        for entra_tenant_id in self.papers:
            yield ListedTenant(entra_tenant_id=entra_tenant_id, display_name="")

    async def tenant_details(self, entra_tenant_id: EntraTenantId) -> TenantDetails:
        """No domains."""
        return TenantDetails(domains=())

    async def user_pages(
        self,
        entra_tenant_id: EntraTenantId,
        *,
        resume: str | None = None,
        known: Collection[bytes] = (),
    ) -> AsyncGenerator[UserPage, None]:
        """The users of now, from a position on; only the digests of those who are known."""
        paper = self.papers[entra_tenant_id]
        start = int(resume.partition(":")[2]) if resume else 0
        while True:
            users = list(paper.users.values())
            if not users:
                raise TransientFailure("empty_listing", retry_after=60)
            if start and paper.goes_wrong("page_expired"):
                raise PageExpired
            _fail(paper, start)
            page = users[start : start + PAGE]
            if start and paper.goes_wrong("duplicates"):
                page = [*users[start - 1 : start], *page, *page[:1]]
            if len(page) > 1 and paper.goes_wrong("shifted"):
                page = page[1:]
            start += PAGE
            if paper.goes_wrong("empty_page"):
                page, start = [], start - PAGE
            more = start < len(users)
            yield _page(page, f"users:{start}" if more else None, known)
            if not more:
                return

    async def delta_start(self, entra_tenant_id: EntraTenantId) -> str:
        """From now on."""
        if not self.capabilities.delta:
            raise CursorExpired
        return f"delta:{len(self.papers[entra_tenant_id].log)}"

    async def changes(
        self, entra_tenant_id: EntraTenantId, link: str
    ) -> AsyncGenerator[ChangePage, None]:
        """What changed since, page by page."""
        paper = self.papers[entra_tenant_id]
        if not self.capabilities.delta or paper.goes_wrong("cursor_expired", "page_expired"):
            raise CursorExpired
        _, position, *rest = link.split(":")
        start = int(rest[0]) if rest else 0
        while True:
            changes = paper.changes_since(int(position))
            _fail(paper, start)
            page = changes[start : start + PAGE]
            if paper.goes_wrong("duplicates"):
                page = [*page, *page]
            start += PAGE
            if paper.goes_wrong("empty_page"):
                page, start = [], start - PAGE
            more = start < len(changes)
            yield ChangePage(
                changes=tuple(page),
                next_link=f"delta:{position}:{start}" if more else None,
                delta_link=None if more else f"delta:{len(paper.log)}",
            )
            if not more:
                return

    async def user(
        self, entra_tenant_id: EntraTenantId, object_id: ObjectId
    ) -> DirectoryUser | None:
        """One user, or the proof that there is none."""
        user = self.papers[entra_tenant_id].users.get(object_id)
        if user is None and not self.capabilities.proves_absence:
            raise ConsentMissing("user_unreadable")
        return user

    async def groups(
        self, entra_tenant_id: EntraTenantId, q: str, limit: int = 20
    ) -> tuple[Group, ...]:
        """Nobody searches."""
        return ()

    async def members(
        self, entra_tenant_id: EntraTenantId, group_id: GroupId
    ) -> frozenset[ObjectId]:
        """Who is in a group."""
        group = self.papers[entra_tenant_id].groups.get(group_id)
        if group is None:
            raise ConsentMissing("group_unreadable")
        return group

    async def deleted_users(self, entra_tenant_id: EntraTenantId) -> frozenset[ObjectId]:
        """The deleted items."""
        if self.papers[entra_tenant_id].goes_wrong("refused_proofs"):
            raise ConsentMissing("consent_missing")
        return frozenset(self.papers[entra_tenant_id].deleted)

    async def is_absent(self, entra_tenant_id: EntraTenantId, object_id: ObjectId) -> bool:
        """Whether there is no such user, where that can be proved."""
        if self.papers[entra_tenant_id].goes_wrong("refused_lookup"):
            raise ConsentMissing("directory_role_missing")
        here = object_id in self.papers[entra_tenant_id].users
        return self.capabilities.proves_absence and not here

    async def close(self) -> None:
        """Nothing is open."""


def _page(users: list[DirectoryUser], next_link: str | None, known: Collection[bytes]) -> UserPage:
    """A page that leaves out those who are known."""
    digests = [blake2b(repr(user).encode(), digest_size=16).digest() for user in users]
    told = [(u, d) for u, d in zip(users, digests, strict=True) if d not in known]
    return UserPage(
        users=tuple(user for user, _ in told),
        next_link=next_link,
        digests=tuple(digest for _, digest in told),
        known=tuple(digest for digest in digests if digest in known),
    )


def _fail(paper: Paper, start: int) -> None:
    """Break off a reading; a truncated one after its first page."""
    if paper.goes_wrong("throttled"):
        raise TransientFailure("throttled", retry_after=30)
    if start and paper.goes_wrong("truncated"):
        raise TransientFailure("unusable_answer", retry_after=60)
