"""What a status other than success means: for the customer, the connection, or the listing."""

from collections.abc import Iterator
from contextlib import contextmanager

from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.tokens import Access
from entra_plugin.directory.transport import UnexpectedStatus
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)

_EXPIRED = "Directory_ExpiredPageToken"
_NO_SYNC_STATE = "syncstatenotfound"
_RESYNC = "resync"
"""``resyncRequired`` and the two ``resyncChanges...`` begin so."""

_NOT_FOUND = "Request_ResourceNotFound"


def is_expired(answer: UnexpectedStatus, *, followed: bool) -> bool:
    """Has the listing to start again? A next link that is refused as malformed has expired, too.

    Args:
        answer: What came.
        followed: The address was a next link, not the first page.
    """
    if answer.status == 410 or _EXPIRED in wire.error_codes(answer.body):
        return True
    return followed and answer.status == 400


def is_lost(answer: UnexpectedStatus) -> bool:
    """Has a delta link, or a next link of its round, no state behind it any more?

    One that is refused as malformed counts as that, whatever the code.
    """
    codes = [code.lower() for code in wire.error_codes(answer.body)]
    return is_expired(answer, followed=True) or any(
        code == _NO_SYNC_STATE or code.startswith(_RESYNC) for code in codes
    )


def may_not_be_read(answer: UnexpectedStatus) -> bool:
    """Is the one object that was asked for gone, or out of reach of a token that is good?"""
    forbidden = answer.status == 403 and not answer.challenged and not answer.is_html
    return forbidden or says_not_found(answer)


def says_not_found(answer: UnexpectedStatus) -> bool:
    """Did Graph itself say that there is no such object?"""
    return answer.status == 404 and _NOT_FOUND in wire.error_codes(answer.body)


@contextmanager
def translated(*, at_customer: bool, access: Access = Access.DELEGATED) -> Iterator[None]:
    """Let refusals out as ours."""
    try:
        yield
    except UnexpectedStatus as answer:
        raise refusal(answer, at_customer=at_customer, access=access) from None


def refusal(
    answer: UnexpectedStatus, *, at_customer: bool, access: Access = Access.DELEGATED
) -> EntraError:
    """The error of ours for a refusal of Microsoft Graph.

    A page for people comes from something between, and says nothing about the token.

    Args:
        answer: What came.
        at_customer: A customer's directory refused, so that it concerns that one only.
        access: In whose name the directory was asked. What the app itself may read at a customer,
            his consent decides, and no role of the partner.
    """
    codes = wire.error_codes(answer.body)
    vendor = codes[-1] if codes else None
    meaning = _of_customer if at_customer else _at_home
    error = None if answer.is_html else meaning(answer, access, vendor)
    if error is not None:
        return error
    details = {"status": answer.status}
    return TransientFailure(
        "unusable_answer", retry_after=AFTER_ODD_ANSWER, details=details, vendor_code=vendor
    )


def _of_customer(answer: UnexpectedStatus, access: Access, vendor: str | None) -> EntraError | None:
    if answer.challenged:
        return ConsentMissing("claims_refused", vendor_code=vendor)
    application = access == Access.APPLICATION
    code = {
        401: "token_refused",
        403: "consent_missing" if application else "directory_role_missing",
        404: "directory_not_found",
    }.get(answer.status)
    return ConsentMissing(code, vendor_code=vendor) if code is not None else None


def _at_home(answer: UnexpectedStatus, access: Access, vendor: str | None) -> EntraError | None:
    if answer.challenged:
        return AuthorisationLost("claims_refused", vendor_code=vendor)
    if answer.status == 401:
        return AuthorisationLost("authorisation_lost", vendor_code=vendor)
    if answer.status == 403:
        application = access == Access.APPLICATION
        code = "app_only_discovery_refused" if application else "partner_permission_missing"
        return ConfigurationInvalid(code, vendor_code=vendor)
    return None
