"""Where a request to Graph goes, what is refused on the way, and what is kept between requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from devhost.simulator.answers import Body, cost, ids, refusal
from devhost.simulator.graph import delta, directory, groups, partner, people
from devhost.simulator.graph.ask import Ask
from devhost.simulator.graph.caller import Caller, identify
from devhost.simulator.metadata import Metadata
from devhost.simulator.odata import GraphError
from devhost.simulator.permissions import Permissions
from devhost.simulator.tokens import Mint
from devhost.simulator.world import Directory, World


@dataclass(slots=True, kw_only=True)
class GraphService:
    """The state behind the endpoints. ``links`` and ``deltas`` before their epoch have expired."""

    world: World
    mint: Mint
    permissions: Permissions = field(default_factory=Permissions)
    base: str = ""
    link_epoch: int = 0
    delta_epoch: int = 0
    largest_page: int | None = None
    """Users on a page at most, whatever was asked for; Microsoft, too, may answer fewer."""
    encoded: dict[tuple[object, ...], list[bytes]] = field(default_factory=dict)

    @property
    def metadata(self) -> Metadata:
        """Which types have which properties."""
        return self.world.metadata

    def answer(self, request: Request) -> Response:
        """Answer one request, errors included."""
        # The scope's path is decoded, unlike that of the URL.
        path, query = str(request.scope["path"]), request.url.query
        ask = Ask.of(path, query, self.base, request.headers)
        try:
            _require_version(ask)
            caller = identify(self.world, self.mint, request.headers.get("authorization", ""))
            _require_reading(request)
            body = self.read(ask, caller)
        except GraphError as error:
            return refusal(request, error)
        headers = {"x-ms-resource-unit": str(cost(path, query)), **ids(request)}
        if isinstance(body, int):
            return Response(str(body), 200, headers, "text/plain")
        kind = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
        return Response(body.encode(ask.version), 200, {**headers, "odata-version": "4.0"}, kind)

    def read(self, ask: Ask, caller: Caller) -> Body:
        """What a path answers to a caller.

        Raises:
            GraphError: As Microsoft would refuse it.
        """
        parts = ask.parts
        beta = ask.version == "beta" and parts in _BETA
        handler = _BETA[parts] if beta else _ROUTES.get(parts)
        if handler is not None:
            return handler(self, caller, ask)
        if len(parts) == 2 and parts[0] == "users":
            return people.one_user(self, caller, ask, parts[1])
        below = groups.below(self, caller, ask) if parts[0] == "groups" and len(parts) > 1 else None
        if below is not None:
            return below
        found = partner.FIND_BY_ID.match(parts[-1])
        if found and parts[:-1] == ("tenantRelationships",):
            return partner.tenant_information(self, caller, ask, found[1])
        unknown = self.metadata.first_unknown(parts)
        if unknown is not None:
            raise GraphError(400, "BadRequest", f"Resource not found for the segment '{unknown}'.")
        raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")

    def page_size(self, asked: int) -> int:
        """How many users a page has that was asked for with so many."""
        return min(asked, self.largest_page or asked)

    def encoded_users(self, tenant: Directory, select: Sequence[str]) -> list[bytes]:
        """Every user of a directory as JSON, kept until something changes."""
        state = (tenant.tenant_id, self.world.generation, tenant.revision)
        key = (*state, tuple(select))
        held = self.encoded.get(key)
        if held is None:
            for stale in [k for k in self.encoded if k[0] == tenant.tenant_id and k[:3] != state]:
                del self.encoded[stale]
            held = [
                msgspec.json.encode(people.project(self.metadata, user, select))
                for user in tenant.users.values()
            ]
            self.encoded[key] = held
        return held


Handler = Callable[[GraphService, Caller, Ask], Body]

_ROUTES: Mapping[tuple[str, ...], Handler] = {
    ("me",): partner.me,
    ("tenantRelationships", "delegatedAdminCustomers"): partner.customers,
    ("tenantRelationships", "delegatedAdminRelationships"): partner.relationships,
    ("contracts",): partner.contracts,
    ("organization",): directory.organization,
    ("domains",): directory.domains,
    ("users",): people.users,
    ("users", "$count"): people.user_count,
    ("users", "delta"): delta.delta,
    ("users", "microsoft.graph.delta()"): delta.delta,
    ("users", "delta()"): delta.delta,
    ("groups",): groups.groups,
    ("directory", "deletedItems", "microsoft.graph.user"): people.deleted,
    ("directory", "deletedItems", "graph.user"): people.deleted,
}
_BETA: Mapping[tuple[str, ...], Handler] = {
    ("tenantRelationships", "managedTenants", "tenants"): partner.managed_tenants,
}
"""What is only in beta, and needed."""


def _require_version(ask: Ask) -> None:
    if ask.version != "v1.0" and not (ask.version == "beta" and ask.parts in _BETA):
        raise GraphError(400, "BadRequest", f"Invalid version: {ask.version}")


def _require_reading(request: Request) -> None:
    if request.method != "GET":
        message = "Specified HTTP method is not allowed for the request target."
        raise GraphError(405, "Request_BadRequest", message)
