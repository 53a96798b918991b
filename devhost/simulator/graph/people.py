"""Users of a directory: listed, counted, looked up, deleted; each with the selected properties."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from devhost.simulator.answers import Entity, Page, not_found, pack, sequence
from devhost.simulator.graph.caller import Caller
from devhost.simulator.graph.lists import LIST, PAGE, SELECT, page_of, query_of, resume
from devhost.simulator.metadata import Metadata
from devhost.simulator.odata import GraphError, Query
from devhost.simulator.world import Directory, User

if TYPE_CHECKING:
    from devhost.simulator.graph.ask import Ask
    from devhost.simulator.graph.service import GraphService

DEFAULT_USER = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)
_NOT_IN_LISTS = frozenset({"aboutMe", "birthday", "hireDate", "interests", "mailboxSettings",
                           "mySite", "pastProjects", "preferredName", "responsibilities",
                           "schools", "skills"})  # fmt: skip
_EXTRA_PERMISSION = {
    "mailboxSettings": "MailboxSettings.Read",
    "signInActivity": "AuditLog.Read.All",
}


def users(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The users, page by page."""
    directory = reader(caller)
    query = query_of(service.metadata, ask, "user")
    if query.count and not ask.eventual:
        message = "$count needs the header ConsistencyLevel: eventual."
        raise GraphError(400, "Request_UnsupportedQuery", message)
    require_listable(caller, query.select)
    default = default_of(service.metadata, ask.version)
    if query.filter is not None:
        found = _chosen(service.metadata, query, directory.users.values(), default)
        return page_of(ask, caller, _plain(query), found, epoch=service.link_epoch)
    if query.skip_token is not None:
        state = resume(caller, query.skip_token, "users", epoch=service.link_epoch)
        return _page(service, ask, directory, state)
    state = {
        "t": caller.tenant,
        "k": "users",
        "o": 0,
        "n": service.page_size(query.top or PAGE),
        "s": list(query.select or default),
        "e": service.link_epoch,
    }
    page = _page(service, ask, directory, state)
    return replace(page, count=len(directory.users) if query.count else None)


def user_count(service: "GraphService", caller: Caller, ask: "Ask") -> int:
    """The number of users, as text."""
    directory = reader(caller)
    if not ask.eventual:
        raise GraphError(400, "Request_BadRequest", "$count is not currently supported.")
    query = query_of(service.metadata, ask, "user", frozenset({"$filter"}))
    if query.filter is None:
        return len(directory.users)
    lists = service.metadata
    return sum(query.filter(_with_lists(lists, u)) for u in directory.users.values())


def deleted(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """Users that were deleted in the last 30 days."""
    directory = reader(caller)
    query = query_of(service.metadata, ask, "user", LIST)
    require_listable(caller, query.select)
    default = (*DEFAULT_USER, "deletedDateTime")
    found = _chosen(service.metadata, query, directory.deleted.values(), default)
    return page_of(ask, caller, _plain(query), found, epoch=service.link_epoch)


def one_user(service: "GraphService", caller: Caller, ask: "Ask", key: str) -> Entity:
    """A user by id or user principal name, in any case."""
    directory = reader(caller)
    query = query_of(service.metadata, ask, "user", SELECT)
    _require_extra(caller, query.select)
    wanted = key.lower()
    user = directory.users.get(wanted) or next(
        (u for u in directory.users.values() if str(u["userPrincipalName"]).lower() == wanted),
        None,
    )
    if user is None:
        raise not_found(key)
    row = project(service.metadata, user, query.select or default_of(service.metadata, ask.version))
    return Entity(name="users/$entity", row=row)


def reader(caller: Caller) -> Directory:
    """The directory whose users the caller may read."""
    caller.require("User.Read.All", "Directory.Read.All")
    caller.require_role()
    return customer(caller)


def customer(caller: Caller) -> Directory:
    """The directory that answers; a partner's own has no users here."""
    if caller.directory is not None:
        return caller.directory
    if caller.partner is not None:
        return Directory(
            tenant_id=caller.tenant,
            display_name=caller.partner.name,
            default_domain=caller.partner.domain,
            domains=(caller.partner.domain,),
            partners=(),
            consented=True,
        )
    raise not_found(caller.tenant)


def default_of(metadata: Metadata, version: str) -> Sequence[str]:
    """What comes without ``$select``: a few properties in v1.0, nearly all in beta."""
    if version != "beta":
        return DEFAULT_USER
    elsewhere = _NOT_IN_LISTS | set(_EXTRA_PERMISSION)
    return tuple(sorted(metadata.properties("user") - elsewhere))


def require_listable(caller: Caller, select: Sequence[str] | None) -> None:
    """Refuse properties that are kept outside the directory, and so cannot be listed."""
    if not _NOT_IN_LISTS.isdisjoint(select or ()):
        raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
    _require_extra(caller, select)


def project(metadata: Metadata, user: User, select: Sequence[str], type_: str = "user") -> User:
    """The selected properties; one that is not set is null, or empty if it is a list."""
    lists = metadata.collections(type_)
    return {
        name: user.get(name) if user.get(name) is not None else ([] if name in lists else None)
        for name in select
    }


def _page(
    service: "GraphService", ask: "Ask", directory: Directory, state: Mapping[str, object]
) -> Page:
    select = tuple(str(name) for name in sequence(state["s"]))
    start, size = int(str(state["o"])), int(str(state["n"]))
    rows = service.encoded_users(directory, select)
    link = None
    if start + size < len(rows):
        token = pack({**state, "o": start + size})
        options = f"$select={','.join(select)}&$top={size}&$skiptoken={token}"
        link = f"{ask.base}{ask.path}?{options}"
    return Page(name="users", rows=rows[start : start + size], next_link=link)


def _chosen(
    metadata: Metadata, query: Query, users: Iterable[User], default: Sequence[str]
) -> list[User]:
    """Users that a filter finds, or few: without the store of encoded ones."""
    return [
        project(metadata, user, query.select or default)
        for user in users
        if query.filter is None or query.filter(_with_lists(metadata, user))
    ]


def _plain(query: Query) -> Query:
    """For rows that were chosen and cut already."""
    return replace(query, select=None, filter=None)


def _require_extra(caller: Caller, select: Sequence[str] | None) -> None:
    """Refuse properties that a permission to read users does not cover."""
    for name in select or ():
        if name in _EXTRA_PERMISSION:
            caller.require(_EXTRA_PERMISSION[name])


def _with_lists(metadata: Metadata, user: User) -> User:
    lists: dict[str, object] = {name: [] for name in metadata.collections("user")}
    return {**lists, **user}
