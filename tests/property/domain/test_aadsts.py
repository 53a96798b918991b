"""Whatever the sign-in service answers, it becomes one of our errors with a known code."""

import re

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.aadsts import CODES, sign_in_error
from entra_plugin.domain.errors import EntraError, TransientFailure
from support.strategies import anything

value: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)

answers = st.dictionaries(
    st.sampled_from(["error", "error_codes", "error_description", "suberror", "claims"]), value
)


@given(answers, st.booleans())
def test_any_answer_becomes_an_error_with_a_listed_code(
    answer: dict[str, object], at_customer: bool
) -> None:
    failure = sign_in_error(answer, at_customer=at_customer)
    assert isinstance(failure, EntraError)
    assert failure.code in CODES


@given(answers, st.booleans())
def test_nothing_of_an_answer_is_kept_but_a_number_or_a_machine_word(
    answer: dict[str, object], at_customer: bool
) -> None:
    failure = sign_in_error(answer, at_customer=at_customer)
    assert not failure.details
    assert re.fullmatch(r"AADSTS[0-9]{1,9}|[a-z_]{1,60}", failure.vendor_code or "none")


@given(st.permutations([50173, 70000, 2, 3]))
def test_a_known_number_is_found_wherever_it_stands(numbers: list[int]) -> None:
    answer = {"error": "invalid_grant", "error_codes": numbers}
    assert sign_in_error(answer, at_customer=True).code == "grant_revoked"


@given(answers, st.sampled_from(["temporarily_unavailable", "server_error"]), st.booleans())
def test_what_is_temporary_is_never_taken_for_a_refusal(
    answer: dict[str, object], error: str, at_customer: bool
) -> None:
    failure = sign_in_error({**answer, "error": error}, at_customer=at_customer)
    assert isinstance(failure, TransientFailure)
