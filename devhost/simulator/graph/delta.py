"""Delta queries: a first round through all users, then only what changed since its link."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from devhost.simulator.answers import Page, pack, sequence, unpack
from devhost.simulator.graph.caller import Caller
from devhost.simulator.graph.lists import PAGE, query_of, resume
from devhost.simulator.graph.people import DEFAULT_USER, project, reader, require_listable
from devhost.simulator.metadata import Metadata
from devhost.simulator.odata import GraphError
from devhost.simulator.world import Directory, User

if TYPE_CHECKING:
    from devhost.simulator.graph.ask import Ask
    from devhost.simulator.graph.service import GraphService

_ALLOWED = frozenset({"$select", "$deltatoken", "$skiptoken"})


def delta(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """Changes since a delta link, or everything when there is none yet."""
    directory = reader(caller)
    query = query_of(service.metadata, ask, "user", _ALLOWED)
    select = list(query.select or DEFAULT_USER)
    require_listable(caller, query.select)
    if query.delta_token == "latest":
        return Page(name="users", rows=[], delta_link=_link(service, ask, directory, select))
    if query.skip_token is not None:
        state = dict(resume(caller, query.skip_token, "delta", epoch=service.link_epoch))
    else:
        state = {"t": caller.tenant, "k": "delta", "o": 0,
                 "n": service.page_size(PAGE), "s": select,
                 "e": service.link_epoch, "r": directory.revision}  # fmt: skip
        if query.delta_token:  # an empty one begins anew
            since = _since(service, caller, ask, query.delta_token)
            state |= {"s": since["s"], "since": since["r"]}
    page = _changes if "since" in state else _round
    return page(service, ask, directory, state)


def _round(
    service: "GraphService", ask: "Ask", directory: Directory, state: Mapping[str, object]
) -> Page:
    """A page of the first round."""
    select = [str(name) for name in sequence(state["s"])]
    return _page(service, ask, directory, state, service.encoded_users(directory, select))


def _since(service: "GraphService", caller: Caller, ask: "Ask", token: str) -> Mapping[str, object]:
    """What a delta link stands for, unless it is of another directory or time."""
    since = unpack(token)
    if since is None or since.get("t") != caller.tenant or since.get("k") != "changes":
        raise GraphError(400, "Request_BadRequest", "Badly formed token.")
    if (since["e"], since["w"]) != (service.delta_epoch, service.world.generation):
        select = ",".join(str(name) for name in sequence(since["s"]))
        raise GraphError(
            410,
            "syncStateNotFound",
            "The sync state is no longer available.",
            {"location": f"{ask.base}/v1.0/users/delta?$select={select}&$deltatoken="},
        )
    return since


def _changes(
    service: "GraphService", ask: "Ask", directory: Directory, state: Mapping[str, object]
) -> Page:
    """A page of what changed until the round began; each object comes once."""
    select = [str(name) for name in sequence(state["s"])]
    latest = dict(directory.log[int(str(state["since"])) : int(str(state["r"]))])
    rows: list[Mapping[str, object]] = []
    for object_id in latest:
        user = directory.users.get(object_id)
        if user is not None:
            rows.append(_ever_set(service.metadata, user, select))
        else:
            reason = "changed" if object_id in directory.deleted else "deleted"
            rows.append({"id": object_id, "@removed": {"reason": reason}})
    return _page(service, ask, directory, state, rows)


def _ever_set(metadata: Metadata, user: User, select: Sequence[str]) -> User:
    """The selected properties without those that were never set; one that was cleared is null."""
    return project(metadata, user, [name for name in select if name in user])


def _page(
    service: "GraphService",
    ask: "Ask",
    directory: Directory,
    state: Mapping[str, object],
    rows: Sequence[bytes | Mapping[str, object]],
) -> Page:
    """The part of a round that a state stands for."""
    start, size = int(str(state["o"])), int(str(state["n"]))
    chunk = rows[start : start + size]
    if start + size < len(rows):
        token = pack({**state, "o": start + size})
        link = f"{ask.base}{ask.path}?$skiptoken={token}"
        return Page(name="users", rows=chunk, next_link=link)
    select = [str(name) for name in sequence(state["s"])]
    following = _link(service, ask, directory, select, int(str(state["r"])))
    return Page(name="users", rows=chunk, delta_link=following)


def _link(
    service: "GraphService",
    ask: "Ask",
    directory: Directory,
    select: Sequence[str],
    revision: int | None = None,
) -> str:
    token = pack(
        {
            "t": directory.tenant_id,
            "k": "changes",
            "w": service.world.generation,
            "s": list(select),
            "r": directory.revision if revision is None else revision,
            "e": service.delta_epoch,
        }
    )
    return f"{ask.base}/v1.0/users/delta?$deltatoken={token}"
