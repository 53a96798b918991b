"""The guard: how much a run may take away or overwrite before a person has to look.

Additive changes never wait.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from entra_plugin.domain.ids import ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The limits; a percentage is of the linked contacts, a minimum is a number that may pass."""

    inactivate_percent: int = 10
    inactivate_min: int = 5
    overwrite_percent: int = 25
    overwrite_min: int = 25
    run_inactivate_percent: int = 20
    run_inactivate_min: int = 20
    mark_inactive_when_disabled: bool = True
    hold_shared_mailbox_suspects: bool = False
    grace_days: int = 0
    full_reading_every_days: int = 7

    @staticmethod
    def of(document: Mapping[str, object]) -> "Guard":
        """The stored ``guardConfig``; what it leaves out is the default."""
        default = Guard()

        def number(name: str, value: int) -> int:
            stored = document.get(name, value)
            return stored if isinstance(stored, int) else value

        return Guard(
            inactivate_percent=number("inactivatePercent", default.inactivate_percent),
            inactivate_min=number("inactivateMin", default.inactivate_min),
            overwrite_percent=number("overwritePercent", default.overwrite_percent),
            overwrite_min=number("overwriteMin", default.overwrite_min),
            run_inactivate_percent=number("runInactivatePercent", default.run_inactivate_percent),
            run_inactivate_min=number("runInactivateMin", default.run_inactivate_min),
            mark_inactive_when_disabled=bool(document.get("markInactiveWhenDisabled", True)),
            hold_shared_mailbox_suspects=bool(document.get("holdSharedMailboxSuspects", False)),
            grace_days=number("graceDays", default.grace_days),
            full_reading_every_days=number("fullReadingEveryDays", default.full_reading_every_days),
        )

    @property
    def grace(self) -> timedelta:
        """How old the evidence of a departure has to be."""
        return timedelta(days=self.grace_days)

    @property
    def verified_every(self) -> timedelta:
        """How often a full reading looks for those who are gone."""
        return timedelta(days=self.full_reading_every_days)

    def inactivations_allowed(self, linked: int) -> int:
        """How many contacts of a client may become inactive without a person's look."""
        share = max(self.inactivate_min, linked * self.inactivate_percent // 100)
        # At least half of them, and at least two, is always too much.
        return max(min(share, max((linked + 1) // 2, 2) - 1), 0)

    def overwrites_allowed(self, linked: int) -> int:
        """How many contacts of a client may be overwritten or moved without a person's look."""
        return max(self.overwrite_min, linked * self.overwrite_percent // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPlan:
    """What a run would do to the linked contacts of one client."""

    client_id: ClientId
    linked: int
    inactivations: int
    overwrites: int
    """Updates and moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What has to wait: the clients whose inactivations, and whose overwrites, are held."""

    inactivations: frozenset[ClientId]
    overwrites: frozenset[ClientId]


def judge(guard: Guard, plans: Iterable[ClientPlan]) -> Holds:
    """Compare each client, and all of them together, with the limits."""
    clients = list(plans)
    linked = sum(plan.linked for plan in clients)
    inactivations = sum(plan.inactivations for plan in clients)
    too_many = (
        inactivations > guard.run_inactivate_min
        and inactivations * 100 > linked * guard.run_inactivate_percent
    )
    return Holds(
        inactivations=frozenset(
            plan.client_id
            for plan in clients
            if plan.inactivations
            and (too_many or plan.inactivations > guard.inactivations_allowed(plan.linked))
        ),
        overwrites=frozenset(
            plan.client_id
            for plan in clients
            if plan.overwrites > guard.overwrites_allowed(plan.linked)
        ),
    )
