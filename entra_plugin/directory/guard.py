"""Keeps an address that a person typed from leading into the operator's own network.

The address is checked when it is typed and, resolved, on every connection: requests go to exactly
the address that was checked, so a name that resolves otherwise a moment later gains nothing.
"""

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx

from entra_plugin.domain.addresses import to_ascii
from entra_plugin.domain.errors import ConfigurationInvalid

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Answers the IP addresses of a host; raises httpx.ConnectError or httpx.ConnectTimeout."""

_MAX_LENGTH = 2048
_MAX_HOST = 253
_PORTS = {"https": 443, "http": 80}
_RESOLVE_SECONDS = 10.0
_MOST_ADDRESSES = 4
"""How many addresses of one host are tried before it counts as unreachable."""

_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""A last label such as this makes a name one of the old spellings of an IPv4 address."""

_V4_REFUSED = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",
        ),
    )
)  # fmt: skip
"""IANA's special-purpose IPv4 addresses, multicast, and the host agent of Azure's machines."""

_V6_PUBLIC = ipaddress.IPv6Network("2000::/3")
"""The only IPv6 addresses that are given out for the public Internet (RFC 4291 2.4)."""

_V6_REFUSED = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
"""Inside of it: protocols such as Teredo, and documentation (IANA's special-purpose registry)."""

_TAIL_IS_V4 = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
"""IPv4-mapped and NAT64 (RFC 6052) addresses lead to the IPv4 address in their last 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What the operator allows besides the public Internet."""

    hosts: frozenset[str] = frozenset()
    endpoints: frozenset[tuple[str, int]] = frozenset()
    """Hosts at one port only."""
    networks: tuple[Network, ...] = ()

    def names(self, host: str, port: int) -> bool:
        """True when the host itself is on the list, as a name or as an address."""
        if host in self.hosts or (host, port) in self.endpoints:
            return True
        address = _literal(host)
        return address is not None and self.holds(address)

    def holds(self, address: Address) -> bool:
        """True when an address is in one of the networks."""
        return any(address in network for network in self.networks)


def parse_allowed(text: str | None) -> Allowed:
    """The operator's list: hosts, ``host:port`` and networks (``10.0.0.0/8``), comma-separated.

    An entry that is none of these allows nothing; it is logged by its position.
    """
    hosts: set[str] = set()
    endpoints: set[tuple[str, int]] = set()
    networks: list[Network] = []
    for number, entry in enumerate((text or "").split(","), start=1):
        match _entry(entry.strip()):
            case str() as host:
                hosts.add(host)
            case (host, port):
                endpoints.add((host, port))
            case ipaddress.IPv4Network() | ipaddress.IPv6Network() as network:
                networks.append(network)
            case None if entry.strip():
                log.warning("an allowed host cannot be read", extra={"position": number})
    return Allowed(hosts=frozenset(hosts), endpoints=frozenset(endpoints), networks=tuple(networks))


def _entry(text: str) -> str | tuple[str, int] | Network | None:
    try:
        return ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        pass
    if not text or "/" in text or "@" in text:
        return None
    try:
        parts = urlsplit(f"//{text}")
        host, port = _host(parts), parts.port
    except ValueError:
        return None
    if host is None or not host:
        return None
    return host if port is None else (host, port)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUrl:
    """Where an API is: scheme, host in ASCII form (IPv6 without brackets), port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """The origin, without a port that goes without saying and without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def checked_base_url(text: str, allowed: Allowed) -> BaseUrl:
    """The base URL that a person typed; ``/api`` and slashes at its end are dropped.

    Args:
        text: An https address, or http when it is of this very machine and on the list.
        allowed: The operator's list. Where the host leads is checked on connecting.

    Raises:
        ConfigurationInvalid: ``cipp_base_url_invalid``; ``details.reason`` is ``length``,
            ``malformed``, ``scheme``, ``user_info``, ``query``, ``fragment``, ``path``, ``host``,
            ``port`` or ``https_required``.
    """
    parts = _split(text.strip())
    reason = _fault(parts)
    if reason is not None:
        raise _invalid(reason)
    host = _host(parts)
    if host is None:
        raise _invalid("host")
    base = BaseUrl(scheme=parts.scheme, host=host, port=parts.port or _PORTS[parts.scheme])
    if base.scheme == "http" and not (_is_this_machine(host) and allowed.names(host, base.port)):
        raise _invalid("https_required")
    return base


def _split(text: str) -> SplitResult:
    if len(text) > _MAX_LENGTH:
        raise _invalid("length")
    # urlsplit drops line breaks and tabs, and browsers read a backslash as a slash.
    if not text.isprintable() or " " in text or "\\" in text:
        raise _invalid("malformed")
    for sign, reason in (("#", "fragment"), ("?", "query")):
        if sign in text:
            raise _invalid(reason)
    try:
        return urlsplit(text)
    except ValueError as error:
        raise _invalid("malformed") from error


def _fault(parts: SplitResult) -> str | None:
    """What is wrong with the parts, the host apart."""
    if parts.scheme not in _PORTS:
        return "scheme"
    if "@" in parts.netloc:
        return "user_info"
    if parts.path.rstrip("/").lower() not in {"", "/api"}:
        return "path"
    try:
        return "port" if parts.port == 0 or parts.netloc.endswith(":") else None
    except ValueError:
        return "port"


def _host(parts: SplitResult) -> str | None:
    """The host in its one spelling; None when it is no name and no IP address."""
    host = parts.hostname or ""
    address = _literal(host)
    if address is not None:
        return str(address)
    name = to_ascii(host)
    if name is None or len(name) > _MAX_HOST or _NUMBER.fullmatch(name.rpartition(".")[2]):
        return None
    return name


def _literal(host: str) -> Address | None:
    """The address that a host is, if it is one; not with a zone, which is of one machine only."""
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    address = _literal(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _invalid(reason: str) -> ConfigurationInvalid:
    return ConfigurationInvalid("cipp_base_url_invalid", details={"reason": reason})


def is_public(address: Address) -> bool:
    """True for an address of the public Internet, in whatever form it is written."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        refused: Sequence[Network] = _V6_REFUSED
        if address not in _V6_PUBLIC:
            return False
    else:
        refused = _V4_REFUSED
    # The library knows ranges too, and may learn of new ones before this list does.
    return address.is_global and not any(address in network for network in refused)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if any(address in network for network in _TAIL_IS_V4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives.

    Raises:
        httpx.ConnectError: The name has none, now.
        httpx.ConnectTimeout: The resolver took too long.
    """
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except TimeoutError as error:
        raise httpx.ConnectTimeout("the name was not resolved in time") from error
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError("the name does not resolve") from error
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


class GuardedNetwork(httpx.AsyncBaseTransport):
    """Connections to one base URL, each to an address that was found harmless just before.

    The certificate is verified for the host's name, although the connection is made to its address.
    One pool for one base URL: a connection is never shared with another host at that address.

    Args:
        base: The only origin that requests may go to.
        network: Makes and keeps the connections, without a proxy; closed by ``aclose``.
        allowed: The operator's list.
        resolve: Finds the addresses of the host.
    """

    def __init__(
        self,
        base: BaseUrl,
        network: httpx.AsyncBaseTransport,
        *,
        allowed: Allowed,
        resolve: Resolver = resolved,
    ) -> None:
        self._base = base
        self._network = network
        self._allowed = allowed
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to one of the host's addresses, the next one if nobody listens there.

        Raises:
            ConfigurationInvalid: ``cipp_address_refused``.
            httpx.ConnectError: There is no address, or none can be reached.
        """
        if _origin(request.url) != self._base:
            raise self._refused()
        failure: Exception = httpx.ConnectError("the name has no address")
        for address in (await self._addresses())[:_MOST_ADDRESSES]:
            try:
                return await self._network.handle_async_request(self._to(address, request))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self) -> Sequence[Address]:
        """All addresses of the host; a single one that is refused refuses the host."""
        found = await self._resolve(self._base.host, self._base.port)
        addresses = [ipaddress.ip_address(text) for text in found]
        if not all(map(self._may_reach, addresses)):
            raise self._refused()
        return addresses

    def _may_reach(self, address: Address) -> bool:
        if self._base.scheme == "http" and not address.is_loopback:
            return False
        inner = _inner(address) if isinstance(address, ipaddress.IPv6Address) else None
        return (
            is_public(address)
            or self._allowed.names(self._base.host, self._base.port)
            or self._allowed.holds(inner or address)
        )

    def _to(self, address: Address, request: httpx.Request) -> httpx.Request:
        """The request for one address; ``Host`` and the certificate's name stay the host's."""
        return httpx.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": self._base.host},
        )

    def _refused(self) -> ConfigurationInvalid:
        # Not the address: what an internal name resolves to is nobody's business.
        return ConfigurationInvalid("cipp_address_refused", details={"host": self._base.host})

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._network.aclose()


def _origin(url: httpx.URL) -> BaseUrl:
    host = url.raw_host.decode("ascii")
    return BaseUrl(scheme=url.scheme, host=host, port=url.port or _PORTS.get(url.scheme, 0))
