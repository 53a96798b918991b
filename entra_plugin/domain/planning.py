"""What is planned: the records that go into the planner and come out of it.

A plan is rows. ``Change`` rows are applied later, if they still hold then; ``Settled`` identities
need no change of any contact and are remembered at once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from entra_plugin.domain.filters import FilterRule
from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.ids import ChangeId, ClientId, ContactId, EntraTenantId, ObjectId, RunId
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.matching import Candidate, Index
from entra_plugin.domain.merging import FieldRules
from entra_plugin.domain.pins import NO_PINS, Pins
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    DepartureKind,
    Verdict,
    VerdictReason,
)

PLANNER_VERSION = 2
"""Part of the policy fingerprint.

Raised when the rules here change, so that everybody is planned anew.
"""


class Known(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What we hold of an identity.

    ``question`` is the reason and candidates of its open review item, ``asked_for`` the client that
    it is asked for. ``unlisted``: the directory did not show it when it was looked for last.
    ``erased``: nothing is left of it but its ids.
    """

    acted: bytes | None
    verdict: Verdict
    reason: VerdictReason
    linked: ContactId | None
    question: tuple[VerdictReason, tuple[ContactId, ...]] | None
    asked_for: ClientId | None = None
    departure: Departure | None = None
    unlisted: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a person decided about an identity.

    A dismissal is of one ``question``: of a conflict about these ``fields``, or of a move to the
    client ``client_id``. It holds while the identity is as it was: its fingerprint is
    ``fingerprint``.
    """

    kind: DecisionKind
    contact_id: ContactId | None
    fingerprint: bytes | None = None
    question: VerdictReason | None = None
    fields: frozenset[str] = frozenset()
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An active link: why it was opened, its base values, and the contact unless it vanished.

    ``inactive_version`` is the contact's version when we made it inactive.
    """

    reason: VerdictReason
    base: Mapping[str, str]
    inactive_version: int | None
    contact: Candidate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dormant:
    """A closed link of an identity that has none now.

    ``undone``: an undo closed it and made the contact inactive. Otherwise a change of the mapping
    closed it. ``ours``: we made the contact from this identity, and nobody touched it since; an
    undone one always is. ``asleep``: we made the contact inactive, and nobody touched it since.
    """

    contact: Candidate
    undone: bool
    ours: bool = True
    asleep: bool = False
    base: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the page's users are compared with."""

    index: Index
    links: Mapping[ObjectId, Link] = field(default_factory=dict)
    dormant: Mapping[ObjectId, Dormant] = field(default_factory=dict)
    bases: Mapping[tuple[ObjectId, ContactId], Mapping[str, str]] = field(default_factory=dict)
    """Base values of links that are closed, by identity and contact."""
    decided: Mapping[ContactId, Candidate] = field(default_factory=dict)
    """The contacts that people chose for identities of the page."""
    pins: Pins = NO_PINS
    claimed: frozenset[str] = frozenset()
    """Contacts' ids, and addresses, that others claim who are not planned now: to be asked about.

    In a plan of everybody they show by themselves.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """For whom is planned: the run, the directory, and the client it is mapped to."""

    run_id: RunId
    entra_tenant_id: EntraTenantId
    client_id: ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what is planned."""

    filters: FilterRule
    fields: FieldRules
    """The field rules that are on, and that the host has a field for."""
    guard: Guard
    decisions: Mapping[ObjectId, Remembered]


class Settled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An identity that needs no change: its verdict holds until it changes.

    One that ``waits`` is planned again by every run: it depends on a contact that is not its own.
    """

    user: DirectoryUser
    address: str | None
    fingerprint: bytes
    verdict: Verdict
    reason: VerdictReason
    departure: Departure | None = None
    contact_id: ContactId | None = None
    waits: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the plan. ``after`` of a create is the contact to be; of a queue, the question.

    ``base`` are the values that a link starts with, ``departure`` is the identity's once this is
    applied.
    """

    change_id: ChangeId
    kind: ChangeKind
    reason: VerdictReason
    user: DirectoryUser
    address: str
    fingerprint: bytes
    contact_id: ContactId | None = None
    candidates: tuple[ContactId, ...] = ()
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    note: Mapping[str, object] | None = None
    base: Mapping[str, str] | None = None
    departure: Departure | None = None


@dataclass(slots=True, kw_only=True)
class PagePlan:
    """The plan of one page.

    ``rebased`` are links whose base moves without a write to the contact; ``answered`` are
    identities whose open question nobody needs to answer any more, ``asked`` those whose question
    stands, ``narrowed`` those whose question about fields is left with these only. ``standing``
    are questions that are open already, word for word. ``waiting`` are identities whose address
    somebody else has, or a contact that is to be left alone. ``found`` are those who had been
    missing when they were looked for.
    """

    changes: list[Change] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    rebased: dict[ObjectId, Mapping[str, str]] = field(default_factory=dict)
    answered: list[ObjectId] = field(default_factory=list)
    asked: set[ObjectId] = field(default_factory=set)
    narrowed: dict[ObjectId, list[str]] = field(default_factory=dict)
    standing: list[Settled] = field(default_factory=list)
    waiting: set[ObjectId] = field(default_factory=set)
    found: list[ObjectId] = field(default_factory=list)
    unchanged: int = 0
    filtered: int = 0


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One user as read, with what the comparison needs."""

    user: DirectoryUser
    fingerprint: bytes
    known: Known | None


def read(users: Iterable[DirectoryUser], known: Mapping[ObjectId, Known]) -> list[Reading]:
    """Pair each user with what we hold of it.

    A page may name a user twice; the last one counts, as Microsoft says of its delta pages.
    """
    latest = {user.object_id: user for user in users}
    return [
        Reading(user=user, fingerprint=fingerprint(user), known=known.get(object_id))
        for object_id, user in latest.items()
    ]


def set_aside_unchanged(
    readings: Sequence[Reading],
    plan: PagePlan,
    *,
    policy_changed: bool,
    again: Collection[ObjectId] = (),
) -> list[Reading]:
    """Count the identities that are as we left them; answers those that must be planned.

    Those in ``again`` lost their contact, or were undone until now.
    """
    pending = []
    for reading in readings:
        asked = bool(again) and reading.user.object_id in again
        if policy_changed or asked or not _is_settled(reading):
            pending.append(reading)
        elif reading.known is not None and reading.known.verdict == Verdict.FILTERED:
            plan.filtered += 1
        else:
            plan.unchanged += 1
    return pending


def _is_settled(reading: Reading) -> bool:
    """True when the identity was acted on as it is now, and its verdict needs no second look.

    An open question always gets one: the contacts it is about may have changed. So does a departure
    that is not acted on yet, and somebody deleted or missing who is there again.
    """
    known = reading.known
    if known is None or known.acted != reading.fingerprint or known.question is not None:
        return False
    if known.unlisted:
        return False
    departure = known.departure
    if departure is not None and not (
        departure.settled and departure.kind == DepartureKind.DISABLED_UPSTREAM
    ):
        return False
    return known.linked is not None or known.verdict in {
        Verdict.FILTERED,
        Verdict.IGNORED,
        Verdict.UNDONE,
    }
