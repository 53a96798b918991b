"""Company names are compared by the words that tell companies apart."""

import pytest

from entra_plugin.domain.names import Rarity, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Contoso Ltd.", {"contoso"}),
        ("CONTOSO, Inc.", {"contoso"}),
        ("Contoso S.A.", {"contoso"}),
        ("M\u00fcller & S\u00f6hne GmbH", {"muller", "sohne"}),
        ("Mu\u0308ller und So\u0308hne", {"muller", "sohne"}),
        ("Stra\u00dfe", {"strasse"}),
        ("\uff23ontoso", {"contoso"}),
        ("O'Neil Dental", {"oneil", "dental"}),
        ("the_north-wind", {"north", "wind"}),
        ("\u682a\u5f0f\u4f1a\u793e", {"\u682a\u5f0f\u4f1a\u793e"}),
    ],
)
def test_case_accents_punctuation_and_legal_forms_do_not_count(
    name: str, expected: set[str]
) -> None:
    assert words(name) == expected


def test_a_name_of_nothing_but_legal_words_keeps_them() -> None:
    assert words("The Group") == {"the", "group"}


@pytest.mark.parametrize("name", ["", "   ", "\x00", "\ud800", "\u200f", "---", "&"])
def test_a_name_without_words_has_none(name: str) -> None:
    assert words(name) in (frozenset(), {"and"})


def test_a_very_long_name_is_cut() -> None:
    assert words("a" * 10_000) == {"a" * 300}


def test_equal_names_are_wholly_alike_and_different_ones_not_at_all() -> None:
    names = [words("Contoso"), words("Fabrikam")]
    rarity = Rarity(names)
    assert rarity.similarity(names[0], names[0]) == 1.0
    assert rarity.similarity(names[0], names[1]) == 0.0


def test_names_without_words_are_not_alike() -> None:
    empty: frozenset[str] = frozenset()
    assert Rarity([]).similarity(empty, empty) == 0.0
    assert Rarity([]).similarity(empty, words("Contoso")) == 0.0


def test_a_rare_word_in_common_says_more_than_a_common_one() -> None:
    names = [words(f"{place} Dental") for place in ("Elm", "Oak", "Ash", "Yew", "Fir")]
    rarity = Rarity(names)
    rare = rarity.similarity(words("Elm Dental"), words("Elm Clinic"))
    common = rarity.similarity(words("Elm Dental"), words("Oak Dental"))
    assert rare > common


def test_a_word_weighs_less_the_more_names_have_it() -> None:
    rarity = Rarity([words("Elm Dental"), words("Oak Dental"), words("Ash")])
    assert rarity.weight("unseen") > rarity.weight("elm") > rarity.weight("dental") > 0
