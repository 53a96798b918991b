"""Filters answer for every user, and each option only adds to or takes from what it is about."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from entra_plugin.domain.filters import FilterRule, Filters, address_of
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.states import VerdictReason
from support.builders import person
from support.strategies import anything, directory_users, filters


@given(directory_users(), filters)
def test_who_counts_has_an_address_and_is_enabled(user: DirectoryUser, options: Filters) -> None:
    if FilterRule(options).reason(user) is None:
        assert address_of(user) is not None
        assert user.enabled
        assert not user.resource_account


@given(directory_users(), filters)
def test_a_guest_counts_only_when_asked_for(user: DirectoryUser, options: Filters) -> None:
    guest = replace(user, user_type="Guest")
    closed = dataclasses.replace(options, include_guests=False)
    assert FilterRule(closed).reason(guest) == VerdictReason.GUEST


@given(directory_users(), filters)
def test_a_stricter_option_never_lets_anybody_in(user: DirectoryUser, options: Filters) -> None:
    strict = dataclasses.replace(
        options,
        licensed_only=True,
        include_guests=False,
        exclude_patterns=(*options.exclude_patterns, "a*"),
    )
    if FilterRule(options).reason(user) is not None:
        assert FilterRule(strict).reason(user) is not None


@given(anything)
def test_any_text_as_a_name_is_judged_without_failing(text: str) -> None:
    odd = person(text)
    FilterRule(Filters(exclude_patterns=("*a*a*a*",))).reason(odd)


@given(
    st.from_regex(r"[a-z]{2,10}\.[a-z]{2,10}", fullmatch=True),
    st.sampled_from(["botanicals.example", "svc.example", "contoso.example"]),
)
def test_a_name_of_two_words_with_a_dot_is_a_person(local: str, domain: str) -> None:
    assert FilterRule(Filters()).reason(person(local, domain)) is None
