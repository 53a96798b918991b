"""Microsoft Graph's JSON, decoded once into our types.

Names are Microsoft's, from its v1.0 metadata.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

import msgspec

from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.protocol import Domain
from entra_plugin.domain.addresses import to_ascii
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
    user_principal_name: str | None = None
    mail: str | None = None
    other_mails: list[str] | None = None
    proxy_addresses: list[str] | None = None
    display_name: str | None = None
    given_name: str | None = None
    surname: str | None = None
    account_enabled: bool | None = None
    is_resource_account: bool | None = None
    user_type: str | None = None
    external_user_state: str | None = None
    assigned_licenses: list[License] | None = None
    job_title: str | None = None
    department: str | None = None
    company_name: str | None = None
    office_location: str | None = None
    business_phones: list[str] | None = None
    mobile_phone: str | None = None


class UserList(msgspec.Struct):
    """A page of users; ``value`` is required, so that another document is never "no users"."""

    value: list[User]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class VerifiedDomain(msgspec.Struct, rename="camel"):
    """A domain of an organization."""

    name: str
    is_default: bool | None = None
    is_initial: bool | None = None


class Organization(msgspec.Struct, rename="camel"):
    """The directory's own record."""

    id: UUID
    verified_domains: list[VerifiedDomain] | None = None


class OrganizationList(msgspec.Struct):
    """The one organization of a directory."""

    value: list[Organization]


class DomainRow(msgspec.Struct, rename="camel"):
    """A domain as the list of all domains has it; its name is its id."""

    id: str
    is_default: bool | None = None
    is_initial: bool | None = None
    is_verified: bool | None = None


class DomainList(msgspec.Struct):
    """A page of domains, those that are not verified among them."""

    value: list[DomainRow]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Ref(msgspec.Struct, gc=False):
    """An object of which only the id was asked for."""

    id: UUID


class RefList(msgspec.Struct):
    """A page of ids."""

    value: list[Ref]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class ErrorBody(msgspec.Struct):
    """Microsoft Graph's error, with a nested one that may say more; both spellings occur."""

    code: str | None = None
    inner_error: "ErrorBody | None" = msgspec.field(default=None, name="innerError")
    innererror: "ErrorBody | None" = None


class ErrorDocument(msgspec.Struct):
    """The document around an error."""

    error: ErrorBody


def decode(body: bytes, type_: type[Document]) -> Document:
    """Decode a document.

    Raises:
        TransientFailure: ``unusable_answer``: truncated, not JSON, nested without end, or another
            document.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.ValidationError, RecursionError) as error:
        raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        mended = _mend(body)
    try:
        return msgspec.json.decode(mended, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER) from error


_ESCAPED = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|\\(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


def _mend(body: bytes) -> bytes:
    """Replace halves of surrogate pairs that stand alone: JSON can spell them, text cannot."""
    return _ESCAPED.sub(lambda found: rb"\ufffd" if found["half"] else found[0], body)


def error_codes(body: bytes) -> tuple[str, ...]:
    """Microsoft's own codes in an error body, the outermost first; those that are empty left out.

    Nothing is ever read from the message beside them.
    """
    try:
        error: ErrorBody | None = msgspec.json.decode(body, type=ErrorDocument).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    codes: list[str] = []
    while error is not None:
        if error.code:
            codes.append(error.code)
        error = error.inner_error or error.innererror
    return tuple(codes)


def verified(domains: Iterable[VerifiedDomain] | None) -> tuple[Domain, ...]:
    """The verified domains of an organization; what is no domain name is left out."""
    return tuple(
        Domain(
            name=name,
            is_default=domain.is_default is True,
            is_initial=domain.is_initial is True,
        )
        for domain in domains or ()
        if (name := to_ascii(domain.name)) is not None
    )


def verified_among(rows: Iterable[DomainRow]) -> tuple[Domain, ...]:
    """The verified ones among all domains of a directory."""
    return verified(
        VerifiedDomain(name=row.id, is_default=row.is_default, is_initial=row.is_initial)
        for row in rows
        if row.is_verified is True
    )


def to_users(users: Iterable[User], body: bytes) -> tuple[DirectoryUser, ...]:
    """Our type for all users of a page; ``body`` is the page as it came.

    One look at it tells whether any text in it can be in need of mending, which is rare, and a
    reading makes one of every user.
    """
    return tuple(map(_as_it_is if _is_clean_page(body) else to_user, users))


_ASCII = bytes(range(0x7F))
_EDGE = re.compile(rb' (?:[":]|(?<=[":] ))')
"""A space at an end of a text, or between ``smtp:`` and its address; sought by its space, fast."""


def _is_clean_page(body: bytes) -> bool:
    """True when no text in it is escaped, has white space at an end, or what cannot be printed.

    JSON escapes every control character of ASCII but DEL.
    """
    if b"\\" in body or _EDGE.search(body):
        return False
    try:
        rest = body.translate(None, _ASCII).decode()
    except UnicodeDecodeError:
        return False
    return rest.isprintable() and "\ufffd" not in rest


def _as_it_is(user: User) -> DirectoryUser:
    """Our type from a user without a text to mend: the same as ``to_user``, in half the time."""
    return DirectoryUser(
        object_id=ObjectId(user.id),
        user_principal_name=user.user_principal_name or "",
        mail=user.mail or None,
        aliases=_smtp(user) if user.proxy_addresses or user.other_mails else (),
        display_name=user.display_name or None,
        given_name=user.given_name or None,
        surname=user.surname or None,
        enabled=user.account_enabled is not False,
        user_type=user.user_type,
        external_state=user.external_user_state or None,
        resource_account=user.is_resource_account is True,
        licensed=bool(user.assigned_licenses),
        job_title=user.job_title or None,
        department=user.department or None,
        company_name=user.company_name or None,
        office_location=user.office_location or None,
        business_phones=tuple(filter(None, user.business_phones)) if user.business_phones else (),
        mobile_phone=user.mobile_phone or None,
    )


def to_user(user: User) -> DirectoryUser:
    """Our type from Microsoft's: empty text becomes None, control characters go."""
    if _is_clean(user):
        return _as_it_is(user)
    return DirectoryUser(
        object_id=ObjectId(user.id),
        user_principal_name=_address(user.user_principal_name) or "",
        mail=_address(user.mail),
        aliases=tuple(dict.fromkeys(filter(None, map(_address, _smtp(user))))),
        display_name=_text(user.display_name),
        given_name=_text(user.given_name),
        surname=_text(user.surname),
        enabled=user.account_enabled is not False,
        user_type=_text(user.user_type),
        external_state=_text(user.external_user_state),
        resource_account=user.is_resource_account is True,
        licensed=bool(user.assigned_licenses),
        job_title=_text(user.job_title),
        department=_text(user.department),
        company_name=_text(user.company_name),
        office_location=_text(user.office_location),
        business_phones=tuple(filter(None, map(_text, user.business_phones or ()))),
        mobile_phone=_text(user.mobile_phone),
    )


def _is_clean(user: User) -> bool:
    """True when no text has to be trimmed or mended; it nearly always is, and one look is cheap."""
    texts = (
        *(user.user_principal_name, user.mail, user.display_name, user.given_name, user.surname),
        *(user.job_title, user.department, user.company_name, user.office_location),
        *(user.mobile_phone, user.user_type, user.external_user_state),
        *(user.business_phones or ()),
        *(*(user.proxy_addresses or ()), *(user.other_mails or ())),
    )
    every = f"|{'|'.join(filter(None, texts))}|"
    return (
        every.isprintable()
        and "| " not in every
        and " |" not in every
        and ": " not in every
        and "\ufffd" not in every
    )


def _smtp(user: User) -> tuple[str, ...]:
    """SMTP proxy addresses, primary first, then other mails. ``SMTP:`` marks the primary one."""
    if not user.other_mails and user.proxy_addresses and len(user.proxy_addresses) == 1:
        address = user.proxy_addresses[0]
        return (address[5:],) if address[:5].lower() == "smtp:" and len(address) > 5 else ()
    primary: list[str] = []
    others: list[str] = []
    for proxy in user.proxy_addresses or ():
        kind = proxy[:5]
        if kind == "SMTP:":
            primary.append(proxy[5:])
        elif kind.lower() == "smtp:":
            others.append(proxy[5:])
    return tuple(dict.fromkeys(filter(None, primary + others + (user.other_mails or []))))


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
