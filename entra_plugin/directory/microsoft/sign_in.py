"""Microsoft sign-in through MSAL, which blocks and remembers failures.

A fresh client each time, in a thread.
"""

import asyncio
import ssl
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import httpx
import msal

from entra_plugin.directory.microsoft.endpoints import DELEGATED_SCOPES, GRAPH_SCOPE, Endpoints
from entra_plugin.directory.transport import retry_after
from entra_plugin.domain.aadsts import sign_in_error
from entra_plugin.domain.errors import (
    ConfigurationInvalid,
    EntraError,
    NotAcceptable,
    TransientFailure,
)
from entra_plugin.domain.ids import EntraTenantId

Answer = TypeVar("Answer")

_TIMEOUT = httpx.Timeout(connect=10, read=30, write=10, pool=30)
_BUSY = frozenset({429, 500, 502, 503, 504})
_KNOWN = frozenset({"access_token", "error", "token_endpoint"})
"""A token, a refusal, or a discovery document has one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The app registration's id and secret; ``repr`` hides the secret."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        """Without the secret, so that a log line cannot hold it."""
        return f"Credentials(client_id={self.client_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenSet:
    """What the token endpoint answered."""

    access_token: str
    refresh_token: str | None
    expires_in: int
    """Seconds from now."""
    scope: str
    tenant_id: EntraTenantId | None
    """From the id token; None where there is none."""


class _NoMemory(dict[str, object]):
    """MSAL would answer a failed request from its cache for a minute; this forgets at once."""

    def __setitem__(self, _key: str, _value: object) -> None:
        return


class _HttpClient:
    """What MSAL asks over HTTP, with failures as ours.

    MSAL raises some, returns and caches others.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_ignored: object,
    ) -> httpx.Response:
        """GET the discovery document."""
        return self._checked("GET", url, params=params, headers=headers)

    def post(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        **_ignored: object,
    ) -> httpx.Response:
        """POST to the token endpoint."""
        return self._checked("POST", url, params=params, headers=headers, data=data)

    def close(self) -> None:
        """The client is shared; nothing to close here."""

    def _checked(
        self, method: str, url: str, **arguments: Mapping[str, str] | None
    ) -> httpx.Response:
        try:
            response = self._client.request(method, url, **arguments)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise TransientFailure("provider_unreachable", retry_after=30) from error
        if response.status_code in _BUSY:
            wait = retry_after(response.headers.get("retry-after"))
            code = "throttled" if response.status_code == 429 else "provider_unreachable"
            raise TransientFailure(code, retry_after=wait)
        _require_known(response)
        return response


def _require_known(response: httpx.Response) -> None:
    """Refuse what no token endpoint says: a proxy's page, half a document, or an empty one.

    MSAL would take each for something else, such as a state that does not match.
    """
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.keys().isdisjoint(_KNOWN):
        details = {"status": response.status_code}
        raise TransientFailure("unusable_answer", retry_after=30, details=details)


class SignIn:
    """The token endpoint of Microsoft, and the way there."""

    def __init__(self, endpoints: Endpoints, context: ssl.SSLContext) -> None:
        self._endpoints = endpoints
        self._client = httpx.Client(timeout=_TIMEOUT, verify=context, follow_redirects=False)

    async def start(
        self, credentials: Credentials, *, tenant: str, redirect_uri: str
    ) -> dict[str, object]:
        """Begin an authorization code flow with PKCE; the answer holds ``auth_uri`` and ``state``.

        It also holds the PKCE verifier, so it stays on the server.
        """

        def begin() -> dict[str, object]:
            with warnings.catch_warnings():
                # A cross-site form_post carries no SameSite=Lax cookie; PKCE and state guard the
                # query.
                warnings.filterwarnings("ignore", message="response_mode='form_post'")
                flow: dict[str, object] = self._app(credentials, tenant).initiate_auth_code_flow(
                    list(DELEGATED_SCOPES),
                    redirect_uri=redirect_uri,
                    prompt="select_account",
                    response_mode="query",
                )
            return flow

        return await _in_thread(begin)

    async def complete(
        self,
        credentials: Credentials,
        *,
        tenant: str,
        flow: Mapping[str, object],
        answer: Mapping[str, str],
    ) -> TokenSet:
        """Exchange the code; checks state, nonce, and the id token's audience, tenant and expiry.

        Raises:
            NotAcceptable: ``state_invalid`` or ``id_token_invalid``.
            EntraError: What the provider answered.
        """

        def exchange() -> Mapping[str, object]:
            app = self._app(credentials, tenant)
            try:
                result: Mapping[str, object] = app.acquire_token_by_auth_code_flow(
                    dict(flow), dict(answer)
                )
            except ValueError as error:
                raise NotAcceptable("state_invalid") from error
            return result

        result = await _in_thread(exchange)
        tokens = _token_set(result, at_customer=False)
        claims = result.get("id_token_claims")
        return _with_tenant(tokens, claims, credentials)

    async def redeem(
        self, credentials: Credentials, *, tenant: str, refresh_token: str, at_customer: bool
    ) -> TokenSet:
        """A token for Graph at one directory's authority, from the partner's refresh token."""

        def exchange() -> Mapping[str, object]:
            result: Mapping[str, object] = self._app(
                credentials, tenant
            ).acquire_token_by_refresh_token(refresh_token, scopes=[GRAPH_SCOPE])
            return result

        return _token_set(await _in_thread(exchange), at_customer=at_customer)

    async def app_token(
        self, credentials: Credentials, *, tenant: str, at_customer: bool
    ) -> TokenSet:
        """A token of the app itself at one directory's authority (client credentials)."""

        def exchange() -> Mapping[str, object]:
            result: Mapping[str, object] = self._app(credentials, tenant).acquire_token_for_client(
                scopes=[GRAPH_SCOPE]
            )
            return result

        return _token_set(await _in_thread(exchange), at_customer=at_customer)

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    def _app(self, credentials: Credentials, tenant: str) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            credentials.client_id,
            client_credential=credentials.client_secret,
            authority=self._endpoints.authority(tenant),
            instance_discovery=False,
            http_client=_HttpClient(self._client),
            http_cache=_NoMemory(),
        )


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Run MSAL's blocking code, and turn what it raises into ours."""
    try:
        return await asyncio.to_thread(work)
    except EntraError:
        raise
    except (ValueError, RuntimeError) as error:
        raise ConfigurationInvalid("unusable_answer") from error


def _token_set(result: Mapping[str, object], *, at_customer: bool) -> TokenSet:
    token = result.get("access_token")
    if not isinstance(token, str):
        raise sign_in_error(result, at_customer=at_customer)
    refresh_token = result.get("refresh_token")
    return TokenSet(
        access_token=token,
        refresh_token=str(refresh_token) if refresh_token else None,
        expires_in=int(str(result.get("expires_in", 0))),
        scope=str(result.get("scope", "")),
        tenant_id=None,
    )


def _with_tenant(tokens: TokenSet, claims: object, credentials: Credentials) -> TokenSet:
    """Check the id token's claims, which MSAL does not, and take the tenant from them."""
    if not isinstance(claims, Mapping):
        raise NotAcceptable("id_token_invalid")
    try:
        tenant_id = EntraTenantId(UUID(str(claims["tid"])))
        valid = claims["aud"] == credentials.client_id and float(claims["exp"]) > time.time()
    except (KeyError, ValueError) as error:
        raise NotAcceptable("id_token_invalid") from error
    if not valid:
        raise NotAcceptable("id_token_invalid")
    return TokenSet(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
        scope=tokens.scope,
        tenant_id=tenant_id,
    )
