"""Bodies within bounds, Retry-After in both forms, and what is a claims challenge."""

import base64
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from entra_plugin.directory import answers
from entra_plugin.directory.answers import (
    UnreadableBody,
    claims_challenge,
    read_body,
    retry_after,
)


class Chunks(httpx.AsyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


def answer(*chunks: bytes, encoding: str | None = None) -> httpx.Response:
    headers = {} if encoding is None else {"content-encoding": encoding}
    return httpx.Response(200, headers=headers, stream=Chunks(*chunks))


async def test_a_body_is_put_together_from_its_pieces() -> None:
    assert await read_body(answer(b'{"value"', b":[]}")) == b'{"value":[]}'


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
async def test_a_packed_body_is_unpacked(encoding: str) -> None:
    packed = gzip.compress(b"users " * 1000)
    pieces = packed[:7], packed[7:]
    assert await read_body(answer(*pieces, encoding=encoding)) == b"users " * 1000


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_a_byte_order_mark_is_no_part_of_a_body(encoding: str | None) -> None:
    body = b'\xef\xbb\xbf{"value":[]}'
    sent = body if encoding is None else gzip.compress(body)
    assert await read_body(answer(sent, encoding=encoding)) == b'{"value":[]}'


async def test_an_empty_body_is_empty_however_it_is_said_to_be_packed() -> None:
    assert await read_body(answer(encoding="gzip")) == b""


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"users " * 1000)[:-20],
        gzip.compress(b"users " * 1000)[:-3],
        b"not packed at all",
        zlib.compress(b"users"),
    ],
    ids=["ends in its content", "ends in its length", "not packed", "packed otherwise"],
)
async def test_a_packed_body_that_ends_early_or_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        await read_body(answer(body, encoding="gzip"))


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_a_packing_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(UnreadableBody):
        await read_body(answer(gzip.compress(b"{}"), encoding=encoding))


async def test_a_body_that_unpacks_to_more_than_the_bound_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "LARGEST_BODY", 1000)
    with pytest.raises(UnreadableBody):
        await read_body(answer(gzip.compress(b"0" * 1001), encoding="gzip"))
    assert len(await read_body(answer(gzip.compress(b"0" * 1000), encoding="gzip"))) == 1000


async def test_a_body_past_the_bound_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "LARGEST_BODY", 1000)
    stream = Chunks(*[b"0" * 400] * 10)
    with pytest.raises(UnreadableBody):
        await read_body(httpx.Response(200, stream=stream))
    assert stream.taken == 3


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("999999999", 86_400.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("Wed, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after(httpx.Headers({"retry-after": value})) == seconds


def test_without_the_header_nothing_is_asked() -> None:
    assert retry_after(httpx.Headers()) is None


@pytest.mark.parametrize(
    ("later", "seconds"),
    [
        (timedelta(seconds=90), 90.0),
        (timedelta(seconds=-90), 0.0),
        (timedelta(days=400), 86_400.0),
    ],
)
def test_a_date_counts_from_the_servers_own_clock(later: timedelta, seconds: float) -> None:
    now = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    headers = httpx.Headers(
        {
            "date": format_datetime(now, usegmt=True),
            "retry-after": format_datetime(now + later, usegmt=True),
        }
    )
    assert retry_after(headers) == seconds


def test_a_date_without_a_zone_is_utc() -> None:
    headers = httpx.Headers(
        {
            "date": "Wed, 04 May 2031 03:02:01 -0000",
            "retry-after": "Wed, 04 May 2031 03:02:05 -0000",
        }
    )
    assert retry_after(headers) == 4.0


CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'


def challenge(claims: str, error: str = "insufficient_claims") -> httpx.Headers:
    return httpx.Headers(
        {
            "www-authenticate": 'Bearer realm="", authorization_uri="https://login.example/a",'
            f' client_id="x", error="{error}", claims="{claims}"'
        }
    )


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("status", [401, 403])
def test_a_challenge_names_its_claims(status: int) -> None:
    assert claims_challenge(status, challenge(packed(CLAIMS))) == CLAIMS


def test_a_challenge_may_be_packed_for_an_address() -> None:
    text = json.dumps({"access_token": {"acrs": {"value": "c1?>~ü"}}}, ensure_ascii=False)
    url_safe = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    assert claims_challenge(401, challenge(url_safe)) == text


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, challenge(packed(CLAIMS))),
        (401, httpx.Headers()),
        (401, challenge(packed(CLAIMS), error="invalid_token")),
        (401, challenge("not base64 !")),
        (401, challenge("YQ=x")),
        (401, challenge(packed("not json"))),
        (401, challenge(packed("[]"))),
        (401, challenge(packed("[" * 12_000))),
        (401, challenge(base64.b64encode(b"\xff\xfe").decode())),
        (401, httpx.Headers({"www-authenticate": 'Bearer error="insufficient_claims"'})),
    ],
)
def test_anything_else_is_no_challenge(status: int, headers: httpx.Headers) -> None:
    assert claims_challenge(status, headers) is None


def test_a_challenge_is_found_among_others() -> None:
    bearer = challenge(packed(CLAIMS))["www-authenticate"]
    headers = httpx.Headers([("www-authenticate", "Negotiate"), ("www-authenticate", bearer)])
    assert claims_challenge(401, headers) == CLAIMS
