"""Microsoft Graph's JSON, decoded once into our types.

Names are Microsoft's, from its v1.0 metadata.
"""

import re
import unicodedata
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ObjectId

Document = TypeVar("Document")

USER_SELECT = (
    "id,userPrincipalName,mail,otherMails,proxyAddresses,displayName,givenName,surname,"
    "accountEnabled,isResourceAccount,userType,externalUserState,assignedLicenses,jobTitle,"
    "department,companyName,officeLocation,businessPhones,mobilePhone"
)
"""One ``$select`` for every reading.

Without it a listing lacks accountEnabled and sees nobody disabled.
"""


class License(msgspec.Struct, gc=False):
    """An assigned licence; that there is one is all we read."""


class User(msgspec.Struct, rename="camel", gc=False):
    """A user; a property that Microsoft left out is as if it were null.

    What a decoder makes has no cycles: without the collector a page decodes in half the time.
    """

    id: UUID
    user_principal_name: str = ""
    mail: str | None = None
    other_mails: list[str] = []
    proxy_addresses: list[str] = []
    display_name: str | None = None
    given_name: str | None = None
    surname: str | None = None
    account_enabled: bool | None = None
    is_resource_account: bool | None = None
    user_type: str | None = None
    external_user_state: str | None = None
    assigned_licenses: list[License] = []
    job_title: str | None = None
    department: str | None = None
    company_name: str | None = None
    office_location: str | None = None
    business_phones: list[str] = []
    mobile_phone: str | None = None


class UserList(msgspec.Struct):
    """A page of users; ``value`` is required, so that another document is never "no users"."""

    value: list[User]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Customer(msgspec.Struct, rename="camel"):
    """A delegatedAdminCustomer."""

    tenant_id: str | None = None
    display_name: str | None = None


class CustomerList(msgspec.Struct):
    """A page of customers."""

    value: list[Customer]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Role(msgspec.Struct, rename="camel"):
    """A role of a relationship."""

    role_definition_id: str | None = None


class AccessDetails(msgspec.Struct, rename="camel"):
    """What a relationship grants."""

    unified_roles: list[Role] = []


class Relationship(msgspec.Struct, rename="camel"):
    """A delegatedAdminRelationship (GDAP)."""

    display_name: str | None = None
    customer: Customer | None = None
    end_date_time: datetime | None = None
    auto_extend_duration: str | None = None
    access_details: AccessDetails | None = None


class RelationshipList(msgspec.Struct):
    """A page of relationships."""

    value: list[Relationship]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class VerifiedDomain(msgspec.Struct, rename="camel"):
    """A domain of an organization."""

    name: str
    is_default: bool = False
    is_initial: bool = False


class Organization(msgspec.Struct, rename="camel"):
    """The directory's own record."""

    id: UUID
    verified_domains: list[VerifiedDomain] = []


class OrganizationList(msgspec.Struct):
    """The one organization of a directory."""

    value: list[Organization]


class InnerError(msgspec.Struct):
    """The code, perhaps with a nested one that says more."""

    code: str = ""


class ErrorBody(msgspec.Struct, rename="camel"):
    """Microsoft Graph's error."""

    code: str = ""
    inner_error: InnerError | None = None


class ErrorDocument(msgspec.Struct):
    """The document around an error."""

    error: ErrorBody


def decode(body: bytes, type_: type[Document]) -> Document:
    """Decode a document.

    Raises:
        TransientFailure: ``unusable_answer``: truncated, not JSON, or another document.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise TransientFailure("unusable_answer", retry_after=30) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        mended = _mend(body)
    try:
        return msgspec.json.decode(mended, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TransientFailure("unusable_answer", retry_after=30) from error


def _mend(body: bytes) -> bytes:
    """Replace halves of surrogate pairs, which JSON can spell and text cannot hold."""
    return re.sub(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", rb"\\ufffd", body)


def error_code(body: bytes) -> str | None:
    """Microsoft's own code in an error body, the innermost that is not empty."""
    try:
        error = msgspec.json.decode(body, type=ErrorDocument).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    inner = error.inner_error.code if error.inner_error else ""
    return inner or error.code or None


def to_user(user: User) -> DirectoryUser:
    """Our type from Microsoft's: empty text becomes None, control characters go."""
    return DirectoryUser(
        object_id=ObjectId(user.id),
        user_principal_name=_address(user.user_principal_name) or "",
        mail=_address(user.mail),
        aliases=_aliases(user),
        display_name=_text(user.display_name),
        given_name=_text(user.given_name),
        surname=_text(user.surname),
        enabled=user.account_enabled is not False,
        user_type=user.user_type,
        external_state=user.external_user_state or None,
        resource_account=user.is_resource_account is True,
        licensed=bool(user.assigned_licenses),
        job_title=_text(user.job_title),
        department=_text(user.department),
        company_name=_text(user.company_name),
        office_location=_text(user.office_location),
        business_phones=tuple(filter(None, map(_text, user.business_phones))),
        mobile_phone=_text(user.mobile_phone),
    )


def _aliases(user: User) -> tuple[str, ...]:
    """SMTP proxy addresses, primary first, then other mails. ``SMTP:`` marks the primary one."""
    primary: list[str] = []
    others: list[str] = []
    for proxy in user.proxy_addresses:
        if proxy[:5].lower() == "smtp:":
            (primary if proxy[:4] == "SMTP" else others).append(proxy[5:])
    names = {
        name: None for raw in (*primary, *others, *user.other_mails) if (name := _address(raw))
    }
    return tuple(names)


def _address(value: str | None) -> str | None:
    """An address as it is; one with characters that no address has is none, and is not repaired."""
    if not value:
        return None
    text = value.strip()
    return text if text and text.isprintable() and "\ufffd" not in text else None


def _text(value: str | None) -> str | None:
    if not value:
        return None
    if value.isprintable():
        return value.strip() or None
    kept = "".join(c for c in value if unicodedata.category(c) not in {"Cc", "Cs"})
    return kept.strip() or None
