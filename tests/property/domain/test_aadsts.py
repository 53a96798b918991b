"""Whatever the sign-in service answers, it becomes one of our errors with a known code."""

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.aadsts import CODES, sign_in_error
from entra_plugin.domain.errors import EntraError
from support.strategies import anything

value: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["error", "error_codes", "error_description", "suberror"]), value
    ),
    st.booleans(),
)
def test_any_answer_becomes_an_error_with_a_listed_code(
    answer: dict[str, object], at_customer: bool
) -> None:
    failure = sign_in_error(answer, at_customer=at_customer)
    assert isinstance(failure, EntraError)
    assert failure.code in CODES


@given(st.permutations([50173, 1, 2, 3]))
def test_a_known_number_is_found_wherever_it_stands(numbers: list[int]) -> None:
    answer = {"error": "invalid_grant", "error_codes": numbers}
    assert sign_in_error(answer, at_customer=True).code == "grant_revoked"
