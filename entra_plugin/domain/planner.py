"""The planner proper: one verdict, or the change rows, for each identity."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar
from uuid import UUID

from entra_plugin.domain.filters import address_of
from entra_plugin.domain.identity import DirectoryUser, IdentityKey
from entra_plugin.domain.ids import ChangeId, ContactId, ObjectId
from entra_plugin.domain.leaving import Departure, may_be_shared_mailbox, on_seeing
from entra_plugin.domain.matching import Candidate, Doubt, Match, match
from entra_plugin.domain.merging import Merge, merge, normal, values_of
from entra_plugin.domain.planning import (
    Change,
    Dormant,
    Known,
    Link,
    PagePlan,
    Reading,
    Remembered,
    Rules,
    Scope,
    Settled,
    Surroundings,
)
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    FieldName,
    Verdict,
    VerdictReason,
)

Value = TypeVar("Value")


class Planner:
    """Plans the identities of one managed tenant for one run."""

    def __init__(self, scope: Scope, rules: Rules, now: datetime) -> None:
        self._scope = scope
        self._digest = blake2b(scope.run_id.bytes + scope.entra_tenant_id.bytes, digest_size=16)
        self._rules = rules
        self._now = now

    def plan(self, pending: Sequence[Reading], around: Surroundings, plan: PagePlan) -> None:
        """Give every pending identity exactly one verdict, or its change rows."""
        for reading in pending:
            if self._stays_erased(reading):
                plan.unchanged += 1
                continue
            rows = len(plan.changes)
            self._plan_one(reading, around, plan)
            known, object_id = reading.known, reading.user.object_id
            asked = len(plan.changes) > rows or object_id in plan.asked
            if known is not None and known.question is not None and not asked:
                plan.answered.append(object_id)

    def plan_absent(
        self,
        reading: Reading,
        around: Surroundings,
        departure: Departure | None,
        plan: PagePlan,
    ) -> None:
        """Plan a linked identity that a complete reading did not list.

        With a proof it departs; without one a person is asked.
        """
        object_id = reading.user.object_id
        link = around.links.get(object_id)
        if link is None or link.contact is None or self._is_left_alone(object_id, link, around):
            return
        if self._is_undone(reading):
            return
        if departure is not None:
            self._depart(reading, link.contact, departure, around, plan)
        elif not self._is_dismissed(reading):
            question = {"active": link.contact.active}
            self._ask(reading, VerdictReason.MISSING_UPSTREAM, link.contact, question, plan)

    def left_alone(self, settled: Settled) -> Change:
        """The row by which a preview says that an identity is left alone, and why."""
        user = settled.user
        return Change(
            change_id=self._change_id(user.object_id, ChangeKind.NONE),
            kind=ChangeKind.NONE,
            reason=settled.reason,
            user=user,
            address=settled.address or user.user_principal_name,
            fingerprint=settled.fingerprint,
            contact_id=settled.contact_id,
            note={"verdict": settled.verdict.value},
        )

    def _plan_one(self, reading: Reading, around: Surroundings, plan: PagePlan) -> None:
        user = reading.user
        known = reading.known
        if user.object_id in around.pins.ignored:
            self._settle(reading, Verdict.IGNORED, VerdictReason.PINNED, plan)
            return
        if self._is_undone(reading):
            departure = known.departure if known is not None else None
            reason = VerdictReason.UNDONE
            self._settle(reading, Verdict.UNDONE, reason, plan, departure=departure)
            return
        if known is not None and known.linked is not None:
            link = around.links.get(user.object_id)
            if link is None or link.contact is not None:
                self._plan_linked(reading, known, link, around, plan)
                return
            plan.changes.append(self._close_link(reading, known.linked))
        decision = self._rules.decisions.get(user.object_id)
        if decision is not None and self._follow(reading, decision, around, plan):
            return
        if self._wake(reading, around, plan):
            return
        left_out = self._rules.filters.reason(user)
        address = address_of(user)
        if left_out is not None or address is None:
            reason = left_out or VerdictReason.NO_ADDRESS
            self._settle(reading, Verdict.FILTERED, reason, plan)
            return
        self._match(reading, address, around, plan)

    def _stays_erased(self, reading: Reading) -> bool:
        """True for a person who was erased and is ignored: nothing of him is written again."""
        decision = self._rules.decisions.get(reading.user.object_id)
        return (
            reading.known is not None
            and reading.known.erased
            and decision is not None
            and decision.kind == DecisionKind.IGNORED
        )

    # --- Linked identities ---

    def _plan_linked(
        self,
        reading: Reading,
        known: Known,
        link: Link | None,
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        departure = on_seeing(reading.user, known.departure, self._now)
        if link is None or self._is_left_alone(reading.user.object_id, link, around):
            self._settle(reading, Verdict.LINKED, known.reason, plan, departure=known.departure)
            return
        contact = link.contact
        assert contact is not None, "a vanished contact was handled before"
        done = len(plan.changes) + len(plan.settled)
        if departure is not None:
            self._depart(reading, contact, departure, around, plan)
        else:
            if known.departure is not None:
                self._return(reading, contact, link, VerdictReason.ENABLED_UPSTREAM, plan)
            elif known.verdict == Verdict.UNDONE:
                self._return(reading, contact, link, VerdictReason.RESUMED, plan)
            self._merge(reading, contact, link.base, around, plan)
        if len(plan.changes) + len(plan.settled) == done:
            self._settle(reading, Verdict.LINKED, known.reason, plan, departure=departure)

    def _is_left_alone(self, object_id: ObjectId, link: Link, around: Surroundings) -> bool:
        contact = link.contact
        return object_id in around.pins.ignored or (
            contact is not None and contact.contact_id in around.pins.hands_off
        )

    def _depart(
        self,
        reading: Reading,
        contact: Candidate,
        departure: Departure,
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        """Make the contact inactive once the evidence is due; until then it is remembered."""
        guard = self._rules.guard
        due = guard.mark_inactive_when_disabled and departure.is_due(self._now, guard.grace)
        kept = contact.contact_id in around.pins.keep_active
        if due and contact.active and not kept:
            shared = may_be_shared_mailbox(reading.user)
            plan.changes.append(
                self._row(
                    reading,
                    ChangeKind.INACTIVATE,
                    VerdictReason(departure.kind.value),
                    contact_id=contact.contact_id,
                    before={"active": True},
                    after={"active": False},
                    note={"maybeSharedMailbox": True} if shared else None,
                    departure=departure.acted_on(),
                )
            )
            return
        if due and not contact.active:
            departure = departure.acted_on()
        known = reading.known
        reason = known.reason if known is not None else VerdictReason.MATCHED_EMAIL
        self._settle(reading, Verdict.LINKED, reason, plan, departure=departure)

    def _return(
        self,
        reading: Reading,
        contact: Candidate,
        link: Link,
        reason: VerdictReason,
        plan: PagePlan,
    ) -> None:
        """Make the contact active again, if it was us who made it inactive and nobody since."""
        if not contact.active and link.inactive_version == contact.version:
            plan.changes.append(
                self._row(
                    reading,
                    ChangeKind.REACTIVATE,
                    reason,
                    contact_id=contact.contact_id,
                    before={"active": False},
                    after={"active": True},
                )
            )

    def _merge(
        self,
        reading: Reading,
        contact: Candidate,
        base: Mapping[str, str],
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        """Follow the field rules on a contact that is linked."""
        if not self._rules.fields:
            return
        merged, note = self._merged(reading, contact, base, around)
        if merged.base:
            plan.rebased[reading.user.object_id] = _named(merged.base)
        self._overwrite(reading, contact, merged, note, plan)

    def _merged(
        self,
        reading: Reading,
        contact: Candidate,
        base: Mapping[str, str],
        around: Surroundings,
    ) -> tuple[Merge, dict[str, object] | None]:
        """What the rules say, without locked fields and an address that somebody else has."""
        locked = around.pins.locked.get(contact.contact_id, frozenset())
        rules = {n: mode for n, mode in self._rules.fields.items() if n.value not in locked}
        directory = values_of(reading.user)
        merged = merge(rules, base=base, directory=directory, contact=contact.values)
        address = merged.after.get(FieldName.EMAIL)
        holders = around.index.get(address, ()) if address is not None else ()
        others = [c.contact_id for c in holders if c.contact_id != contact.contact_id]
        if not others:
            return merged, None
        del merged.after[FieldName.EMAIL], merged.before[FieldName.EMAIL]
        return merged, {"emailTaken": str(others[0])}

    def _overwrite(
        self,
        reading: Reading,
        contact: Candidate,
        merged: Merge,
        note: dict[str, object] | None,
        plan: PagePlan,
        *,
        departure: Departure | None = None,
    ) -> None:
        """Write what differs, and ask about conflicts; the departure stays as it is."""
        if merged.after:
            plan.changes.append(
                self._row(
                    reading,
                    ChangeKind.UPDATE,
                    VerdictReason.FIELDS_CHANGED,
                    contact_id=contact.contact_id,
                    before=_named(merged.before),
                    after=_named(merged.after),
                    note=note,
                    departure=departure,
                )
            )
        if merged.conflicts and not self._is_dismissed(reading):
            fields = {
                name.value: {"directory": there, "local": here}
                for name, (there, here) in merged.conflicts.items()
            }
            question = {"fields": fields}
            self._ask(
                reading, VerdictReason.FIELD_CONFLICT, contact, question, plan, departure=departure
            )

    def _ask(
        self,
        reading: Reading,
        reason: VerdictReason,
        contact: Candidate,
        question: Mapping[str, object],
        plan: PagePlan,
        *,
        departure: Departure | None = None,
    ) -> None:
        """Ask a person about an identity that is linked."""
        plan.asked.add(reading.user.object_id)
        plan.changes.append(
            self._row(
                reading,
                ChangeKind.QUEUE,
                reason,
                contact_id=contact.contact_id,
                candidates=(contact.contact_id,),
                after=question,
                departure=departure,
            )
        )

    def _is_undone(self, reading: Reading) -> bool:
        """True until a person resumes what an undo had touched."""
        decision = self._rules.decisions.get(reading.user.object_id)
        return decision is not None and decision.kind == DecisionKind.UNDONE

    def _is_dismissed(self, reading: Reading) -> bool:
        """True while the directory is as it was when a person waved the question away."""
        decision = self._rules.decisions.get(reading.user.object_id)
        return (
            decision is not None
            and decision.kind == DecisionKind.DISMISSED
            and decision.fingerprint == reading.fingerprint
        )

    # --- Identities without a link ---

    def _follow(
        self, reading: Reading, decision: Remembered, around: Surroundings, plan: PagePlan
    ) -> bool:
        """Do what a person decided; False when there is nothing of it to do."""
        if decision.kind == DecisionKind.IGNORED:
            self._settle(reading, Verdict.IGNORED, VerdictReason.DECIDED, plan)
            return True
        chosen = around.decided.get(decision.contact_id) if decision.contact_id else None
        if decision.kind != DecisionKind.LINKED or chosen is None:
            return False
        if chosen.client_id != self._scope.client_id:
            # Chosen at a client of until now, or moved away since: to be asked anew.
            return False
        if chosen.linked_to not in (None, self._key(reading)):
            return False
        if chosen.contact_id in around.pins.hands_off:
            self._settle(reading, Verdict.IGNORED, VerdictReason.PINNED, plan)
        else:
            self._link(reading, chosen, VerdictReason.DECIDED, around, plan)
        return True

    def _wake(self, reading: Reading, around: Surroundings, plan: PagePlan) -> bool:
        """Take up again what an undo that was resumed, or a change of the mapping, had closed."""
        dormant = around.dormant.get(reading.user.object_id)
        if dormant is None:
            return False
        contact = dormant.contact
        if contact.contact_id in around.pins.hands_off:
            if self._rules.filters.reason(reading.user) is not None:
                return False
            self._settle(reading, Verdict.IGNORED, VerdictReason.PINNED, plan)
            return True
        here = contact.client_id == self._scope.client_id
        if not self._may_wake(reading, dormant, here=here):
            return False
        if self._is_dismissed(reading) and not here:
            self._settle(reading, Verdict.IGNORED, VerdictReason.REMAPPED, plan)
            return True
        merged, note = self._merged(reading, contact, dormant.base, around)
        before: dict[str, object] = {"active": contact.active}
        after: dict[str, object] = {"active": contact.active or dormant.undone}
        if not here:
            before["clientId"] = str(contact.client_id)
            after["clientId"] = str(self._scope.client_id)
        plan.changes.append(
            self._row(
                reading,
                ChangeKind.REACTIVATE if here else ChangeKind.MOVE,
                VerdictReason.RESUMED if here else VerdictReason.REMAPPED,
                contact_id=contact.contact_id,
                before=before,
                after=after,
                base=_named(merged.base) or None,
            )
        )
        self._overwrite(reading, contact, merged, note, plan)
        return True

    def _may_wake(self, reading: Reading, dormant: Dormant, *, here: bool) -> bool:
        """True for a contact of ours that is free, whose user is enabled."""
        contact = dormant.contact
        resumed = dormant.undone and not contact.active
        return (
            dormant.ours
            and contact.linked_to in (None, self._key(reading))
            and reading.user.enabled
            and (not here or resumed)
        )

    def _left_behind(self, reading: Reading, around: Surroundings) -> ContactId | None:
        """The contact at the client of before that people made or edited: they say what it is."""
        dormant = around.dormant.get(reading.user.object_id)
        if dormant is None or dormant.ours or dormant.contact.linked_to is not None:
            return None
        contact = dormant.contact
        return contact.contact_id if contact.client_id != self._scope.client_id else None

    def _match(self, reading: Reading, address: str, around: Surroundings, plan: PagePlan) -> None:
        behind = self._left_behind(reading, around)
        if behind is not None:
            doubt = Doubt(reason=VerdictReason.OTHER_CLIENT, candidates=(behind,))
            self._queue(reading, address, doubt, plan)
            return
        found = match(
            self._key(reading),
            reading.user,
            address=address,
            client_id=self._scope.client_id,
            index=around.index,
        )
        if isinstance(found, Match):
            contact = found.contact
            if contact.contact_id in around.pins.hands_off:
                self._settle(reading, Verdict.IGNORED, VerdictReason.PINNED, plan)
            else:
                self._link(reading, contact, found.reason, around, plan)
        elif isinstance(found, Doubt):
            self._queue(reading, address, found, plan)
        else:
            plan.changes.append(self._create(reading, address))

    def _link(
        self,
        reading: Reading,
        contact: Candidate,
        reason: VerdictReason,
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        state = {"active": contact.active}
        self._take(reading, ChangeKind.LINK, reason, contact, (state, state), around, plan)

    def _take(
        self,
        reading: Reading,
        kind: ChangeKind,
        reason: VerdictReason,
        contact: Candidate,
        change: tuple[Mapping[str, object], Mapping[str, object]],
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        """Link to a contact that is there, and let the field rules see it for the first time."""
        merged, note = self._merged(reading, contact, {}, around)
        departure = self._departed_before(reading)
        plan.changes.append(
            self._row(
                reading,
                kind,
                reason,
                contact_id=contact.contact_id,
                before=change[0],
                after=change[1],
                base=_named(merged.base) or None,
                departure=departure,
            )
        )
        self._overwrite(reading, contact, merged, note, plan, departure=departure)

    def _departed_before(self, reading: Reading) -> Departure | None:
        """A user who is linked while disabled had left before: that is no departure to act on."""
        departure = on_seeing(reading.user, None, self._now)
        return departure.acted_on() if departure is not None else None

    def _queue(self, reading: Reading, address: str, doubt: Doubt, plan: PagePlan) -> None:
        known = reading.known
        plan.asked.add(reading.user.object_id)
        same_question = known is not None and known.question == (doubt.reason, doubt.candidates)
        if same_question and known is not None and known.acted == reading.fingerprint:
            plan.unchanged += 1
            plan.standing.append(self._settled(reading, Verdict.QUEUED, doubt.reason, None))
            return
        plan.changes.append(
            self._row(
                reading,
                ChangeKind.QUEUE,
                doubt.reason,
                candidates=doubt.candidates,
                after=new_contact(reading.user, address),
            )
        )

    def _create(self, reading: Reading, address: str) -> Change:
        after = new_contact(reading.user, address)
        fields = self._rules.fields
        base: dict[str, str] = {}
        if fields:
            values = values_of(reading.user)
            for name in (FieldName.DEPARTMENT, FieldName.OFFICE_LOCATION):
                if name in fields and values[name] is not None:
                    after[name.value] = values[name]
            written = {name: normal(name, values[name]) for name in fields}
            base = {name.value: value for name, value in written.items() if value is not None}
        return self._row(
            reading,
            ChangeKind.CREATE,
            VerdictReason.CREATED,
            after=after,
            base=base or None,
        )

    def _close_link(self, reading: Reading, contact_id: ContactId) -> Change:
        return self._row(
            reading, ChangeKind.CLOSE_LINK, VerdictReason.CONTACT_GONE, contact_id=contact_id
        )

    # --- Rows ---

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
        plan.settled.append(self._settled(reading, verdict, reason, departure))

    def _settled(
        self,
        reading: Reading,
        verdict: Verdict,
        reason: VerdictReason,
        departure: Departure | None,
    ) -> Settled:
        return Settled(
            user=reading.user,
            address=address_of(reading.user),
            fingerprint=reading.fingerprint,
            verdict=verdict,
            reason=reason,
            departure=departure,
            contact_id=reading.known.linked if reading.known is not None else None,
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


def _named(values: Mapping[FieldName, Value]) -> dict[str, Value]:
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
