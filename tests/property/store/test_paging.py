"""Cursors bring back what they name, and no text at all makes them fail otherwise."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.store.paging import decode_cursor, decode_moment, decode_position, encode_cursor
from support.strategies import anything

part = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


@given(st.lists(part, min_size=1, max_size=4))
def test_a_cursor_brings_back_what_it_names(parts: list[str]) -> None:
    assert decode_cursor(encode_cursor(*parts), len(parts)) == parts


@given(st.integers(0, 2**63 - 1))
def test_a_position_comes_back(position: int) -> None:
    assert decode_position(encode_cursor(str(position))) == position


def _raw(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@given(anything | st.binary(max_size=30).map(_raw))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(NotAcceptable):
        values = decode_cursor(text, 1)
        assert decode_cursor(encode_cursor(*values), 1) == values


@given(part, part)
def test_any_parts_are_a_position_or_a_moment_or_refused(first: str, second: str) -> None:
    if not (first.isascii() and first.isdecimal()):
        with pytest.raises(NotAcceptable):
            decode_position(encode_cursor(first))
    with suppress(NotAcceptable):
        moment, _ = decode_moment(encode_cursor(first, second))
        assert moment.tzinfo is not None
