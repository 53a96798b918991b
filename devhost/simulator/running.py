"""A simulator that lives as long as a ``with`` block, and a client for its control interface."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from devhost.processes.tether import die_with_parent

ORIGIN = "http://127.0.0.1:8080"
"""The origin that the simulator's application has its redirect URI at, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CippAccess:
    """How one partner's CIPP lets a program in: with its token, or as a client."""

    partner_tenant_id: str
    token: str
    tenant_id: str
    client_id: str
    client_secret: str

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Self:
        """One entry of the list in ``simulator.json``."""
        return cls(
            partner_tenant_id=facts["partnerTenantId"],
            token=facts["token"],
            tenant_id=facts["tenantId"],
            client_id=facts["clientId"],
            client_secret=facts["clientSecret"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """Where a simulator is, and what it knows us by."""

    control_url: str
    graph_url: str
    sign_in_url: str
    ca_file: str
    client_id: str
    client_secret: str
    other_client_id: str
    """Another app registration of the same kind."""
    other_client_secret: str
    cipp_url: str
    """Without ``/api``."""
    cipp: tuple[CippAccess, ...]
    """By position of the partner."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The simulator that ``devhost.json`` or ``simulator.json`` describes."""
        return cls(
            control_url=facts["controlUrl"],
            graph_url=facts["graphUrl"],
            sign_in_url=facts["signInUrl"],
            ca_file=facts["caFile"],
            client_id=facts["clientId"],
            client_secret=facts["clientSecret"],
            other_client_id=facts["otherClientId"],
            other_client_secret=facts["otherClientSecret"],
            cipp_url=facts["cippUrl"],
            cipp=tuple(CippAccess.of(entry) for entry in facts["cipp"]),
        )

    @property
    def cipp_token(self) -> str:
        """The static token of the first partner's CIPP."""
        return self.cipp[0].token

    @property
    def environment(self) -> dict[str, str]:
        """What points the plugin at the simulator."""
        return {
            "MICROSOFT_LOGIN_BASE_URL": self.sign_in_url,
            "MICROSOFT_GRAPH_BASE_URL": self.graph_url,
            "ENTRA_CA_FILE": self.ca_file,
            "MICROSOFT_CLIENT_ID": self.client_id,
            "MICROSOFT_CLIENT_SECRET": self.client_secret,
            "ENTRA_CIPP_ALLOWED_HOSTS": urlsplit(self.cipp_url).hostname or "",
        }

    def control(self, path: str, body: object = None) -> object:
        """POST to the control interface; GET without a body."""
        with httpx.Client(base_url=self.control_url, trust_env=False, timeout=60) as client:
            answer = client.get(path) if body is None else client.post(path, json=body)
        document = answer.json()
        assert document["success"], document
        return document["data"]

    def requests(self) -> list[dict[str, object]]:
        """Every request seen since the last reset."""
        seen = self.control("/requests")
        assert isinstance(seen, list)
        return seen

    def forget_requests(self) -> None:
        """Begin counting anew."""
        with httpx.Client(base_url=self.control_url, trust_env=False) as client:
            client.delete("/requests").raise_for_status()

    def directory(self) -> Mapping[str, list[dict[str, Any]]]:
        """Everything at Microsoft."""
        found = self.control("/directory")
        assert isinstance(found, dict)
        return found

    def sign_in(self, authorization_url: str, *, partner: int | None = 0) -> dict[str, str]:
        """Do what a person does on the sign-in page; answers the query of the redirect."""
        value = ""
        if partner is not None:
            value = str(self.directory()["partners"][partner]["tenantId"])
        with httpx.Client(trust_env=False) as client:
            page = client.get(authorization_url)
            assert page.status_code == httpx.codes.OK, page.text
            answer = client.post(authorization_url, data={"partner": value})
        assert answer.status_code == httpx.codes.FOUND, answer.text
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return {name: values[0] for name, values in query.items()}


@contextmanager
def running_simulator(
    seed: str = "demo", *, origin: str = ORIGIN, request_log: Path | None = None
) -> Iterator[Simulator]:
    """Start a simulator on free ports; it dies with this process."""
    with tempfile.TemporaryDirectory(prefix="psa-test-simulator-") as folder:
        argv = [sys.executable, "-m", "devhost.simulator", "--data-dir", folder]
        argv += ["--seed", seed, "--redirect-origin", origin]
        if request_log is not None:
            argv += ["--request-log", str(request_log)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent())
        try:
            yield _described(Path(folder) / "simulator.json", process)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _described(path: Path, process: "subprocess.Popen[bytes]") -> Simulator:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert process.poll() is None, "the simulator ended"
        assert time.monotonic() < deadline, "the simulator did not start"
        time.sleep(0.02)
    simulator = Simulator.of(json.loads(path.read_text()))
    while True:
        try:
            simulator.control("/requests")
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the simulator does not answer"
            time.sleep(0.02)
        else:
            return simulator
