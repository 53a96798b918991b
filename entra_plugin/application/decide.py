"""What all ways of deciding about managed tenants share: the checks, and putting in force.

A decision is checked by a pure function on what is held under the lock of the mapping counter, so
that the form, the API and a file cannot disagree on what is acceptable.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import ClientState, KnownClients
from entra_plugin.application.context import Context, Person
from entra_plugin.domain.decisions import Decided, evidence_of
from entra_plugin.domain.ids import ClientId, ManagedTenantId, TenantId
from entra_plugin.domain.mapping.facts import Proposal
from entra_plugin.domain.states import MappingState
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.mapping_links import ClosedLink, LeftBehind, MappingLinks
from entra_plugin.store.mappings import Author, CurrentMapping, Mappings, NewMapping

Value = TypeVar("Value")

SYNCED = frozenset({MappingState.MAPPED, MappingState.CREATE_NEW})
"""The decisions after which a sync has something to do, and so can be paused or filtered."""

_CONTACTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Put(Generic[Value]):
    """A value to store in place of the present one; None takes it away."""

    value: Value | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingDecision:
    """What a person decided about one managed tenant; without ``pause`` the present one stays."""

    managed_tenant_id: ManagedTenantId
    state: MappingState
    client_id: ClientId | None = None
    pause: Put[datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """What becomes of the links of the managed tenants that were decided about.

    The next sync moves ``moving`` contacts from the client of before: we made them, and nobody
    edited them. About ``asking`` others it asks.
    """

    closed: int = 0
    reopened: int = 0
    kept: int = 0
    moving: int = 0
    asking: int = 0


class Fault(StrEnum):
    """Why a decision cannot be put in force; the values are error codes."""

    UNKNOWN_TENANT = "unknown_tenant"
    CLIENT_REQUIRED = "client_required"
    UNKNOWN_CLIENT = "unknown_client"
    TENANT_GONE = "tenant_gone"
    NOT_MAPPED = "not_mapped"
    PAUSE_IN_PAST = "pause_in_past"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a decision meets, held against other deciders until the transaction ends."""

    tenants: Mapping[ManagedTenantId, ManagedTenant]
    current: Mapping[ManagedTenantId, CurrentMapping]
    clients: KnownClients
    now: datetime

    def is_in_force(self, decision: MappingDecision) -> bool:
        """True when putting it in force again would change nothing."""
        current = self.current.get(decision.managed_tenant_id)
        present = current.paused_until if current else None
        if decision.pause is not None and decision.pause.value != present:
            return False
        if current is None:
            return decision.state == MappingState.UNMAPPED
        return current.state == decision.state and current.client_id == decision.client_id

    def is_paused(self, decision: MappingDecision) -> bool:
        """True when no sync takes the managed tenant for a while after the decision."""
        if decision.state not in SYNCED:
            return False
        if decision.pause is not None:
            return decision.pause.value is not None and decision.pause.value > self.now
        current = self.current.get(decision.managed_tenant_id)
        return current is not None and current.is_paused(self.now)

    def row_version(self, managed_tenant_id: ManagedTenantId) -> int:
        """The counter at the last decision about a managed tenant; 0 if there was none."""
        current = self.current.get(managed_tenant_id)
        return current.version if current else 0

    def fault(self, decision: MappingDecision) -> Fault | None:
        """Why the decision cannot be put in force; what is in force already always can."""
        tenant = self.tenants.get(decision.managed_tenant_id)
        if tenant is None:
            return Fault.UNKNOWN_TENANT
        if (decision.state == MappingState.MAPPED) != (decision.client_id is not None):
            return Fault.CLIENT_REQUIRED
        if self.is_in_force(decision):
            return None
        if self.clients.state(decision.client_id) not in {None, ClientState.ACTIVE}:
            return Fault.UNKNOWN_CLIENT
        if decision.state in SYNCED and tenant.gone_at is not None:
            return Fault.TENANT_GONE
        return self._pause_fault(decision)

    def _pause_fault(self, decision: MappingDecision) -> Fault | None:
        until = decision.pause.value if decision.pause else None
        if until is None:
            return None
        if decision.state not in SYNCED:
            return Fault.NOT_MAPPED
        current = self.current.get(decision.managed_tenant_id)
        unchanged = current is not None and current.paused_until == until
        return None if unchanged or until > self.now else Fault.PAUSE_IN_PAST

    def new_mapping(
        self, decision: MappingDecision, proposal: Proposal | None, how: Decided
    ) -> NewMapping:
        """The row of a decision: overrides and pause go on from one client to another."""
        current = self.current.get(decision.managed_tenant_id)
        kept = current if decision.state in SYNCED else None
        present = kept.paused_until if kept else None
        return NewMapping(
            mapping_id=uuid4(),
            managed_tenant_id=decision.managed_tenant_id,
            state=decision.state,
            client_id=decision.client_id,
            evidence=evidence_of(how, proposal, decision.client_id),
            filter_overrides=kept.filter_overrides if kept else {},
            paused_until=decision.pause.value if decision.pause else present,
        )


def author(person: Person, now: datetime) -> Author:
    """The person as decisions remember him."""
    return Author(user_id=person.user_id, name=person.name, now=now)


def needs_proposals(states: Iterable[MappingState]) -> bool:
    """True when the matcher has something to say: evidence of a match, or look-alikes."""
    return any(state in SYNCED for state in states)


async def put_in_force(
    context: Context,
    connection: AsyncConnection,
    tenant_id: TenantId,
    decisions: Sequence[NewMapping],
    *,
    version: int,
    author: Author,
) -> LinkChanges:
    """Store decisions under the lock that is held, and bring the links in line with them.

    Links to a client that a managed tenant is no longer mapped to are closed; those that such a
    change closed before are opened again when it is mapped back, where the contact still is there.
    The next sync looks at everybody.
    """
    await Mappings(connection, tenant_id).decide(decisions, version=version, author=author)
    links = MappingLinks(connection, tenant_id)
    clients = {decision.managed_tenant_id: decision.client_id for decision in decisions}
    await ManagedTenants(connection, tenant_id).forget_policies(list(clients))
    closed = await links.close_others(clients, actor_id=author.user_id, now=author.now)
    kept = await links.open(list(clients))
    found = await _still_there(context, connection, tenant_id, await links.reopenable(clients))
    reopened = await links.reopen(found)
    moving, asking = await _left_behind(
        context, connection, tenant_id, await links.left_behind(clients)
    )
    return LinkChanges(closed=closed, reopened=reopened, kept=kept, moving=moving, asking=asking)


async def _left_behind(
    context: Context,
    connection: AsyncConnection,
    tenant_id: TenantId,
    people: Sequence[LeftBehind],
) -> tuple[int, int]:
    """How many of them move to the client of now, and about how many a person is asked."""
    moving = asking = 0
    for start in range(0, len(people), _CONTACTS_AT_ONCE):
        part = people[start : start + _CONTACTS_AT_ONCE]
        ids = [person.contact_id for person in part]
        found = await context.host.contacts.by_ids(connection, tenant_id, ids)
        contacts = {contact.id: contact for contact in found}
        for person in part:
            contact = contacts.get(person.contact_id)
            if contact is None or contact.client_id == person.client_id:
                continue
            ours = contact.version == person.version
            moving, asking = moving + ours, asking + (not ours)
    return moving, asking


async def _still_there(
    context: Context,
    connection: AsyncConnection,
    tenant_id: TenantId,
    links: Sequence[ClosedLink],
) -> list[ClosedLink]:
    """The links whose contact exists at the host.

    It is at the client that it was linked at, unless a person chose it wherever it is.
    """
    client_of: dict[object, ClientId] = {}
    for start in range(0, len(links), _CONTACTS_AT_ONCE):
        ids = [link.contact_id for link in links[start : start + _CONTACTS_AT_ONCE]]
        contacts = await context.host.contacts.by_ids(connection, tenant_id, ids)
        client_of |= {contact.id: contact.client_id for contact in contacts}
    return [
        link
        for link in links
        if link.contact_id in client_of
        and (link.chosen or client_of[link.contact_id] == link.client_id)
    ]
