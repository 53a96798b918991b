"""What Microsoft's sign-in errors mean for us.

Sources: Microsoft's published AADSTS error codes, and the ``suberror`` values that its MSAL
libraries document. Microsoft asks applications to react to ``error`` and ``suberror`` and not to
numbers; a number therefore only makes the advice more exact, and an unknown one still gets a sane
class.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)


class Blast(StrEnum):
    """How far a failure reaches."""

    CONNECTION = "connection"
    """The partner's authorisation is gone: stop, reconnect."""
    SET_UP = "set_up"
    """The app registration or its credentials are wrong: stop, repair."""
    TENANT = "tenant"
    """This managed tenant only."""
    EITHER = "either"
    """The tenant when it answered, else the connection."""
    CONSENT = "consent"
    """The tenant when it answered, else the set-up."""
    LATER = "later"
    """Nothing is wrong; try again."""


_REACH: Mapping[str, Blast] = {
    "account_not_in_tenant": Blast.TENANT,
    "account_unusable": Blast.CONNECTION,
    "admin_consent_required": Blast.CONSENT,
    "app_changed": Blast.SET_UP,
    "app_disabled": Blast.EITHER,
    "app_not_found": Blast.EITHER,
    "app_not_multi_tenant": Blast.SET_UP,
    "authorisation_lost": Blast.CONNECTION,
    "client_assertion_invalid": Blast.SET_UP,
    "client_credentials_refused": Blast.SET_UP,
    "client_secret_expired": Blast.SET_UP,
    "client_secret_wrong": Blast.SET_UP,
    "conditional_access_blocked": Blast.EITHER,
    "consent_missing": Blast.TENANT,
    "consent_refused": Blast.CONSENT,
    "cross_tenant_outbound": Blast.TENANT,
    "cross_tenant_policy": Blast.TENANT,
    "directory_not_found": Blast.TENANT,
    "grant_revoked": Blast.CONNECTION,
    "graph_permission_missing": Blast.SET_UP,
    "interaction_required": Blast.EITHER,
    "loop_detected": Blast.SET_UP,
    "mfa_required": Blast.EITHER,
    "partner_account_risky": Blast.CONNECTION,
    "partner_consent_missing": Blast.TENANT,
    "redirect_uri_mismatch": Blast.SET_UP,
    "refresh_token_expired": Blast.CONNECTION,
    "sign_in_blocked": Blast.EITHER,
    "sign_in_failed": Blast.EITHER,
    "sign_in_frequency": Blast.CONNECTION,
    "sign_in_refused": Blast.TENANT,
    "sign_in_unavailable": Blast.LATER,
    "user_not_assigned": Blast.EITHER,
}

_NUMBERS: Mapping[str, Sequence[int]] = {
    "account_not_in_tenant": (50020, 50177, 50034, 90072, 16000, 16003, 51004),
    "account_unusable": (50057, 50053, 50055, 50126, 50056, 50144),
    "admin_consent_required": (90094, 90095),
    "app_changed": (700007,),
    "app_disabled": (7000112, 70001),
    "app_not_found": (700016, 700011, 7000229),
    "app_not_multi_tenant": (50194,),
    "client_assertion_invalid": (700027,),
    "client_secret_expired": (7000222,),
    "client_secret_wrong": (7000215, 70002),
    "conditional_access_blocked": (53003, 530032, 530035, 53000, 53001, 53002, 50131),
    "consent_missing": (65001, 650056),
    "consent_refused": (65004,),
    "cross_tenant_outbound": (500212,),
    "cross_tenant_policy": (500213,),
    "directory_not_found": (90002, 900023, 5000224),
    "grant_revoked": (50173, 50132, 50133),
    "graph_permission_missing": (500011, 65005, 650052, 650057),
    "loop_detected": (50196,),
    "mfa_required": (50076, 50079, 50074, 50078, 50072),
    "partner_account_risky": (530034, 53011),
    "partner_consent_missing": (90099,),
    "redirect_uri_mismatch": (50011,),
    "refresh_token_expired": (700082, 70008, 50089),
    "sign_in_frequency": (70043,),
    "sign_in_unavailable": (90033, 90006, 90024, 90012, 50033, 90055, 90090),
    "user_not_assigned": (50105,),
}
"""Every number of one code asks for the same action."""

_BY_NUMBER: Mapping[int, str] = {
    number: code for code, numbers in _NUMBERS.items() for number in numbers
}

_SAYS_LITTLE: Mapping[int, str] = {70000: "authorisation_lost"}
"""Numbers of ``invalid_grant`` itself, which Microsoft also sends beside a ``suberror``."""

_BY_SUBERROR: Mapping[str, str] = {
    "additional_action": "interaction_required",
    "bad_token": "authorisation_lost",
    "basic_action": "interaction_required",
    "client_mismatch": "app_changed",
    "consent_required": "consent_missing",
    "device_authentication_failed": "conditional_access_blocked",
    "message_only": "sign_in_blocked",
    "protection_policy_required": "conditional_access_blocked",
    "token_expired": "refresh_token_expired",
    "user_password_expired": "account_unusable",
}
"""As MSAL documents them.

``basic_action`` can be settled during a sign-in, ``additional_action`` beside it, ``message_only``
not at all; ``bad_token`` and ``token_expired`` are the end of a refresh token.
"""

_BY_ERROR: Mapping[str, str] = {
    "access_denied": "consent_refused",
    "consent_required": "consent_missing",
    "interaction_required": "interaction_required",
    "invalid_client": "client_credentials_refused",
    "invalid_grant": "authorisation_lost",
    "invalid_resource": "graph_permission_missing",
    "invalid_scope": "graph_permission_missing",
    "login_required": "interaction_required",
    "server_error": "sign_in_unavailable",
    "temporarily_unavailable": "sign_in_unavailable",
    "unauthorized_client": "app_not_found",
}

_BY_ERROR_AT_CUSTOMER: Mapping[str, str] = {
    "invalid_grant": "sign_in_refused",
    "invalid_resource": "sign_in_refused",
    "invalid_scope": "sign_in_refused",
}
"""What one customer answers so says nothing of the others."""

_TRANSIENT = frozenset({"temporarily_unavailable", "server_error"})
"""Said outright, so that no number makes it anything else."""

RETRIED_ONCE = frozenset({"client_assertion_invalid"})
"""Codes that clocks which differ may cause: worth one more try with a new assertion, no more."""

_NUMBER = re.compile(r"[0-9]{1,9}")
_TOLD = re.compile(r"AADSTS([0-9]{1,9})\b")
_WORD = re.compile(r"[a-z_]{1,60}")


def sign_in_error(answer: Mapping[str, object], *, at_customer: bool) -> EntraError:
    """The error of ours for an error answer of the token or authorize endpoint.

    Args:
        answer: ``error``, ``error_codes``, ``suberror`` as the service gave them.
        at_customer: The answer came from a customer's authority, so that it may concern that one
            only.
    """
    numbers = _numbers(answer)
    code = _code(answer, numbers, at_customer=at_customer)
    vendor = f"AADSTS{numbers[0]}" if numbers else _word(answer, "error")
    match _REACH[code]:
        case Blast.LATER:
            return TransientFailure(code, vendor_code=vendor)
        case Blast.TENANT:
            return ConsentMissing(code, vendor_code=vendor)
        case Blast.EITHER | Blast.CONSENT if at_customer:
            return ConsentMissing(code, vendor_code=vendor)
        case Blast.SET_UP | Blast.CONSENT:
            return ConfigurationInvalid(code, vendor_code=vendor)
        case _:
            return AuthorisationLost(code, vendor_code=vendor)


def _code(answer: Mapping[str, object], numbers: Sequence[int], *, at_customer: bool) -> str:
    """The code of what says most: a number, the suberror, a number that says little, the error."""
    error = _word(answer, "error")
    if error in _TRANSIENT:
        return _BY_ERROR[error]
    found = (
        _first(numbers, _BY_NUMBER)
        or _BY_SUBERROR.get(_word(answer, "suberror") or "")
        or _first(numbers, _SAYS_LITTLE)
    )
    if found is not None:
        return found
    by_error = {**_BY_ERROR, **_BY_ERROR_AT_CUSTOMER} if at_customer else _BY_ERROR
    return by_error.get(error or "", "sign_in_failed")


def _first(numbers: Sequence[int], codes: Mapping[int, str]) -> str | None:
    return next((codes[number] for number in numbers if number in codes), None)


def _word(answer: Mapping[str, object], name: str) -> str | None:
    """A machine word of the answer; whatever else stands there is vendor text, and goes nowhere."""
    value = answer.get(name)
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _numbers(answer: Mapping[str, object]) -> list[int]:
    """The AADSTS numbers; where none are listed, the one at the start of the description.

    On a redirect that is the only place where it stands.
    """
    codes = answer.get("error_codes")
    listed = map(str, codes) if isinstance(codes, list) else ()
    numbers = [int(text) for text in listed if _NUMBER.fullmatch(text)]
    if numbers:
        return numbers
    told = _TOLD.match(str(answer.get("error_description", "")))
    return [int(told[1])] if told is not None else []


CODES = frozenset(_REACH)
"""Every code that this module can give."""
