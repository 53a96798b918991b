"""The ways to read a managed tenant: everybody, what changed since a cursor, or one person.

Each is a sequence of pages that can go on where a killed attempt stopped.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

from entra_plugin.directory.protocol import (
    ChangePage,
    CursorExpired,
    Directory,
    UserChange,
    UserPage,
)
from entra_plugin.domain.errors import ConsentMissing
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, ObjectId, TenantId
from entra_plugin.domain.sameness import NOBODY, SettledUsers
from entra_plugin.domain.states import DepartureKind
from entra_plugin.store.fences import Fence
from entra_plugin.store.identities import Identities
from entra_plugin.store.pages import Pages
from entra_plugin.store.transaction import Store

_TAKE_UP = "take-up:"
"""Begins the resume point of a delta reading that is still among the unsettled identities."""

_BATCH = 999

_TOGETHER = 5
"""Pages that are written as one, when hardly anybody in them has to be looked at."""

_FEW = 10
"""One in how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPage:
    """Some users, and some who are gone; ``next_link`` is None on the last page.

    ``deleted`` are proved to be; of the ``missing`` the directory has said no more than that it
    has no such id, without a listing that lacks it: that proves nothing.

    ``cursor`` comes with the last page of a delta reading: where the next one starts. ``digests``
    are of the texts that ``users`` were read from. ``same`` are the object ids of those who need no
    look, ``filtered`` of them by a filter. A page may be ``pages`` of the directory's.
    """

    users: tuple[DirectoryUser, ...]
    digests: Mapping[ObjectId, bytes] = field(default_factory=dict)
    same: tuple[bytes, ...] = ()
    filtered: int = 0
    pages: int = 1
    deleted: tuple[ObjectId, ...] = ()
    missing: tuple[ObjectId, ...] = ()
    next_link: str | None = None
    cursor: str | None = None

    @property
    def listed(self) -> int:
        """How many users there are in all."""
        return len(self.users) + len(self.same)

    @property
    def ids(self) -> list[bytes]:
        """Everybody's object ids, in bytes."""
        users = [user.object_id.bytes for user in self.users]
        return [*self.same, *users, *(gone.bytes for gone in (*self.deleted, *self.missing))]

    def and_then(self, other: "ReadPage") -> "ReadPage":
        """Two pages of a full reading as one; who comes twice is as he came last."""
        later = frozenset(other.same)
        return ReadPage(
            users=(
                *(user for user in self.users if user.object_id.bytes not in later),
                *other.users,
            ),
            digests={**self.digests, **other.digests},
            same=self.same + other.same,
            filtered=self.filtered + other.filtered,
            pages=self.pages + other.pages,
            next_link=other.next_link,
        )


async def full_reading(
    directory: Directory,
    entra_tenant_id: EntraTenantId,
    resume: str | None,
    settled: SettledUsers = NOBODY,
) -> AsyncGenerator[ReadPage, None]:
    """Every user; a few pages in which hardly anybody has to be looked at come as one.

    Raises:
        PageExpired: The listing has to start again.
    """
    held: ReadPage | None = None
    pages = directory.user_pages(entra_tenant_id, resume=resume, known=settled.ids.keys())
    async with aclosing(pages):
        async for page in pages:
            read = _read(page, settled)
            held = read if held is None else held.and_then(read)
            few = len(held.users) * _FEW < held.listed
            if held.next_link is None or held.pages == _TOGETHER or not few:
                yield held
                held = None


def _read(page: UserPage, settled: SettledUsers) -> ReadPage:
    return ReadPage(
        users=page.users,
        digests={
            user.object_id: digest
            for user, digest in zip(page.users, page.digests, strict=bool(page.digests))
        },
        same=tuple(map(settled.ids.__getitem__, page.known)),
        filtered=sum(map(settled.filtered.__contains__, page.known)),
        next_link=page.next_link,
    )


async def person_reading(
    directory: Directory, entra_tenant_id: EntraTenantId, object_id: ObjectId
) -> AsyncGenerator[ReadPage, None]:
    """One user; or, if he is not to be found, whether the deleted items prove him deleted."""
    user = await directory.user(entra_tenant_id, object_id)
    if user is not None:
        yield ReadPage(users=(user,))
        return
    deleted, missing = await _proved(directory, entra_tenant_id, [object_id])
    yield ReadPage(users=(), deleted=deleted, missing=missing)


async def _proved(
    directory: Directory, entra_tenant_id: EntraTenantId, not_found: Sequence[ObjectId]
) -> tuple[tuple[ObjectId, ...], tuple[ObjectId, ...]]:
    """Those of them in the deleted items, and the others.

    A directory that may not show its deleted items proves nothing.
    """
    if not not_found:
        return (), ()
    try:
        items = await directory.deleted_users(entra_tenant_id)
    except ConsentMissing:
        items = frozenset()
    return (
        tuple(object_id for object_id in not_found if object_id in items),
        tuple(object_id for object_id in not_found if object_id not in items),
    )


async def removed_since(
    directory: Directory, entra_tenant_id: EntraTenantId, cursor: str
) -> frozenset[ObjectId]:
    """Who was removed since a cursor, and did not come back; the cursor stays where it is.

    Nobody, where the changes are no longer to be had: a reading of everybody would come next, and
    that is no proof.
    """
    removed: dict[ObjectId, bool] = {}
    changes = directory.changes(entra_tenant_id, cursor)
    try:
        async with aclosing(changes):
            async for page in changes:
                removed.update((change.object_id, change.removed) for change in page.changes)
    except CursorExpired:
        return frozenset()
    return frozenset(object_id for object_id, is_removed in removed.items() if is_removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaReading:
    """What changed since a cursor, after whatever was left unsettled is looked at again."""

    store: Store
    tenant_id: TenantId
    entra_tenant_id: EntraTenantId
    directory: Directory
    fence: Fence
    cursor: str
    vanished: Collection[ObjectId] = ()
    """Linked identities that lost their contact, to be looked at again as well."""

    async def pages(self, resume: str | None) -> AsyncGenerator[ReadPage, None]:
        """First the unsettled identities, as they were last seen, then the changes in order.

        Raises:
            CursorExpired: Everything has to be read.
        """
        link = resume
        if link is None or link.startswith(_TAKE_UP):
            after = ObjectId(UUID(link.removeprefix(_TAKE_UP))) if link else None
            unsettled = self._unsettled(after)
            async with aclosing(unsettled):
                async for page in unsettled:
                    yield page
            link = self.cursor
        earlier = await self._earlier() if resume is not None else set()
        changes = self.directory.changes(self.entra_tenant_id, link)
        async with aclosing(changes):
            async for changed in changes:
                page = await self._merged(changed, earlier)
                earlier.update(page.ids)
                yield page

    async def _earlier(self) -> set[bytes]:
        """Who was on the pages of before: what came there is not stored until it is applied."""
        async with self.store.tenant_transaction(self.tenant_id) as connection:
            return await Pages(connection, self.tenant_id).object_ids(self.fence)

    async def _unsettled(self, after: ObjectId | None) -> AsyncGenerator[ReadPage, None]:
        while True:
            async with self.store.tenant_transaction(self.tenant_id) as connection:
                found = await Identities(connection, self.tenant_id).unsettled(
                    self.entra_tenant_id, after=after, limit=_BATCH, also=list(self.vanished)
                )
            if not found:
                return
            after = found[-1].user.object_id
            gone = {
                seen.user.object_id
                for seen in found
                if seen.departure is not None
                and seen.departure.kind == DepartureKind.DELETED_UPSTREAM
            }
            yield ReadPage(
                users=tuple(
                    s.user for s in found if not s.missing and s.user.object_id not in gone
                ),
                deleted=tuple(sorted(gone)),
                missing=tuple(s.user.object_id for s in found if s.missing),
                next_link=f"{_TAKE_UP}{after}",
            )

    async def _merged(self, page: ChangePage, earlier: Collection[bytes]) -> ReadPage:
        """The users after these changes, in their order; who is removed in the end is gone.

        One that has to be read whole, and is not to be found, is proved deleted by the deleted
        items alone.
        """
        changes: defaultdict[ObjectId, list[UserChange]] = defaultdict(list)
        for change in page.changes:
            changes[change.object_id].append(change)
        removed = [object_id for object_id, those in changes.items() if those[-1].removed]
        there = {o: those for o, those in changes.items() if not those[-1].removed}
        users, not_found = await self._applied(there, earlier)
        deleted, missing = await _proved(self.directory, self.entra_tenant_id, not_found)
        return ReadPage(
            users=users,
            deleted=(*removed, *deleted),
            missing=missing,
            next_link=page.next_link,
            cursor=page.delta_link,
        )

    async def _applied(
        self, changes: Mapping[ObjectId, Sequence[UserChange]], earlier: Collection[bytes]
    ) -> tuple[tuple[DirectoryUser, ...], list[ObjectId]]:
        """The users after these changes, and those who are not to be found.

        Of who came ``earlier`` in the round, the stored attributes are not those of before.
        """
        known = [object_id for object_id in changes if object_id.bytes not in earlier]
        stored: Mapping[ObjectId, DirectoryUser] = {}
        if known:
            async with self.store.tenant_transaction(self.tenant_id) as connection:
                identities = Identities(connection, self.tenant_id)
                stored = await identities.stored(self.entra_tenant_id, known)
        users: list[DirectoryUser] = []
        not_found: list[ObjectId] = []
        for object_id, those in changes.items():
            user = stored.get(object_id)
            for change in those:
                user = change.over(user)
            if user is None:
                user = await self.directory.user(self.entra_tenant_id, object_id)
            if user is None:
                not_found.append(object_id)
            else:
                users.append(user)
        return tuple(users), not_found
