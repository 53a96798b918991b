"""Identities that have a contact: leaving, coming back, field rules, and questions about them."""

from collections.abc import Mapping

from entra_plugin.domain.ids import ObjectId
from entra_plugin.domain.leaving import Departure, on_seeing
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.merging import Merge, merge, values_of
from entra_plugin.domain.plan_rows import PlanRows, named
from entra_plugin.domain.planning import (
    Known,
    Link,
    PagePlan,
    Reading,
    Remembered,
    Surroundings,
)
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    FieldName,
    Verdict,
    VerdictReason,
)


class LinkedPlanner(PlanRows):
    """Plans identities that are linked."""

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
            reason = _reason(known, link)
            self._settle(reading, Verdict.LINKED, reason, plan, departure=known.departure)
            return
        contact = link.contact
        assert contact is not None, "a vanished contact was handled before"
        done = len(plan.changes) + len(plan.settled)
        if departure is not None:
            departure = self._departed(reading, contact, departure, around, plan)
            if departure is not None and contact.active:
                self._merge(reading, contact, link.base, around, plan, departure=departure)
        else:
            if known.departure is not None:
                self._return(reading, contact, link, VerdictReason.ENABLED_UPSTREAM, plan)
            elif known.verdict == Verdict.UNDONE:
                self._return(reading, contact, link, VerdictReason.RESUMED, plan)
            self._merge(reading, contact, link.base, around, plan)
        if len(plan.changes) + len(plan.settled) == done:
            self._settle(reading, Verdict.LINKED, _reason(known, link), plan, departure=departure)

    def _is_left_alone(self, object_id: ObjectId, link: Link, around: Surroundings) -> bool:
        contact = link.contact
        return object_id in around.pins.ignored or (
            contact is not None and contact.contact_id in around.pins.hands_off
        )

    def _depart(
        self,
        reading: Reading,
        known: Known,
        link: Link,
        departure: Departure,
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        """Make the contact inactive once the evidence is due; until then it is remembered."""
        assert link.contact is not None, "a vanished contact was handled before"
        kept = self._departed(reading, link.contact, departure, around, plan)
        if kept is not None:
            self._settle(reading, Verdict.LINKED, _reason(known, link), plan, departure=kept)

    def _departed(
        self,
        reading: Reading,
        contact: Candidate,
        departure: Departure,
        around: Surroundings,
        plan: PagePlan,
    ) -> Departure | None:
        """The departure to be remembered, the contact staying as it is; None with a row."""
        guard = self._rules.guard
        due = guard.mark_inactive_when_disabled and departure.is_due(self._now, guard.grace)
        kept = contact.contact_id in around.pins.keep_active
        if due and contact.active and not kept:
            shared = departure.may_be_shared_mailbox(reading.user)
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
            return None
        return departure.acted_on() if due and not contact.active else departure

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
        *,
        departure: Departure | None = None,
    ) -> None:
        """Follow the field rules on a contact that is linked; the departure stays as it is."""
        if not self._rules.fields:
            return
        merged, note = self._merged(reading, contact, base, around)
        if merged.base:
            plan.rebased[reading.user.object_id] = named(merged.base)
        self._overwrite(reading, contact, merged, note, plan, departure=departure)

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
        if note is not None:
            plan.waiting.add(reading.user.object_id)
        if merged.after:
            plan.changes.append(
                self._row(
                    reading,
                    ChangeKind.UPDATE,
                    VerdictReason.FIELDS_CHANGED,
                    contact_id=contact.contact_id,
                    before=named(merged.before),
                    after=named(merged.after),
                    note=note,
                    departure=departure,
                )
            )
        waved_away = self._dismissed(reading, VerdictReason.FIELD_CONFLICT)
        settled = waved_away.fields if waved_away is not None else frozenset()
        fields = {
            name.value: {"directory": there, "local": here}
            for name, (there, here) in merged.conflicts.items()
            if name.value not in settled
        }
        if fields:
            question = {"fields": fields}
            self._ask(
                reading,
                VerdictReason.FIELD_CONFLICT,
                contact,
                question,
                plan,
                note=note,
                departure=departure,
            )

    def _ask(
        self,
        reading: Reading,
        reason: VerdictReason,
        contact: Candidate,
        question: Mapping[str, object],
        plan: PagePlan,
        *,
        note: Mapping[str, object] | None = None,
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
                note=note,
                departure=departure,
            )
        )

    def _is_undone(self, reading: Reading) -> bool:
        """True until a person resumes what an undo had touched."""
        decision = self._rules.decisions.get(reading.user.object_id)
        return decision is not None and decision.kind == DecisionKind.UNDONE

    def _dismissed(self, reading: Reading, question: VerdictReason) -> Remembered | None:
        """The dismissal of a question, while the directory is as it was then."""
        decision = self._rules.decisions.get(reading.user.object_id)
        if (
            decision is None
            or decision.kind != DecisionKind.DISMISSED
            or decision.question != question
            or decision.fingerprint != reading.fingerprint
        ):
            return None
        return decision


def _reason(known: Known, link: Link | None) -> VerdictReason:
    """Why an identity counts as linked: as it was, or as its link says if it was held otherwise.

    Why it was ignored, undone or asked about is no reason for that.
    """
    return known.reason if link is None or known.verdict == Verdict.LINKED else link.reason
