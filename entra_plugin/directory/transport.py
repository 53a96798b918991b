"""HTTP to a provider: GET only, with patience, and only to the origin it was made for."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from entra_plugin.domain.errors import TransientFailure

Token = Callable[[bool], Awaitable[str]]
"""Answers an access token; True asks for a fresh one, past every cache."""

_TIMEOUT = httpx.Timeout(connect=10, read=100, write=30, pool=60)
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=60)
_TRIES = 4
_LONGEST_SHORT_WAIT = 10.0
"""Seconds; a longer wait is the caller's, who can say so to people."""

_BUSY = frozenset({429, 500, 502, 503, 504})


class UnexpectedStatus(Exception):
    """An answer that is neither success nor a reason to wait."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The trust store of the system, and the CA file if there is one."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


class Transport:
    """One shared HTTP client for one origin."""

    def __init__(self, base_url: str, context: ssl.SSLContext) -> None:
        self._origin = urlsplit(base_url)[:2]
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=_LIMITS, verify=context, follow_redirects=False
        )

    async def get_json(
        self, url: str, token: Token, *, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """GET a JSON document.

        Raises:
            TransientFailure: ``throttled``, ``provider_unreachable`` or ``unusable_answer``.
            UnexpectedStatus: Any other status.
            ValueError: ``url`` leads to another origin.
        """
        if urlsplit(url)[:2] != self._origin:
            raise ValueError("a link led to another origin")
        response = await self._patiently(url, token, dict(headers or {}))
        if response.status_code != httpx.codes.OK:
            raise UnexpectedStatus(response.status_code, response.content)
        if "json" not in response.headers.get("content-type", ""):
            raise TransientFailure("unusable_answer", details={"contentType": _kind(response)})
        return response.content

    async def _patiently(self, url: str, token: Token, headers: dict[str, str]) -> httpx.Response:
        refreshed = False
        for attempt in range(1, _TRIES + 1):
            bearer = await token(refreshed)
            response = await self._once(url, {**headers, "Authorization": f"Bearer {bearer}"})
            if response is not None and response.status_code == httpx.codes.UNAUTHORIZED:
                if refreshed:
                    return response
                refreshed = True
                continue
            if response is not None and response.status_code not in _BUSY:
                return response
            await _wait(response, attempt)
        raise TransientFailure("provider_unreachable")

    async def _once(self, url: str, headers: dict[str, str]) -> httpx.Response | None:
        """One request; None when no whole answer came."""
        try:
            return await self._client.get(url, headers=headers)
        except httpx.HTTPError:
            return None

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()


async def _wait(response: httpx.Response | None, attempt: int) -> None:
    """Sleep a short while, or hand a long one to the caller."""
    if response is None:
        if attempt == _TRIES:
            raise TransientFailure("provider_unreachable", retry_after=30)
        await asyncio.sleep(_backoff(attempt))
        return
    asked = retry_after(response.headers.get("retry-after"))
    pause = asked if asked is not None else _backoff(attempt)
    if pause > _LONGEST_SHORT_WAIT or attempt == _TRIES:
        throttled = response.status_code in {429, 503, 504}
        code = "throttled" if throttled else "provider_unreachable"
        raise TransientFailure(code, retry_after=pause)
    await asyncio.sleep(pause)


def _backoff(attempt: int) -> float:
    """Seconds, with jitter so that many waiters do not come back at once."""
    return 0.25 * float(2**attempt) * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header, given as a number or as a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (at - datetime.now(UTC)) / timedelta(seconds=1)
    return max(0.0, seconds)


def _kind(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0][:60]
