"""What comes back from Microsoft's page for admin consent."""

import pytest

from entra_plugin.application.connect.consent import consent_refusal, is_consent
from entra_plugin.domain.remedies import CONSENT_STATE


def test_an_answer_of_the_consent_page_is_known_by_its_state() -> None:
    assert is_consent({"state": CONSENT_STATE, "admin_consent": "True"})


@pytest.mark.parametrize("answer", [{}, {"state": "of-a-sign-in", "admin_consent": "True"}])
def test_any_other_answer_is_a_sign_in(answer: dict[str, str]) -> None:
    assert not is_consent(answer)


@pytest.mark.parametrize("word", ["True", "true"])
def test_consent_was_granted_when_microsoft_says_so(word: str) -> None:
    assert consent_refusal({"admin_consent": word, "tenant": "any"}) is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "permission_denied"}, "consent_refused"),
        ({"error": "access_denied", "error_description": "AADSTS65004: no"}, "consent_refused"),
        (
            {"error": "invalid_client", "error_description": "AADSTS7000215: no"},
            "client_secret_wrong",
        ),
        ({"error": "access_denied", "admin_consent": "True"}, "consent_refused"),
        ({"admin_consent": "False"}, "consent_refused"),
        ({}, "consent_refused"),
    ],
)
def test_a_refusal_has_a_code(answer: dict[str, str], code: str) -> None:
    assert consent_refusal(answer) == code


def test_the_words_of_the_vendor_go_nowhere() -> None:
    answer = {"error": "server_error", "error_description": "AADSTS90033: secret words"}
    assert consent_refusal(answer) == "sign_in_unavailable"
