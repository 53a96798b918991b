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

    def without(self, object_ids: Iterable[bytes]) -> "SettledUsers":
        """All but these."""
        others = frozenset(object_ids)
        if not others:
            return self
        left = {digest: id_ for digest, id_ in self.ids.items() if id_ not in others}
        return SettledUsers(ids=left, filtered=self.filtered)


NOBODY = SettledUsers()
NO_DIGESTS: Mapping[ObjectId, bytes] = {}
