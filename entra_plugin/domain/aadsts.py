"""What Microsoft's sign-in errors mean for us.

Source: Microsoft's published AADSTS error codes. Microsoft asks applications to react to ``error``
and ``suberror`` and not to numbers; a number therefore only makes the advice more exact, and an
unknown one still gets a sane class.
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
    LATER = "later"
    """Nothing is wrong; try again."""


_TABLE: Mapping[str, tuple[Blast, Sequence[int]]] = {
    "grant_revoked": (Blast.CONNECTION, (50173,)),
    "refresh_token_expired": (Blast.CONNECTION, (700082, 70008, 70043)),
    "authorisation_lost": (Blast.CONNECTION, (70000,)),
    "mfa_required": (Blast.EITHER, (50076, 50079, 50074, 50078, 50072)),
    "conditional_access_blocked": (
        Blast.EITHER,
        (53003, 530032, 53000, 53001, 53002, 50131),
    ),
    "partner_account_risky": (Blast.CONNECTION, (530034,)),
    "consent_missing": (Blast.TENANT, (65001, 650056)),
    "partner_consent_missing": (Blast.TENANT, (90099,)),
    "admin_consent_required": (Blast.SET_UP, (90094, 90095)),
    "consent_refused": (Blast.SET_UP, (65004,)),
    "app_not_found": (Blast.EITHER, (700016,)),
    "app_not_multi_tenant": (Blast.SET_UP, (50194,)),
    "client_secret_wrong": (Blast.SET_UP, (7000215, 70002)),
    "client_secret_expired": (Blast.SET_UP, (7000222,)),
    "app_disabled": (Blast.EITHER, (7000112, 70001)),
    "client_assertion_invalid": (Blast.SET_UP, (700027,)),
    "redirect_uri_mismatch": (Blast.SET_UP, (50011,)),
    "account_not_in_tenant": (Blast.TENANT, (50020, 50177, 50034, 90072, 16000)),
    "account_unusable": (Blast.CONNECTION, (50057, 50053, 50055, 50126)),
    "user_not_assigned": (Blast.CONNECTION, (50105,)),
    "graph_permission_missing": (Blast.SET_UP, (500011, 65005, 650052)),
    "cross_tenant_policy": (Blast.TENANT, (500212, 500213)),
    "directory_not_found": (Blast.TENANT, (90002, 900023, 5000224)),
    "sign_in_unavailable": (Blast.LATER, (90033, 90006, 90024, 90012, 50033, 90055)),
    "loop_detected": (Blast.SET_UP, (50196,)),
}

_NUMBER = re.compile(r"[0-9]{1,9}")

_BY_NUMBER: Mapping[int, str] = {
    number: code for code, (_, numbers) in _TABLE.items() for number in numbers
}

_BY_ERROR: Mapping[str, tuple[Blast, str]] = {
    "temporarily_unavailable": (Blast.LATER, "sign_in_unavailable"),
    "invalid_client": (Blast.SET_UP, "client_credentials_refused"),
    "interaction_required": (Blast.EITHER, "mfa_required"),
    "consent_required": (Blast.TENANT, "consent_missing"),
    "access_denied": (Blast.SET_UP, "consent_refused"),
    "unauthorized_client": (Blast.EITHER, "app_not_found"),
    "invalid_grant": (Blast.EITHER, "authorisation_lost"),
}


def sign_in_error(
    answer: Mapping[str, object], *, at_customer: bool, retry_after: float | None = None
) -> EntraError:
    """The error of ours for an error answer of the token or authorize endpoint.

    Args:
        answer: ``error``, ``error_codes``, ``suberror`` as the service gave them.
        at_customer: The answer came from a customer's authority, so that it may concern that one
            only.
        retry_after: Seconds, if the service named them.
    """
    numbers = _numbers(answer)
    code = next((_BY_NUMBER[n] for n in numbers if n in _BY_NUMBER), None)
    if code is not None:
        blast = _TABLE[code][0]
    else:
        blast, code = _BY_ERROR.get(str(answer.get("error", "")), (Blast.EITHER, "sign_in_failed"))
        if code == "authorisation_lost" and at_customer:
            code = "sign_in_refused"
    vendor = f"AADSTS{numbers[0]}" if numbers else str(answer.get("error", "")) or None
    return _error(code, blast, at_customer=at_customer, retry_after=retry_after, vendor=vendor)


def _error(
    code: str,
    blast: Blast,
    *,
    at_customer: bool,
    retry_after: float | None,
    vendor: str | None,
) -> EntraError:
    if blast == Blast.LATER:
        return TransientFailure(code, retry_after=retry_after, vendor_code=vendor)
    if blast == Blast.TENANT or (blast == Blast.EITHER and at_customer):
        return ConsentMissing(code, vendor_code=vendor)
    if blast == Blast.SET_UP:
        return ConfigurationInvalid(code, vendor_code=vendor)
    return AuthorisationLost(code, vendor_code=vendor)


def _numbers(answer: Mapping[str, object]) -> list[int]:
    """The AADSTS numbers; on a redirect they stand only at the start of the description."""
    codes = answer.get("error_codes")
    if isinstance(codes, list):
        return [int(text) for text in map(str, codes) if _NUMBER.fullmatch(text)]
    head = str(answer.get("error_description", "")).partition(":")[0]
    number = head.removeprefix("AADSTS")
    return [int(number)] if number != head and _NUMBER.fullmatch(number) else []


CODES = (
    frozenset(_TABLE)
    | {code for _, code in _BY_ERROR.values()}
    | {
        "sign_in_failed",
        "sign_in_refused",
    }
)
"""Every code that this module can give."""
