"""What is asked of Graph, however it came: over HTTP, or from the simulated CIPP."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request to read."""

    path: str
    """With the version, without percent-encoding."""
    query: str
    """As it was sent."""
    base: str
    """The origin that links begin with."""
    eventual: bool
    """The header ``ConsistencyLevel: eventual`` was there."""
    named_members: bool = False
    """The header ``Prefer: include-unknown-enum-members`` was there."""

    @classmethod
    def of(cls, path: str, query: str, base: str, headers: Mapping[str, str]) -> "Ask":
        """A request with its headers, which are found by lower-case names."""
        return cls(
            path=path,
            query=query,
            base=base,
            eventual=headers.get("consistencylevel", "").lower() == "eventual",
            named_members="include-unknown-enum-members" in headers.get("prefer", ""),
        )

    @property
    def version(self) -> str:
        """``v1.0``, ``beta``, or whatever was written there."""
        return self.path.strip("/").partition("/")[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments after the version."""
        return tuple(self.path.strip("/").split("/")[1:])
