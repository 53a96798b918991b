"""The control interface: for tests and demonstrations, on a port of its own."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
from msgspec import UNSET
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devhost.seeds import load_seed
from devhost.simulator.changes import Refused, UsersBody, carry_out
from devhost.simulator.cipp import control as cipp_control
from devhost.simulator.cipp.control import CippBody
from devhost.simulator.cipp.service import CippService
from devhost.simulator.control_bodies import (
    AppBody,
    ConsentBody,
    Empty,
    ExpireBody,
    GroupsBody,
    PagesBody,
    PermissionsBody,
    RelationshipsBody,
    SeedBody,
    TenantsBody,
    ThrottleBody,
    TokensBody,
)
from devhost.simulator.control_tenants import (
    change_groups,
    change_relationships,
    change_tenants,
    directory_at,
)
from devhost.simulator.faults import Fault
from devhost.simulator.graph.service import GraphService
from devhost.simulator.overview import everything
from devhost.simulator.permissions import Permissions
from devhost.simulator.recorder import Recorder
from devhost.simulator.sign_in import SignInService
from devhost.simulator.throttle import Limits
from devhost.simulator.tokens import Mint
from devhost.simulator.world import World

Body = TypeVar("Body")


class FaultsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Faults to put in place of the present ones."""

    faults: list[Fault]


@dataclass(slots=True, kw_only=True)
class Control:
    """Carries out what the interface is told."""

    world: World
    mint: Mint
    sign_in: SignInService
    graph: GraphService
    cipp: CippService
    recorder: Recorder
    seed: str

    def reset(self, _body: Empty) -> None:
        """Back to the seed that the simulator was started with."""
        self.load(SeedBody(name=self.seed))
        self.recorder.seen.clear()
        self.recorder.faults.clear()
        self.recorder.throttle.put(Limits())
        self.mint.restart()
        self.cipp.restart()
        self.graph.largest_page = None
        self._permit(Permissions())
        for app in (self.sign_in.app, *self.sign_in.others):
            app.restart()

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
        carry_out(self.world, directory_at(self.world, body.tenant, "$.tenant"), body)

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
        self.recorder.faults.add(faults)

    def tokens(self, body: TokensBody) -> None:
        """End the life of tokens."""
        if body.expire:
            self.mint.access_since = time.time()
        if body.revoke:
            self.mint.refresh_since = time.time()
        if body.idle:
            self.mint.idle_since = time.time()
        if body.challenge is not None:
            self.mint.challenge = time.time() if body.challenge else None
        if body.rotate_strictly is not None:
            self.mint.rotate_strictly = body.rotate_strictly

    def throttle(self, body: ThrottleBody) -> None:
        """Set the limits."""
        self.recorder.throttle.put(
            Limits(
                requests=body.rate_per10s,
                units=body.units_per10s,
                across_tenants=body.across_tenants,
                omit_retry_after=body.omit_retry_after,
                retry_after_date=body.retry_after_date,
            )
        )

    def delta(self, body: ExpireBody) -> None:
        """Let delta links expire."""
        self.graph.delta_epoch += body.expire

    def links(self, body: ExpireBody) -> None:
        """Let next links expire."""
        self.graph.link_epoch += body.expire

    def pages(self, body: PagesBody) -> None:
        """Let the lists of users have shorter pages."""
        self.graph.largest_page = body.largest

    def consent(self, body: ConsentBody) -> None:
        """Grant or take back consent, or put a Conditional Access policy in the way."""
        directory = directory_at(self.world, body.tenant, "$.tenant")
        if body.granted is not None:
            directory.consented = body.granted
        if body.application is not UNSET:
            directory.application_consented = body.application
        if body.conditional_access is not None:
            directory.conditional_access = body.conditional_access

    def permissions(self, body: PermissionsBody) -> None:
        """Grant something at the partners, or take it back."""
        given = {n: v for n in body.__struct_fields__ if (v := getattr(body, n)) is not None}
        self._permit(replace(self.sign_in.permissions, **given))

    def relationships(self, body: RelationshipsBody) -> None:
        """Change GDAP relationships."""
        change_relationships(self.world, body)

    def tenants(self, body: TenantsBody) -> None:
        """Let customers appear, change or disappear."""
        change_tenants(self.world, body)

    def groups(self, body: GroupsBody) -> None:
        """Let groups appear, change or disappear."""
        change_groups(self.world, body)

    def app(self, body: AppBody) -> None:
        """Change the secrets of an app registration, or switch it off."""
        app = self.sign_in.registration(body.client_id or self.sign_in.app.client_id)
        if app is None:
            raise Refused(f"no application {body.client_id}", "$.clientId")
        if body.add_secret is not None:
            app.secrets.add(body.add_secret)
        if body.remove_secret is not None:
            app.secrets.discard(body.remove_secret)
        if body.expire_secret is not None:
            app.expired.add(body.expire_secret)
        if body.enabled is not None:
            app.enabled = body.enabled

    def cipps(self, body: CippBody) -> None:
        """Change how CIPP behaves."""
        cipp_control.carry_out(self.cipp, body)

    def _permit(self, permissions: Permissions) -> None:
        self.sign_in.permissions = self.graph.permissions = permissions


def control_app(control: Control) -> Starlette:
    """The routes."""

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            control.recorder.seen.clear()
        return _json({"success": True, "data": list(control.recorder.seen)})

    async def directory(_request: Request) -> Response:
        return _json({"success": True, "data": everything(control.world)})

    actions = {
        "/reset": _decoded(Empty, control.reset),
        "/seed": _decoded(SeedBody, control.load),
        "/users": _decoded(UsersBody, control.users),
        "/faults": control.faults,
        "/tokens": _decoded(TokensBody, control.tokens),
        "/throttle": _decoded(ThrottleBody, control.throttle),
        "/delta": _decoded(ExpireBody, control.delta),
        "/links": _decoded(ExpireBody, control.links),
        "/pages": _decoded(PagesBody, control.pages),
        "/consent": _decoded(ConsentBody, control.consent),
        "/permissions": _decoded(PermissionsBody, control.permissions),
        "/relationships": _decoded(RelationshipsBody, control.relationships),
        "/tenants": _decoded(TenantsBody, control.tenants),
        "/groups": _decoded(GroupsBody, control.groups),
        "/app": _decoded(AppBody, control.app),
        "/cipp": _decoded(CippBody, control.cipps),
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
