"""Asks the simulator directly over TLS, as any program would ask Microsoft."""

import base64
import hashlib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from support.simulator import ORIGIN, Simulator

REDIRECT_URI = f"{ORIGIN}/api/auth/microsoft/entra/callback"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
VERIFIER = "a-verifier-that-is-long-enough-for-the-rules-of-pkce"
_DIGEST = hashlib.sha256(VERIFIER.encode()).digest()
CHALLENGE = base64.urlsafe_b64encode(_DIGEST).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Microsoft:
    """A client of one simulator."""

    simulator: Simulator
    http: httpx.Client

    def get(self, path: str, token: str | None, **headers: str) -> httpx.Response:
        """Ask Graph; a link is taken as it is."""
        url = path if path.startswith("https:") else f"{self.simulator.graph_url}{path}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return self.http.get(url, headers=sent)

    def ask_token(self, tenant: str, form: Mapping[str, str]) -> httpx.Response:
        """Ask a token endpoint, with the application's credentials unless the form has others."""
        credentials = {
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
        }
        url = f"{self.simulator.sign_in_url}/{tenant}/oauth2/v2.0/token"
        return self.http.post(url, data={**credentials, **form})

    def app_token(self, tenant: str) -> str:
        """A token of the application itself at one directory."""
        form = {"grant_type": "client_credentials", "scope": GRAPH_SCOPE}
        return str(self._granted(self.ask_token(tenant, form))["access_token"])

    def authorization_url(self, tenant: str = "organizations", **changes: str) -> str:
        """Where a person's browser is sent to."""
        query = {
            "client_id": self.simulator.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": "User.Read Directory.Read.All DelegatedAdminRelationship.Read.All "
            "openid profile offline_access",
            "state": "a-state",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        page = str(self.discovery(tenant)["authorization_endpoint"])
        return f"{page}?{urlencode({**query, **changes})}"

    def discovery(self, tenant: str) -> dict[str, Any]:
        """The OpenID configuration of an authority."""
        path = f"{tenant}/v2.0/.well-known/openid-configuration"
        return self._granted(self.http.get(f"{self.simulator.sign_in_url}/{path}"))

    def code(self, partner: int = 0) -> dict[str, str]:
        """The form that redeems a fresh authorization code."""
        answer = self.simulator.sign_in(self.authorization_url(), partner=partner)
        return {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        }

    def sign_in(self, partner: int = 0) -> dict[str, Any]:
        """The tokens of a partner's account at home."""
        return self._granted(self.ask_token("organizations", self.code(partner)))

    def refresh_form(self, refresh_token: str, scope: str = GRAPH_SCOPE) -> dict[str, str]:
        """The form that redeems a refresh token."""
        return {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "scope": f"{scope} openid profile offline_access",
        }

    def customer_token(self, tenant: str, partner: int = 0) -> str:
        """A token of a partner's account at one of its customers."""
        form = self.refresh_form(self.sign_in(partner)["refresh_token"])
        return str(self._granted(self.ask_token(tenant, form))["access_token"])

    @staticmethod
    def _granted(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == httpx.codes.OK, answer.text
        document = answer.json()
        assert isinstance(document, dict)
        return document


@contextmanager
def asking(simulator: Simulator) -> Iterator[Microsoft]:
    """A client that trusts the simulator's authority and no other."""
    context = ssl.create_default_context(cafile=simulator.ca_file)
    with httpx.Client(verify=context, trust_env=False, timeout=30) as http:
        yield Microsoft(simulator=simulator, http=http)


def users_of(simulator: Simulator, tenant: str) -> list[dict[str, Any]]:
    """The users of one directory, with all their properties."""
    found = next(t for t in simulator.directory()["tenants"] if t["entra_tenant_id"] == tenant)
    users = found["users"]
    assert isinstance(users, list)
    return users
