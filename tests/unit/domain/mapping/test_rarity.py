"""Rare words say much, and what is rare is learned from the MSP's own lists."""

from entra_plugin.domain.mapping.names import words
from entra_plugin.domain.mapping.rarity import Rarity


def test_a_word_weighs_less_the_more_names_have_it() -> None:
    rarity = Rarity(map(words, ["Elm Dental", "Oak Dental", "Ash Dental", "Ash"]))
    assert rarity.weight("unseen") > rarity.weight("ash") > rarity.weight("dental") > 0


def test_a_word_of_many_names_of_a_short_list_is_as_common_as_one_of_a_long_list() -> None:
    few = Rarity(words(f"C{i} Dental") for i in range(10))
    many = Rarity(words(f"C{i} Dental") for i in range(2000))
    assert few.weight("dental") < 1
    assert many.weight("dental") < 1


def test_a_number_says_little_however_rare() -> None:
    rarity = Rarity(map(words, ["Contoso 4711", "Fabrikam"]))
    assert rarity.weight("4711") < rarity.weight("contoso") / 2


def test_only_words_of_more_than_a_pair_of_names_are_known() -> None:
    rarity = Rarity(map(words, ["Norton", "Norton Ashby", "Norton Ltd", "Contoso", "Contoso Ltd"]))
    assert rarity.known("norton")
    assert not rarity.known("contoso")
