"""Runs the simulator: sign-in, Graph and CIPP over TLS, a sign-in page, and the control."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import uvicorn
from starlette.applications import Starlette

from devhost.seeds import load_seed
from devhost.settings import write_private
from devhost.simulator.cipp.service import CippService
from devhost.simulator.control import Control, control_app
from devhost.simulator.graph.service import GraphService
from devhost.simulator.metadata import load as load_metadata
from devhost.simulator.places import Places
from devhost.simulator.recorder import Recorder, authority_of, token_tenant
from devhost.simulator.serving import answering, recorded
from devhost.simulator.sign_in import SignInService
from devhost.simulator.sign_in_http import authority_app
from devhost.simulator.sign_in_page import page_app
from devhost.simulator.tokens import Mint
from devhost.simulator.world import World

CALLBACK = "/api/auth/microsoft/entra/callback"


class _Server(uvicorn.Server):
    """A server among others in one process, which leaves the signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Services:
    sign_in: SignInService
    graph: GraphService
    cipp: CippService


async def run(options: argparse.Namespace) -> None:
    """Serve from a data folder until SIGTERM."""
    places = Places.open(Path(options.data_dir))
    world = World(load_metadata())
    world.fill(load_seed(options.seed))
    services = _services(options, places, world)
    places.save()
    with contextlib.ExitStack() as stack:
        log = _request_log(options.request_log)
        if log is not None:
            stack.enter_context(log)
        recorder = Recorder(world=world, mint=services.graph.mint, log=log)
        servers = _servers(options, places, services, recorder)
        for sig in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sig, _stop, list(servers.values()))
        _describe(places, services)
        await asyncio.gather(
            *(server.serve(sockets=[places.sockets[name]]) for name, server in servers.items())
        )


def _services(options: argparse.Namespace, places: Places, world: World) -> _Services:
    mint = Mint.of(places.folder)
    redirects = frozenset(
        [*options.redirect_uri, *(f"{origin}{CALLBACK}" for origin in options.redirect_origin)]
    )
    apps = places.cipp_apps(world.partners)
    sign_in = SignInService(
        world=world,
        mint=mint,
        app=places.app("", redirects),
        others=(places.app("other_", redirects),),
        cipp=apps,
        authority=f"https://localhost:{places.port('sign_in')}",
        page=f"http://localhost:{places.port('page')}",
    )
    graph = GraphService(
        world=world,
        mint=mint,
        permissions=sign_in.permissions,
        base=f"https://localhost:{places.port('graph')}",
    )
    return _Services(sign_in=sign_in, graph=graph, cipp=CippService(graph=graph, apps=apps))


def _servers(
    options: argparse.Namespace, places: Places, services: _Services, recorder: Recorder
) -> dict[str, _Server]:
    """The servers by the names of their places."""
    _, certificate = places.certificates()
    control = Control(
        world=recorder.world,
        mint=recorder.mint,
        sign_in=services.sign_in,
        graph=services.graph,
        cipp=services.cipp,
        recorder=recorder,
        seed=options.seed,
    )
    of_token = token_tenant(recorder.mint)
    authority = authority_app(services.sign_in)
    return {
        "sign_in": _server(recorded("sign_in", authority, recorder, authority_of), certificate),
        "page": _server(page_app(services.sign_in)),
        "graph": _server(
            recorded("graph", answering(services.graph.answer), recorder, of_token), certificate
        ),
        "cipp": _server(
            recorded("cipp", answering(services.cipp.answer), recorder, services.cipp.tenant_of),
            certificate,
        ),
        "control": _server(control_app(control)),
    }


def _describe(places: Places, services: _Services) -> None:
    """Say where everything is, for whoever started us."""
    authority, _ = places.certificates()
    first, other = services.sign_in.app, services.sign_in.others[0]
    cipps = [app.describe() for app in services.cipp.apps]
    description: dict[str, object] = {
        "controlUrl": f"http://127.0.0.1:{places.port('control')}",
        "graphUrl": services.graph.base,
        "signInUrl": services.sign_in.authority,
        "caFile": str(authority.resolve()),
        "clientId": first.client_id,
        "clientSecret": first.client_secret,
        "otherClientId": other.client_id,
        "otherClientSecret": other.client_secret,
        "cippUrl": f"https://localhost:{places.port('cipp')}",
        "cippToken": cipps[0]["token"],
        "cippTenantId": cipps[0]["tenantId"],
        "cippClientId": cipps[0]["clientId"],
        "cippClientSecret": cipps[0]["clientSecret"],
        "cipp": cipps,
    }
    write_private(places.folder / "simulator.json", json.dumps(description))


def _request_log(file: str | None) -> TextIO | None:
    """The file for every request: as told, or one of this process in the folder for tests."""
    folder = os.environ.get("ENTRA_TEST_REQUEST_LOG")
    if file is None and not folder:
        return None
    path = Path(file) if file is not None else Path(folder or "", f"requests-{os.getpid()}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a", encoding="utf-8")


def _stop(servers: list[_Server]) -> None:
    for server in servers:
        server.should_exit = True


def _server(app: Starlette, certificate: Path | None = None) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ssl_certfile=str(certificate) if certificate else None,
            timeout_graceful_shutdown=1,
        )
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="devhost.simulator", description=__doc__)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--seed", default="demo")
    parser.add_argument("--redirect-uri", action="append", default=[])
    parser.add_argument("--redirect-origin", action="append", default=[])
    parser.add_argument("--request-log", metavar="FILE")
    options = parser.parse_args()
    Path(options.data_dir).mkdir(parents=True, exist_ok=True)
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
