"""Domains as evidence: read from whatever people typed, never from free mail or shared hosting."""

import pytest

from entra_plugin.domain.domains import SHARED, address_domain, evidence_domain, website_domain


@pytest.mark.parametrize(
    "website",
    [
        "contoso.example",
        "Contoso.Example",
        "www.contoso.example",
        "https://contoso.example",
        "HTTPS://WWW.CONTOSO.EXAMPLE/about?x=1#y",
        "http://contoso.example:8080/",
        "//contoso.example/x",
        "  contoso.example  ",
        "contoso.example.",
        "contoso.example//shop",
        "contoso.example/?next=https://fabrikam.example",
        "https://user:secret@contoso.example",
        "ada@contoso.example",
        "https://\uff57\uff57\uff57.contoso.example",
        "http://contoso.example\n",
    ],
)
def test_a_website_gives_its_domain_however_it_was_typed(website: str) -> None:
    assert website_domain(website) == "contoso.example"


@pytest.mark.parametrize(
    "website",
    [
        None,
        "",
        "   ",
        "none",
        "n/a",
        "http://",
        "http://[::1",
        "www.com",
        "https://",
        "con toso.example",
        "\x00.example",
        "a\x00b.example",
        "\ud800.example",
        "x" * 10_000 + ".example",
        "https://contoso.example/" + "x" * 10_000,
    ],
)
def test_what_names_no_domain_is_no_evidence(website: str | None) -> None:
    assert website_domain(website) is None


@pytest.mark.parametrize("domain", sorted(SHARED))
def test_free_mail_and_shared_hosting_are_no_evidence(domain: str) -> None:
    assert evidence_domain(domain) is None
    assert evidence_domain(domain.upper()) is None
    assert evidence_domain(f"contoso.{domain}") is None
    assert website_domain(f"https://www.{domain}/contoso") is None
    assert address_domain(f"contoso@{domain}") is None


def test_well_known_free_mail_is_on_the_list() -> None:
    assert {"gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com"} <= SHARED


def test_the_initial_domain_is_no_evidence() -> None:
    assert evidence_domain("contoso.onmicrosoft.com") is None
    assert evidence_domain("contoso.mail.onmicrosoft.com") is None


def test_a_domain_that_only_ends_like_free_mail_is_evidence() -> None:
    assert evidence_domain("notgmail.com") == "notgmail.com"


def test_an_international_domain_is_evidence_in_ascii() -> None:
    assert evidence_domain("M\u00fcnchen.example") == "xn--mnchen-3ya.example"
    assert address_domain("ada@m\u00fcnchen.example") == "xn--mnchen-3ya.example"


@pytest.mark.parametrize("name", [None, "", ".", "localhost", "a..b", "a" * 254, "x y.example"])
def test_what_is_no_full_domain_is_no_evidence(name: str | None) -> None:
    assert evidence_domain(name) is None


@pytest.mark.parametrize("address", [None, "", "contoso.example", "\u200fa@contoso.example"])
def test_what_is_no_address_gives_no_domain(address: str | None) -> None:
    assert address_domain(address) is None
