"""Explain an identity: its verdict, by which rule and evidence, and what the next sync would do.

The next sync is asked for by planning the identity as it was last seen, with the planner of every
run, and writing nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import LeftOut, known_clients, left_out
from entra_plugin.application.context import Context
from entra_plugin.application.sync.plan_users import UserPlanner
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.surroundings import values_of_contact
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.filters import FilterRule, address_of
from entra_plugin.domain.identity import DirectoryUser, IdentityKey
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.matching import other_addresses
from entra_plugin.domain.merging import merge, values_of
from entra_plugin.domain.planning import Change, PagePlan
from entra_plugin.domain.states import (
    ChangeKind,
    DepartureKind,
    FieldName,
    MappingState,
    PinKind,
    Verdict,
    VerdictReason,
)
from entra_plugin.store.explaining import (
    Explaining,
    HeldDecision,
    HeldIdentity,
    HeldLinkFacts,
    HeldPin,
    OpenQuestion,
    WaitingRow,
)
from entra_plugin.store.identities import Identities
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.mappings import CurrentMapping, Mappings

_NOBODY = RunId(UUID(int=0))
"""No run: what is planned here is never written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFacts:
    """One field rule that is on: base, directory, contact, and what comes of it."""

    name: str
    mode: str
    base: str | None
    directory: str | None
    contact: str | None
    outcome: str
    """``write``, ``ask`` or ``keep``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What the next sync would do: its rows, or the verdict that stays."""

    rows: Sequence[Change]
    verdict: Verdict | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that decides about one identity."""

    managed_tenant_id: ManagedTenantId
    client_id: ClientId | None
    mapping_state: MappingState | None
    left_out: LeftOut | None
    """Why no sync takes what is mapped."""
    held: HeldIdentity
    address: str | None
    other_addresses: tuple[str, ...]
    due_at: datetime | None
    """When a departure that waits will be acted on."""
    decision: HeldDecision | None
    link: HeldLinkFacts | None
    question: OpenQuestion | None
    pins: Sequence[HeldPin]
    waiting: Sequence[WaitingRow]
    fields: Sequence[FieldFacts]
    pattern: str | None
    """What of the name leaves the identity out, where a name does."""
    next: Next | None
    """None for what no sync looks at: it is not mapped, left out, or was erased."""


class Explain:
    """Explains identities."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def __call__(self, tenant_id: TenantId, identity: IdentityKey) -> Explanation:
        """Explain one identity.

        Raises:
            NotFound: It was never seen here.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            explaining = Explaining(connection, tenant_id, identity)
            held = await explaining.identity()
            tenant = await ManagedTenants(connection, tenant_id).of_directory(
                identity.entra_tenant_id
            )
            if held is None or tenant is None:
                raise NotFound("not_found", details={"objectId": str(identity.object_id)})
            mapping = await Mappings(connection, tenant_id).current(tenant.managed_tenant_id)
            link = await explaining.link()
            question = await explaining.question()
            waiting = await explaining.waiting()
            pins = await explaining.pins(link.contact_id if link is not None else None)
            policy = await self._policy(connection, tenant_id, mapping)
            left = await self._left_out(connection, tenant_id, mapping)
            user = held.user
            rule = _rule(policy, held) if policy is not None else None
            address = address_of(user) if user is not None else None
            waits = held.departure is not None and not held.departure.settled
            plan = None
            if left is None:
                plan = await self._plan(connection, tenant_id, policy, rule, held)
            return Explanation(
                managed_tenant_id=tenant.managed_tenant_id,
                client_id=mapping.client_id if mapping is not None else None,
                mapping_state=mapping.state if mapping is not None else None,
                left_out=left,
                held=held,
                address=address,
                other_addresses=other_addresses(user, address) if user is not None else (),
                due_at=held.departure.since + policy.guard.grace
                if waits and held.departure is not None and policy is not None
                else None,
                decision=await explaining.decision(),
                link=link,
                question=question,
                pins=pins,
                waiting=waiting,
                fields=await self._fields(connection, tenant_id, policy, user, link, pins),
                pattern=rule.pattern(user)
                if rule is not None and user is not None and held.verdict == Verdict.FILTERED
                else None,
                next=_next_of(held, plan, question, waiting) if plan is not None else None,
            )

    async def _policy(
        self, connection: AsyncConnection, tenant_id: TenantId, mapping: CurrentMapping | None
    ) -> Policy | None:
        if mapping is None or mapping.state != MappingState.MAPPED or mapping.client_id is None:
            return None
        return await self._scopes.policy_of(connection, tenant_id, mapping, mapping.client_id)

    async def _left_out(
        self, connection: AsyncConnection, tenant_id: TenantId, mapping: CurrentMapping | None
    ) -> LeftOut | None:
        if mapping is None or mapping.client_id is None:
            return None
        clients = await known_clients(self._context, connection, tenant_id, [mapping.client_id])
        return left_out(mapping, clients, self._context.clock())

    async def _fields(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        policy: Policy | None,
        user: DirectoryUser | None,
        link: HeldLinkFacts | None,
        pins: Sequence[HeldPin],
    ) -> list[FieldFacts]:
        if policy is None or user is None or link is None or not policy.fields:
            return []
        found = await self._context.host.contacts.by_ids(connection, tenant_id, [link.contact_id])
        if not found:
            return []
        directory, contact = values_of(user), values_of_contact(found[0])
        free = {name: mode for name, mode in policy.fields.items() if not _is_pinned(name, pins)}
        merged = merge(free, base=link.base, directory=directory, contact=contact)
        outcomes: Mapping[object, str] = {
            **dict.fromkeys(merged.after, "write"),
            **dict.fromkeys(merged.conflicts, "ask"),
        }
        return [
            FieldFacts(
                name=name.value,
                mode=mode.value,
                base=link.base.get(name.value),
                directory=directory.get(name),
                contact=contact.get(name),
                outcome=outcomes.get(name, "keep"),
            )
            for name, mode in policy.fields.items()
        ]

    async def _plan(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        policy: Policy | None,
        rule: FilterRule | None,
        held: HeldIdentity,
    ) -> PagePlan | None:
        """What would be planned today; of who is gone by the proof, or the lack of one."""
        user = held.user
        if policy is None or rule is None or user is None:
            return None
        planner = UserPlanner(
            tenant_id=tenant_id,
            run_id=_NOBODY,
            policy=policy,
            contacts=self._context.host.contacts,
            rule=rule,
            decisions=await Identities(connection, tenant_id).decided(policy.entra_tenant_id),
            now=self._context.clock(),
            everybody=True,
        )
        departure = held.departure
        gone = departure is not None and departure.kind == DepartureKind.DELETED_UPSTREAM
        if departure is not None and gone:
            departures = {user.object_id: departure}
            planned = await planner.plan_absent(connection, {user.object_id: user}, departures)
        else:
            planned = await planner.plan(connection, [user])
        return planned.plan


def _rule(policy: Policy, held: HeldIdentity) -> FilterRule:
    """The filters of now, with the groups that they name as they were when last read."""
    user, filters = held.user, policy.filters
    one = frozenset({user.object_id}) if user is not None else frozenset()
    outside = held.reason == VerdictReason.NOT_IN_GROUP
    included = (frozenset() if outside else one) if filters.include_groups else None
    excluded = one if held.reason == VerdictReason.IN_EXCLUDED_GROUP else frozenset()
    return FilterRule(
        filters, included=included, excluded=excluded if filters.exclude_groups else frozenset()
    )


def _is_pinned(name: FieldName, pins: Sequence[HeldPin]) -> bool:
    """True where a pin keeps the field as it is."""
    return any(
        pin.kind in {PinKind.HANDS_OFF, PinKind.IGNORE_IDENTITY} or pin.field == name.value
        for pin in pins
    )


def _next_of(
    held: HeldIdentity,
    plan: PagePlan,
    question: OpenQuestion | None,
    waiting: Sequence[WaitingRow],
) -> Next:
    """The rows that would be new: what is asked, or is held, already is no news."""
    rows = [
        row
        for row in plan.changes
        if not _is_asked(row, question) and not any(_is_held(row, other) for other in waiting)
    ]
    if rows:
        return Next(rows=rows, verdict=None, reason=None)
    left = [*plan.settled, *plan.standing]
    if left:
        return Next(rows=(), verdict=left[0].verdict, reason=left[0].reason.value)
    return Next(rows=(), verdict=held.verdict, reason=held.reason)


def _is_asked(row: Change, question: OpenQuestion | None) -> bool:
    """True for a question that is open already, word for word."""
    return (
        question is not None
        and row.kind == ChangeKind.QUEUE
        and (row.reason, row.candidates) == (question.reason, question.candidates)
        and row.after == question.details
    )


def _is_held(row: Change, waiting: WaitingRow) -> bool:
    """True for a row that waits for a person already, and says the same."""
    return (row.kind, row.contact_id, row.before, row.after) == (
        waiting.kind,
        waiting.contact_id,
        waiting.before,
        waiting.after,
    )
