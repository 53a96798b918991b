"""The planner: what a page of users, compared with what we hold, should change.

Pure; used by every run.

A plan is rows. ``Change`` rows are applied later, if they still hold then; ``Settled`` identities
need no change of any contact and are remembered at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID

import msgspec

from entra_plugin.domain.filters import FilterRule, address_of
from entra_plugin.domain.identity import DirectoryUser, IdentityKey, fingerprint
from entra_plugin.domain.ids import ChangeId, ClientId, ContactId, EntraTenantId, ObjectId, RunId
from entra_plugin.domain.matching import Doubt, Index, Match, match
from entra_plugin.domain.states import ChangeKind, DecisionKind, Verdict, VerdictReason

PLANNER_VERSION = 1
"""Part of the policy fingerprint.

Raised when the rules here change, so that everybody is planned anew.
"""


class Known(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What we hold of an identity.

    ``question`` is the reason and candidates of its open review item.
    """

    acted: bytes | None
    verdict: Verdict
    reason: VerdictReason
    linked: ContactId | None
    question: tuple[VerdictReason, tuple[ContactId, ...]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a person decided about an identity."""

    kind: DecisionKind
    contact_id: ContactId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """For whom is planned: the run, the directory, and the client it is mapped to."""

    run_id: RunId
    entra_tenant_id: EntraTenantId
    client_id: ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An identity that needs no change: its verdict holds until it changes."""

    user: DirectoryUser
    address: str | None
    fingerprint: bytes
    verdict: Verdict
    reason: VerdictReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the plan. ``after`` of a create is the contact to be; of a queue, the question."""

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


@dataclass(slots=True, kw_only=True)
class PagePlan:
    """The plan of one page."""

    changes: list[Change] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
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
    readings: Sequence[Reading], plan: PagePlan, *, policy_changed: bool
) -> list[Reading]:
    """Count the identities that are as we left them; answers those that must be planned."""
    pending = []
    for reading in readings:
        if policy_changed or not _is_settled(reading):
            pending.append(reading)
        elif reading.known is not None and reading.known.verdict == Verdict.FILTERED:
            plan.filtered += 1
        else:
            plan.unchanged += 1
    return pending


def _is_settled(reading: Reading) -> bool:
    """True when the identity was acted on as it is now, and its verdict needs no second look.

    A queued identity always gets one: the contacts it was compared with may have changed.
    """
    known = reading.known
    if known is None or known.acted != reading.fingerprint:
        return False
    return known.linked is not None or known.verdict in {
        Verdict.FILTERED,
        Verdict.IGNORED,
        Verdict.UNDONE,
    }


class Planner:
    """Plans the identities of one managed tenant for one run."""

    def __init__(
        self, scope: Scope, rule: FilterRule, decisions: Mapping[ObjectId, Remembered]
    ) -> None:
        self._scope = scope
        self._digest = blake2b(scope.run_id.bytes + scope.entra_tenant_id.bytes, digest_size=16)
        self._rule = rule
        self._decisions = decisions

    def plan(self, pending: Sequence[Reading], index: Index, plan: PagePlan) -> None:
        """Give every pending identity exactly one verdict or change row."""
        for reading in pending:
            self._plan_one(reading, index, plan)

    def _plan_one(self, reading: Reading, index: Index, plan: PagePlan) -> None:
        user = reading.user
        known = reading.known
        if known is not None and known.linked is not None:
            self._settle(reading, Verdict.LINKED, known.reason, plan)
            return
        decision = self._decisions.get(user.object_id)
        if decision is not None and decision.kind != DecisionKind.LINKED:
            verdict = Verdict.UNDONE if decision.kind == DecisionKind.UNDONE else Verdict.IGNORED
            self._settle(reading, verdict, VerdictReason.DECIDED, plan)
            return
        left_out = self._rule.reason(user)
        address = address_of(user)
        if left_out is not None or address is None:
            reason = left_out or VerdictReason.NO_ADDRESS
            self._settle(reading, Verdict.FILTERED, reason, plan)
            return
        self._match(reading, address, index, plan)

    def _match(self, reading: Reading, address: str, index: Index, plan: PagePlan) -> None:
        identity = IdentityKey(
            entra_tenant_id=self._scope.entra_tenant_id, object_id=reading.user.object_id
        )
        found = match(
            identity, reading.user, address=address, client_id=self._scope.client_id, index=index
        )
        if isinstance(found, Match):
            plan.changes.append(self._link(reading, address, found))
        elif isinstance(found, Doubt):
            self._queue(reading, address, found, plan)
        else:
            plan.changes.append(self._create(reading, address))

    def _link(self, reading: Reading, address: str, found: Match) -> Change:
        return Change(
            change_id=self._change_id(reading, ChangeKind.LINK),
            kind=ChangeKind.LINK,
            reason=found.reason,
            user=reading.user,
            address=address,
            fingerprint=reading.fingerprint,
            contact_id=found.contact.contact_id,
            before={"active": found.contact.active},
            after={"active": found.contact.active},
        )

    def _queue(self, reading: Reading, address: str, doubt: Doubt, plan: PagePlan) -> None:
        known = reading.known
        same_question = known is not None and known.question == (doubt.reason, doubt.candidates)
        if same_question and known is not None and known.acted == reading.fingerprint:
            plan.unchanged += 1
            return
        plan.changes.append(
            Change(
                change_id=self._change_id(reading, ChangeKind.QUEUE),
                kind=ChangeKind.QUEUE,
                reason=doubt.reason,
                user=reading.user,
                address=address,
                fingerprint=reading.fingerprint,
                candidates=doubt.candidates,
                after=new_contact(reading.user, address),
            )
        )

    def _create(self, reading: Reading, address: str) -> Change:
        return Change(
            change_id=self._change_id(reading, ChangeKind.CREATE),
            kind=ChangeKind.CREATE,
            reason=VerdictReason.CREATED,
            user=reading.user,
            address=address,
            fingerprint=reading.fingerprint,
            after=new_contact(reading.user, address),
        )

    def _settle(
        self, reading: Reading, verdict: Verdict, reason: VerdictReason, plan: PagePlan
    ) -> None:
        if verdict == Verdict.FILTERED:
            plan.filtered += 1
        else:
            plan.unchanged += 1
        plan.settled.append(
            Settled(
                user=reading.user,
                address=address_of(reading.user),
                fingerprint=reading.fingerprint,
                verdict=verdict,
                reason=reason,
            )
        )

    def _change_id(self, reading: Reading, kind: ChangeKind) -> ChangeId:
        """The same for the same run, identity and kind: a repeated attempt repeats its rows."""
        digest = self._digest.copy()
        digest.update(reading.user.object_id.bytes + kind.value.encode())
        return ChangeId(UUID(bytes=digest.digest()))


def new_contact(user: DirectoryUser, address: str) -> dict[str, object]:
    """The contact that a create would make.

    Name, e-mail, work and mobile phone, job title, active.
    """
    phones = [
        *({"type": "work", "number": number} for number in user.business_phones[:1]),
        *({"type": "mobile", "number": number} for number in (user.mobile_phone,) if number),
    ]
    return {
        "fullName": full_name(user, address),
        "email": address,
        "phones": phones,
        "role": user.job_title,
        "active": True,
    }


def full_name(user: DirectoryUser, address: str) -> str:
    """Display name, else given name and surname, else the address's local part."""
    parts = " ".join(part for part in (user.given_name, user.surname) if part)
    return user.display_name or parts or address.partition("@")[0]
