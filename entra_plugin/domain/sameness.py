"""Users that need no look, told by how they came: one digest each, in place of their attributes."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from entra_plugin.domain.ids import ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledUsers:
    """The settled identities of a directory, by the digest of the very text they were read from.

    The same text has the same attributes; another may have them, too. ``ids`` are object ids, in
    bytes: a reading looks at every user, and has use for the others' ids as objects only.
    """

    ids: Mapping[bytes, bytes] = field(default_factory=dict)
    filtered: Set[bytes] = frozenset()
    """The digests of those whom a filter leaves out."""
    others: Set[bytes] | None = None
    """The object ids of all others whom a listing should have; None when they are not known."""

    def without(self, object_ids: Iterable[bytes]) -> "SettledUsers":
        """All but these."""
        those = frozenset(object_ids)
        if not those:
            return self
        left = {digest: id_ for digest, id_ in self.ids.items() if id_ not in those}
        others = None if self.others is None else self.others | those
        return SettledUsers(ids=left, filtered=self.filtered, others=others)

    def all_in(self, listed: Set[bytes]) -> bool:
        """True if nobody who is known, and not known to be deleted, is missing in a listing."""
        if self.others is None:
            return False
        return self.others <= listed and frozenset(self.ids.values()) <= listed


NOBODY = SettledUsers()
NO_DIGESTS: Mapping[ObjectId, bytes] = {}
