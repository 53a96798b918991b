"""A cursor names the last row that was answered; any other text is refused with one code."""

import base64
from datetime import UTC, datetime

import pytest

from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.store.paging import (
    clamp,
    decode_cursor,
    decode_moment,
    decode_position,
    encode_cursor,
)
from support.builders import guid

NOW = datetime(2026, 3, 1, 12, 30, 1, 5, tzinfo=UTC)


def raw(text: str) -> str:
    """A cursor of any text."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(("asked", "given"), [(None, 50), (0, 1), (-5, 1), (7, 7), (10**9, 200)])
def test_a_page_has_between_one_and_two_hundred_items(asked: int | None, given: int) -> None:
    assert clamp(asked) == given


def test_a_cursor_brings_back_what_it_names() -> None:
    assert decode_cursor(encode_cursor("m\u00fcller, ada", "x"), 2) == ["m\u00fcller, ada", "x"]


def test_a_cursor_needs_no_escaping_in_an_address() -> None:
    assert encode_cursor("??>>~~", "\u00ff" * 9).replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "\u00e9",
        "\ud800",
        "\x00",
        raw("["),
        raw("1"),
        raw("{}"),
        raw("null"),
        raw('"ab"'),
        raw("[]"),
        raw('["a"]'),
        raw('["a","b","c"]'),
        raw("[1,2]"),
        raw('["a",null]'),
        raw('["a","\\u0000"]'),
        raw('["a","\\ud800"]'),
        raw("[" * 100_000),
        "_w" * 100,
    ],
)
def test_any_other_text_is_refused(cursor: str) -> None:
    with pytest.raises(NotAcceptable) as refused:
        decode_cursor(cursor, 2)
    assert refused.value.code == "invalid_cursor"


def test_a_position_comes_back() -> None:
    assert decode_position(encode_cursor("9223372036854775807")) == 2**63 - 1


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.5", " 1", "\u0661", "9223372036854775808", "9" * 5_000]
)
def test_what_is_no_position_of_the_database_is_refused(text: str) -> None:
    with pytest.raises(NotAcceptable, match="invalid_cursor"):
        decode_position(encode_cursor(text))


def test_a_moment_comes_back() -> None:
    cursor = encode_cursor(NOW.isoformat(), str(guid("run")))
    assert decode_moment(cursor) == (NOW, guid("run"))


@pytest.mark.parametrize(
    ("at", "last"),
    [
        ("", str(guid("run"))),
        ("yesterday", str(guid("run"))),
        ("2026-03-01T12:00:00", str(guid("run"))),
        (NOW.isoformat(), "1"),
        (NOW.isoformat(), ""),
    ],
)
def test_what_is_no_moment_and_id_is_refused(at: str, last: str) -> None:
    with pytest.raises(NotAcceptable, match="invalid_cursor"):
        decode_moment(encode_cursor(at, last))
