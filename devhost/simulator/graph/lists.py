"""Lists of Graph with select, filter and paging, and the tokens in their next links."""

from collections.abc import Mapping, Sequence

from devhost.simulator.answers import Page, pack, unpack
from devhost.simulator.graph.ask import Ask
from devhost.simulator.graph.caller import Caller
from devhost.simulator.metadata import Metadata
from devhost.simulator.odata import GraphError, Query, parse

LIST = frozenset({"$select", "$top", "$filter", "$count", "$skiptoken"})
SELECT = frozenset({"$select"})
PAGE = 100


def query_of(
    metadata: Metadata, ask: Ask, type_: str, allowed: frozenset[str] = LIST, *, max_top: int = 999
) -> Query:
    """The options of a request.

    Raises:
        GraphError: One is not allowed here, or wrong.
    """
    return parse(ask.query, type_=type_, metadata=metadata, allowed=allowed, max_top=max_top)


def page_of(
    ask: Ask, caller: Caller, query: Query, rows: Sequence[Mapping[str, object]], *, epoch: int
) -> Page:
    """A page of a short list; ``epoch`` is that of next links."""
    start = 0
    size = query.top or PAGE
    if query.skip_token is not None:
        state = resume(caller, query.skip_token, ask.path, epoch=epoch)
        start, size = int(str(state["o"])), int(str(state["n"]))
    found = [row for row in rows if query.filter is None or query.filter(row)]
    chunk: Sequence[Mapping[str, object]] = found[start : start + size]
    if query.select is not None:
        chunk = [{name: row.get(name) for name in query.select} for row in chunk]
    link = None
    if start + size < len(found):
        state = {"t": caller.tenant, "k": ask.path, "o": start + size, "n": size, "e": epoch}
        kept = [p for p in ask.query.split("&") if p and "skiptoken" not in p.lower()]
        link = f"{ask.base}{ask.path}?{'&'.join([*kept, f'$skiptoken={pack(state)}'])}"
    count = len(found) if query.count else None
    return Page(name=ask.parts[-1], rows=chunk, next_link=link, count=count)


def resume(caller: Caller, token: str, kind: str, *, epoch: int) -> Mapping[str, object]:
    """Where a next link goes on.

    Raises:
        GraphError: It is of another directory, listing or time.
    """
    state = unpack(token)
    if state is None or state.get("t") != caller.tenant or state.get("k") != kind:
        raise GraphError(400, "Request_BadRequest", "The skip token is not valid.")
    if state["e"] != epoch:
        raise GraphError(
            400, "Directory_ExpiredPageToken", "The specified page token value has expired."
        )
    return state
