"""Delta rounds of Microsoft Graph: which users changed, and what a change makes of a stored user.

In a delta answer a property that is missing was never set or did not change, which cannot be told
apart; one that was cleared is null. ``@removed`` stands for both kinds of deletion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

import msgspec

from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.protocol import ChangePage
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ObjectId

SELECT_FINGERPRINT = blake2b(wire.USER_SELECT.encode(), digest_size=16).digest()
"""Of the properties that every reading asks for, and that a delta link keeps."""

FIELDS: Mapping[str, str] = {
    "userPrincipalName": "user_principal_name",
    "mail": "mail",
    "displayName": "display_name",
    "givenName": "given_name",
    "surname": "surname",
    "accountEnabled": "enabled",
    "isResourceAccount": "resource_account",
    "userType": "user_type",
    "externalUserState": "external_state",
    "assignedLicenses": "licensed",
    "jobTitle": "job_title",
    "department": "department",
    "companyName": "company_name",
    "officeLocation": "office_location",
    "businessPhones": "business_phones",
    "mobilePhone": "mobile_phone",
}
"""Which of our attributes each property alone decides."""

ALIASES = frozenset({"proxyAddresses", "otherMails"})
"""These two decide one attribute together."""

_WHOLE = ALIASES.union(FIELDS)
_USER = "#microsoft.graph.user"


class _ChangeList(msgspec.Struct):
    """A page of a delta round; ``value`` is required."""

    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    delta_link: str | None = msgspec.field(default=None, name="@odata.deltaLink")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One item of a delta round."""

    object_id: ObjectId
    user: DirectoryUser | None
    """As if what is missing were null; None for a user who is gone."""
    given: frozenset[str]
    """The properties that came."""

    @property
    def removed(self) -> bool:
        """The user is gone from the directory."""
        return self.user is None

    def over(self, stored: DirectoryUser | None) -> DirectoryUser | None:
        """The user after this change; None when it cannot be told."""
        if self.user is None or self.given >= _WHOLE:
            return self.user
        if stored is None or stored.object_id != self.object_id:
            return None
        names = [field for name, field in FIELDS.items() if name in self.given]
        together = ALIASES & self.given
        if together:
            if together != ALIASES:
                return None
            names.append("aliases")
        return msgspec.structs.replace(stored, **{n: getattr(self.user, n) for n in names})


def change_page(body: bytes) -> ChangePage:
    """A page of a delta round; what is no user, or has no id, is left out.

    Raises:
        TransientFailure: ``unusable_answer``: truncated, another document, or without exactly one
            link.
    """
    page = wire.decode(body, _ChangeList)
    next_link, delta_link = page.next_link or None, page.delta_link or None
    if (next_link is None) == (delta_link is None):
        raise TransientFailure(
            "unusable_answer", retry_after=AFTER_ODD_ANSWER, details={"reason": "link"}
        )
    changes = (change for row in page.value if (change := _change(bytes(row))) is not None)
    return ChangePage(changes=tuple(changes), next_link=next_link, delta_link=delta_link)


def _change(row: bytes) -> Change | None:
    properties = wire.decode(row, dict[str, object])
    object_id = _guid(properties.get("id"))
    if object_id is None or properties.get("@odata.type", _USER) != _USER:
        return None
    if properties.get("@removed") is not None:
        return Change(object_id=object_id, user=None, given=frozenset())
    return Change(
        object_id=object_id,
        user=wire.to_user(wire.decode(row, wire.User)),
        given=_WHOLE & properties.keys(),
    )


def _guid(value: object) -> ObjectId | None:
    try:
        return ObjectId(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
