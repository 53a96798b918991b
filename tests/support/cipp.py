"""Asks the simulator's CIPP directly over TLS, as any program would ask a real one."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from support.microsoft import Microsoft
from support.simulator import CippAccess, Simulator

USERS = {"Endpoint": "users", "Version": "v1.0", "manualPagination": "true", "$top": "999"}
"""The recommended reading of users, without tenant and properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cipp:
    """A client of the CIPP of one partner."""

    simulator: Simulator
    http: httpx.Client
    partner: int = 0

    @property
    def access(self) -> CippAccess:
        """What the client has to show."""
        return self.simulator.cipp[self.partner]

    def get(self, endpoint: str, **parameters: str) -> httpx.Response:
        """GET an endpoint with the static token; a leading underscore stands for a dollar sign."""
        query = {name.replace("_", "$", 1): value for name, value in parameters.items()}
        return self.ask("GET", f"/api/{endpoint}", query=query, token=self.access.token)

    def ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, token: str | None
    ) -> httpx.Response:
        """Any request."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        url = f"{self.simulator.cipp_url}{path}"
        return self.http.request(method, url, params=query, headers=headers)

    def listed(self, endpoint: str, **parameters: str) -> list[dict[str, Any]]:
        """A bare array."""
        rows = _document(self.get(endpoint, **parameters))
        assert isinstance(rows, list)
        return rows

    def graph(self, endpoint: str, **parameters: str) -> dict[str, Any]:
        """An envelope of ListGraphRequest."""
        document = _document(self.get("ListGraphRequest", Endpoint=endpoint, **parameters))
        assert document.keys() == {"Results", "Metadata"}
        return dict(document)

    def tenant_ids(self) -> list[str]:
        """The ids that ListTenants shows."""
        return [str(row["customerId"]) for row in self.listed("ListTenants")]

    def of(self, partner: int) -> "Cipp":
        """The CIPP of another partner."""
        return Cipp(simulator=self.simulator, http=self.http, partner=partner)

    def ask_token(self, microsoft: Microsoft, **changes: str) -> httpx.Response:
        """Ask Microsoft for a token of the client."""
        tenant = changes.pop("tenant", self.access.tenant_id)
        form = {
            "grant_type": "client_credentials",
            "client_id": self.access.client_id,
            "client_secret": self.access.client_secret,
            "scope": f"api://{self.access.client_id}/.default",
            **changes,
        }
        return microsoft.ask_token(tenant, form)


@contextmanager
def asking_cipp(simulator: Simulator) -> Iterator[Cipp]:
    """A client that trusts the simulator's authority and no other."""
    context = ssl.create_default_context(cafile=simulator.ca_file)
    with httpx.Client(verify=context, trust_env=False, timeout=30) as http:
        yield Cipp(simulator=simulator, http=http)


def _document(answer: httpx.Response) -> Any:
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.headers["content-type"].startswith("application/json"), answer.text
    return json.loads(answer.text)


def refused(answer: httpx.Response, status: int) -> str:
    """The text of a refusal, which is no JSON."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


def graph_error(answer: httpx.Response) -> str:
    """What Graph said, inside what CIPP says of it."""
    text = refused(answer, httpx.codes.BAD_REQUEST)
    assert text.startswith("Graph Error: ")
    return text.removeprefix("Graph Error: ")
