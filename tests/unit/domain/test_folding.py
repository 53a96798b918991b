"""What looks alike to people is found by the same prefix."""

import pytest

from entra_plugin.domain.folding import contains, search_key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ada", "ADA"),
        ("  Ada ", "ada"),
        ("Stra\u00dfe", "STRASSE"),
        ("\uff21da", "ada"),
        ("Jose\u0301", "jos\u00e9"),
        ("\u0391\u03a3", "\u03b1\u03c3"),
    ],
)
def test_names_that_look_alike_have_one_key(first: str, second: str) -> None:
    assert search_key(first) == search_key(second)


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "\u200f", "a" * 10_000])
def test_bad_text_is_folded_without_failing(text: str) -> None:
    assert search_key(text) == text


def test_a_part_is_found_whatever_its_case_and_width() -> None:
    assert contains("\uff34\uff2f\uff33", None, "Contoso")
    assert contains("STRASSE", "Hauptstra\u00dfe 1")
    assert not contains("contoso", None, "", "Fabrikam")
