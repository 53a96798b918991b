"""Leaving and coming back: a state machine on positive evidence.

Nobody leaves because he was not listed. A departure says what proved it and since when; it is acted
on once, so that a contact which a person makes active again stays active until the next one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.states import DepartureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Evidence that a person left, and whether it was acted on."""

    kind: DepartureKind
    since: datetime
    settled: bool = False

    def is_due(self, now: datetime, grace: timedelta) -> bool:
        """True when the evidence is old enough and still to be acted on."""
        return not self.settled and self.since + grace <= now

    def acted_on(self) -> "Departure":
        """The same, settled."""
        return replace(self, settled=True)

    def may_be_shared_mailbox(self, user: DirectoryUser) -> bool:
        """True for what a conversion to a shared mailbox leaves: no licence, an address.

        It leaves no sign-in either, but the user: one who is deleted was not converted.
        """
        disabled = self.kind == DepartureKind.DISABLED_UPSTREAM and not user.enabled
        return disabled and not user.licensed and user.mail is not None


def on_seeing(user: DirectoryUser, known: Departure | None, now: datetime) -> Departure | None:
    """The departure of a user whom the directory just showed; None for one who is enabled.

    Somebody deleted who is shown again, disabled, has still left.
    """
    if user.enabled:
        return None
    if known is None:
        return Departure(kind=DepartureKind.DISABLED_UPSTREAM, since=now)
    return replace(known, kind=DepartureKind.DISABLED_UPSTREAM)


def on_deletion(known: Departure | None, now: datetime) -> Departure:
    """The departure of a user of whom it is proved that the directory has deleted him.

    Proofs are an entry of the deleted items, an answer that there is no such id after a complete
    listing, and the removal in a completed delta round.
    """
    if known is None:
        return Departure(kind=DepartureKind.DELETED_UPSTREAM, since=now)
    return replace(known, kind=DepartureKind.DELETED_UPSTREAM)
