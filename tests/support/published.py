"""What Microsoft and CIPP publish of their interfaces, looked up apart from the simulator's code.

Microsoft's part is the extract of its v1.0 metadata that lies beside the simulator; CIPP's is its
documented list of parameters.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

METADATA = Path(__file__).parents[2] / "devhost" / "simulator" / "graph_metadata.json"

LIGHTHOUSE = "/beta/tenantRelationships/managedTenants/tenants"
"""The one address outside v1.0: Microsoft publishes it in beta only."""

OPTIONS = frozenset({"$select", "$filter", "$top", "$skiptoken", "$deltatoken", "$count"})
PAGE_SIZES: Mapping[str, int] = {"delegatedAdminCustomer": 300, "delegatedAdminRelationship": 300}
LARGEST_PAGE = 999

CIPP_PARAMETERS: Mapping[str, frozenset[str]] = {
    "ListTenants": frozenset(
        {"AllTenantSelector", "Mode", "IncludeOffboardingDefaults", "tenantFilter"}
    ),
    "ListDomains": frozenset({"tenantFilter"}),
    "ListGraphRequest": frozenset(
        {
            *("Endpoint", "tenantFilter", "Version", "$select", "$filter", "$top"),
            *("manualPagination", "nextLink"),
        }
    ),
}
"""Function to parameters, as its documentation has them; those that a reader must not send are left
out, such as ``IgnoreErrors``, which turns failures into empty successes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Microsoft's types, entity sets and bound operations."""

    extract: Mapping[str, Any]

    def type_at(self, path: str) -> str | None:
        """The type that a path below the version leads to, ``Collection(...)`` included.

        None for a path that Microsoft does not publish.
        """
        first, *rest = path.strip("/").split("/")
        found = self.extract["entitySets"].get(first)
        if found is None:
            return None
        type_ = str(found["type"])
        if found["kind"] == "EntitySet":
            type_ = f"Collection({type_})"
        for part in rest:
            following = self._below(type_, part)
            if following is None:
                return None
            type_ = following
        return type_

    def properties(self, type_: str) -> frozenset[str]:
        """Names of properties, inherited ones included."""
        return frozenset(self._members(_single(type_), "properties"))

    def _below(self, type_: str, part: str) -> str | None:
        operations = self.extract["boundOperations"].get(type_, [])
        if any(o["name"] == part and o["kind"] == "function" for o in operations):
            return type_
        if type_.startswith("Collection("):
            if part.startswith("microsoft.graph."):
                cast = part.removeprefix("microsoft.graph.")
                return f"Collection({cast})" if cast in self.extract["types"] else None
            return _single(type_) if re.fullmatch(r"[0-9a-fA-F-]{36}", part) else None
        members = {**self._members(type_, "properties"), **self._members(type_, "navigation")}
        found = members.get(part)
        return None if found is None else str(found["type"] if isinstance(found, dict) else found)

    def _members(self, type_: str, kind: str) -> dict[str, Any]:
        facts = self.extract["types"].get(type_, {"base": None})
        inherited = self._members(facts["base"], kind) if facts["base"] else {}
        return {**inherited, **facts.get(kind, {})}


def _single(type_: str) -> str:
    return type_.removeprefix("Collection(").removesuffix(")")


@cache
def facts() -> Facts:
    """The extract, read once."""
    return Facts(json.loads(METADATA.read_text()))


def faults(path: str, query: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a question to Microsoft Graph; nothing when it keeps to what is published.

    Args:
        path: With the version, decoded.
        query: Options by name.
    """
    if path == LIGHTHOUSE:
        return
    version, _, below = path.strip("/").partition("/")
    type_ = facts().type_at(below) if version == "v1.0" else None
    if type_ is None:
        yield f"no such address in v1.0: {path}"
        return
    for name in query.keys() - OPTIONS:
        yield f"no such option: {name}"
    known = facts().properties(type_)
    for name in filter(None, query.get("$select", "").split(",")):
        if name not in known:
            yield f"{type_} has no property {name}"
    yield from _filter_faults(query.get("$filter"), known)
    size = query.get("$top")
    if size is not None and int(size) > PAGE_SIZES.get(_single(type_), LARGEST_PAGE):
        yield f"a page of {size} is larger than {type_} allows"


def _filter_faults(text: str | None, known: frozenset[str]) -> Iterator[str]:
    if text is None:
        return
    found = re.fullmatch(r"(\w+) eq '[^']*'", text) or re.fullmatch(
        r"startswith\((\w+),'(?:[^']|'')*'\)", text
    )
    if found is None:
        yield f"a filter that we have not looked up: {text}"
    elif found[1] not in known:
        yield f"a filter by a property that is not there: {text}"
