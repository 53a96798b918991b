"""What came back from Microsoft's page for admin consent: it concerns no connection of ours."""

from collections.abc import Mapping

from entra_plugin.domain.aadsts import sign_in_error
from entra_plugin.domain.remedies import CONSENT_STATE

_DECLINED = "permission_denied"
"""The administrator cancelled ("Admin consent on the Microsoft identity platform")."""


def is_consent(answer: Mapping[str, str]) -> bool:
    """True for an answer of the consent page; a sign-in carries a state that nobody can guess."""
    return answer.get("state") == CONSENT_STATE


def consent_refusal(answer: Mapping[str, str]) -> str | None:
    """The code of why there is no consent; None when it was granted.

    Microsoft sends ``admin_consent=True`` with some errors too, so the error is what counts.
    """
    if "error" not in answer:
        return None if answer.get("admin_consent", "").lower() == "true" else "consent_refused"
    if answer["error"] == _DECLINED:
        return "consent_refused"
    return sign_in_error(answer, at_customer=True).code
