"""A page of Microsoft's users, decoded as far as somebody has to look at it."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from itertools import compress

import msgspec

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.protocol import UserPage


class _RawList(msgspec.Struct):
    """A page whose users are left as they came."""

    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPage:
    """A page as it came: each user is still the text that he was sent as."""

    body: bytes
    users: list[msgspec.Raw]
    next_link: str | None


def raw_page(body: bytes) -> RawPage:
    """Find the users of a page, and the link to the next one.

    Raises:
        TransientFailure: ``unusable_answer``, as ``wire.decode``.
    """
    page = wire.decode(body, _RawList)
    return RawPage(body=body, users=page.value, next_link=page.next_link or None)


def user_page(page: RawPage, known: Collection[bytes]) -> UserPage:
    """Decode a page; of the users whose text has a ``known`` digest, the digest is all there is.

    The text has every property that is read, the id among them: the same text is the same user.

    Raises:
        TransientFailure: ``unusable_answer``, as ``wire.decode``.
    """
    digests = [blake2b(raw, digest_size=16).digest() for raw in page.users]
    same = list(map(known.__contains__, digests))
    left = [place for place, is_same in enumerate(same) if not is_same]
    if len(left) == len(digests):
        users = wire.to_users(wire.decode(page.body, wire.UserList).value, page.body)
        return UserPage(users=users, next_link=page.next_link, digests=tuple(digests))
    return UserPage(
        users=tuple(
            wire.to_user(wire.decode(bytes(page.users[place]), wire.User)) for place in left
        ),
        next_link=page.next_link,
        digests=tuple(digests[place] for place in left),
        known=tuple(compress(digests, same)),
    )
