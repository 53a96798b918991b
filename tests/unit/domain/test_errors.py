"""Every failure carries a stable code, and names the decision it asks for by its class."""

import pytest

from entra_plugin.domain import errors
from entra_plugin.domain.errors import EntraError, NotFound, TransientFailure

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, EntraError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_failure_carries_code_details_and_vendor_code(kind: type[EntraError]) -> None:
    failure = kind("some_code", details={"count": 1}, vendor_code="AADSTS1")
    assert (failure.code, failure.details, failure.vendor_code) == (
        "some_code",
        {"count": 1},
        "AADSTS1",
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_the_text_of_a_failure_is_its_code_alone(kind: type[EntraError]) -> None:
    assert str(kind("some_code", details={"token": "canary"}, vendor_code="v")) == "some_code"


def test_the_tree_in_the_docstring_is_complete() -> None:
    tree = errors.__doc__ or ""
    assert all(f" {kind.__name__} " in tree for kind in CLASSES if kind is not EntraError)


def test_no_decision_is_a_special_case_of_another() -> None:
    assert all(kind.__bases__ == (EntraError,) for kind in CLASSES if kind is not EntraError)


def test_a_transient_failure_says_how_long_to_wait_if_it_knows() -> None:
    assert TransientFailure("throttled", retry_after=7.5).retry_after == 7.5
    assert TransientFailure("throttled").retry_after is None


def test_details_are_a_copy() -> None:
    details: dict[str, object] = {"count": 1}
    failure = NotFound("gone", details=details)
    details["count"] = 2
    assert failure.details == {"count": 1}
