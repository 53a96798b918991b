"""What looks alike to people is found by the same prefix."""

import pytest

from entra_plugin.domain.folding import (
    NAME_LENGTH,
    compositions,
    contains,
    search_key,
    shown_name,
)


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


@pytest.mark.parametrize("text", ["zo\u00eb", "zoe\u0308"])
def test_a_name_is_composed_in_either_way(text: str) -> None:
    assert set(compositions(text)) == {"zo\u00eb", "zoe\u0308"}
    assert compositions("zoe") == ("zoe",)


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "\u200f", "a" * 10_000])
def test_bad_text_is_folded_without_failing(text: str) -> None:
    assert search_key(text) == text


def test_a_part_is_found_whatever_its_case_and_width() -> None:
    assert contains("\uff34\uff2f\uff33", None, "Contoso")
    assert contains("STRASSE", "Hauptstra\u00dfe 1")
    assert not contains("contoso", None, "", "Fabrikam")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Contoso", "Contoso"),
        ("  Contoso\x00 \ud800Ltd\n ", "Contoso Ltd"),
        ("\u202eGnp.exe\u202c", "Gnp.exe"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627", "\u0645\u06cc\u200c\u062e\u0648\u0627"),
        ("x" * 10_000, "x" * NAME_LENGTH),
        ("\x00\u202e", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_name_is_kept_as_lists_can_show_it(name: object, shown: str | None) -> None:
    assert shown_name(name) == shown
