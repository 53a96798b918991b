"""Microsoft's published v1.0 metadata: which types have which properties. An extract of names and types."""

import json
from functools import cache
from pathlib import Path


class Metadata:
    """Looks names up, inherited ones included."""

    def __init__(self) -> None:
        path = Path(__file__).with_name("graph_metadata.json")
        self._types: dict[str, dict[str, object]] = json.loads(path.read_text())["types"]

    def properties(self, type_: str) -> frozenset[str]:
        """The properties of a type."""
        return frozenset(self._members(type_, "properties"))

    def navigation(self, type_: str) -> frozenset[str]:
        """The navigation properties of a type."""
        return frozenset(self._members(type_, "navigation"))

    def collections(self, type_: str) -> frozenset[str]:
        """Properties that hold a list, and so are never null."""
        members = self._members(type_, "properties")
        return frozenset(
            name
            for name, facts in members.items()
            if isinstance(facts, dict) and str(facts["type"]).startswith("Collection(")
        )

    def _members(self, type_: str, kind: str) -> dict[str, object]:
        facts = self._types[type_]
        base = facts.get("base")
        inherited = self._members(str(base), kind) if base else {}
        own = facts.get(kind)
        return {**inherited, **(own if isinstance(own, dict) else {})}


@cache
def load() -> Metadata:
    """The metadata, read once."""
    return Metadata()
