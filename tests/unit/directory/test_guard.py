"""The address guard: what may be typed, and where a connection may lead."""

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.directory.guard import (
    Allowed,
    BaseUrl,
    GuardedNetwork,
    checked_base_url,
    is_public,
    parse_allowed,
    resolved,
)
from entra_plugin.domain.errors import ConfigurationInvalid

NOTHING = Allowed()
PUBLIC = "20.50.2.1"
PUBLIC_V6 = "2603:1030::1"
CIPP = BaseUrl(scheme="https", host="cipp.contoso.example", port=443)


def reason(text: str, allowed: Allowed = NOTHING) -> object:
    """Why a base URL is refused."""
    with pytest.raises(ConfigurationInvalid, match="cipp_base_url_invalid") as caught:
        checked_base_url(text, allowed)
    return caught.value.details["reason"]


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://cipp.contoso.example", "https://cipp.contoso.example"),
        ("https://cipp.contoso.example/", "https://cipp.contoso.example"),
        ("https://cipp.contoso.example/api", "https://cipp.contoso.example"),
        ("https://cipp.contoso.example/api/", "https://cipp.contoso.example"),
        ("https://cipp.contoso.example:443/API", "https://cipp.contoso.example"),
        ("  HTTPS://CIPP.Contoso.Example.  ", "https://cipp.contoso.example"),
        ("https://cipp.contoso.example:8443/api", "https://cipp.contoso.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://20.50.2.1", "https://20.50.2.1"),
        ("https://[2603:1030:0::1]:444", "https://[2603:1030::1]:444"),
    ],
)
def test_an_address_has_one_spelling_without_path(typed: str, origin: str) -> None:
    assert str(checked_base_url(typed, NOTHING)) == origin


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "scheme"),
        ("cipp.contoso.example", "scheme"),
        ("ftp://cipp.contoso.example", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("http://cipp.contoso.example", "https_required"),
        ("https://", "host"),
        ("https:///api", "host"),
        ("https://user@cipp.contoso.example", "user_info"),
        ("https://user:secret@cipp.contoso.example", "user_info"),
        ("https://@cipp.contoso.example", "user_info"),
        ("https://cipp.contoso.example?code=1", "query"),
        ("https://cipp.contoso.example/api?", "query"),
        ("https://cipp.contoso.example#top", "fragment"),
        ("https://cipp.contoso.example/#", "fragment"),
        ("https://cipp.contoso.example/other", "path"),
        ("https://cipp.contoso.example/api/ListTenants", "path"),
        ("https://cipp.contoso.example/../api", "path"),
        ("https://cipp.contoso.example:0", "port"),
        ("https://cipp.contoso.example:", "port"),
        ("https://cipp.contoso.example:65536", "port"),
        ("https://cipp.contoso.example:http", "port"),
        ("https://cipp contoso.example", "malformed"),
        ("https://cipp.contoso\t.example", "malformed"),
        ("https://cipp.contoso.example\n.evil.example", "malformed"),
        ("https://cipp.contoso.example\\@evil.example", "malformed"),
        ("https://[::1", "malformed"),
        ("https://cipp..contoso.example", "host"),
        ("https://ci%70p.contoso.example", "host"),
        ("https://[fe80::1%25eth0]", "host"),
        ("https://2130706433", "host"),
        ("https://127.1", "host"),
        ("https://0x7f.0.0.1", "host"),
        ("https://0177.0.0.01", "host"),
        ("https://cipp.0x7f000001", "host"),
        (f"https://{'a.' * 127}example", "host"),
        (f"https://cipp.contoso.example/{'a' * 2048}", "length"),
    ],
)
def test_an_address_is_refused_with_its_reason(typed: str, why: str) -> None:
    assert reason(typed) == why


@pytest.mark.parametrize(
    "typed", ["http://localhost:7071", "http://127.0.0.1:7071/api", "http://[::1]:7071"]
)
def test_plain_http_is_for_this_machine_when_the_list_names_it(typed: str) -> None:
    assert reason(typed) == "https_required"
    listed = parse_allowed("localhost:7071, 127.0.0.1, [::1]:7071")
    assert str(checked_base_url(typed, listed)) == typed.removesuffix("/api")


def test_plain_http_to_another_machine_is_refused_although_the_list_names_it() -> None:
    assert reason("http://10.0.0.5", parse_allowed("10.0.0.5")) == "https_required"
    assert reason("http://cipp.lan", parse_allowed("cipp.lan")) == "https_required"


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map("https://{}".format)))
def test_whatever_is_typed_becomes_a_bare_origin_or_is_refused(text: str) -> None:
    try:
        base = checked_base_url(text, NOTHING)
    except ConfigurationInvalid:
        return
    assert base.scheme == "https"
    assert checked_base_url(str(base), NOTHING) == base


def test_the_list_holds_hosts_endpoints_and_networks() -> None:
    allowed = parse_allowed(
        " CIPP.lan , bücher.example:8443, 10.1.0.0/16, 10.2.0.9, fd00::/8, [fd00::5], 10.0.0.1:81"
    )
    assert allowed.hosts == {"cipp.lan"}
    assert allowed.endpoints == {("xn--bcher-kva.example", 8443), ("10.0.0.1", 81)}
    assert [str(network) for network in allowed.networks] == [
        "10.1.0.0/16",
        "10.2.0.9/32",
        "fd00::/8",
        "fd00::5/128",
    ]


@pytest.mark.parametrize("text", [None, "", " , ,"])
def test_an_empty_list_allows_nothing(text: str | None) -> None:
    assert parse_allowed(text) == NOTHING


@pytest.mark.parametrize(
    "entry", ["https://cipp.lan", "10.0.0.0/99", "a b", "user@cipp.lan", "cipp.lan:x", ":443", "*"]
)
def test_an_entry_that_cannot_be_read_allows_nothing_and_is_logged_by_position(
    entry: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        allowed = parse_allowed(f"one.lan,{entry}")
    assert allowed == parse_allowed("one.lan")
    assert [record.__dict__["position"] for record in caplog.records] == [2]
    assert entry not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1",
        "127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1",
        "2001:0:14be:1e7b:0:0:f5ff:fffe",
    ],
)  # fmt: skip
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC, PUBLIC_V6, "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "9.255.255.1",
        "11.0.0.1", "168.63.129.15", "168.63.129.17", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
        "2002:808:808::1", "2001:4860:4860::8888",
    ],
)  # fmt: skip
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_every_form(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    forms = (
        ipaddress.IPv6Address(f"::ffff:{address}"),
        ipaddress.IPv6Address(f"64:ff9b::{address}"),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
    )
    assert {is_public(form) for form in forms} == {is_public(address)}


class Network(httpx.AsyncBaseTransport):
    """Notes what is sent; nobody listens at the addresses in ``deaf``."""

    def __init__(self, deaf: frozenset[str] = frozenset()) -> None:
        self.sent: list[httpx.Request] = []
        self.deaf = deaf
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.url.host in self.deaf:
            raise httpx.ConnectError("nobody listens")
        return httpx.Response(200, json=[])

    async def aclose(self) -> None:
        self.closed = True


def resolving(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that answers otherwise each time, the last answer for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == (CIPP.host, CIPP.port)
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def send(network: GuardedNetwork, url: str = f"{CIPP}/api/ListTenants") -> httpx.Response:
    return await network.handle_async_request(httpx.Request("GET", url))


async def test_the_request_goes_to_the_address_under_the_hosts_name() -> None:
    network = Network()
    await send(GuardedNetwork(CIPP, network, allowed=NOTHING, resolve=resolving([PUBLIC])))
    (sent,) = network.sent
    assert str(sent.url) == f"https://{PUBLIC}/api/ListTenants"
    assert sent.headers["host"] == CIPP.host
    assert sent.extensions["sni_hostname"] == CIPP.host


async def test_a_name_that_resolves_otherwise_a_moment_later_gains_nothing() -> None:
    network = Network()
    rebinding = resolving([PUBLIC], ["127.0.0.1"])
    guarded = GuardedNetwork(CIPP, network, allowed=NOTHING, resolve=rebinding)
    await send(guarded)
    with pytest.raises(ConfigurationInvalid, match="cipp_address_refused"):
        await send(guarded)
    assert [sent.url.host for sent in network.sent] == [PUBLIC]


async def test_one_address_inside_among_public_ones_refuses_the_host() -> None:
    network = Network()
    mixed = resolving([PUBLIC, "10.0.0.5", PUBLIC_V6])
    with pytest.raises(ConfigurationInvalid, match="cipp_address_refused") as caught:
        await send(GuardedNetwork(CIPP, network, allowed=NOTHING, resolve=mixed))
    assert network.sent == []
    assert caught.value.details == {"host": CIPP.host}


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("cipp.contoso.example", "10.0.0.5"),
        ("cipp.contoso.example:443", "fd00::5"),
        ("10.0.0.0/8", "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", "::ffff:a00:5"),
    ],
)
async def test_an_address_inside_is_reached_when_the_list_allows_it(
    entry: str, address: str
) -> None:
    network = Network()
    allowed = parse_allowed(entry)
    await send(GuardedNetwork(CIPP, network, allowed=allowed, resolve=resolving([address])))
    assert [sent.url.host for sent in network.sent] == [address]


@pytest.mark.parametrize(
    "entry", ["contoso.example", "cipp.contoso.example:8443", "10.0.0.0/16", "fd00::/8"]
)
async def test_an_entry_for_something_else_does_not_help(entry: str) -> None:
    allowed = parse_allowed(entry)
    guarded = GuardedNetwork(CIPP, Network(), allowed=allowed, resolve=resolving(["10.1.0.5"]))
    with pytest.raises(ConfigurationInvalid, match="cipp_address_refused"):
        await send(guarded)


async def test_plain_http_stays_on_this_machine_whatever_its_name_resolves_to() -> None:
    allowed = parse_allowed("localhost")
    base = checked_base_url("http://localhost:7071", allowed)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [PUBLIC]

    guarded = GuardedNetwork(base, Network(), allowed=allowed, resolve=resolve)
    with pytest.raises(ConfigurationInvalid, match="cipp_address_refused"):
        await send(guarded, "http://localhost:7071/api/ListTenants")


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/api/ListTenants",
        "http://cipp.contoso.example/api/ListTenants",
        "https://cipp.contoso.example:8443/api/ListTenants",
    ],
)
async def test_a_request_to_another_origin_is_refused(url: str) -> None:
    network = Network()
    guarded = GuardedNetwork(CIPP, network, allowed=NOTHING, resolve=resolving([PUBLIC]))
    with pytest.raises(ConfigurationInvalid, match="cipp_address_refused"):
        await send(guarded, url)
    assert network.sent == []


async def test_the_next_address_is_tried_when_nobody_listens_at_the_first() -> None:
    network = Network(deaf=frozenset({PUBLIC_V6}))
    both = resolving([PUBLIC_V6, PUBLIC])
    answer = await send(GuardedNetwork(CIPP, network, allowed=NOTHING, resolve=both))
    assert answer.status_code == 200
    assert [sent.url.host for sent in network.sent] == [PUBLIC_V6, PUBLIC]


@pytest.mark.parametrize("addresses", [[], [PUBLIC]])
async def test_a_host_without_a_listening_address_is_unreachable(addresses: list[str]) -> None:
    network = Network(deaf=frozenset({PUBLIC}))
    guarded = GuardedNetwork(CIPP, network, allowed=NOTHING, resolve=resolving(addresses))
    with pytest.raises(httpx.ConnectError):
        await send(guarded)


async def test_closing_closes_the_network_below() -> None:
    network = Network()
    await GuardedNetwork(CIPP, network, allowed=NOTHING).aclose()
    assert network.closed


async def test_the_systems_resolver_knows_this_machine() -> None:
    found = set(await resolved("localhost", 443))
    assert found
    assert found <= {"127.0.0.1", "::1"}


async def test_a_name_that_cannot_be_resolved_is_unreachable() -> None:
    with pytest.raises(httpx.ConnectError):
        await resolved("a-label-that-is-much-longer-than-the-sixty-three-octets-it-may-have-a", 443)
