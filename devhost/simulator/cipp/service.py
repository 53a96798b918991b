"""The way of a request through the platform and CIPP's own checks to its endpoint."""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from devhost.simulator.apps import CippApp
from devhost.simulator.cipp import graph_request, lists, replies
from devhost.simulator.cipp.call import Call, parameters_of
from devhost.simulator.cipp.queues import Queues
from devhost.simulator.cipp.reading import Reader
from devhost.simulator.cipp.replies import Refused
from devhost.simulator.cipp.switches import REFUSALS, Switches
from devhost.simulator.cipp.tenants import Tenants, names_of
from devhost.simulator.graph.service import GraphService
from devhost.simulator.recorder import bearer

_PREFIX = "/api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An endpoint with its parameters."""

    answer: Callable[[Call], Response]
    parameters: frozenset[str] = frozenset()
    one_tenant: bool = False
    """A custom role that is restricted to some tenants is checked against the filter."""


ROUTES: Mapping[str, Route] = {
    "ListTenants": Route(
        answer=lists.list_tenants,
        parameters=frozenset(
            {"AllTenantSelector", "Mode", "IncludeOffboardingDefaults", "tenantFilter"}
            | {"TriggerRefresh"}
        ),
    ),
    "ListGraphRequest": Route(
        answer=graph_request.list_graph_request,
        parameters=graph_request.PARAMETERS,
        one_tenant=True,
    ),
    "ListDomains": Route(
        answer=lists.list_domains, parameters=frozenset({"tenantFilter"}), one_tenant=True
    ),
    "ListUsers": Route(
        answer=lists.list_users,
        parameters=frozenset({"tenantFilter", "UserID", "graphFilter", "IncludeLogonDetails"}),
        one_tenant=True,
    ),
    "ListCippQueue": Route(
        answer=lists.list_cipp_queue, parameters=frozenset({"QueueId", "Reference"})
    ),
    "ListDBCache": Route(
        answer=lists.list_db_cache, parameters=frozenset({"tenantFilter", "type", "countsOnly"})
    ),
    "me": Route(answer=lists.me),
}
"""The case of the names matters."""


@dataclass(slots=True, kw_only=True)
class CippService:
    """The CIPPs of all partners, behind one address: the token says which one answers."""

    graph: GraphService
    apps: tuple[CippApp, ...]
    switches: Switches = field(default_factory=Switches)
    queues: Queues = field(default_factory=Queues)

    async def answer(self, request: Request) -> Response:
        """Answer one request, refusals included."""
        path = str(request.scope["path"])
        if self.switches.front_end or not path.startswith(_PREFIX):
            return replies.front_end()
        app = self._client(bearer(request))
        if app is None:
            return replies.unauthenticated()
        pause, self.switches.cold_start_ms = self.switches.cold_start_ms, 0
        if pause:
            await asyncio.sleep(pause / 1000)
        try:
            name = path.removeprefix(_PREFIX)
            return self._endpoint(app, name, request, cold_start=bool(pause))
        except Refused as error:
            return replies.text(error.status, error.text)

    def tenant_of(self, request: Request) -> str | None:
        """The directory that a request names, whoever asks."""
        query = {name.lower(): value for name, value in parse_qsl(request.url.query)}
        wanted = query.get("tenantfilter", "").lower()
        world = self.graph.world
        for partner in world.partners.values():
            if wanted in {partner.tenant_id, partner.domain.lower()}:
                return partner.tenant_id
        found = (d.tenant_id for d in world.directories.values() if wanted in names_of(d))
        return next(found, None) if wanted else None

    def restart(self) -> None:
        """Back to how a CIPP is when nothing was switched."""
        self.switches = Switches()
        self.queues.clear()
        for app in self.apps:
            app.has_uri = True

    def _client(self, token: str) -> CippApp | None:
        """The CIPP that lets a token in: its static one, or Microsoft's for its own audience."""
        if self.switches.clients_refused or not token:
            return None
        for app in self.apps:
            if hmac.compare_digest(token.encode(), app.token.encode()):
                return app
        claims = self.graph.mint.read_access(token)
        if claims is None:
            return None
        wanted = ((a, (a.resource, a.tenant_id, a.client_id)) for a in self.apps)
        named = (claims.get("aud"), claims.get("tid"), claims.get("appid"))
        return next((app for app, expected in wanted if expected == named), None)

    def _endpoint(self, app: CippApp, name: str, request: Request, *, cold_start: bool) -> Response:
        route = ROUTES.get(name)
        if route is None:
            raise Refused(404, "Endpoint not found")
        if request.method != "GET":
            raise Refused(405, f"The simulator answers GET only, not {request.method}.")
        if self.switches.refuse is not None:
            raise Refused(*REFUSALS[self.switches.refuse])
        if name in self.switches.blocked_endpoints:
            raise Refused(403, f"Access to this CIPP API endpoint is not allowed: {name}")
        call = self._call(app, parameters_of(request.url.query, route.parameters), cold_start)
        if route.one_tenant:
            _require_access(call)
        return route.answer(call)

    def _call(self, app: CippApp, parameters: Mapping[str, str], cold_start: bool) -> Call:  # noqa: FBT001 - passed on
        world = self.graph.world
        partner = world.partners[app.tenant_id]
        return Call(
            app=app,
            parameters=parameters,
            tenants=Tenants(world=world, switches=self.switches, partner=partner),
            reader=Reader(graph=self.graph, switches=self.switches, partner=partner),
            queues=self.queues,
            switches=self.switches,
            cold_start=cold_start,
        )


def _require_access(call: Call) -> None:
    """Refuse a tenant that the client's role does not include."""
    tenant = call.tenants.find(call.text("tenantFilter") or call.app.tenant_id)
    if tenant is not None and not call.tenants.allows(tenant):
        raise Refused(403, "Access to this tenant is not allowed")
