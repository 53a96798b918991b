"""The control interface: for tests and demonstrations, on a port of its own."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devhost.seeds import load_seed
from devhost.simulator.changes import Refused, Strict, UsersBody, carry_out
from devhost.simulator.graph import GraphService
from devhost.simulator.recorder import Fault, Recorder
from devhost.simulator.tokens import Mint
from devhost.simulator.world import Directory, World

Body = TypeVar("Body")


class Empty(Strict):
    """No fields."""


class SeedBody(Strict):
    """A seed by name or by folder."""

    name: str | None = None
    dir: str | None = None


class TokensBody(Strict):
    """End the life of tokens, or make refresh tokens single-use."""

    expire: bool = False
    revoke: bool = False
    rotate_strictly: bool | None = None


class ThrottleBody(Strict):
    """Requests that each directory may get in ten seconds; null for no limit."""

    rate_per10s: Annotated[int, msgspec.Meta(ge=1)] | None = msgspec.field(name="ratePer10s")


class ExpireBody(Strict):
    """Let the links made so far expire."""

    expire: bool


class ConsentBody(Strict):
    """What a customer allows."""

    tenant: str
    granted: bool | None = None
    conditional_access: bool | None = None


class FaultsBody(Strict):
    """Faults to put in place of the present ones."""

    faults: list[Fault]


@dataclass(slots=True, kw_only=True)
class Control:
    """Carries out what the interface is told."""

    world: World
    mint: Mint
    graph: GraphService
    recorder: Recorder
    seed: str

    def reset(self, _body: Empty) -> None:
        """Back to the seed that the simulator was started with."""
        self.load(SeedBody(name=self.seed))
        self.recorder.reset()
        self.mint.rotate_strictly = False
        self.mint.used.clear()

    def load(self, body: SeedBody) -> None:
        """Another seed."""
        name = body.dir if body.name is None else body.name
        if name is None or (body.name is not None and body.dir is not None):
            raise Refused("either name or dir is required", "$")
        try:
            self.world.fill(load_seed(name))
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise Refused(str(error), "$.dir" if body.name is None else "$.name") from error

    def users(self, body: UsersBody) -> None:
        """Change the users of a directory: all that the body says, or nothing."""
        carry_out(self.world, self.directory(body.tenant), body)

    def faults(self, body: bytes) -> None:
        """One more fault, or a list of them in place of the present ones."""
        shape = msgspec.json.decode(body)
        several = isinstance(shape, list)
        inside = isinstance(shape, dict) and "faults" in shape
        if several:
            faults, path = msgspec.json.decode(body, type=list[Fault]), "$[{}]"
        elif inside:
            faults, path = msgspec.json.decode(body, type=FaultsBody).faults, "$.faults[{}]"
        else:
            faults, path = [msgspec.json.decode(body, type=Fault)], "$"
        for number, fault in enumerate(faults):
            try:
                re.compile(fault.match)
            except re.error as error:
                where = f"{path.format(number)}.match"
                raise Refused(f"not a regular expression: {error}", where) from error
        if several or inside:
            self.recorder.faults.clear()
        self.recorder.faults += faults

    def tokens(self, body: TokensBody) -> None:
        """End the life of tokens."""
        if body.expire:
            self.mint.access_since = time.time()
        if body.revoke:
            self.mint.refresh_since = time.time()
        if body.rotate_strictly is not None:
            self.mint.rotate_strictly = body.rotate_strictly

    def throttle(self, body: ThrottleBody) -> None:
        """Set the limit."""
        self.recorder.throttle = body.rate_per10s

    def delta(self, body: ExpireBody) -> None:
        """Let delta links expire."""
        self.graph.delta_epoch += body.expire

    def links(self, body: ExpireBody) -> None:
        """Let next links expire."""
        self.graph.link_epoch += body.expire

    def consent(self, body: ConsentBody) -> None:
        """Grant or take back consent, or put a Conditional Access policy in the way."""
        directory = self.directory(body.tenant)
        if body.granted is not None:
            directory.consented = body.granted
        if body.conditional_access is not None:
            directory.conditional_access = body.conditional_access

    def directory(self, tenant: str) -> Directory:
        """A customer's directory by GUID."""
        found = self.world.directories.get(tenant.lower())
        if found is None:
            raise Refused(f"no directory {tenant}", "$.tenant")
        return found

    def everything(self) -> dict[str, object]:
        """All that there is, users with all their properties."""
        return {
            "partners": [
                {
                    "tenantId": p.tenant_id,
                    "name": p.name,
                    "account": p.account,
                    "customers": [d.tenant_id for d in self.world.customers_of(p)],
                }
                for p in self.world.partners.values()
            ],
            "tenants": [
                {
                    "entra_tenant_id": d.tenant_id,
                    "display_name": d.display_name,
                    "default_domain": d.default_domain,
                    "verified_domains": list(d.domains),
                    "consented": d.consented,
                    "conditional_access": d.conditional_access,
                    "relationship_end": d.relationship_end,
                    "users": list(d.users.values()),
                    "deleted": list(d.deleted.values()),
                }
                for d in self.world.directories.values()
            ],
        }


def control_app(control: Control) -> Starlette:
    """The routes."""

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            control.recorder.seen.clear()
        return _json({"success": True, "data": list(control.recorder.seen)})

    async def directory(_request: Request) -> Response:
        return _json({"success": True, "data": control.everything()})

    actions = {
        "/reset": _decoded(Empty, control.reset),
        "/seed": _decoded(SeedBody, control.load),
        "/users": _decoded(UsersBody, control.users),
        "/faults": control.faults,
        "/tokens": _decoded(TokensBody, control.tokens),
        "/throttle": _decoded(ThrottleBody, control.throttle),
        "/delta": _decoded(ExpireBody, control.delta),
        "/links": _decoded(ExpireBody, control.links),
        "/consent": _decoded(ConsentBody, control.consent),
    }
    return Starlette(
        routes=[
            *(Route(path, _endpoint(act), methods=["POST"]) for path, act in actions.items()),
            Route("/requests", requests, methods=["GET", "DELETE"]),
            Route("/directory", directory),
        ]
    )


def _decoded(type_: type[Body], act: Callable[[Body], None]) -> Callable[[bytes], None]:
    """An action on a body of one type."""
    return lambda body: act(msgspec.json.decode(body, type=type_))


def _endpoint(act: Callable[[bytes], None]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            act(await request.body() or b"{}")
        except Refused as error:
            return _refuse(error.message, error.path)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message, _, path = str(error).partition(" - at ")
            return _refuse(message, path.strip("`") or "$")
        return _json({"success": True, "data": {}})

    return endpoint


def _refuse(message: str, path: str) -> Response:
    return _json(
        {
            "success": False,
            "error": message,
            "code": "malformed_request",
            "details": {"path": path},
        },
        400,
    )


def _json(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")
