"""The rows of a plan: how a change, and an identity that needs none, is written down."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar
from uuid import UUID

from entra_plugin.domain.filters import address_of
from entra_plugin.domain.identity import DirectoryUser, IdentityKey
from entra_plugin.domain.ids import ChangeId, ContactId, ObjectId
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.planning import (
    Change,
    PagePlan,
    Reading,
    Rules,
    Scope,
    Settled,
)
from entra_plugin.domain.states import (
    ChangeKind,
    FieldName,
    Verdict,
    VerdictReason,
)

Value = TypeVar("Value")


class PlanRows:
    """Writes down what is planned of one managed tenant in one run."""

    def __init__(self, scope: Scope, rules: Rules, now: datetime) -> None:
        self._scope = scope
        self._digest = blake2b(scope.run_id.bytes + scope.entra_tenant_id.bytes, digest_size=16)
        self._rules = rules
        self._now = now

    def _row(
        self,
        reading: Reading,
        kind: ChangeKind,
        reason: VerdictReason,
        *,
        contact_id: ContactId | None = None,
        candidates: tuple[ContactId, ...] = (),
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        note: Mapping[str, object] | None = None,
        base: Mapping[str, str] | None = None,
        departure: Departure | None = None,
    ) -> Change:
        user = reading.user
        return Change(
            change_id=self._change_id(user.object_id, kind),
            kind=kind,
            reason=reason,
            user=user,
            address=address_of(user) or user.user_principal_name,
            fingerprint=reading.fingerprint,
            contact_id=contact_id,
            candidates=candidates,
            before=before,
            after=after,
            note=note,
            base=base,
            departure=departure,
        )

    def _settle(
        self,
        reading: Reading,
        verdict: Verdict,
        reason: VerdictReason,
        plan: PagePlan,
        *,
        departure: Departure | None = None,
    ) -> None:
        if verdict == Verdict.FILTERED:
            plan.filtered += 1
        else:
            plan.unchanged += 1
        waits = reading.user.object_id in plan.waiting
        plan.settled.append(self._settled(reading, verdict, reason, departure, waits=waits))

    def _settled(
        self,
        reading: Reading,
        verdict: Verdict,
        reason: VerdictReason,
        departure: Departure | None,
        *,
        waits: bool = False,
    ) -> Settled:
        return Settled(
            user=reading.user,
            address=address_of(reading.user),
            fingerprint=reading.fingerprint,
            verdict=verdict,
            reason=reason,
            departure=departure,
            contact_id=reading.known.linked if reading.known is not None else None,
            waits=waits,
        )

    def _key(self, reading: Reading) -> IdentityKey:
        return IdentityKey(
            entra_tenant_id=self._scope.entra_tenant_id, object_id=reading.user.object_id
        )

    def _change_id(self, object_id: ObjectId, kind: ChangeKind) -> ChangeId:
        """The same for the same run, identity and kind: a repeated attempt repeats its rows."""
        digest = self._digest.copy()
        digest.update(object_id.bytes + kind.value.encode())
        return ChangeId(UUID(bytes=digest.digest()))


def named(values: Mapping[FieldName, Value]) -> dict[str, Value]:
    """Keyed by the names that people and documents use."""
    return {name.value: value for name, value in values.items()}


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
