"""No cell begins like a formula, and no text is lost by the guard."""

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.web.spreadsheet import guarded, unguarded
from support.strategies import anything

cell = anything | st.text("=+-@|% \t\r\n\uff1d\uff0b\uff0d\uff20a", max_size=6)


@given(cell)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    shown = guarded(text).lstrip(" ")
    assert not shown or shown[0] not in "=+-@|%\t\r\n\uff1d\uff0b\uff0d\uff20"


@given(cell)
def test_the_guard_only_ever_adds_one_mark(text: str) -> None:
    assert guarded(text) in {text, f"'{text}"}


@given(cell)
def test_the_mark_is_taken_off_again(text: str) -> None:
    assert unguarded(guarded(text)) in {text, text.removeprefix("'")}
    if not text.startswith("'"):
        assert unguarded(guarded(text)) == text
