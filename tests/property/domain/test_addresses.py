"""Whatever is typed, an address has at most one normal form, and that is clean."""

from hypothesis import example, given
from hypothesis import strategies as st

from entra_plugin.domain.addresses import normalise, spellings, to_ascii, usable_address
from entra_plugin.domain.domains import address_domain, evidence_domain, website_domain
from entra_plugin.domain.folding import search_key
from entra_plugin.domain.mapping.names import words
from support.strategies import addresses, anything, names

typed = anything | names | st.builds("{}@{}".format, st.text(max_size=8), st.text(max_size=8))


@given(typed)
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    normal = normalise(text)
    assert normal is None or normalise(normal) == normal


@given(st.text(min_size=1, max_size=12), st.sampled_from(["contoso.example", "\u00fc.example"]))
def test_any_local_part_has_one_normal_form(local: str, domain: str) -> None:
    normal = normalise(f"{local}@{domain}")
    assert normal is None or normalise(normal) == normal


@given(typed)
def test_a_normal_form_can_be_seen_stored_and_split(text: str) -> None:
    normal = normalise(text)
    if normal is not None:
        local, _, domain = normal.partition("@")
        assert local
        assert domain
        assert "@" not in domain
        assert domain.isascii()
        assert domain == domain.lower()
        assert normal.isprintable()
        assert " " not in normal
        assert len(normal) <= 320
        normal.encode()


@given(addresses, st.text(" \t\r\n\u00a0\u3000", max_size=4))
def test_case_and_surrounding_space_do_not_matter(address: str, space: str) -> None:
    assert normalise(f"{space}{address.upper()}{space}") == normalise(address)


@given(typed)
def test_every_spelling_of_an_address_leads_back_to_it(text: str) -> None:
    normal = normalise(text)
    if normal is not None:
        assert spellings(normal)[0] == normal
        assert {normalise(spelling) for spelling in spellings(normal)} == {normal}


@given(typed)
def test_the_ascii_form_of_a_domain_is_its_own(text: str) -> None:
    name = to_ascii(text)
    assert name is None or to_ascii(name) == name


@given(st.none() | typed, typed)
def test_a_usable_address_is_normal_and_mail_wins(mail: str | None, upn: str) -> None:
    address = usable_address(mail, upn)
    assert address in {normalise(mail), normalise(upn), None}
    assert normalise(mail) in {None, address}


@given(anything)
def test_whatever_is_read_as_evidence_is_a_domain_that_is_evidence(text: str) -> None:
    for domain in (website_domain(text), address_domain(text), evidence_domain(text)):
        assert domain is None or evidence_domain(domain) == domain


@given(anything)
@example("\u00c6E")
def test_folding_twice_changes_nothing_for_names(text: str) -> None:
    assert words(" ".join(words(text))) <= words(text)


@given(anything)
def test_a_search_key_never_fails(text: str) -> None:
    assert isinstance(search_key(text), str)
