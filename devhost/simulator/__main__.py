"""Runs the simulator: sign-in and Graph over TLS, a sign-in page for people, and the control."""

import argparse
import asyncio
import contextlib
import json
import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from devhost.seeds import load_seed
from devhost.settings import write_private
from devhost.simulator.control import Control, control_app
from devhost.simulator.graph import GraphService
from devhost.simulator.metadata import load as load_metadata
from devhost.simulator.recorder import Recorder
from devhost.simulator.sign_in import App, SignInService, authority_app
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
class _Sockets:
    sign_in: socket.socket
    page: socket.socket
    graph: socket.socket
    control: socket.socket


def _listen(facts: dict[str, str], name: str) -> socket.socket:
    """The port of the last start, so that links and authorities stay valid; else a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", int(facts.get(f"port_{name}", "0"))))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    facts[f"port_{name}"] = str(listener.getsockname()[1])
    return listener


def _certificates(folder: Path) -> tuple[Path, Path]:
    """The authority's certificate, and that of the server with its key; made at the first start."""
    authority, server = folder / "ca.pem", folder / "server.pem"
    if not server.exists():
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(authority))
        certificate = ca.issue_cert("localhost", "127.0.0.1")
        server.touch(mode=0o600)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(server))
    return authority, server


async def run(options: argparse.Namespace) -> None:
    """Serve from a data folder until SIGTERM."""
    folder = Path(options.data_dir)
    facts_file = folder / "facts.json"
    facts: dict[str, str] = json.loads(facts_file.read_text()) if facts_file.exists() else {}
    facts.setdefault("client_id", str(uuid4()))
    facts.setdefault("client_secret", f"sim~{secrets.token_urlsafe(24)}")
    sockets = _Sockets(
        sign_in=_listen(facts, "sign_in"),
        page=_listen(facts, "page"),
        graph=_listen(facts, "graph"),
        control=_listen(facts, "control"),
    )
    write_private(facts_file, json.dumps(facts))
    authority, server = _certificates(folder)

    world = World(load_metadata())
    world.fill(load_seed(options.seed))
    mint = Mint.of(folder)
    redirects = frozenset(
        [*options.redirect_uri, *(f"{origin}{CALLBACK}" for origin in options.redirect_origin)]
    )
    app = App(
        client_id=facts["client_id"],
        client_secret=facts["client_secret"],
        redirect_uris=redirects,
    )
    sign_in = SignInService(
        world=world,
        mint=mint,
        app=app,
        authority=f"https://localhost:{facts['port_sign_in']}",
        page=f"http://localhost:{facts['port_page']}",
    )
    graph = GraphService(world=world, mint=mint, base=f"https://localhost:{facts['port_graph']}")
    recorder = Recorder(mint=mint)
    control = Control(world=world, mint=mint, graph=graph, recorder=recorder, seed=options.seed)
    servers = [
        _server(_recorded("sign_in", authority_app(sign_in), recorder), server),
        _server(page_app(sign_in)),
        _server(_recorded("graph", _graph_app(graph), recorder), server),
        _server(control_app(control)),
    ]
    listeners = [sockets.sign_in, sockets.page, sockets.graph, sockets.control]
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, _stop, servers)
    _describe(options, facts, authority, sign_in)
    await asyncio.gather(
        *(s.serve(sockets=[listener]) for s, listener in zip(servers, listeners, strict=True))
    )


def _describe(
    options: argparse.Namespace, facts: dict[str, str], authority: Path, sign_in: SignInService
) -> None:
    """Say where everything is, for whoever started us."""
    description = {
        "controlUrl": f"http://127.0.0.1:{facts['port_control']}",
        "graphUrl": f"https://localhost:{facts['port_graph']}",
        "signInUrl": sign_in.authority,
        "caFile": str(authority.resolve()),
        "clientId": facts["client_id"],
        "clientSecret": facts["client_secret"],
    }
    write_private(Path(options.data_dir) / "simulator.json", json.dumps(description))


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


def _graph_app(graph: GraphService) -> Starlette:
    async def answer(request: Request) -> Response:
        return graph.answer(request)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


def _recorded(host: str, inner: Starlette, recorder: Recorder) -> Starlette:
    """The application, with every request through the recorder."""

    async def endpoint(request: Request) -> Response:
        return await recorder.handle(host, request, lambda r: _through(inner, r))

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)])


async def _through(inner: Starlette, request: Request) -> Response:
    """Call an application and collect its answer, which is never a stream here."""
    status = 200
    headers: list[tuple[bytes, bytes]] = []
    body = bytearray()

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        else:
            body.extend(message.get("body", b""))

    await inner(dict(request.scope), request.receive, send)
    response = Response(bytes(body), status)
    response.raw_headers = headers
    return response


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="devhost.simulator", description=__doc__)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--seed", default="demo")
    parser.add_argument("--redirect-uri", action="append", default=[])
    parser.add_argument("--redirect-origin", action="append", default=[])
    options = parser.parse_args()
    Path(options.data_dir).mkdir(parents=True, exist_ok=True)
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
