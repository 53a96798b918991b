"""What an HTTP answer carries: its body within bounds, how long to wait, a claims challenge."""

import base64
import binascii
import codecs
import json
import re
import zlib
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes, unpacked: a page of 999 users has less than one hundredth of that."""

AFTER_ODD_ANSWER = 10.0
"""Seconds after which an answer that cannot be true, or cannot be read, is asked for once more."""

_LONGEST_PAUSE = 86_400.0
"""Seconds; nobody means more than a day, and a header may hold any number."""

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_=-]{1,16384})"')
_INSUFFICIENT = re.compile(r'\berror="insufficient_claims"')
_GZIP = 16 + zlib.MAX_WBITS


class UnreadableBody(Exception):
    """A body that is too large, ends early, or is packed in a way that nobody asked for."""


async def read_body(response: httpx.Response) -> bytes:
    """The whole body, unpacked, without a byte order mark.

    Raises:
        UnreadableBody: It is not one that we can take.
        httpx.TransportError: The connection ended, or was silent for too long.
    """
    if not isinstance(response.stream, AsyncIterable):
        raise TypeError("the network below is not asynchronous")
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.stream:
        size += len(chunk)
        if size > LARGEST_BODY:
            raise UnreadableBody
        chunks.append(chunk)
    raw = b"".join(chunks)
    packing = response.headers.get("content-encoding", "").strip().lower()
    if raw and packing in {"gzip", "x-gzip"}:
        raw = _unpacked(raw)
    elif raw and packing not in {"", "identity"}:
        raise UnreadableBody
    return raw.removeprefix(codecs.BOM_UTF8)


def _unpacked(raw: bytes) -> bytes:
    """The content of one gzip member, as long as it stays within bounds."""
    packed = zlib.decompressobj(_GZIP)
    try:
        body = packed.decompress(raw, LARGEST_BODY)
    except zlib.error as error:
        raise UnreadableBody from error
    if not packed.eof:
        raise UnreadableBody
    return body


def retry_after(headers: httpx.Headers) -> float | None:
    """The seconds that Retry-After asks for; a date counts from the server's own clock.

    None without the header, or with one that means nothing.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), _LONGEST_PAUSE)
    at = _date(value)
    if at is None:
        return None
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (at - now) / timedelta(seconds=1)), _LONGEST_PAUSE)


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def claims_challenge(status: int, headers: httpx.Headers) -> str | None:
    """The claims that a new token has to be asked for with, as JSON text.

    Continuous access evaluation answers 401, the documentation also mentions 403, with
    ``WWW-Authenticate: Bearer ... error="insufficient_claims", claims="<base64>"``.
    """
    if status not in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return None
    for challenge in headers.get_list("www-authenticate"):
        found = _CLAIMS.search(challenge)
        if found is not None and _INSUFFICIENT.search(challenge):
            return _decoded(found.group(1))
    return None


def _decoded(packed: str) -> str | None:
    """The text of an object of claims; None for anything else."""
    standard = packed.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        text = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode()
        document = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return text if isinstance(document, dict) else None
