"""Microsoft's sign-in errors become ours: by number, by suberror, else by error."""

import pytest

from entra_plugin.domain.aadsts import CODES, RETRIED_ONCE, sign_in_error
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)

UNKNOWN = 123456789

CONNECTION = (AuthorisationLost, AuthorisationLost)
SET_UP = (ConfigurationInvalid, ConfigurationInvalid)
TENANT = (ConsentMissing, ConsentMissing)
EITHER = (AuthorisationLost, ConsentMissing)
CONSENT = (ConfigurationInvalid, ConsentMissing)
LATER = (TransientFailure, TransientFailure)

Kinds = tuple[type[EntraError], type[EntraError]]

TABLE: list[tuple[str, Kinds, tuple[int, ...]]] = [
    ("grant_revoked", CONNECTION, (50173, 50132, 50133)),
    ("refresh_token_expired", CONNECTION, (700082, 70008, 50089)),
    ("sign_in_frequency", CONNECTION, (70043,)),
    ("authorisation_lost", CONNECTION, (70000,)),
    ("mfa_required", EITHER, (50076, 50079, 50074, 50078, 50072)),
    (
        "conditional_access_blocked",
        EITHER,
        (53003, 530032, 530035, 53000, 53001, 53002, 50131),
    ),
    ("partner_account_risky", CONNECTION, (530034, 53011)),
    ("consent_missing", TENANT, (65001, 650056)),
    ("partner_consent_missing", TENANT, (90099,)),
    ("admin_consent_required", CONSENT, (90094, 90095)),
    ("consent_refused", CONSENT, (65004,)),
    ("app_not_found", EITHER, (700016, 700011, 7000229)),
    ("app_not_multi_tenant", SET_UP, (50194,)),
    ("client_secret_wrong", SET_UP, (7000215, 70002)),
    ("client_secret_expired", SET_UP, (7000222,)),
    ("app_changed", SET_UP, (700007,)),
    ("app_disabled", EITHER, (7000112, 70001)),
    ("client_assertion_invalid", SET_UP, (700027,)),
    ("redirect_uri_mismatch", SET_UP, (50011,)),
    ("account_not_in_tenant", TENANT, (50020, 50177, 50034, 90072, 16000, 16003, 51004)),
    ("account_unusable", CONNECTION, (50057, 50053, 50055, 50126, 50056, 50144)),
    ("user_not_assigned", EITHER, (50105,)),
    ("graph_permission_missing", SET_UP, (500011, 65005, 650052, 650057)),
    ("cross_tenant_outbound", TENANT, (500212,)),
    ("cross_tenant_policy", TENANT, (500213,)),
    ("directory_not_found", TENANT, (90002, 900023, 5000224)),
    ("sign_in_unavailable", LATER, (90033, 90006, 90024, 90012, 50033, 90055, 90090)),
    ("loop_detected", SET_UP, (50196,)),
]


@pytest.mark.parametrize(
    ("code", "kinds", "number"),
    [(code, kinds, number) for code, kinds, numbers in TABLE for number in numbers],
)
@pytest.mark.parametrize("error", ["invalid_grant", "something_new"])
def test_a_number_says_what_it_is_and_how_far_it_reaches(
    code: str, kinds: Kinds, number: int, error: str
) -> None:
    for at_customer, kind in enumerate(kinds):
        failure = sign_in_error(
            {"error": error, "error_codes": [number]}, at_customer=bool(at_customer)
        )
        assert (type(failure), failure.code) == (kind, code)
        assert failure.vendor_code == f"AADSTS{number}"


@pytest.mark.parametrize(
    ("suberror", "code", "kinds"),
    [
        ("consent_required", "consent_missing", TENANT),
        ("basic_action", "interaction_required", EITHER),
        ("additional_action", "interaction_required", EITHER),
        ("message_only", "sign_in_blocked", EITHER),
        ("user_password_expired", "account_unusable", CONNECTION),
        ("bad_token", "authorisation_lost", CONNECTION),
        ("token_expired", "refresh_token_expired", CONNECTION),
        ("protection_policy_required", "conditional_access_blocked", EITHER),
        ("device_authentication_failed", "conditional_access_blocked", EITHER),
        ("client_mismatch", "app_changed", SET_UP),
    ],
)
@pytest.mark.parametrize("codes", [[UNKNOWN], [70000], []], ids=["unknown", "says little", "none"])
def test_without_a_telling_number_the_suberror_decides(
    suberror: str, code: str, kinds: Kinds, codes: list[int]
) -> None:
    for at_customer, kind in enumerate(kinds):
        answer = {"error": "invalid_grant", "suberror": suberror, "error_codes": codes}
        failure = sign_in_error(answer, at_customer=bool(at_customer))
        assert (type(failure), failure.code) == (kind, code)


def test_a_telling_number_is_more_exact_than_the_suberror() -> None:
    answer = {"error": "invalid_grant", "suberror": "basic_action", "error_codes": [50076]}
    assert sign_in_error(answer, at_customer=True).code == "mfa_required"


@pytest.mark.parametrize(
    ("error", "at_home", "at_customer"),
    [
        (
            "temporarily_unavailable",
            (TransientFailure, "sign_in_unavailable"),
            (TransientFailure, "sign_in_unavailable"),
        ),
        (
            "server_error",
            (TransientFailure, "sign_in_unavailable"),
            (TransientFailure, "sign_in_unavailable"),
        ),
        (
            "invalid_client",
            (ConfigurationInvalid, "client_credentials_refused"),
            (ConfigurationInvalid, "client_credentials_refused"),
        ),
        (
            "interaction_required",
            (AuthorisationLost, "interaction_required"),
            (ConsentMissing, "interaction_required"),
        ),
        (
            "login_required",
            (AuthorisationLost, "interaction_required"),
            (ConsentMissing, "interaction_required"),
        ),
        (
            "consent_required",
            (ConsentMissing, "consent_missing"),
            (ConsentMissing, "consent_missing"),
        ),
        (
            "access_denied",
            (ConfigurationInvalid, "consent_refused"),
            (ConsentMissing, "consent_refused"),
        ),
        (
            "unauthorized_client",
            (AuthorisationLost, "app_not_found"),
            (ConsentMissing, "app_not_found"),
        ),
        (
            "invalid_grant",
            (AuthorisationLost, "authorisation_lost"),
            (ConsentMissing, "sign_in_refused"),
        ),
        (
            "invalid_resource",
            (ConfigurationInvalid, "graph_permission_missing"),
            (ConsentMissing, "sign_in_refused"),
        ),
        (
            "invalid_scope",
            (ConfigurationInvalid, "graph_permission_missing"),
            (ConsentMissing, "sign_in_refused"),
        ),
        (
            "something_new",
            (AuthorisationLost, "sign_in_failed"),
            (ConsentMissing, "sign_in_failed"),
        ),
    ],
)
def test_an_unknown_number_is_judged_by_the_error(
    error: str, at_home: tuple[type[EntraError], str], at_customer: tuple[type[EntraError], str]
) -> None:
    answer = {"error": error, "suberror": "something_new", "error_codes": [UNKNOWN]}
    for there, expected in ((False, at_home), (True, at_customer)):
        failure = sign_in_error(answer, at_customer=there)
        assert (type(failure), failure.code) == expected


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error"])
def test_what_is_said_to_be_temporary_is_so_whatever_the_number(error: str) -> None:
    answer = {"error": error, "error_codes": [50173], "suberror": "bad_token"}
    failure = sign_in_error(answer, at_customer=False)
    assert isinstance(failure, TransientFailure)


@pytest.mark.parametrize("number", [90033, 90006, 90024, 90012, 50033, 90055])
def test_an_unavailable_service_is_tried_again(number: int) -> None:
    answer = {"error": "invalid_grant", "error_codes": [number]}
    failure = sign_in_error(answer, at_customer=True)
    assert isinstance(failure, TransientFailure)


def test_only_what_clocks_may_cause_is_worth_one_more_try() -> None:
    worth = {code for code, _, numbers in TABLE if 700027 in numbers}
    assert worth == RETRIED_ONCE


def test_the_first_known_number_decides_and_the_first_number_is_shown() -> None:
    answer = {"error": "invalid_grant", "error_codes": [999, 50173]}
    failure = sign_in_error(answer, at_customer=False)
    assert (failure.code, failure.vendor_code) == ("grant_revoked", "AADSTS999")


def test_a_number_that_says_little_gives_way_to_one_that_says_more() -> None:
    answer = {"error": "invalid_grant", "error_codes": [70000, 65001]}
    assert sign_in_error(answer, at_customer=True).code == "consent_missing"


def test_on_a_redirect_the_number_stands_at_the_start_of_the_description() -> None:
    answer = {"error": "access_denied", "error_description": "AADSTS65004: User declined."}
    failure = sign_in_error(answer, at_customer=False)
    assert (failure.code, failure.vendor_code) == ("consent_refused", "AADSTS65004")


def test_a_number_in_the_middle_of_a_description_is_not_read() -> None:
    answer = {"error": "x", "error_description": "See AADSTS50173: it was revoked."}
    assert sign_in_error(answer, at_customer=False).code == "sign_in_failed"


@pytest.mark.parametrize("name", ["error", "suberror", "error_description"])
def test_vendor_text_goes_nowhere(name: str) -> None:
    answer = {"error": "invalid_grant", name: "AADSTS50173: canary 1"}
    failure = sign_in_error(answer, at_customer=False)
    assert "canary" not in f"{failure!r} {failure.details} {failure.vendor_code}"


def test_without_a_number_the_error_is_the_vendors_code() -> None:
    assert sign_in_error({"error": "slow_down"}, at_customer=False).vendor_code == "slow_down"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"error": None},
        {"error": ["x"], "error_codes": "50173"},
        {"error": "x" * 5_000},
        {"error": "invalid grant", "suberror": {"bad_token": 1}},
        {"error_codes": [None, True, "\u00b2", "x", -1, 1.5, {}, "9" * 5_000]},
        {"error_description": "AADSTS\u00b2: x"},
        {"error_description": "AADSTS" + "9" * 5_000 + ": x"},
        {"error_description": 7},
    ],
    ids=["empty", "null", "types", "long", "words", "codes", "digit", "long number", "number"],
)
def test_a_malformed_answer_still_gets_a_sane_class(answer: dict[str, object]) -> None:
    failure = sign_in_error(answer, at_customer=False)
    assert (type(failure), failure.code) == (AuthorisationLost, "sign_in_failed")
    assert failure.vendor_code is None


def test_every_code_of_the_table_is_listed() -> None:
    assert {code for code, _, _ in TABLE} <= CODES


@pytest.mark.parametrize("codes", [{}, {"error_codes": []}, {"error_codes": None}])
@pytest.mark.parametrize("after", ["", ": text", " text", "\r\ntext"])
def test_without_listed_numbers_the_description_begins_with_one(
    codes: dict[str, object], after: str
) -> None:
    answer = {"error": "invalid_grant", "error_description": f"AADSTS65001{after}", **codes}
    failure = sign_in_error(answer, at_customer=True)
    assert (failure.code, failure.vendor_code) == ("consent_missing", "AADSTS65001")


@pytest.mark.parametrize("text", ["AADSTS65001x", "see AADSTS65001", "AADSTS1234567890", "AADSTS"])
def test_a_number_elsewhere_in_a_description_says_nothing(text: str) -> None:
    answer = {"error": "invalid_grant", "error_description": text}
    assert sign_in_error(answer, at_customer=True).code == "sign_in_refused"
