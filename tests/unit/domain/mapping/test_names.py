"""Company names are folded to the words that tell companies apart, in any script."""

import pytest

from entra_plugin.domain.mapping.names import MAX_LENGTH, is_disguised, parsed, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Contoso Ltd.", {"contoso"}),
        ("CONTOSO, Inc.", {"contoso"}),
        ("Contoso S.A.", {"contoso"}),
        ("Contoso S. r. l.", {"contoso"}),
        ("Contoso Sp. z o.o.", {"contoso"}),
        ("Contoso GmbH & Co. KG", {"contoso"}),
        ("Contoso Sdn Bhd", {"contoso"}),
        ("\u041e\u041e\u041e \u041a\u0440\u0438\u0441\u0442\u0430\u043b\u043b", {"kristall"}),
        ("M\u00fcller & S\u00f6hne GmbH", {"muller", "sohne"}),
        ("Mu\u0308ller und So\u0308hne", {"muller", "sohne"}),
        ("Mueller und Soehne", {"muller", "sohne"}),
        ("Stra\u00dfe", {"strasse"}),
        ("\uff23ontoso", {"contoso"}),
        ("O'Neil Dental", {"oneil", "dental"}),
        ("O\u2019Neil Dental", {"oneil", "dental"}),
        ("the_north-wind", {"north", "wind"}),
        ("Saint Mary's School", {"st", "marys", "school"}),
        ("St. Marys School", {"st", "marys", "school"}),
        ("Contoso Brothers International", {"contoso", "bros", "intl"}),
        ("Contoso (Test)", {"contoso"}),
        ("\u682a\u5f0f\u4f1a\u793e\u5c71\u7530", {"\u5c71", "\u7530"}),
        ("\u3055\u304f\u3089", {"sakura"}),
        ("\uc8fc\uc2dd\ud68c\uc0ac \ud55c\ube5b", {"hanbich"}),
    ],
)
def test_case_accents_punctuation_and_legal_forms_do_not_count(
    name: str, expected: set[str]
) -> None:
    assert words(name) == expected


def test_a_name_of_nothing_but_legal_words_keeps_one() -> None:
    assert words("The Company Ltd") == {"ltd"} or words("The Co Ltd")


@pytest.mark.parametrize(
    "name",
    ["", "   ", "\x00", "\ud800", "\u200f", "---", "&", "Default Directory", "Microsoft 365"],
)
def test_a_name_that_names_nobody_has_no_words(name: str) -> None:
    assert parsed(name).variants == ()


def test_a_very_long_name_is_cut() -> None:
    assert words("b" * 10_000) == {"b" * MAX_LENGTH}


@pytest.mark.parametrize(
    "name",
    ["Smith Ltd t/a Contoso", "Smith Ltd trading as Contoso", "Smith dba Contoso"],
)
def test_a_trading_name_is_a_name_of_its_own(name: str) -> None:
    assert {variant.words for variant in parsed(name).variants} == {("smith",), ("contoso",)}


def test_invisible_characters_and_lone_surrogates_do_not_count() -> None:
    assert words("Con\u200dto\u202eso\ud800\u0000 Dental") == {"contoso", "dental"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C\u043ent\u043es\u043e", True),  # Cyrillic o
        ("\u0391lpine", True),  # Greek A
        ("Contoso", False),
        ("M\u00fcller", False),
        ("\u041a\u0440\u0438\u0441\u0442\u0430\u043b\u043b Contoso", False),
        ("\u682a\u5f0f\u4f1a\u793eABC", False),
    ],
)
def test_a_word_of_two_scripts_that_look_alike_is_a_disguise(name: str, expected: bool) -> None:
    assert is_disguised(name) is expected
    assert parsed(name).disguised is expected
