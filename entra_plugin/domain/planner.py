"""The planner proper: one verdict, or the change rows, for each identity.

The order of the rules is here, with what is planned for identities that have no contact yet.
"""

from collections.abc import Mapping, Sequence

from entra_plugin.domain.filters import address_of
from entra_plugin.domain.ids import ContactId, ObjectId
from entra_plugin.domain.leaving import Departure, on_seeing
from entra_plugin.domain.matching import Candidate, Doubt, Match, match
from entra_plugin.domain.merging import normal, values_of
from entra_plugin.domain.plan_linked import LinkedPlanner
from entra_plugin.domain.plan_rows import named, new_contact
from entra_plugin.domain.planning import (
    Change,
    Dormant,
    Known,
    Link,
    PagePlan,
    Reading,
    Remembered,
    Settled,
    Surroundings,
)
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    DepartureKind,
    FieldName,
    Verdict,
    VerdictReason,
)

_DELETED = DepartureKind.DELETED_UPSTREAM
_CLAIMED = VerdictReason.CLAIMED_TWICE
_MISSING = VerdictReason.MISSING_UPSTREAM


class Planner(LinkedPlanner):
    """Plans the identities of one managed tenant for one run."""

    def plan(self, pending: Sequence[Reading], around: Surroundings, plan: PagePlan) -> None:
        """Give every pending identity exactly one verdict, or its change rows."""
        for reading in pending:
            if self._stays_erased(reading):
                plan.unchanged += 1
                continue
            rows = len(plan.changes)
            self._plan_one(reading, around, plan)
            known, object_id = reading.known, reading.user.object_id
            if known is not None and known.unlisted:
                plan.found.append(object_id)
            if known is not None and known.question is not None and object_id not in plan.asked:
                self._answer(object_id, known.question[0], plan.changes[rows:], plan)

    def _answer(
        self,
        object_id: ObjectId,
        question: VerdictReason,
        changes: Sequence[Change],
        plan: PagePlan,
    ) -> None:
        """Drop an open question that is not asked any more, as far as no row will answer it.

        What a row answers is closed when it is applied: of fields those that an update writes.
        """
        if any(change.kind != ChangeKind.UPDATE for change in changes):
            return
        written = [name for change in changes for name in change.after or {}]
        if question == VerdictReason.FIELD_CONFLICT and written:
            plan.narrowed[object_id] = written
        else:
            plan.answered.append(object_id)

    def plan_absent(
        self,
        reading: Reading,
        around: Surroundings,
        departure: Departure | None,
        plan: PagePlan,
    ) -> None:
        """Plan a linked identity that the directory did not show.

        With a proof it departs; without one a person is asked, unless its contact is gone, too. A
        proof of before holds. Of one that is left alone for now the proof is kept: a directory may
        tell it only once. Of one whom a person keeps though he is missing it settles nothing else.
        """
        object_id, known = reading.user.object_id, reading.known
        link = around.links.get(object_id)
        if known is None or link is None:
            return
        before = known.departure
        if departure is None and before is not None and before.kind == _DELETED:
            departure = before
        if departure is not None and self._is_kept(reading, known):
            departure = departure.acted_on()
        rows = len(plan.changes)
        if link.contact is None:
            self._lose(reading, known, departure, plan)
        elif departure is None:
            self._miss(reading, known, link, around, plan)
        elif self._is_untouchable(reading, link, around):
            kept = self._settled(reading, known.verdict, known.reason, departure)
            plan.settled.append(kept)
        else:
            self._depart(reading, known, link, departure, around, plan)
        if known.question is not None and (link.contact is None or len(plan.changes) == rows):
            plan.answered.append(object_id)

    def _miss(
        self,
        reading: Reading,
        known: Known,
        link: Link,
        around: Surroundings,
        plan: PagePlan,
    ) -> None:
        """Ask about one who is missing, unless that is to be left alone."""
        contact = link.contact
        assert contact is not None, "a vanished contact was handled before"
        if not self._is_kept(reading, known) and not self._is_untouchable(reading, link, around):
            question = {"active": contact.active}
            self._ask(reading, _MISSING, contact, question, plan, departure=known.departure)

    def _is_kept(self, reading: Reading, known: Known) -> bool:
        """True when a person kept him though he is missing; not once he was there again."""
        return known.unlisted and self._dismissed(reading, _MISSING) is not None

    def _is_untouchable(self, reading: Reading, link: Link, around: Surroundings) -> bool:
        object_id = reading.user.object_id
        return self._is_left_alone(object_id, link, around) or self._is_undone(reading)

    def _lose(
        self, reading: Reading, known: Known, departure: Departure | None, plan: PagePlan
    ) -> None:
        """Close the link of one who is gone like his contact: there is nothing else to be done."""
        if known.linked is not None:
            plan.changes.append(self._close_link(reading, known.linked))
        reason = _MISSING if departure is None else VerdictReason.DELETED_UPSTREAM
        left = departure.acted_on() if departure is not None else known.departure
        plan.settled.append(self._settled(reading, Verdict.FILTERED, reason, left))

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
        departure = known.departure if known is not None else None
        if user.object_id in around.pins.ignored:
            pinned = VerdictReason.PINNED
            self._settle(reading, Verdict.IGNORED, pinned, plan, departure=departure)
            return
        if self._is_undone(reading):
            undone = VerdictReason.UNDONE
            self._settle(reading, Verdict.UNDONE, undone, plan, departure=departure)
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
            self._settle(reading, Verdict.FILTERED, reason, plan, departure=self._away(reading))
            return
        self._match(reading, address, around, plan)

    def _away(self, reading: Reading) -> Departure | None:
        """The departure of one who left while he was linked: he may come back to his contact."""
        departure = reading.known.departure if reading.known is not None else None
        return on_seeing(reading.user, departure, self._now) if departure is not None else None

    def _stays_erased(self, reading: Reading) -> bool:
        """True for a person who was erased and is ignored: nothing of him is written again."""
        decision = self._rules.decisions.get(reading.user.object_id)
        return (
            reading.known is not None
            and reading.known.erased
            and decision is not None
            and decision.kind == DecisionKind.IGNORED
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
            self._keep_off(reading, plan)
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
            self._keep_off(reading, plan)
            return True
        here = contact.client_id == self._scope.client_id
        if not self._may_wake(reading, dormant, here=here):
            return False
        if not here and self._is_to_stay(reading):
            self._settle(reading, Verdict.IGNORED, VerdictReason.REMAPPED, plan)
            return True
        merged, note = self._merged(reading, contact, dormant.base, around)
        before: dict[str, object] = {"active": contact.active}
        after: dict[str, object] = {"active": contact.active or dormant.asleep}
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
                note=note,
                base=named(merged.base) or None,
            )
        )
        self._overwrite(reading, contact, merged, note, plan)
        return True

    def _is_to_stay(self, reading: Reading) -> bool:
        """True when a person did not want his contact to move to this client."""
        discarded = self._dismissed(reading, VerdictReason.REMAPPED)
        return discarded is not None and discarded.client_id == self._scope.client_id

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

    def _keep_off(self, reading: Reading, plan: PagePlan) -> None:
        """Leave a contact alone that is pinned, and see the next time whether it still is his."""
        plan.waiting.add(reading.user.object_id)
        self._settle(reading, Verdict.IGNORED, VerdictReason.PINNED, plan)

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
            if self._is_to_stay(reading):
                self._settle(reading, Verdict.IGNORED, VerdictReason.REMAPPED, plan)
            else:
                doubt = Doubt(reason=VerdictReason.OTHER_CLIENT, candidates=(behind,))
                self._queue(reading, doubt, new_contact(reading.user, address), plan)
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
                self._keep_off(reading, plan)
            elif str(contact.contact_id) in around.claimed:
                doubt = Doubt(reason=_CLAIMED, candidates=(contact.contact_id,))
                self._queue(reading, doubt, {"active": contact.active}, plan)
            else:
                self._link(reading, contact, found.reason, around, plan)
        elif isinstance(found, Doubt):
            self._queue(reading, found, new_contact(reading.user, address), plan)
        elif address in around.claimed:
            wanted = self._create(reading, address).after or {}
            self._queue(reading, Doubt(reason=_CLAIMED, candidates=()), wanted, plan)
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
        """Link to a contact: as long as it has the address by which it was found, if it was."""
        state: dict[str, object] = {"active": contact.active}
        found_by = {FieldName.EMAIL.value: contact.values.get(FieldName.EMAIL)}
        before = state if reason == VerdictReason.DECIDED else state | found_by
        self._take(reading, ChangeKind.LINK, reason, contact, (before, state), around, plan)

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
        """Link to a contact that is there, and let the field rules see it.

        For the first time, unless they had been linked before: an edit since is a local one.
        """
        before = around.bases.get((reading.user.object_id, contact.contact_id), {})
        merged, note = self._merged(reading, contact, before, around)
        departure = self._departed_before(reading)
        plan.changes.append(
            self._row(
                reading,
                kind,
                reason,
                contact_id=contact.contact_id,
                before=change[0],
                after=change[1],
                note=note,
                base={**before, **named(merged.base)} or None,
                departure=departure,
            )
        )
        self._overwrite(reading, contact, merged, note, plan, departure=departure)

    def _departed_before(self, reading: Reading) -> Departure | None:
        """A user who is linked while disabled had left before: that is no departure to act on."""
        departure = on_seeing(reading.user, None, self._now)
        return departure.acted_on() if departure is not None else None

    def _queue(
        self, reading: Reading, doubt: Doubt, question: Mapping[str, object], plan: PagePlan
    ) -> None:
        """Ask a person about an identity without a link, if that is not asked already."""
        known = reading.known
        plan.asked.add(reading.user.object_id)
        if (
            known is not None
            and known.question == (doubt.reason, doubt.candidates)
            and known.asked_for == self._scope.client_id
            and known.acted == reading.fingerprint
        ):
            plan.unchanged += 1
            plan.standing.append(self._settled(reading, Verdict.QUEUED, doubt.reason, None))
            return
        plan.changes.append(
            self._row(
                reading,
                ChangeKind.QUEUE,
                doubt.reason,
                candidates=doubt.candidates,
                after=question,
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
