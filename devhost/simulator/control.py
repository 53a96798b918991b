"""The control interface: for tests and demonstrations, on a port of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devhost.seeds import load_seed
from devhost.simulator.graph import GraphService
from devhost.simulator.recorder import Fault, Recorder
from devhost.simulator.tokens import Mint
from devhost.simulator.world import Directory, World

Body = TypeVar("Body")


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A body with nothing in it that we do not know."""


class Empty(_Strict):
    """No fields."""


class SeedBody(_Strict):
    """A seed by name or by folder."""

    name: str | None = None
    dir: str | None = None


class Change(_Strict):
    """Properties of one user to set."""

    id: str
    set: dict[str, object]


class UsersBody(_Strict):
    """What to do with the users of one directory."""

    tenant: str
    add: list[dict[str, object]] = []
    change: list[Change] = []
    disable: list[str] = []
    enable: list[str] = []
    delete: list[str] = []
    delete_permanently: list[str] = []
    restore: list[str] = []


class TokensBody(_Strict):
    """End the life of tokens, or make refresh tokens single-use."""

    expire: bool = False
    revoke: bool = False
    rotate_strictly: bool | None = None


class ThrottleBody(_Strict):
    """Requests that each directory may get in ten seconds; null for no limit."""

    rate_per10s: int | None = msgspec.field(name="ratePer10s")


class ExpireBody(_Strict):
    """Let the links made so far expire."""

    expire: bool


class ConsentBody(_Strict):
    """What a customer allows."""

    tenant: str
    granted: bool | None = None
    conditional_access: bool | None = None


class FaultsBody(_Strict):
    """Faults to put in place of the present ones."""

    faults: list[Fault]


class Refused(Exception):
    """A body that cannot be carried out."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


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

    def load(self, body: SeedBody) -> None:
        """Another seed."""
        name = body.dir or body.name
        if name is None:
            raise Refused("name or dir is required", "$")
        try:
            self.world.fill(load_seed(name))
        except (ValueError, OSError, KeyError) as error:
            raise Refused(str(error), "$.dir" if body.dir else "$.name") from error

    def users(self, body: UsersBody) -> None:
        """Change the users of a directory; the whole body or nothing is checked first."""
        directory = self.directory(body.tenant)
        wanted = [*(c.id for c in body.change), *body.disable, *body.enable, *body.delete,
                  *body.delete_permanently]  # fmt: skip
        for object_id in wanted:
            if object_id not in directory.users:
                raise Refused(f"no user {object_id}", "$.tenant")
        for object_id in body.restore:
            if object_id not in directory.deleted:
                raise Refused(f"no deleted user {object_id}", "$.restore")
        try:
            for user in body.add:
                self.world.complete(user)
            self.world.add(directory, body.add)
            for change in body.change:
                self.world.change(directory, change.id, change.set)
        except ValueError as error:
            raise Refused(str(error), "$.add") from error
        for object_id in body.disable:
            self.world.change(directory, object_id, {"accountEnabled": False})
        for object_id in body.enable:
            self.world.change(directory, object_id, {"accountEnabled": True})
        for object_id in body.delete:
            self.world.delete(directory, object_id)
        for object_id in body.delete_permanently:
            self.world.delete(directory, object_id, permanently=True)
        for object_id in body.restore:
            self.world.restore(directory, object_id)

    def faults(self, body: FaultsBody) -> None:
        """Faults in place of the present ones."""
        self.recorder.faults[:] = body.faults

    def fault(self, body: Fault) -> None:
        """One more fault."""
        self.recorder.faults.append(body)

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
                    "relationship_end": d.relationship_end,
                    "users": list(d.users.values()),
                    "deleted": list(d.deleted.values()),
                }
                for d in self.world.directories.values()
            ],
        }


def control_app(control: Control) -> Starlette:
    """The routes."""

    def post(type_: type[Body], act: Callable[[Body], None]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            body = await request.body() or b"{}"
            try:
                act(msgspec.json.decode(body, type=type_))
            except Refused as error:
                return _refuse(error.message, error.path)
            except msgspec.MsgspecError as error:
                message, _, path = str(error).partition(" - at ")
                return _refuse(message, path.strip("`") or "$")
            return _json({"success": True, "data": {}})

        return endpoint

    async def faults(request: Request) -> Response:
        body = await request.body()
        many = body.lstrip().startswith(b"[") or b'"faults"' in body[:20]
        if body.lstrip().startswith(b"["):
            body = b'{"faults":' + body + b"}"
        try:
            if many:
                control.faults(msgspec.json.decode(body, type=FaultsBody))
            else:
                control.fault(msgspec.json.decode(body, type=Fault))
        except msgspec.MsgspecError as error:
            message, _, path = str(error).partition(" - at ")
            return _refuse(message, path.strip("`") or "$")
        return _json({"success": True, "data": {}})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            control.recorder.seen.clear()
        return _json({"success": True, "data": list(control.recorder.seen)})

    async def directory(_request: Request) -> Response:
        return _json({"success": True, "data": control.everything()})

    return Starlette(
        routes=[
            Route("/reset", post(Empty, control.reset), methods=["POST"]),
            Route("/seed", post(SeedBody, control.load), methods=["POST"]),
            Route("/users", post(UsersBody, control.users), methods=["POST"]),
            Route("/faults", faults, methods=["POST"]),
            Route("/tokens", post(TokensBody, control.tokens), methods=["POST"]),
            Route("/throttle", post(ThrottleBody, control.throttle), methods=["POST"]),
            Route("/delta", post(ExpireBody, control.delta), methods=["POST"]),
            Route("/links", post(ExpireBody, control.links), methods=["POST"]),
            Route("/consent", post(ConsentBody, control.consent), methods=["POST"]),
            Route("/requests", requests, methods=["GET", "DELETE"]),
            Route("/directory", directory),
        ]
    )


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
