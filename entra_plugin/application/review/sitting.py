"""One transaction of a person at the queue: items settled, their changes applied as one run.

Whatever touches a contact is a change row of a run, so that the journal, the contact's panel and
undo see it like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context, Person
from entra_plugin.application.review.answers import Answer, PlanAnswer, Planned, changed
from entra_plugin.application.review.customers import Customers
from entra_plugin.application.sync.batch import ApplyBatch, Batch
from entra_plugin.application.sync.policy import Policy
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable, NotFound
from entra_plugin.domain.ids import ContactId, ManagedTenantId, ReviewItemId, RunId
from entra_plugin.domain.reviewing import ACTIONS, LINKED_REASONS, SETTLEMENTS, Action
from entra_plugin.domain.states import (
    ChangeKind,
    ChangeState,
    DecisionKind,
    ItemState,
    RunState,
    RunType,
    Settlement,
    Trigger,
    Verdict,
    VerdictReason,
)
from entra_plugin.store.changes import Changes
from entra_plugin.store.decisions import Decision, Decisions
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.links import Links
from entra_plugin.store.review import Item, ReviewItems, ReviewRuns, Unapplied
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import NewRun, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an item; ``run_id`` is the run with its changes, if it needed any."""

    item_id: ReviewItemId
    state: ItemState
    settled_as: Settlement | None
    contact_id: ContactId | None
    run_id: RunId | None


@dataclass(slots=True, kw_only=True)
class Sitting:
    """Settles items on one connection; the caller keeps syncs out, and commits or rolls back.

    ``alone``: it is about one item, whose identity and client the run names then.
    """

    context: Context
    connection: AsyncConnection
    person: Person
    run_id: RunId
    now: datetime
    alone: bool
    _customers: set[ManagedTenantId] = field(default_factory=set)
    """Those that have rows in the run."""

    async def settle(self, item_id: ReviewItemId, answer: Answer) -> Outcome:
        """Settle one item: it is locked first, so that of two people one wins.

        Raises:
            EntraError: Nothing of this item may be kept then; the caller rolls it back.
        """
        items = ReviewItems(self.connection, self.person.tenant_id)
        item = await items.lock(item_id)
        if item is None:
            raise NotFound("not_found")
        if answer.action == Action.REOPEN:
            return await self._reopen(item, answer)
        _require_open(item)
        _require_as_seen(item, answer)
        if answer.action not in ACTIONS.get(item.reason, ()):
            raise _not_possible(item, answer.action)
        settlement = SETTLEMENTS[answer.action]
        dismissed = answer.action == Action.DISMISS
        state = ItemState.DISMISSED if dismissed else ItemState.RESOLVED
        # Settled before anything is applied: what follows may ask the identity's next question.
        await items.settle(
            item_id,
            state=state,
            settlement=settlement,
            user_id=self.person.user_id,
            name=self.person.name,
            now=self.now,
        )
        planned = Planned() if dismissed else await self._carry_out(item, answer)
        await self._remember(item, answer, planned)
        return Outcome(
            item_id=item_id,
            state=state,
            settled_as=settlement,
            contact_id=planned.contact_id,
            run_id=self.run_id if planned.plan.changes else None,
        )

    async def close(self) -> RunId | None:
        """Close the run with its counters; None, and no run, when nothing had to be changed."""
        if not self._customers:
            return None
        tenant_id = self.person.tenant_id
        tenants = RunTenants(self.connection, tenant_id)
        for managed_tenant_id in sorted(self._customers):
            counts = await Changes(self.connection, tenant_id).counts(
                self.run_id, managed_tenant_id
            )
            await tenants.close(
                self.run_id, [managed_tenant_id], RunState.COMPLETED, self.now, counts=counts
            )
        runs = Runs(self.connection, tenant_id)
        await ReviewRuns(self.connection, tenant_id).sign(
            self.run_id, self.person.user_id, self.person.name
        )
        await runs.finish(self.run_id, RunState.COMPLETED, self.now, applied=True)
        return self.run_id

    async def _carry_out(self, item: Item, answer: Answer) -> Planned:
        """Plan the answer and apply its rows."""
        tenant_id = self.person.tenant_id
        customers = Customers(context=self.context, connection=self.connection, tenant_id=tenant_id)
        policy = await customers.policy(item.managed_tenant_id)
        if policy is None or policy.client_id != item.client_id:
            raise changed("mapping_changed")
        reading = await customers.reading(policy, item.object_id)
        if reading is None:
            raise changed("identity_gone")
        plan = PlanAnswer(customers=customers, run_id=self.run_id)
        planned = await plan(item, answer, policy, reading)
        if planned.plan.changes:
            planned.contact_id = await self._apply(item, policy, planned) or planned.contact_id
            self._customers.add(item.managed_tenant_id)
        if planned.base:
            await Links(self.connection, tenant_id).rebase(
                item.entra_tenant_id, {item.object_id: planned.base}
            )
        unsettled = reading.known is not None and reading.known.acted is None
        if unsettled and item.reason in LINKED_REASONS:
            await ReviewRuns(self.connection, tenant_id).unsettle(item.identity)
        return planned

    async def _apply(self, item: Item, policy: Policy, planned: Planned) -> ContactId | None:
        """Apply the rows as a sync would; answers the contact.

        Raises:
            Conflict: ``changed_meanwhile``: a row did not hold.
            NotAcceptable: ``pinned``, ``address_taken`` or ``rejected_by_host``.
        """
        tenant_id, customer = self.person.tenant_id, item.managed_tenant_id
        await self._ensure_run(item)
        changes = Changes(self.connection, tenant_id)
        await changes.add(
            planned.plan.changes,
            run_id=self.run_id,
            managed_tenant_id=customer,
            entra_tenant_id=policy.entra_tenant_id,
            client_id=policy.client_id,
            now=self.now,
            notes={},
        )
        rows = await changes.planned(
            self.run_id,
            customer,
            kinds=tuple(ChangeKind),
            after=None,
            limit=len(planned.plan.changes),
        )
        batch = Batch(
            tenant_id=tenant_id,
            run_id=self.run_id,
            entra_tenant_id=policy.entra_tenant_id,
            client_id=policy.client_id,
            fields=policy.fields,
            pinned=policy.pinned,
            now=self.now,
            rows=rows,
        )
        await ApplyBatch(self.connection, self.context.host.contacts, batch)()
        journal = ReviewRuns(self.connection, tenant_id)
        unapplied = await journal.unapplied(self.run_id, item.object_id)
        if unapplied is not None:
            raise _refused(unapplied)
        return await journal.contact_of(self.run_id, item.object_id)

    async def _ensure_run(self, item: Item) -> None:
        """Begin the run with the first item that needs one; each customer of it has a row there."""
        tenant_id = self.person.tenant_id
        runs = Runs(self.connection, tenant_id)
        run = NewRun(
            run_id=self.run_id,
            type=RunType.PERSON,
            trigger=Trigger.API,
            actor_id=self.person.user_id,
            actor_name=self.person.name,
            client_id=item.client_id if self.alone else None,
            workflow_id=f"entra/{tenant_id}/review/{self.run_id}",
            subject=item.identity if self.alone else None,
        )
        await runs.add(run, self.now)
        await runs.start(self.run_id, self.now)
        clients = await self.context.host.clients.by_ids(
            self.connection, tenant_id, [item.client_id]
        )
        await ReviewRuns(self.connection, tenant_id).add_customer(
            self.run_id,
            item.managed_tenant_id,
            client_id=item.client_id,
            client_name=next((client.name for client in clients), None),
            now=self.now,
        )

    async def _remember(self, item: Item, answer: Answer, planned: Planned) -> None:
        """Keep the decision, so that later runs follow it and do not ask again."""
        tenant_id = self.person.tenant_id
        decisions = Decisions(self.connection, tenant_id)
        journal = ReviewRuns(self.connection, tenant_id)
        match answer.action:
            case Action.LINK | Action.MOVE:
                decision = self._decision(DecisionKind.LINKED, answer)
                await decisions.put(item.identity, replace(decision, contact_id=planned.contact_id))
            case Action.CREATE:
                await decisions.delete(item.identity)
            case Action.KEEP | Action.DISMISS if item.reason in LINKED_REASONS:
                seen = await journal.seen(item.identity)
                decision = replace(
                    self._decision(DecisionKind.DISMISSED, answer),
                    fingerprint=seen.seen if seen is not None else None,
                    question=item.reason,
                    fields=_conflicting(item),
                )
                before = await decisions.get(item.identity)
                await decisions.put(item.identity, decision.beside(before))
                if item.reason == VerdictReason.MISSING_UPSTREAM:
                    await self._settle_departure(item)
            case Action.DISMISS:
                await decisions.put(item.identity, self._decision(DecisionKind.IGNORED, answer))
                await journal.put_verdict(
                    item.identity, Verdict.IGNORED.value, VerdictReason.DECIDED.value
                )
            case _:
                """Fields and inactivations are remembered by the link and the departure."""

    async def _settle_departure(self, item: Item) -> None:
        """Whoever is kept does not leave on evidence of before either."""
        directory, object_id = item.identity.entra_tenant_id, item.object_id
        await IdentityWrites(self.connection, self.person.tenant_id).act(
            directory,
            [object_id],
            departed=[object_id],
            run_id=self.run_id,
            managed_tenant_id=item.managed_tenant_id,
        )

    def _decision(self, kind: DecisionKind, answer: Answer) -> Decision:
        return Decision(
            kind=kind,
            reason=answer.reason,
            decided_by=self.person.user_id,
            decided_by_name=self.person.name,
            decided_at=self.now,
        )

    async def _reopen(self, item: Item, answer: Answer) -> Outcome:
        """Take a dismissal back: the same item is open again at once.

        A person who takes it back wants to answer, and need not wait for a run; every run looks at
        open questions anyway, so that the next one corrects or withdraws what is not so any more.
        """
        tenant_id = self.person.tenant_id
        if item.state != ItemState.DISMISSED:
            raise _not_possible(item, Action.REOPEN)
        _require_as_seen(item, answer)
        items = ReviewItems(self.connection, tenant_id)
        decisions = Decisions(self.connection, tenant_id)
        linked = item.reason in LINKED_REASONS
        decision = await decisions.get(item.identity)
        expected = DecisionKind.DISMISSED if linked else DecisionKind.IGNORED
        if decision is None or decision.kind != expected:
            raise changed("decided_otherwise")
        if await items.open_of(item.identity) is not None:
            raise changed("asked_again")
        customers = Customers(context=self.context, connection=self.connection, tenant_id=tenant_id)
        policy = await customers.policy(item.managed_tenant_id)
        if policy is None:
            raise changed("mapping_changed")
        reading = await customers.reading(policy, item.object_id)
        known = reading.known if reading is not None else None
        if known is None or (known.linked is not None) != linked:
            raise changed("link_gone" if linked else "identity_gone")
        await decisions.delete(item.identity)
        await items.open_again(item.item_id, policy.client_id)
        if not linked:
            await ReviewRuns(self.connection, tenant_id).put_verdict(
                item.identity, Verdict.QUEUED.value, item.reason.value
            )
        return Outcome(
            item_id=item.item_id,
            state=ItemState.OPEN,
            settled_as=None,
            contact_id=None,
            run_id=None,
        )


def _require_open(item: Item) -> None:
    if item.state == ItemState.OPEN:
        return
    raise Conflict(
        "already_resolved",
        details={
            "state": item.state.value,
            "settledAs": item.settled_as.value if item.settled_as else None,
            "settledBy": str(item.settled_by) if item.settled_by else None,
            "settledByName": item.settled_by_name,
            "settledAt": item.settled_at.isoformat() if item.settled_at else None,
        },
    )


def _require_as_seen(item: Item, answer: Answer) -> None:
    if answer.version is not None and answer.version != item.version:
        raise changed("item_changed", version=item.version, reason=item.reason.value)


def _not_possible(item: Item, action: Action) -> NotAcceptable:
    possible = {
        ItemState.OPEN: ACTIONS.get(item.reason, ()),
        ItemState.DISMISSED: (Action.REOPEN,),
        ItemState.RESOLVED: (),
    }[item.state]
    return NotAcceptable(
        "action_not_possible",
        details={
            "action": action.value,
            "reason": item.reason.value,
            "state": item.state.value,
            "possible": [each.value for each in possible],
        },
    )


def _refused(row: Unapplied) -> EntraError:
    """Why an answer could not be carried out, by what its row found."""
    found, note = row.note.get("found"), dict(row.note)
    if row.state == ChangeState.FAILED:
        return NotAcceptable("rejected_by_host", details={"hostCode": note.get("hostCode")})
    if found == "pinned":
        return NotAcceptable("pinned")
    if found == "exists":
        return NotAcceptable("address_taken", details={"contactId": note.get("contactId")})
    return Conflict("changed_meanwhile", details=note)


def _conflicting(item: Item) -> frozenset[str]:
    """The fields that a question is about, if it is about fields."""
    fields = item.details.get("fields")
    return frozenset(fields) if isinstance(fields, Mapping) else frozenset()
