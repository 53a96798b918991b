"""What a simulator keeps in its data folder: ports, certificates, and the secrets of its apps.

A second start finds the same ones, so that addresses, connections and tokens stay valid.
"""

import json
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import trustme

from devhost.processes.ports import free_port
from devhost.settings import write_private
from devhost.simulator.apps import App, CippApp

SERVERS = ("sign_in", "page", "graph", "cipp", "control")


@dataclass(slots=True)
class Places:
    """The data folder, and a listening socket for each server."""

    folder: Path
    facts: dict[str, str] = field(default_factory=dict)
    sockets: dict[str, socket.socket] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> "Places":
        """Listen, at the ports of the last start if they are free."""
        file = folder / "facts.json"
        places = cls(folder, json.loads(file.read_text()) if file.exists() else {})
        places.sockets = {name: places._listen(name) for name in SERVERS}
        return places

    def port(self, name: str) -> str:
        """Where a server listens."""
        return self.facts[f"port_{name}"]

    def app(self, prefix: str, redirect_uris: frozenset[str]) -> App:
        """An app registration; its id and secret are made at the first start."""
        return App(
            client_id=self.facts.setdefault(f"{prefix}client_id", str(uuid4())),
            client_secret=self._secret(f"{prefix}client_secret"),
            redirect_uris=redirect_uris,
        )

    def cipp_apps(self, partners: Iterable[str]) -> tuple[CippApp, ...]:
        """A CIPP for each partner, by the GUID of his directory."""
        return tuple(
            CippApp(
                tenant_id=partner,
                client_id=self.facts.setdefault(f"cipp_client_id_{partner}", str(uuid4())),
                client_secret=self._secret(f"cipp_client_secret_{partner}"),
                token=self._secret(f"cipp_token_{partner}"),
            )
            for partner in partners
        )

    def save(self) -> None:
        """Keep ports and secrets for the next start."""
        write_private(self.folder / "facts.json", json.dumps(self.facts))

    def certificates(self) -> tuple[Path, Path]:
        """The authority's certificate, and that of the servers with its key."""
        authority, server = self.folder / "ca.pem", self.folder / "server.pem"
        if not server.exists():
            ca = trustme.CA()
            ca.cert_pem.write_to_path(str(authority))
            certificate = ca.issue_cert("localhost", "127.0.0.1")
            server.touch(mode=0o600)
            certificate.private_key_and_cert_chain_pem.write_to_path(str(server))
        return authority, server

    def _secret(self, name: str) -> str:
        return self.facts.setdefault(name, f"sim~{secrets.token_urlsafe(32)}")

    def _listen(self, name: str) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # asyncio leaves this out for a socket that it did not make itself; then head and body of
        # an answer, which are written apart, arrive 40 ms apart.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        known = self.facts.get(f"port_{name}")
        try:
            listener.bind(("127.0.0.1", int(known or free_port())))
        except OSError:
            listener.bind(("127.0.0.1", free_port()))
        self.facts[f"port_{name}"] = str(listener.getsockname()[1])
        return listener
