"""From an answer to its change rows: what a person chose, compared with what he was shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entra_plugin.application.review.customers import Customers
from entra_plugin.application.sync.policy import Policy
from entra_plugin.domain.errors import Conflict, NotAcceptable, NotFound
from entra_plugin.domain.filters import FilterRule, Filters
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ContactId, RunId
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.merging import normal, values_of
from entra_plugin.domain.planning import PagePlan, Reading, Rules, Scope, Surroundings
from entra_plugin.domain.reviewing import Action, PersonPlanner, Side, shown_fields
from entra_plugin.domain.states import FieldName, VerdictReason
from entra_plugin.store.review import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person wants done with an item, as he saw it in ``version``."""

    action: Action
    version: int | None = None
    contact_id: ContactId | None = None
    fields: Mapping[str, Side] = field(default_factory=dict)
    reason: str | None = None


@dataclass(slots=True, kw_only=True)
class Planned:
    """What an answer comes to: rows to apply, values settled without a write, whom it is about."""

    plan: PagePlan = field(default_factory=PagePlan)
    base: dict[str, str] = field(default_factory=dict)
    contact_id: ContactId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAnswer:
    """Plans answers that have to do with a contact; writes nothing."""

    customers: Customers
    run_id: RunId

    async def __call__(
        self, item: Item, answer: Answer, policy: Policy, reading: Reading
    ) -> Planned:
        """Plan it.

        Raises:
            Conflict: ``changed_meanwhile``: it is not as it was shown.
            NotAcceptable: ``contact_required``, ``unknown_contact``, ``contact_linked``,
                ``unknown_field`` or ``fields_unanswered``.
            NotFound: A directory's value, while field rules are switched off.
        """
        match answer.action:
            case Action.LINK | Action.MOVE:
                return await self._take(item, answer, policy, reading)
            case Action.CREATE:
                if reading.known is not None and reading.known.linked is not None:
                    raise changed("linked_meanwhile")
                planned = Planned()
                self._planner(policy).create(reading, planned.plan)
                return planned
            case Action.FIELDS:
                return await self._fields(item, answer, policy, reading)
            case Action.INACTIVATE:
                contact = await self._linked(item, policy, reading)
                if not contact.active:
                    raise changed("active_changed", contactId=str(contact.contact_id))
                planned = Planned(contact_id=contact.contact_id)
                self._planner(policy).inactivate(reading, contact, planned.plan)
                return planned
            case Action.KEEP | Action.DISMISS | Action.REOPEN:
                return Planned()

    async def _take(self, item: Item, answer: Answer, policy: Policy, reading: Reading) -> Planned:
        chosen = answer.contact_id or _only_candidate(item)
        if reading.known is not None and reading.known.linked is not None:
            raise changed("linked_meanwhile")
        around = await self.customers.around(policy, reading, chosen)
        contact = _chosen(item, chosen, around)
        planned = Planned(contact_id=chosen)
        planner = self._planner(policy)
        if answer.action == Action.LINK:
            planner.link(reading, contact, around, planned.plan)
        elif contact.client_id == policy.client_id:
            raise changed("same_client", contactId=str(chosen))
        else:
            planner.move(reading, contact, around, planned.plan)
        return planned

    async def _fields(
        self, item: Item, answer: Answer, policy: Policy, reading: Reading
    ) -> Planned:
        shown = shown_fields(item.details)
        _require_all(shown, answer.fields)
        context, tenant_id = self.customers.context, self.customers.tenant_id
        chosen = {name for name in shown if answer.fields[name.value] == Side.DIRECTORY}
        if chosen and not await context.flags.is_on(Flag.FIELD_SYNC, tenant_id):
            raise NotFound("not_found", details={"field": sorted(chosen)[0].value})
        contact = await self._linked(item, policy, reading)
        directory = values_of(reading.user)
        before: dict[str, str | None] = {}
        after: dict[str, str] = {}
        planned = Planned(contact_id=contact.contact_id)
        for name, (there, here) in shown.items():
            now = {"directory": directory[name], "local": contact.values.get(name)}
            wanted = normal(name, there)
            as_shown = (wanted, normal(name, here))
            if (normal(name, now["directory"]), normal(name, now["local"])) != as_shown:
                raise changed("changed", field=name.value, now=now)
            value = now["directory"]
            if wanted is None or value is None:
                continue
            if name in chosen:
                before[name.value], after[name.value] = now["local"], value
            else:
                planned.base[name.value] = wanted
        if after:
            planner = self._planner(policy)
            planner.overwrite(reading, contact.contact_id, (before, after), planned.plan)
        return planned

    async def _linked(self, item: Item, policy: Policy, reading: Reading) -> Candidate:
        """The contact that the identity is linked to, if it is still the one that was shown."""
        around = await self.customers.around(policy, reading)
        link = around.links.get(reading.user.object_id)
        if link is None or link.contact is None:
            raise changed("link_gone")
        if link.contact.contact_id not in item.candidates:
            raise changed("linked_otherwise", contactId=str(link.contact.contact_id))
        return link.contact

    def _planner(self, policy: Policy) -> PersonPlanner:
        scope = Scope(
            run_id=self.run_id,
            entra_tenant_id=policy.entra_tenant_id,
            client_id=policy.client_id,
        )
        rules = Rules(
            filters=FilterRule(Filters()), fields=policy.fields, guard=policy.guard, decisions={}
        )
        return PersonPlanner(scope, rules, self.customers.context.clock())


def changed(found: str, **details: object) -> Conflict:
    """The refusal of an answer to what is not so any more, with what was found instead."""
    return Conflict("changed_meanwhile", details={"found": found, **details})


def _chosen(item: Item, chosen: ContactId, around: Surroundings) -> Candidate:
    """The contact that was pointed at, if nobody else is linked to it."""
    contact = around.decided.get(chosen)
    details = {"contactId": str(chosen)}
    if contact is None:
        if chosen in item.candidates:
            raise changed("contact_gone", **details)
        raise NotAcceptable("unknown_contact", details=details)
    if contact.linked_to is not None:
        said = item.reason == VerdictReason.LINKED_ELSEWHERE
        if said or chosen not in item.candidates:
            raise NotAcceptable("contact_linked", details=details)
        raise changed("linked_elsewhere", **details)
    return contact


def _only_candidate(item: Item) -> ContactId:
    if len(item.candidates) != 1:
        raise NotAcceptable(
            "contact_required", details={"candidates": [str(c) for c in item.candidates]}
        )
    return item.candidates[0]


def _require_all(shown: Mapping[FieldName, object], answered: Mapping[str, Side]) -> None:
    """Every field that was asked about is answered, and no other."""
    asked = {name.value for name in shown}
    unknown = sorted(set(answered) - asked)
    if unknown:
        raise NotAcceptable("unknown_field", details={"field": unknown[0]})
    missing = sorted(asked - set(answered))
    if missing:
        raise NotAcceptable("fields_unanswered", details={"fields": missing})
