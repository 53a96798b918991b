"""The review queue's rules: which answers a question admits, and the change rows that carry one."""

from collections.abc import Mapping
from enum import StrEnum

from entra_plugin.domain.addresses import normalise
from entra_plugin.domain.filters import address_of
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ContactId
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.matching import Candidate, other_addresses
from entra_plugin.domain.merging import Values, normal
from entra_plugin.domain.planner import Planner
from entra_plugin.domain.planning import PagePlan, Reading, Surroundings
from entra_plugin.domain.states import (
    ChangeKind,
    DepartureKind,
    FieldName,
    Settlement,
    VerdictReason,
)


class Action(StrEnum):
    """What a person may do with a review item."""

    LINK = "link"
    CREATE = "create"
    MOVE = "move"
    FIELDS = "fields"
    INACTIVATE = "inactivate"
    KEEP = "keep"
    DISMISS = "dismiss"
    REOPEN = "reopen"


class Side(StrEnum):
    """Whose value of a field is to stay."""

    DIRECTORY = "directory"
    LOCAL = "local"


_UNLINKED = (Action.LINK, Action.CREATE, Action.DISMISS)

ACTIONS: Mapping[VerdictReason, tuple[Action, ...]] = {
    VerdictReason.MULTIPLE_MATCHES: _UNLINKED,
    VerdictReason.LINKED_ELSEWHERE: _UNLINKED,
    VerdictReason.CLAIMED_TWICE: _UNLINKED,
    VerdictReason.OTHER_CLIENT: (Action.LINK, Action.MOVE, Action.CREATE, Action.DISMISS),
    VerdictReason.FIELD_CONFLICT: (Action.FIELDS, Action.DISMISS),
    VerdictReason.MISSING_UPSTREAM: (Action.INACTIVATE, Action.KEEP, Action.DISMISS),
}
"""The answers to an open question, by its reason."""

LINKED_REASONS = frozenset({VerdictReason.FIELD_CONFLICT, VerdictReason.MISSING_UPSTREAM})
"""Questions about identities that are linked; all others are about those that are not."""

ONE_CONTACT = frozenset({Action.LINK, Action.MOVE})
"""Answers that point at one of the contacts in question."""

SETTLEMENTS: Mapping[Action, Settlement] = {
    Action.LINK: Settlement.LINKED,
    Action.CREATE: Settlement.CREATED,
    Action.MOVE: Settlement.MOVED,
    Action.FIELDS: Settlement.FIELDS,
    Action.INACTIVATE: Settlement.INACTIVATED,
    Action.KEEP: Settlement.KEPT,
    Action.DISMISS: Settlement.DISMISSED,
}


class PersonPlanner(Planner):
    """Plans what a person decided about one identity, in the rows that a sync plans."""

    def link(
        self, reading: Reading, contact: Candidate, around: Surroundings, plan: PagePlan
    ) -> None:
        """Link to this contact, of whatever client."""
        self._link(reading, contact, VerdictReason.DECIDED, around, plan)

    def move(
        self, reading: Reading, contact: Candidate, around: Surroundings, plan: PagePlan
    ) -> None:
        """Move this contact to the client that is mapped, and link to it."""
        before = {"clientId": str(contact.client_id), "active": contact.active}
        after = {"clientId": str(self._scope.client_id), "active": contact.active}
        change = (before, after)
        self._take(reading, ChangeKind.MOVE, VerdictReason.DECIDED, contact, change, around, plan)

    def create(self, reading: Reading, plan: PagePlan) -> None:
        """Create a contact, whoever else there is."""
        user = reading.user
        plan.changes.append(self._create(reading, address_of(user) or user.user_principal_name))

    def inactivate(self, reading: Reading, contact: Candidate, plan: PagePlan) -> None:
        """Make the contact inactive: that the person left is the word of whoever decides."""
        known = reading.known
        departure = known.departure if known is not None else None
        gone = departure or Departure(kind=DepartureKind.DELETED_UPSTREAM, since=self._now)
        plan.changes.append(
            self._row(
                reading,
                ChangeKind.INACTIVATE,
                VerdictReason.DECIDED,
                contact_id=contact.contact_id,
                before={"active": True},
                after={"active": False},
                departure=gone.acted_on(),
            )
        )

    def overwrite(
        self,
        reading: Reading,
        contact_id: ContactId,
        change: tuple[Mapping[str, str | None], Mapping[str, str]],
        plan: PagePlan,
    ) -> None:
        """Write the directory's values over the contact's, both by field."""
        before, after = change
        plan.changes.append(
            self._row(
                reading,
                ChangeKind.UPDATE,
                VerdictReason.DECIDED,
                contact_id=contact_id,
                before=before,
                after=after,
                departure=reading.known.departure if reading.known is not None else None,
            )
        )


def shown_fields(details: Mapping[str, object]) -> dict[FieldName, tuple[str | None, str | None]]:
    """The fields of a field_conflict, each with the directory's value and the contact's."""
    fields = details.get("fields")
    if not isinstance(fields, Mapping):
        return {}
    return {
        FieldName(name): (_text(values.get("directory")), _text(values.get("local")))
        for name, values in fields.items()
        if isinstance(values, Mapping)
    }


def differing(directory: Values, contact: Values) -> list[FieldName]:
    """The fields that are not the same on both sides, whatever the rules say."""
    return [
        name
        for name in FieldName
        if normal(name, directory.get(name)) != normal(name, contact.get(name))
    ]


def matched_by(user: DirectoryUser, contact: Candidate) -> VerdictReason | None:
    """Which of the user's addresses the contact has: the first one, another, or none."""
    here = normalise(contact.values.get(FieldName.EMAIL))
    if here is None:
        return None
    address = address_of(user)
    if here == address:
        return VerdictReason.MATCHED_EMAIL
    return VerdictReason.MATCHED_ALIAS if here in other_addresses(user, address) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
