"""Addresses have one normal form, and what cannot be an address has none."""

import pytest

from entra_plugin.domain.addresses import (
    domain_of,
    normalise,
    spellings,
    to_ascii,
    usable_address,
)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Ada@Contoso.Example", "ada@contoso.example"),
        ("  ada@contoso.example\t", "ada@contoso.example"),
        ("ada@contoso.example.", "ada@contoso.example"),
        ("\uff41da@contoso.example", "ada@contoso.example"),
        ("ada\uff20contoso.example", "ada@contoso.example"),
        ("ada@m\u00fcnchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@M\u00dcNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@xn--mnchen-3ya.example", "ada@xn--mnchen-3ya.example"),
        ("ada@contoso\u3002example", "ada@contoso.example"),
        ("jos\u00e9@contoso.example", "jos\u00e9@contoso.example"),
        ("jose\u0301@contoso.example", "jos\u00e9@contoso.example"),
        ("JOSE\u0301@contoso.example", "jos\u00e9@contoso.example"),
        ("\u0394\u03b7\u03bc@contoso.example", "\u03b4\u03b7\u03bc@contoso.example"),
        ("o'neil+x@contoso.example", "o'neil+x@contoso.example"),
    ],
)
def test_spellings_of_one_address_have_one_normal_form(typed: str, normal: str) -> None:
    assert normalise(typed) == normal


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "   ",
        "@",
        "ada",
        "ada@",
        "@contoso.example",
        "ada@.",
        "ada@@contoso.example",
        "ada@contoso@contoso.example",
        "ada@contoso@m\u00fcnchen.example",
        "ada@\uff20contoso.example",
        '"ada@home"@contoso.example',
        "ada@contoso..example",
        "ada lovelace@contoso.example",
        "ada@contoso example",
        "ada\u00a0l@contoso.example",
        "ada@m\u00fcnchen..example",
        "ada@[192.0.2.1]",
        "ada@" + "x" * 64 + ".example",
    ],
)
def test_text_that_cannot_be_an_address_has_no_normal_form(text: str | None) -> None:
    assert normalise(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a\x00da@contoso.example",
        "ada@con\x00toso.example",
        "ada\ud800@contoso.example",
        "ada@\ud800.example",
        "\u200fada@contoso.example",
        "\u202eada@contoso.example",
        "ada\u200b@contoso.example",
        "a\u00adda@contoso.example",
        "ada\x7f@contoso.example",
        "ada\n@contoso.example",
    ],
)
def test_invisible_and_unstorable_characters_make_no_address(text: str) -> None:
    assert normalise(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000 + "@contoso.example",
        "\u00e9" * 10_000 + "@contoso.example",
        "ada@" + "x" * 10_000 + ".example",
        "ada@" + "\u00fc." * 10_000 + "example",
        "\u0301" * 10_000,
    ],
    ids=["local", "unicode local", "label", "labels", "combining"],
)
def test_text_of_ten_thousand_characters_is_no_address(text: str) -> None:
    assert normalise(text) is None


def test_an_address_longer_than_the_standard_allows_is_none() -> None:
    domain = ".".join(["x" * 60] * 5)
    assert normalise(f"{'a' * 15}@{domain}") is not None
    assert normalise(f"{'a' * 16}@{domain}") is None


@pytest.mark.parametrize("domain", ["a\x00.example", "a b.example", "", ".", "a..b", "-" * 64])
def test_what_is_no_domain_name_has_no_ascii_form(domain: str) -> None:
    assert to_ascii(domain) is None


def test_an_international_domain_is_looked_for_in_both_spellings() -> None:
    assert spellings("ada@xn--mnchen-3ya.example") == (
        "ada@xn--mnchen-3ya.example",
        "ada@m\u00fcnchen.example",
        "ada@mu\u0308nchen.example",
    )


def test_an_accent_is_looked_for_in_its_letter_and_behind_it() -> None:
    assert spellings("jos\u00e9@contoso.example") == (
        "jos\u00e9@contoso.example",
        "jose\u0301@contoso.example",
    )


@pytest.mark.parametrize("address", ["ada@contoso.example", "ada@xn--zzzzzzzz--.example"])
def test_other_domains_have_one_spelling(address: str) -> None:
    assert spellings(address) == (address,)


def test_the_domain_is_what_follows_the_sign() -> None:
    assert domain_of("ada@contoso.example") == "contoso.example"


def test_mail_comes_before_the_user_principal_name() -> None:
    assert usable_address("Mail@contoso.example", "upn@contoso.example") == "mail@contoso.example"


@pytest.mark.parametrize(
    "mail",
    [
        None,
        "",
        "not an address",
        "\u200fx@contoso.example",
        "x@@contoso.example",
        "two words@contoso.example",
    ],
)
def test_the_user_principal_name_stands_in_for_a_missing_or_unusable_mail(mail: str | None) -> None:
    assert usable_address(mail, "UPN@contoso.example") == "upn@contoso.example"


@pytest.mark.parametrize(
    "upn",
    [
        "ada@contoso.onmicrosoft.com",
        "ada@CONTOSO.ONMICROSOFT.COM",
        "ada@contoso.mail.onmicrosoft.com",
        "ada",
        "",
        "ada@@contoso.example",
        "ada lovelace@contoso.example",
    ],
)
def test_a_user_principal_name_on_the_initial_domain_or_unusable_is_no_address(upn: str) -> None:
    assert usable_address(None, upn) is None


def test_a_domain_that_only_looks_like_the_initial_one_is_an_address() -> None:
    assert usable_address(None, "ada@notonmicrosoft.com") == "ada@notonmicrosoft.com"


def test_a_mail_on_the_initial_domain_is_an_address() -> None:
    address = usable_address("ada@contoso.onmicrosoft.com", "ada@contoso.onmicrosoft.com")
    assert address == "ada@contoso.onmicrosoft.com"


@pytest.mark.parametrize("capital", "\u03aa\u03ab\u03d4\u1fbc\u1fcc\u1ffc")
def test_a_capital_whose_small_letter_composes_is_normalised_at_once(capital: str) -> None:
    normal = normalise(f"{capital}\u0301@contoso.example")
    assert normal is not None
    assert normalise(normal) == normal
