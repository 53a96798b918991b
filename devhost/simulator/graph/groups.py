"""Groups of a directory: listed, looked up, and their members, nested ones included."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from devhost.simulator.answers import Body, Entity, Page, not_found
from devhost.simulator.graph.caller import Caller
from devhost.simulator.graph.lists import SELECT, page_of, query_of
from devhost.simulator.graph.people import customer, project
from devhost.simulator.odata import UNSUPPORTED, GraphError
from devhost.simulator.world import Directory, User

if TYPE_CHECKING:
    from devhost.simulator.graph.ask import Ask
    from devhost.simulator.graph.service import GraphService

_PERMISSIONS = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All")
_KINDS = ("user", "group")
_DEFAULT = {
    "user": ("id", "displayName", "mail", "userPrincipalName"),
    "group": ("id", "displayName", "mail", "groupTypes", "securityEnabled", "mailEnabled"),
}
_RELATIONS = frozenset({"members", "transitiveMembers"})
_OPTIONS = frozenset({"$select", "$top", "$count", "$skiptoken"})


def groups(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The groups, in no order that means anything."""
    directory = _reader(caller)
    query = query_of(service.metadata, ask, "group")
    if query.count and not ask.eventual:
        raise _unsupported("$count needs the header ConsistencyLevel: eventual.")
    select = query.select or _DEFAULT["group"]
    rows = [
        project(service.metadata, group, select, "group")
        for group in directory.groups.values()
        if query.filter is None or query.filter(group)
    ]
    return page_of(
        ask, caller, replace(query, select=None, filter=None), rows, epoch=service.link_epoch
    )


def below(service: "GraphService", caller: Caller, ask: "Ask") -> Body | None:
    """What a path below one group answers; None for one that is not here."""
    _, key, *rest = ask.parts
    if key.startswith("microsoft.graph.") or key in {"delta", "delta()", "$count"}:
        return None
    if not rest:
        return _one(service, caller, ask, key)
    relation, *cast = rest
    kind = cast[0].removeprefix("microsoft.").removeprefix("graph.") if cast else None
    if relation not in _RELATIONS or len(cast) > 1 or (cast and kind not in _KINDS):
        return None
    return _members(service, caller, ask, _group(_reader(caller), key), kind)


def _one(service: "GraphService", caller: Caller, ask: "Ask", key: str) -> Entity:
    directory = _reader(caller)
    query = query_of(service.metadata, ask, "group", SELECT)
    select = query.select or _DEFAULT["group"]
    row = project(service.metadata, _group(directory, key), select, "group")
    return Entity(name="groups/$entity", row=row)


def _members(
    service: "GraphService", caller: Caller, ask: "Ask", group: User, kind: str | None
) -> Page:
    """The members, of one kind or of all; a member of a group within may come by many ways, once.

    A list of one kind is an advanced query: it needs ``$count=true`` and the header.
    """
    directory = _reader(caller)
    query = query_of(service.metadata, ask, kind or "directoryObject", _OPTIONS)
    if kind is not None and not (query.count and ask.eventual):
        raise _unsupported(
            "An OData cast needs the header ConsistencyLevel: eventual and $count=true."
        )
    if query.count and not ask.eventual:
        raise _unsupported("$count needs the header ConsistencyLevel: eventual.")
    nested = ask.parts[2] == "transitiveMembers"
    rows = [
        _row(service, found, of_kind, query.select, annotated=kind is None)
        for found, of_kind in _walk(directory, group, nested=nested)
        if kind in {None, of_kind}
    ]
    page = page_of(ask, caller, replace(query, select=None), rows, epoch=service.link_epoch)
    return replace(page, name="users" if kind == "user" else "directoryObjects")


def _row(
    service: "GraphService",
    found: User,
    kind: str,
    select: Sequence[str] | None,
    *,
    annotated: bool,
) -> Mapping[str, object]:
    """A member with the annotation that tells its kind, where a list may have several."""
    row = project(service.metadata, found, select or _DEFAULT[kind], kind)
    return {"@odata.type": f"#microsoft.graph.{kind}", **row} if annotated else row


def _walk(directory: Directory, group: User, *, nested: bool) -> Iterator[tuple[User, str]]:
    """Each member once; a deleted one is none."""
    seen = {str(group["id"])}
    waiting = [group]
    while waiting:
        for member in directory.members[str(waiting.pop()["id"])]:
            if member in seen:
                continue
            seen.add(member)
            if member in directory.users:
                yield directory.users[member], "user"
            elif member in directory.groups:
                yield directory.groups[member], "group"
                if nested:
                    waiting.append(directory.groups[member])


def _group(directory: Directory, key: str) -> User:
    found = directory.groups.get(key.lower())
    if found is None:
        raise not_found(key)
    return found


def _reader(caller: Caller) -> Directory:
    caller.require(*_PERMISSIONS)
    caller.require_role()
    return customer(caller)


def _unsupported(message: str) -> GraphError:
    return GraphError(400, UNSUPPORTED, message)
