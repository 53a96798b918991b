"""HTTP to a provider: GET only, with patience, and only to the origin it was made for.

It asks the network below it directly, so that no cookie is kept, no redirect is followed, and no
other method can be expressed.
"""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from urllib.request import getproxies, proxy_bypass

import httpx

from entra_plugin.directory.answers import (
    UnreadableBody,
    claims_challenge,
    read_body,
    retry_after,
)
from entra_plugin.directory.throttle import Throttle
from entra_plugin.domain.errors import TransientFailure

_KEPT_ALIVE = 60.0
"""Seconds that an idle connection is kept."""

_UNTOLD = 30.0
"""Seconds after which it makes sense to come back when the provider named none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAsk:
    """What kind of access token a request needs."""

    fresh: bool = False
    """The one answered last was refused: ask past every cache."""
    claims: str | None = None
    """JSON text of the claims challenge that the new one has to answer."""


Token = Callable[[TokenAsk], Awaitable[str]]
"""Answers an access token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a provider may take, and how often it is asked again."""

    connect: float
    """Seconds, as are the next three; ``read`` is the longest silence."""
    read: float
    write: float
    total: float
    """For one request with its answer, however steadily that trickles in."""
    tries: int
    longest_short_wait: float
    """Seconds that are waited here; a longer wait is the caller's, who can say so to people."""
    busy: frozenset[int]
    """Statuses after which the same request is sent again."""
    throttled: frozenset[int]
    """Those of them that say that the provider has too much to do, so that waiting helps; the
    others mean that something between is broken."""
    at_once: int
    """Connections, and requests under way."""


MICROSOFT = Patience(
    connect=10,
    read=100,
    write=30,
    total=300,
    tries=4,
    longest_short_wait=10,
    busy=frozenset({429, 500, 502, 503, 504, 509}),
    throttled=frozenset({429, 503, 504, 509}),
    at_once=64,
)
"""For Microsoft Graph."""


class UnexpectedStatus(Exception):
    """An answer that is neither success nor a reason to wait.

    Args:
        challenged: It asks for claims that the token, made for such a challenge, still lacks.
    """

    def __init__(
        self, status: int, body: bytes, content_type: str = "", *, challenged: bool = False
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.content_type = content_type
        self.challenged = challenged

    @property
    def is_html(self) -> bool:
        """A page for people: of a proxy or a platform in between, or of a front end."""
        return _is_html(self.content_type)


class NotJson(Exception):
    """Success, with something else than JSON; ``content_type`` without its parameters."""

    def __init__(self, content_type: str) -> None:
        super().__init__(content_type)
        self.content_type = content_type

    @property
    def is_html(self) -> bool:
        """A page for people."""
        return _is_html(self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back; ``status`` is 0 and ``failure`` says why when no whole answer came."""

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    failure: str = ""

    @property
    def content_type(self) -> str:
        kind: str = self.headers.get("content-type", "").partition(";")[0]
        return kind.strip().lower()[:60]


class Transport:
    """The one way to a provider's origin, shared by all who ask it.

    Args:
        base_url: Scheme, host and port are what every address has to have.
        network: Carries single requests; closed by ``close``.
        throttle: Keeps the budgets of the buckets that requests name.
        sleep: Seconds to wait; tests put their own clock here.
    """

    def __init__(
        self,
        base_url: str,
        network: httpx.AsyncBaseTransport,
        *,
        patience: Patience = MICROSOFT,
        throttle: Throttle | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._origin = _origin(httpx.URL(base_url))
        self._network = network
        self._patience = patience
        self._throttle = throttle
        self._sleep = sleep
        self._slots = asyncio.Semaphore(patience.at_once)
        self._timeouts = {
            "connect": patience.connect,
            "read": patience.read,
            "write": patience.write,
            "pool": None,  # a request waits for its slot first
        }
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "gzip",
            "user-agent": user_agent(),
        }

    async def get_json(
        self,
        url: str,
        token: Token,
        *,
        headers: Mapping[str, str] | None = None,
        bucket: str = "",
    ) -> bytes:
        """GET a JSON document.

        Args:
            url: Where to; a link from an answer may be given as it is.
            token: Asked once, again with ``fresh`` after a refusal, and again with ``claims`` after
                a challenge; each at most once.
            headers: Sent in addition.
            bucket: ``<application>/<directory>``, whose budget the request is taken from.

        Raises:
            TransientFailure: ``throttled``, ``provider_unreachable`` or ``unusable_answer``, which
                is also what a link to another origin is.
            NotJson: Success with another type of content.
            UnexpectedStatus: Any other status.
        """
        answer = await self._patiently(self._target(url), token, headers or {}, bucket)
        if answer.status != httpx.codes.OK:
            challenged = claims_challenge(answer.status, answer.headers) is not None
            raise UnexpectedStatus(
                answer.status, answer.body, answer.content_type, challenged=challenged
            )
        if "json" not in answer.content_type:
            raise NotJson(answer.content_type)
        return answer.body

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._network.aclose()

    def _target(self, url: str) -> httpx.URL:
        """The address, parsed by what will also send it, so that the two cannot disagree."""
        with suppress(httpx.InvalidURL):
            target = httpx.URL(url)
            if _origin(target) == self._origin and not target.userinfo:
                return target
        raise TransientFailure("unusable_answer", retry_after=_UNTOLD, details={"reason": "link"})

    async def _patiently(
        self, target: httpx.URL, token: Token, headers: Mapping[str, str], bucket: str
    ) -> _Answer:
        """Send a request until it is answered for good."""
        ask = TokenAsk()
        bearer = await token(ask)
        failures = 0
        while True:
            await self._turn(bucket)
            answer = await self._once(target, {**headers, "authorization": f"Bearer {bearer}"})
            if self._throttle is not None and answer.status:
                self._throttle.answered(bucket, answer.headers)
            second = _second_ask(ask, answer)
            if second is not None:
                ask, bearer = second, await token(second)
            elif answer.status == 0 or answer.status in self._patience.busy:
                failures += 1
                await self._rest(answer, failures, bucket)
            else:
                return answer

    async def _turn(self, bucket: str) -> None:
        """Wait until the bucket has room, or hand a long wait to the caller."""
        if self._throttle is None:
            return
        for _ in range(self._patience.tries):
            wait = self._throttle.admit(bucket)
            if wait <= 0:
                return
            if wait > self._patience.longest_short_wait:
                raise TransientFailure("throttled", retry_after=wait)
            await self._sleep(wait * _spread())
        raise TransientFailure("throttled", retry_after=_UNTOLD)

    async def _once(self, target: httpx.URL, headers: Mapping[str, str]) -> _Answer:
        """Send one request."""
        request = httpx.Request(
            "GET",
            target,
            headers={**self._headers, **headers},
            extensions={"timeout": self._timeouts},
        )
        async with self._slots:
            try:
                async with asyncio.timeout(self._patience.total):
                    return await self._answered(request)
            except TimeoutError:
                return _Answer(failure="provider_unreachable")

    async def _answered(self, request: httpx.Request) -> _Answer:
        """What one request brings, with its body."""
        try:
            response = await self._network.handle_async_request(request)
        except httpx.TransportError:
            return _Answer(failure="provider_unreachable")
        try:
            body = await read_body(response)
        except httpx.TimeoutException:
            return _Answer(failure="provider_unreachable")
        except httpx.TransportError:
            return _Answer(failure="unusable_answer")
        except UnreadableBody:
            reason = {"reason": "body"}
            raise TransientFailure("unusable_answer", retry_after=_UNTOLD, details=reason) from None
        finally:
            await response.aclose()
        return _Answer(status=response.status_code, headers=response.headers, body=body)

    async def _rest(self, answer: _Answer, failures: int, bucket: str) -> None:
        """Sleep a short while, or hand a long wait to the caller."""
        asked = retry_after(answer.headers)
        pause = asked or backoff(failures)
        if self._throttle is not None and (answer.status == 429 or asked is not None):
            self._throttle.refused(bucket, answer.headers, pause)
        if failures >= self._patience.tries or pause > self._patience.longest_short_wait:
            code = (
                "throttled" if answer.status in self._patience.throttled else "provider_unreachable"
            )
            raise TransientFailure(
                answer.failure or code, retry_after=_UNTOLD if asked is None else asked
            )
        await self._sleep(pause)


def _second_ask(ask: TokenAsk, answer: _Answer) -> TokenAsk | None:
    """What to ask for after a refusal: a fresh token once, and one with the claims once."""
    claims = claims_challenge(answer.status, answer.headers)
    if claims is not None:
        return TokenAsk(fresh=True, claims=claims) if ask.claims is None else None
    if answer.status == httpx.codes.UNAUTHORIZED and not ask.fresh:
        return TokenAsk(fresh=True)
    return None


def _is_html(content_type: str) -> bool:
    return "html" in content_type.lower()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default = {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.host, url.port or default


def backoff(failures: int) -> float:
    """Seconds, with jitter so that many waiters do not come back at once."""
    return 0.25 * float(2**failures) * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def _spread() -> float:
    """A factor that lets those who wait for the same moment come one after the other."""
    return 1 + random.random() / 10  # noqa: S311 - no secret


def user_agent() -> str:
    """How we name ourselves to providers."""
    try:
        return f"entra-plugin/{version('entra-plugin')}"
    except PackageNotFoundError:
        return "entra-plugin/0"


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The trust store of the system, and the CA file if there is one."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


class _Network(httpx.AsyncBaseTransport):
    """Pooled connections, through the proxy of the environment for hosts that have no exception."""

    def __init__(self, direct: httpx.AsyncBaseTransport, proxied: httpx.AsyncBaseTransport) -> None:
        self._direct = direct
        self._proxied = proxied

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        way = self._direct if proxy_bypass(request.url.host) else self._proxied
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        await self._direct.aclose()
        await self._proxied.aclose()


def plain_network(
    context: ssl.SSLContext, patience: Patience = MICROSOFT
) -> httpx.AsyncBaseTransport:
    """Pooled connections to any host; ``HTTPS_PROXY`` and ``NO_PROXY`` are heeded."""
    limits = httpx.Limits(
        max_connections=patience.at_once,
        max_keepalive_connections=patience.at_once,
        keepalive_expiry=_KEPT_ALIVE,
    )
    direct = httpx.AsyncHTTPTransport(verify=context, limits=limits, trust_env=False)
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy:
        return direct
    proxied = httpx.AsyncHTTPTransport(
        verify=context, limits=limits, trust_env=False, proxy=httpx.Proxy(proxy)
    )
    return _Network(direct, proxied)
