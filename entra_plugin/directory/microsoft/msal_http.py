"""What MSAL asks over HTTP, with failures as ours: MSAL raises some, returns and caches others."""

import re
import ssl
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from entra_plugin.directory.answers import retry_after
from entra_plugin.directory.transport import MICROSOFT, user_agent
from entra_plugin.domain.aadsts import sign_in_error
from entra_plugin.domain.errors import TransientFailure

_TIMEOUT = httpx.Timeout(connect=10, read=30, write=10, pool=30)
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=60)
_KNOWN = (
    frozenset({"access_token"}),
    frozenset({"error"}),
    frozenset({"token_endpoint", "authorization_endpoint"}),
)
"""A token, a refusal and a discovery document have these."""

_TEXTS = frozenset(
    {
        *("access_token", "refresh_token", "id_token", "token_type", "scope", "client_info"),
        *("error", "token_endpoint", "authorization_endpoint", "issuer"),
    }
)
"""What MSAL takes for text without looking."""

_DISCOVERED_FOR = 86_400.0
"""Seconds for which a discovery document is good, as MSAL itself has it."""

_LATER = 30.0
"""Seconds after which to come back when a service with too much to do named none."""

_LIFE = 3600
"""Seconds that an access token lives which does not say; Microsoft's live for an hour or more."""

_SECONDS = re.compile(r"([0-9]{1,9})(\.0*)?")
_UNUSED = frozenset({"refresh_in", "ext_expires_in"})
"""Numbers that nothing here uses, and over which MSAL would stumble."""


def sign_in_client(context: ssl.SSLContext) -> httpx.Client:
    """The connections to Microsoft's sign-in; no redirect is followed and no cookie kept."""
    return httpx.Client(
        timeout=_TIMEOUT,
        limits=_LIMITS,
        verify=context,
        follow_redirects=False,
        headers={"user-agent": user_agent()},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class NoMemory(dict[str, object]):
    """MSAL would answer a failed request from its cache for a minute; this forgets at once."""

    def __setitem__(self, _key: str, _value: object) -> None:
        """Keep nothing."""


class Discovered:
    """The discovery documents of authorities; only those that were answered are remembered."""

    def __init__(self) -> None:
        self._documents: dict[str, tuple[float, httpx.Response]] = {}

    def get(self, url: str) -> httpx.Response | None:
        """The document of an authority, if it is still good."""
        until, response = self._documents.get(url, (0.0, None))
        return response if until > time.monotonic() else None

    def keep(self, url: str, response: httpx.Response) -> None:
        """Remember a document."""
        self._documents[url] = (time.monotonic() + _DISCOVERED_FOR, response)


class MsalHttp:
    """The HTTP client of one MSAL application object.

    Args:
        client: The shared connections.
        discovered: The shared discovery documents.
        at_customer: A refusal concerns the customer whose authority is asked.
    """

    def __init__(self, client: httpx.Client, discovered: Discovered, *, at_customer: bool) -> None:
        self._client = client
        self._discovered = discovered
        self._at_customer = at_customer

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_ignored: object,
    ) -> httpx.Response:
        """GET the discovery document; MSAL would tell its refusal as a mere ValueError."""
        held = self._discovered.get(url)
        if held is not None:
            return held
        response = self._checked("GET", url, params=params, headers=headers)
        if response.status_code != httpx.codes.OK:
            raise sign_in_error(response.json(), at_customer=self._at_customer)
        if "token_endpoint" not in response.json():
            raise TransientFailure("unusable_answer", retry_after=_LATER)
        self._discovered.keep(url, response)
        return response

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
        if response.status_code in MICROSOFT.busy:
            wait = retry_after(response.headers)
            if response.status_code in MICROSOFT.throttled:
                raise TransientFailure("throttled", retry_after=_LATER if wait is None else wait)
            raise TransientFailure("provider_unreachable", retry_after=wait)
        return httpx.Response(response.status_code, json=_known(response))


def _known(response: httpx.Response) -> dict[str, object]:
    """The document of an answer as MSAL can take it: without nulls, with a life in whole seconds.

    What no token endpoint says is refused: a proxy's page, half a document, or an empty one. MSAL
    would take each for something else, such as a state that does not match.
    """
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    document = _without_nulls(found) if isinstance(found, dict) else {}
    seconds = _SECONDS.fullmatch(str(document.get("expires_in", _LIFE)))
    if seconds is None or not _is_known(document):
        details = {"status": response.status_code}
        raise TransientFailure("unusable_answer", retry_after=30, details=details)
    return {**document, "expires_in": int(seconds[1])} if "access_token" in document else document


def _without_nulls(document: Mapping[str, object]) -> dict[str, object]:
    """A property that is null is as if it had been left out."""
    return {
        name: value for name, value in document.items() if value is not None and name not in _UNUSED
    }


def _is_known(document: Mapping[str, object]) -> bool:
    """Has it what a token, a refusal or a discovery document has, in their types?"""
    return any(names <= document.keys() for names in _KNOWN) and all(
        isinstance(document.get(name, ""), str) for name in _TEXTS
    )
