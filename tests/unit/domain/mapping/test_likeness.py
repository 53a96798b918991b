"""Names are compared by the information that they share and that each has alone."""

import pytest

from entra_plugin.domain.mapping.likeness import (
    Likeness,
    is_other_branch,
    label_likeness,
    likeness,
)
from entra_plugin.domain.mapping.names import parsed, words
from entra_plugin.domain.mapping.rarity import Rarity

_TRADES = ("Dental", "Group", "Law", "Plumbing")
_CORPUS = [
    *(f"{name} {trade}" for name in ("Elm", "Oak", "Ash", "Yew", "Fir") for trade in _TRADES),
    *("Norton", "Norton Ashby", "Norton Ltd", "Morton", "Morton Ashby", "Morton Inc"),
]
RARITY = Rarity(map(words, _CORPUS))


def alike(one: str, other: str) -> Likeness:
    return likeness(parsed(one), parsed(other), RARITY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Contoso Dental Ltd", "CONTOSO DENTAL Inc."),
        ("Contoso & Fabrikam", "Contoso and Fabrikam"),
        ("Saint Mary School", "St. Mary School"),
        ("Fabrikam Contoso", "Contoso Fabrikam"),
        ("North Wind", "Northwind"),
        ("Smith Ltd t/a Contoso", "Contoso"),
        ("\u041a\u0440\u0438\u0441\u0442\u0430\u043b\u043b", "Kristall"),
    ],
)
def test_one_name_in_two_spellings_is_equal(one: str, other: str) -> None:
    assert alike(one, other).equal
    assert alike(other, one).equal


@pytest.mark.parametrize("empty", ["", "&", "\u200f", "Default Directory"])
def test_two_empty_names_are_not_alike(empty: str) -> None:
    assert alike(empty, empty) == Likeness()
    assert alike(empty, "Contoso") == Likeness()


def test_common_words_alone_say_little() -> None:
    found = alike("Contoso Dental Group", "Northwind Dental Group")
    assert not found.equal
    assert found.part < 0.3
    assert min(found.left, found.right) > 5


@pytest.mark.parametrize(
    "slip",
    ["Contosso", "Contso", "Cnotoso", "Contaso"],
    ids=["twice", "left out", "turned", "other"],
)
def test_a_slip_of_the_keyboard_is_nearly_the_word(slip: str) -> None:
    assert alike("Contoso", slip).part > 0.6


def test_two_words_in_use_are_no_slips_of_each_other() -> None:
    assert alike("Norton", "Morton").part < alike("Contoso", "Contaso").part / 2


def test_a_shortened_word_counts_in_part() -> None:
    assert 0.2 < alike("Contoso Manuf", "Contoso Manufaktur").part < 1


def test_initials_stand_for_their_words() -> None:
    found = alike("CFT", "Contoso Fabrikam Tailspin")
    assert found.shared > 4
    assert found.left == found.right == 0


def test_consonants_tell_a_name_of_a_script_without_vowels() -> None:
    assert alike("\u05db\u05e8\u05de\u05dc", "Carmel").part > 0.5
    assert alike("Carmel", "Kremlo").part == 0


@pytest.mark.parametrize(
    ("label", "name", "least", "most"),
    [
        ("contosodental", "Contoso Dental", 1.0, 1.0),
        ("contoso", "Contoso Dental", 0.5, 0.7),
        ("cft", "Contoso Fabrikam Tailspin", 0.5, 0.5),
        ("contosodentl", "Contoso Dental", 0.8, 0.95),
        ("tailspin", "Contoso", 0.0, 0.0),
        ("contoso", "", 0.0, 0.0),
    ],
)
def test_the_label_of_a_domain_is_a_name_too(
    label: str, name: str, least: float, most: float
) -> None:
    assert least <= label_likeness([label], parsed(name)) <= most


def test_labels_that_go_on_differently_are_branches() -> None:
    assert is_other_branch("pizzacoleeds", "pizzacoyork")
    assert not is_other_branch("pizzaco", "pizzacoyork")
    assert not is_other_branch("contoso", "fabrikam")
