"""An extract of Microsoft's published v1.0 metadata: which types have which properties."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_BETA_TYPES: dict[str, dict[str, object]] = {
    "managedTenants.tenant": {
        "base": None,
        "properties": {
            "id": {"type": "Edm.String"},
            "tenantId": {"type": "Edm.String"},
            "displayName": {"type": "Edm.String"},
            "createdDateTime": {"type": "Edm.DateTimeOffset"},
            "lastUpdatedDateTime": {"type": "Edm.DateTimeOffset"},
            "contract": {"type": "managedTenants.tenantContract"},
            "tenantStatusInformation": {"type": "managedTenants.tenantStatusInformation"},
        },
    },
}
"""From the reference of Graph beta; nothing in v1.0 leads there."""


class Metadata:
    """Looks names up, inherited ones included."""

    def __init__(self) -> None:
        path = Path(__file__).with_name("graph_metadata.json")
        extract = json.loads(path.read_text())
        self._types: dict[str, dict[str, object]] = {**extract["types"], **_BETA_TYPES}
        self._sets: dict[str, dict[str, str]] = {
            **extract["entitySets"],
            "me": {"kind": "Singleton", "type": "user"},
        }
        self._operations: dict[str, list[dict[str, object]]] = extract["boundOperations"]
        self._names: dict[tuple[str, str], frozenset[str]] = {}

    def properties(self, type_: str) -> frozenset[str]:
        """The properties of a type."""
        return self._named(type_, "properties")

    def collections(self, type_: str) -> frozenset[str]:
        """Properties that hold a list, and so are never null."""
        return self._named(type_, "collections")

    def type_of(self, type_: str, name: str) -> str:
        """The type of a property."""
        facts = self._members(type_, "properties")[name]
        return str(facts["type"]) if isinstance(facts, dict) else ""

    def members(self, enumeration: str) -> frozenset[str]:
        """The members of an enumeration."""
        found = self._types[enumeration]["members"]
        return frozenset(str(name) for name in found) if isinstance(found, list) else frozenset()

    def first_unknown(self, parts: Sequence[str]) -> str | None:
        """The first segment of a path that is not at Microsoft; None if all are.

        What lies beyond the types of the extract counts as known.
        """
        found = self._sets.get(parts[0])
        if found is None:
            return parts[0]
        type_ = f"Collection({found['type']})" if found["kind"] == "EntitySet" else found["type"]
        for part in parts[1:]:
            following = self._below(type_, part)
            if following is None:
                return part
            if following.removeprefix("Collection(").removesuffix(")") not in self._types:
                return None
            type_ = following
        return None

    def _below(self, type_: str, part: str) -> str | None:
        """The type of what a segment leads to from a type, ``""`` where that is not known."""
        name = part.partition("(")[0].rpartition(".")[2]
        if any(operation["name"] == name for operation in self._operations.get(type_, ())):
            return ""
        if type_.startswith("Collection("):
            if part == "$count":
                return ""
            if part.startswith(("microsoft.graph.", "graph.")):
                return f"Collection({name})" if name in self._types else None
            return type_[len("Collection(") : -1]
        members = {**self._members(type_, "properties"), **self._members(type_, "navigation")}
        facts = members.get(part)
        if isinstance(facts, dict):
            return str(facts["type"])
        return None if facts is None else str(facts)

    def _named(self, type_: str, kind: str) -> frozenset[str]:
        """Kept once looked up: this is asked for every user."""
        held = self._names.get((type_, kind))
        if held is None:
            members = self._members(type_, "properties")
            held = frozenset(
                name
                for name in members
                if kind == "properties" or self.type_of(type_, name).startswith("Collection(")
            )
            self._names[type_, kind] = held
        return held

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
