"""Microsoft's sign-in errors become ours: by number where it is known, else by ``error``."""

import pytest

from entra_plugin.domain.aadsts import CODES, sign_in_error
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)


def error(number: int, *, at_customer: bool = False) -> EntraError:
    """Our error for a number of Microsoft's."""
    answer = {"error": "invalid_grant", "error_codes": [number]}
    return sign_in_error(answer, at_customer=at_customer)


@pytest.mark.parametrize(
    "number",
    [50173, 700082, 70008, 70043, 70000, 530034, 50057, 50053, 50055, 50126, 50105],
)
@pytest.mark.parametrize("at_customer", [True, False])
def test_a_dead_authorisation_ends_the_connection(number: int, at_customer: bool) -> None:
    assert type(error(number, at_customer=at_customer)) is AuthorisationLost


@pytest.mark.parametrize(
    "number",
    [
        *(65001, 650056, 90099, 50020, 50177, 50034, 90072, 16000),
        *(500212, 500213, 90002, 900023, 5000224),
    ],
)
@pytest.mark.parametrize("at_customer", [True, False])
def test_a_refusal_of_one_customer_stays_with_it(number: int, at_customer: bool) -> None:
    assert type(error(number, at_customer=at_customer)) is ConsentMissing


@pytest.mark.parametrize(
    "number",
    [
        *(90094, 90095, 65004, 50194, 7000215, 70002, 7000222, 700027),
        *(50011, 500011, 65005, 650052, 50196),
    ],
)
@pytest.mark.parametrize("at_customer", [True, False])
def test_a_wrong_set_up_stops_until_a_person_repairs_it(number: int, at_customer: bool) -> None:
    assert type(error(number, at_customer=at_customer)) is ConfigurationInvalid


@pytest.mark.parametrize(
    "number",
    [
        *(50076, 50079, 50074, 50078, 50072),
        *(53003, 530032, 53000, 53001, 53002, 50131, 700016, 7000112, 70001),
    ],
)
def test_what_may_be_either_is_the_customers_only_where_the_customer_answered(number: int) -> None:
    assert type(error(number, at_customer=True)) is ConsentMissing
    assert type(error(number, at_customer=False)) is AuthorisationLost


@pytest.mark.parametrize("number", [90033, 90006, 90024, 90012, 50033, 90055])
def test_an_unavailable_service_is_tried_again_after_the_time_it_named(number: int) -> None:
    answer = {"error": "invalid_grant", "error_codes": [number]}
    failure = sign_in_error(answer, at_customer=True, retry_after=17)
    assert isinstance(failure, TransientFailure)
    assert failure.retry_after == 17


@pytest.mark.parametrize(
    ("name", "at_customer", "kind", "code"),
    [
        ("temporarily_unavailable", True, TransientFailure, "sign_in_unavailable"),
        ("invalid_client", True, ConfigurationInvalid, "client_credentials_refused"),
        ("interaction_required", True, ConsentMissing, "mfa_required"),
        ("interaction_required", False, AuthorisationLost, "mfa_required"),
        ("consent_required", False, ConsentMissing, "consent_missing"),
        ("access_denied", False, ConfigurationInvalid, "consent_refused"),
        ("invalid_grant", False, AuthorisationLost, "authorisation_lost"),
        ("invalid_grant", True, ConsentMissing, "sign_in_refused"),
        ("something_new", True, ConsentMissing, "sign_in_failed"),
        ("something_new", False, AuthorisationLost, "sign_in_failed"),
    ],
)
def test_an_unknown_number_is_judged_by_the_error(
    name: str, at_customer: bool, kind: type[EntraError], code: str
) -> None:
    answer = {"error": name, "error_codes": [123456789]}
    failure = sign_in_error(answer, at_customer=at_customer)
    assert (type(failure), failure.code) == (kind, code)


def test_the_first_known_number_decides_and_the_first_number_is_shown() -> None:
    answer = {"error": "invalid_grant", "error_codes": [999, 50173]}
    failure = sign_in_error(answer, at_customer=False)
    assert (failure.code, failure.vendor_code) == ("grant_revoked", "AADSTS999")


def test_on_a_redirect_the_number_stands_at_the_start_of_the_description() -> None:
    answer = {"error": "access_denied", "error_description": "AADSTS65004: User declined."}
    failure = sign_in_error(answer, at_customer=False)
    assert (failure.code, failure.vendor_code) == ("consent_refused", "AADSTS65004")


def test_a_number_in_the_middle_of_a_description_is_not_read() -> None:
    answer = {"error": "x", "error_description": "See AADSTS50173: it was revoked."}
    assert sign_in_error(answer, at_customer=False).code == "sign_in_failed"


def test_vendor_text_goes_nowhere() -> None:
    answer = {"error": "invalid_grant", "error_description": "AADSTS50173: canary"}
    failure = sign_in_error(answer, at_customer=False)
    assert "canary" not in f"{failure!r} {failure.details} {failure.vendor_code}"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"error": None},
        {"error": ["x"], "error_codes": "50173"},
        {"error_codes": [None, True, "\u00b2", "x", -1, 1.5, {}, "9" * 5_000]},
        {"error_description": "AADSTS\u00b2: x"},
        {"error_description": "AADSTS" + "9" * 5_000 + ": x"},
        {"error_description": 7},
    ],
    ids=["empty", "null", "types", "codes", "digit", "long", "number"],
)
def test_a_malformed_answer_still_gets_a_sane_class(answer: dict[str, object]) -> None:
    failure = sign_in_error(answer, at_customer=False)
    assert (type(failure), failure.code) == (AuthorisationLost, "sign_in_failed")


def test_every_code_that_can_be_given_is_listed() -> None:
    given = {
        sign_in_error({"error": name, "error_codes": [number]}, at_customer=there).code
        for name in ("invalid_grant", "invalid_client", "interaction_required", "new")
        for number in (1, 50173, 65001, 50076, 50011, 90033)
        for there in (True, False)
    }
    assert given <= CODES
