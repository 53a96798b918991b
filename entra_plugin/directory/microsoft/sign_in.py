"""Microsoft sign-in through MSAL, which blocks and remembers failures.

A fresh client each time, in a thread.
"""

import asyncio
import ssl
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

import msal

from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.microsoft.endpoints import (
    DELEGATED_SCOPES,
    GRAPH_SCOPE,
    LIGHTHOUSE_SCOPE,
    Endpoints,
)
from entra_plugin.directory.microsoft.msal_http import (
    Discovered,
    MsalHttp,
    NoMemory,
    sign_in_client,
)
from entra_plugin.directory.transport import backoff
from entra_plugin.domain.aadsts import RETRIED_ONCE, sign_in_error
from entra_plugin.domain.errors import (
    ConfigurationInvalid,
    EntraError,
    NotAcceptable,
    TransientFailure,
)
from entra_plugin.domain.ids import EntraTenantId

Answer = TypeVar("Answer")

_TRIES = 3

_LONGEST_SHORT_WAIT = 10.0
"""Seconds; a longer wait is the caller's, who can say so to people."""


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
    """Space-separated; empty for a token of the app itself."""
    tenant_id: EntraTenantId | None
    """From the id token; None where there is none."""


class SignIn:
    """The token endpoint of Microsoft, and the way there.

    Args:
        endpoints: Where Microsoft is.
        context: Whom to trust.
        sleep: Seconds to wait between tries; tests put their own clock here.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        context: ssl.SSLContext,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._endpoints = endpoints
        self._client = sign_in_client(context)
        self._discovered = Discovered()
        self._sleep = sleep

    async def start(
        self,
        credentials: Credentials,
        *,
        tenant: str,
        redirect_uri: str,
        lighthouse: bool = False,
    ) -> dict[str, object]:
        """Begin an authorization code flow with PKCE; the answer holds ``auth_uri`` and ``state``.

        It also holds the PKCE verifier, so it stays on the server. With ``lighthouse`` the partner
        is also asked for what the enrichment from Lighthouse needs.
        """
        scopes = [*DELEGATED_SCOPES, *([LIGHTHOUSE_SCOPE] if lighthouse else [])]

        def begin() -> dict[str, object]:
            with warnings.catch_warnings():
                # A cross-site form_post carries no SameSite=Lax cookie; PKCE and state guard the
                # query.
                warnings.filterwarnings("ignore", message="response_mode='form_post'")
                flow: dict[str, object] = self._app(credentials, tenant).initiate_auth_code_flow(
                    scopes,
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
            NotAcceptable: ``state_invalid`` or ``id_token_invalid``; MSAL tells a nonce that does
                not match by a RuntimeError, and half an id token by a LookupError.
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
            except (RuntimeError, LookupError) as error:
                raise NotAcceptable("id_token_invalid") from error
            return result

        result = await _in_thread(exchange)
        tokens = _token_set(result, at_customer=False)
        claims = result.get("id_token_claims")
        return replace(tokens, tenant_id=_checked_tenant(claims, credentials))

    async def redeem(
        self,
        credentials: Credentials,
        *,
        tenant: str,
        refresh_token: str,
        at_customer: bool,
        claims: str | None = None,
    ) -> TokenSet:
        """A token for Graph at one directory's authority, from the partner's refresh token.

        ``claims`` answers a claims challenge; MSAL ignores its own argument for it on this path.
        """
        data = {"claims": claims} if claims else {}

        def exchange() -> Mapping[str, object]:
            app = self._app(credentials, tenant, at_customer=at_customer)
            result: Mapping[str, object] = app.acquire_token_by_refresh_token(
                refresh_token, scopes=[GRAPH_SCOPE], data=dict(data)
            )
            return result

        return await self._patiently(exchange, at_customer=at_customer)

    async def app_token(
        self,
        credentials: Credentials,
        *,
        tenant: str,
        at_customer: bool,
        claims: str | None = None,
    ) -> TokenSet:
        """A token of the app itself for Graph, at one directory's authority."""
        return await self.client_credentials(
            credentials, tenant=tenant, scope=GRAPH_SCOPE, at_customer=at_customer, claims=claims
        )

    async def client_credentials(
        self,
        credentials: Credentials,
        *,
        tenant: str,
        scope: str,
        at_customer: bool = False,
        claims: str | None = None,
    ) -> TokenSet:
        """A token of the app itself for any resource; ``scope`` ends with ``/.default``."""

        def exchange() -> Mapping[str, object]:
            app = self._app(credentials, tenant, at_customer=at_customer)
            result: Mapping[str, object] = app.acquire_token_for_client(
                scopes=[scope], claims_challenge=claims
            )
            return result

        return await self._patiently(exchange, at_customer=at_customer)

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    async def _patiently(
        self, exchange: Callable[[], Mapping[str, object]], *, at_customer: bool
    ) -> TokenSet:
        """Ask again after a short while when the service has too much to do, or once if it may."""
        for attempt in range(1, _TRIES + 1):
            try:
                return _token_set(await _in_thread(exchange), at_customer=at_customer)
            except TransientFailure as failure:
                pause = failure.retry_after or backoff(attempt)
                if attempt == _TRIES or pause > _LONGEST_SHORT_WAIT:
                    raise
                await self._sleep(pause)
            except ConfigurationInvalid as failure:
                if failure.code not in RETRIED_ONCE or attempt > 1:
                    raise
        raise AssertionError("the last try returns or raises")

    def _app(
        self, credentials: Credentials, tenant: str, *, at_customer: bool = False
    ) -> msal.ConfidentialClientApplication:
        # The capability cp1 is not declared: its tokens live for up to 28 hours, and so would lack
        # for a day what an administrator grants meanwhile. Challenges are answered all the same.
        return msal.ConfidentialClientApplication(
            credentials.client_id,
            client_credential=credentials.client_secret,
            authority=self._endpoints.authority(tenant),
            instance_discovery=False,
            http_client=MsalHttp(self._client, self._discovered, at_customer=at_customer),
            http_cache=NoMemory(),
        )


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Run MSAL's blocking code, and turn what it raises into ours.

    It raises when an answer is odd, which says nothing of the next one, or of other customers.
    """
    try:
        return await asyncio.to_thread(work)
    except EntraError:
        raise
    except (ValueError, RuntimeError, LookupError) as error:
        raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER) from error


def _token_set(result: Mapping[str, object], *, at_customer: bool) -> TokenSet:
    token = result.get("access_token")
    if not isinstance(token, str):
        raise sign_in_error(result, at_customer=at_customer)
    refresh_token = result.get("refresh_token")
    return TokenSet(
        access_token=token,
        refresh_token=str(refresh_token) if refresh_token else None,
        expires_in=int(str(result["expires_in"])),
        scope=str(result.get("scope", "")),
        tenant_id=None,
    )


def _checked_tenant(claims: object, credentials: Credentials) -> EntraTenantId:
    """Check the id token's claims, which MSAL does not, and take the tenant from them."""
    if not isinstance(claims, Mapping):
        raise NotAcceptable("id_token_invalid")
    try:
        tenant_id = EntraTenantId(UUID(str(claims["tid"])))
        valid = claims["aud"] == credentials.client_id and float(claims["exp"]) > time.time()
    except (KeyError, ValueError, TypeError) as error:
        raise NotAcceptable("id_token_invalid") from error
    if not valid:
        raise NotAcceptable("id_token_invalid")
    return tenant_id
