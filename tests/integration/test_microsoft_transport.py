"""The transport over real connections: patience, second tokens, and answers that are none."""

import asyncio
import base64
import gzip
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from entra_plugin.directory import answers
from entra_plugin.directory.throttle import Throttle
from entra_plugin.directory.transport import (
    MICROSOFT,
    NotJson,
    Patience,
    TokenAsk,
    Transport,
    UnexpectedStatus,
    plain_network,
    tls_context,
)
from entra_plugin.domain.errors import TransientFailure
from support.clock import Clock
from support.scripted import Reply, Scripted, in_turn, reply, scripted

BUCKET = "an-app/contoso"
CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
CHALLENGE = {
    "www-authenticate": 'Bearer realm="", error="insufficient_claims", '
    f'claims="{base64.b64encode(CLAIMS.encode()).decode()}"'
}
BUSY = [429, 500, 502, 503, 504, 509]


class Tokens:
    """Tokens with a number, and what was asked for."""

    def __init__(self) -> None:
        self.asks: list[TokenAsk] = []

    async def __call__(self, ask: TokenAsk) -> str:
        self.asks.append(ask)
        return f"token-{len(self.asks)}"


@asynccontextmanager
async def opened(
    server: Scripted,
    clock: Clock,
    *,
    patience: Patience = MICROSOFT,
    throttle: Throttle | None = None,
) -> AsyncIterator[Transport]:
    network = plain_network(tls_context(None), patience)
    transport = Transport(
        server.url, network, patience=patience, throttle=throttle, sleep=clock.sleep
    )
    try:
        yield transport
    finally:
        await transport.close()


async def get(
    *replies: Reply, clock: Clock | None = None, patience: Patience = MICROSOFT
) -> tuple[bytes, Scripted, Tokens]:
    """One GET of a server that answers so."""
    tokens = Tokens()
    async with (
        scripted(in_turn(*replies)) as server,
        opened(server, clock or Clock(), patience=patience) as transport,
    ):
        body = await transport.get_json(f"{server.url}/v1.0/users", tokens)
    return body, server, tokens


async def failure(
    *replies: Reply, clock: Clock | None = None, patience: Patience = MICROSOFT
) -> TransientFailure:
    """What a GET of a server that answers so fails with."""
    with pytest.raises(TransientFailure) as caught:
        await get(*replies, clock=clock, patience=patience)
    return caught.value


async def test_a_request_says_who_we_are_and_carries_the_token() -> None:
    body, server, _ = await get(reply(body={"value": []}))
    assert body == b'{"value":[]}'
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("GET", "/v1.0/users")
    assert seen.headers["authorization"] == "Bearer token-1"
    assert seen.headers["user-agent"].startswith("entra-plugin/")
    assert seen.headers["accept-encoding"] == "gzip"


async def test_a_packed_answer_is_unpacked() -> None:
    packed = reply(body=gzip.compress(b'{"value":[]}'), headers={"content-encoding": "gzip"})
    body, _, _ = await get(packed)
    assert body == b'{"value":[]}'


async def test_a_cookie_is_not_sent_back() -> None:
    async with (
        scripted(in_turn(reply(headers={"set-cookie": "who=northwind; Path=/"}))) as server,
        opened(server, Clock()) as transport,
    ):
        for _ in range(2):
            await transport.get_json(f"{server.url}/v1.0/users", Tokens())
    assert all("cookie" not in seen.headers for seen in server.seen)


async def test_a_redirect_is_not_followed() -> None:
    async with scripted(in_turn(reply())) as elsewhere:
        redirect = reply(302, headers={"location": f"{elsewhere.url}/v1.0/users"})
        with pytest.raises(UnexpectedStatus) as caught:
            await get(redirect)
    assert caught.value.status == 302
    assert elsewhere.seen == []


@pytest.mark.parametrize(
    "link",
    [
        "http://localhost:{port}/v1.0/users",
        "https://127.0.0.1:{port}/v1.0/users",
        "http://127.0.0.1:1/v1.0/users",
        "http://127.0.0.1/v1.0/users",
        "http://somebody@127.0.0.1:{port}/v1.0/users",
        "http://127.0.0.1:{port}@evil.example/v1.0/users",
        "http://evil.example\\@127.0.0.1:{port}/v1.0/users",
        "http://127.0.0.1:{port}.evil.example/v1.0/users",
        "//127.0.0.1:{port}/v1.0/users",
        "/v1.0/users",
        "users",
        "",
        "file:///etc/passwd",
        "http://127.0.0.1:{port}/" + "x" * 70_000,
        "http://127.0.0.1:{port}/\x00",
    ],
)
async def test_a_link_that_leads_elsewhere_is_not_followed(link: str) -> None:
    tokens = Tokens()
    async with scripted(in_turn(reply())) as server, opened(server, Clock()) as transport:
        port = server.url.rpartition(":")[2]
        with pytest.raises(TransientFailure, match="unusable_answer") as caught:
            await transport.get_json(link.format(port=port), tokens)
        assert server.seen == []
    assert caught.value.details == {"reason": "link"}
    assert tokens.asks == []


@pytest.mark.parametrize("status", BUSY)
async def test_a_busy_provider_is_asked_again_after_as_long_as_it_says(status: int) -> None:
    clock = Clock()
    _, server, tokens = await get(reply(status, headers={"retry-after": "3"}), reply(), clock=clock)
    assert clock.waits == [3]
    assert len(server.seen) == 2
    assert len(tokens.asks) == 1


@pytest.mark.parametrize("status", BUSY)
async def test_without_a_time_the_waits_grow(status: int) -> None:
    clock = Clock()
    await failure(reply(status), clock=clock)
    bounds = [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0)]
    for wait, (least, most) in zip(clock.waits, bounds, strict=True):
        assert least <= wait <= most


async def test_a_time_may_be_a_date() -> None:
    clock = Clock()
    now = datetime.now(UTC)
    headers = {
        "date": format_datetime(now, usegmt=True),
        "retry-after": format_datetime(now + timedelta(seconds=4), usegmt=True),
    }
    await get(reply(429, headers=headers), reply(), clock=clock)
    assert clock.waits == [4]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "throttled"),
        (503, "throttled"),
        (504, "throttled"),
        (509, "throttled"),
        (500, "provider_unreachable"),
        (502, "provider_unreachable"),
    ],
)
async def test_a_long_wait_is_the_callers(status: int, code: str) -> None:
    clock = Clock()
    found = await failure(reply(status, headers={"retry-after": "120"}), clock=clock)
    assert (found.code, found.retry_after) == (code, 120)
    assert clock.waits == []


@pytest.mark.parametrize("status", BUSY)
async def test_after_the_last_try_the_caller_learns_when_to_come_back(status: int) -> None:
    found = await failure(reply(status, headers={"retry-after": "2"}))
    assert found.retry_after == 2
    assert (await failure(reply(status))).retry_after == 30


async def test_a_provider_that_is_away_is_told_as_such() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = Scripted(url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        clock = Clock()
        async with opened(server, clock) as transport:
            with pytest.raises(TransientFailure, match="provider_unreachable") as caught:
                await transport.get_json(f"{server.url}/v1.0/users", Tokens())
    assert caught.value.retry_after == 30
    assert len(clock.waits) == 3


async def test_a_provider_that_says_nothing_is_told_as_such() -> None:
    brief = replace(MICROSOFT, read=0.02, tries=2)
    found = await failure(Reply(silent=True), patience=brief)
    assert found.code == "provider_unreachable"


async def test_a_connection_that_ends_without_an_answer_is_tried_again() -> None:
    body, server, _ = await get(Reply(close=True), reply(body={"value": []}))
    assert body == b'{"value":[]}'
    assert len(server.seen) == 2


def cut(raw: bytes, length: int) -> Reply:
    return Reply(raw=raw[:-length], close=True)


PACKED = reply(body=gzip.compress(b'{"value":[]}'), headers={"content-encoding": "gzip"})


async def test_a_body_that_ends_early_is_tried_again_and_then_no_answer() -> None:
    whole = reply(body={"value": [1, 2, 3]})
    body, _, _ = await get(cut(whole.raw, 5), whole)
    assert body == b'{"value":[1,2,3]}'
    assert (await failure(cut(whole.raw, 5))).code == "unusable_answer"


async def test_an_answer_that_never_ends_is_given_up() -> None:
    # The silence may be as long as it likes: it is the whole that is bounded.
    patience = replace(MICROSOFT, total=0.05, tries=2)
    clock = Clock()
    unended = Reply(raw=reply(body={}, headers={"content-length": "900"}).raw)
    found = await failure(unended, clock=clock, patience=patience)
    assert found.code == "provider_unreachable"
    assert len(clock.waits) == 1


async def test_a_body_shorter_than_its_length_is_no_answer() -> None:
    found = await failure(
        Reply(raw=reply(body={}, headers={"content-length": "900"}).raw, close=True)
    )
    assert found.code == "unusable_answer"


@pytest.mark.parametrize(
    "broken",
    [
        reply(body=gzip.compress(b'{"value":[]}')[:-6], headers={"content-encoding": "gzip"}),
        reply(body=b'{"value":[]}', headers={"content-encoding": "gzip"}),
        reply(body=b'{"value":[]}', headers={"content-encoding": "br"}),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_no_answer(broken: Reply) -> None:
    found = await failure(broken)
    assert (found.code, found.details) == ("unusable_answer", {"reason": "body"})


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused_at_once() -> None:
    bomb = gzip.compress(b"0" * (answers.LARGEST_BODY + 1), 9)
    assert len(bomb) < 100_000
    clock = Clock()
    found = await failure(reply(body=bomb, headers={"content-encoding": "gzip"}), clock=clock)
    assert found.code == "unusable_answer"
    assert clock.waits == []


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain", ""])
async def test_success_without_json_is_told_apart(kind: str) -> None:
    with pytest.raises(NotJson) as caught:
        await get(reply(body=b"<html>", kind=kind))
    assert caught.value.content_type == kind.partition(";")[0]


async def test_another_status_comes_with_its_body() -> None:
    with pytest.raises(UnexpectedStatus) as caught:
        await get(reply(404, body=b"no such", kind="text/plain; charset=utf-8"))
    found = caught.value
    assert (found.status, found.body, found.content_type) == (404, b"no such", "text/plain")
    assert not found.challenged


async def test_a_refused_token_is_replaced_once() -> None:
    _, server, tokens = await get(reply(401), reply(body={}))
    assert tokens.asks == [TokenAsk(), TokenAsk(fresh=True)]
    assert [seen.headers["authorization"] for seen in server.seen] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def refused(*replies: Reply) -> tuple[UnexpectedStatus, Sequence[TokenAsk], int]:
    tokens = Tokens()
    async with scripted(in_turn(*replies)) as server, opened(server, Clock()) as transport:
        with pytest.raises(UnexpectedStatus) as caught:
            await transport.get_json(f"{server.url}/v1.0/users", tokens)
    return caught.value, tokens.asks, len(server.seen)


async def test_a_second_refusal_is_final() -> None:
    found, asks, requests = await refused(reply(401))
    assert (found.status, found.challenged, requests) == (401, False, 2)
    assert asks == [TokenAsk(), TokenAsk(fresh=True)]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_challenge_is_answered_with_a_token_for_its_claims(status: int) -> None:
    _, server, tokens = await get(reply(status, headers=CHALLENGE), reply(body={}))
    assert tokens.asks == [TokenAsk(), TokenAsk(fresh=True, claims=CLAIMS)]
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_second_challenge_is_final(status: int) -> None:
    found, asks, requests = await refused(reply(status, headers=CHALLENGE))
    assert (found.status, found.challenged, requests) == (status, True, 2)
    assert len(asks) == 2


async def test_a_refused_token_may_be_followed_by_a_challenge_but_by_no_other_refusal() -> None:
    challenge = reply(401, headers=CHALLENGE)
    _, _, tokens = await get(reply(401), challenge, reply(body={}))
    assert [ask.claims for ask in tokens.asks] == [None, None, CLAIMS]
    found, _, requests = await refused(challenge, reply(401))
    assert (found.challenged, requests) == (False, 2)


async def test_a_busy_provider_is_asked_again_with_the_token_it_has_not_refused() -> None:
    _, server, tokens = await get(reply(401), reply(503), reply(503), reply(body={}))
    assert len(tokens.asks) == 2
    assert server.seen[-1].headers["authorization"] == "Bearer token-2"


async def test_a_missing_permission_is_no_reason_for_another_token() -> None:
    found, asks, _ = await refused(reply(403))
    assert (found.status, len(asks)) == (403, 1)


async def test_no_more_requests_are_under_way_than_the_provider_should_get() -> None:
    few = replace(MICROSOFT, at_once=3)
    async with (
        scripted(in_turn(reply()), together=3) as server,
        opened(server, Clock(), patience=few) as transport,
    ):
        url = f"{server.url}/v1.0/users"
        await asyncio.gather(*(transport.get_json(url, Tokens()) for _ in range(9)))
    assert (len(server.seen), server.most_at_once) == (9, 3)


async def test_a_refusal_stops_the_siblings_of_its_bucket_until_it_is_over() -> None:
    clock = Clock()
    refusal = reply(429, headers={"retry-after": "300"})
    async with (
        scripted(in_turn(refusal, reply())) as server,
        opened(server, clock, throttle=Throttle(clock=clock)) as transport,
    ):
        url = f"{server.url}/v1.0/users"
        for expected in (300, 200):
            with pytest.raises(TransientFailure, match="throttled") as caught:
                await transport.get_json(url, Tokens(), bucket=BUCKET)
            assert caught.value.retry_after == expected
            clock.now += 100
        assert len(server.seen) == 1
        await transport.get_json(url, Tokens(), bucket="an-app/fabrikam")
        clock.now += 100
        await transport.get_json(url, Tokens(), bucket=BUCKET)
    assert len(server.seen) == 3
    assert clock.waits == []


async def test_a_refusal_of_the_whole_application_stops_its_other_buckets() -> None:
    headers = {"retry-after": "300", "x-ms-throttle-scope": "Application/ReadWrite/an-app"}
    async with (
        scripted(in_turn(reply(429, headers=headers), reply())) as server,
        opened(server, Clock(), throttle=Throttle()) as transport,
    ):
        url = f"{server.url}/v1.0/users"
        for bucket in (BUCKET, "an-app/fabrikam"):
            with pytest.raises(TransientFailure, match="throttled"):
                await transport.get_json(url, Tokens(), bucket=bucket)
        await transport.get_json(url, Tokens(), bucket="another-app/contoso")
    assert len(server.seen) == 2


async def test_a_sibling_waits_for_the_end_of_a_short_refusal_itself() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    throttle.refused(BUCKET, {}, 5)
    async with (
        scripted(in_turn(reply())) as server,
        opened(server, clock, throttle=throttle) as transport,
    ):
        await transport.get_json(f"{server.url}/v1.0/users", Tokens(), bucket=BUCKET)
    assert sum(clock.waits) >= 5
    assert len(server.seen) == 1


async def test_a_bucket_that_stays_closed_is_the_callers() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)

    async def refused_again(seconds: float) -> None:
        await clock.sleep(seconds)
        throttle.refused(BUCKET, {}, 5)

    throttle.refused(BUCKET, {}, 5)
    async with scripted(in_turn(reply())) as server:
        network = plain_network(tls_context(None))
        transport = Transport(server.url, network, throttle=throttle, sleep=refused_again)
        with pytest.raises(TransientFailure, match="throttled"):
            await transport.get_json(f"{server.url}/v1.0/users", Tokens(), bucket=BUCKET)
        await transport.close()
    assert server.seen == []


async def test_near_the_limit_requests_are_spread_over_the_window() -> None:
    clock = Clock()
    headers = {"x-ms-resource-unit": "100", "x-ms-throttle-limit-percentage": "1.6"}
    async with (
        scripted(in_turn(reply(headers=headers))) as server,
        opened(server, clock, throttle=Throttle(clock=clock)) as transport,
    ):
        url = f"{server.url}/v1.0/users"
        await transport.get_json(url, Tokens(), bucket=BUCKET)
        assert clock.waits == []
        await transport.get_json(url, Tokens(), bucket=BUCKET)
    assert sum(clock.waits) >= 10
    assert len(server.seen) == 2


async def test_a_port_that_goes_without_saying_is_the_same_origin() -> None:
    network = httpx.MockTransport(lambda _: httpx.Response(200, json={"value": []}))
    transport = Transport("https://graph.example:443", network)
    for url in ("https://GRAPH.example/v1.0/users", "https://graph.example:443/v1.0/users"):
        assert await transport.get_json(url, Tokens()) == b'{"value":[]}'


async def test_a_proxy_of_the_environment_is_used_except_where_it_says_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted(in_turn(reply(body={"value": []}))) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        network = plain_network(tls_context(None))
        outside = Transport("http://graph.example", network)
        await outside.get_json("http://graph.example/v1.0/users", Tokens())
        async with scripted(in_turn(reply(body={"value": []}))) as direct:
            inside = Transport(direct.url, network)
            await inside.get_json(f"{direct.url}/v1.0/users", Tokens())
        await network.aclose()
    assert [seen.target for seen in proxy.seen] == ["http://graph.example/v1.0/users"]
    assert [seen.target for seen in direct.seen] == ["/v1.0/users"]
