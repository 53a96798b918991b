"""Map managed tenants to clients: a preview that writes nothing, and decisions that are atomic."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import ClientState, known_clients
from entra_plugin.application.context import Context, Person
from entra_plugin.application.decide import (
    Fault,
    Held,
    LinkChanges,
    MappingDecision,
    author,
    needs_proposals,
    put_in_force,
)
from entra_plugin.application.proposals import MatchingFacts, matching_facts
from entra_plugin.domain.decisions import Decided
from entra_plugin.domain.errors import Conflict, NotAcceptable
from entra_plugin.domain.folding import contains
from entra_plugin.domain.ids import ClientId, ManagedTenantId, TenantId
from entra_plugin.domain.lookalikes import look_alikes
from entra_plugin.domain.mapping.facts import FOR_REVIEW, Proposal, Suggestion
from entra_plugin.domain.states import MappingState
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.mapping_links import MappingLinks
from entra_plugin.store.mappings import CurrentMapping, Mappings

DOUBTFUL = 0.05
"""With no candidate more likely than this, and none for review, a managed tenant is unmatched."""
DECIDED = frozenset({MappingState.MAPPED, MappingState.CREATE_NEW, MappingState.SKIPPED})


class PreviewList(StrEnum):
    """The lists of the preview."""

    AUTO_MATCHED = "auto_matched"
    NEEDS_REVIEW = "needs_review"
    UNMATCHED = "unmatched"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One managed tenant, what is proposed for it, and what was decided."""

    tenant: ManagedTenant
    proposal: Proposal
    decision: CurrentMapping | None
    client_name: str | None = None
    """Of the client decided on; None when it is missing at the host."""
    client_state: ClientState | None = None
    """What became of the client decided on."""

    @property
    def row_version(self) -> int:
        """The counter at the row's last decision; 0 if there was none."""
        return self.decision.version if self.decision else 0

    @property
    def look_alikes(self) -> tuple[Suggestion, ...]:
        """Clients that make it doubtful that a new one is needed."""
        return look_alikes(self.proposal)

    @property
    def stands_in(self) -> PreviewList:
        """The one list that it stands in."""
        if self.decision is not None and self.decision.state in DECIDED:
            return PreviewList.DECIDED
        if self.proposal.match:
            return PreviewList.AUTO_MATCHED
        worth_a_look = any(
            found.score >= DOUBTFUL or found.has(FOR_REVIEW) for found in self.proposal.candidates
        )
        return PreviewList.NEEDS_REVIEW if worth_a_look else PreviewList.UNMATCHED


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Every discovered managed tenant, in exactly one list.

    ``clients`` are the names to choose from. One that is gone is there only if it was decided.
    """

    version: int
    auto_matched: tuple[PreviewRow, ...]
    needs_review: tuple[PreviewRow, ...]
    unmatched: tuple[PreviewRow, ...]
    decided: tuple[PreviewRow, ...]
    clients: Mapping[ClientId, str]

    def only(self, wanted: PreviewList | None = None, q: str | None = None) -> "Preview":
        """The rows of one list, or those that ``q`` is a part of; the version stays the whole's."""

        def kept(name: PreviewList, rows: tuple[PreviewRow, ...]) -> tuple[PreviewRow, ...]:
            if wanted not in {None, name}:
                return ()
            return tuple(row for row in rows if q is None or self._matches(row, q))

        return replace(
            self,
            auto_matched=kept(PreviewList.AUTO_MATCHED, self.auto_matched),
            needs_review=kept(PreviewList.NEEDS_REVIEW, self.needs_review),
            unmatched=kept(PreviewList.UNMATCHED, self.unmatched),
            decided=kept(PreviewList.DECIDED, self.decided),
        )

    def _matches(self, row: PreviewRow, q: str) -> bool:
        candidates = (self.clients[c.client_id] for c in row.proposal.candidates)
        tenant = row.tenant
        listed = (tenant.display_name, tenant.default_domain, row.client_name)
        return contains(q, *listed, *tenant.domains, *candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A client is to be created for a managed tenant that these clients look like."""

    managed_tenant_id: ManagedTenantId
    clients: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """How many decisions of each kind are in force, and what came of it.

    ``paused`` of them no sync takes for a while. ``client_names`` are those of the clients in
    ``warnings``.
    """

    mapped: int
    create_new: int
    skipped: int
    unmapped: int
    paused: int = 0
    links: LinkChanges = field(default_factory=LinkChanges)
    warnings: tuple[Doubt, ...] = ()
    client_names: Mapping[ClientId, str] = field(default_factory=dict)


class PreviewMappings:
    """Proposes clients; reads nothing from Microsoft and writes nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> Preview:
        """Look at all discovered managed tenants."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            version = await Mappings(connection, tenant_id).version()
            facts = await matching_facts(self._context, connection, tenant_id)
            ids = (mapping.client_id for mapping in facts.decisions.values())
            chosen = await known_clients(self._context, connection, tenant_id, ids)
        proposals = await facts.proposals()
        lists: dict[PreviewList, list[PreviewRow]] = {name: [] for name in PreviewList}
        for tenant in facts.tenants:
            decision = facts.decisions.get(tenant.managed_tenant_id)
            row = PreviewRow(
                tenant=tenant,
                proposal=proposals[tenant.managed_tenant_id],
                decision=decision,
                client_name=chosen.name(decision.client_id) if decision else None,
                client_state=chosen.state(decision.client_id) if decision else None,
            )
            if tenant.gone_at is None or row.stands_in == PreviewList.DECIDED:
                lists[row.stands_in].append(row)
        return Preview(
            version=version,
            auto_matched=tuple(lists[PreviewList.AUTO_MATCHED]),
            needs_review=tuple(lists[PreviewList.NEEDS_REVIEW]),
            unmatched=tuple(lists[PreviewList.UNMATCHED]),
            decided=tuple(lists[PreviewList.DECIDED]),
            clients=facts.client_names(),
        )


class ConfirmMappings:
    """Puts a set of decisions in force, all or none."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self,
        person: Person,
        *,
        version: int,
        decisions: Sequence[MappingDecision],
        dry_run: bool = False,
    ) -> Confirmed:
        """Confirm decisions made on the preview of ``version``; a dry run only tells.

        The matcher is asked before the lock is taken, once for the set.

        Raises:
            NotAcceptable: ``duplicate_tenant``, ``unknown_tenant``, ``unknown_client``,
                ``client_required``, ``tenant_gone``, ``not_mapped`` or ``pause_in_past``; nothing
                was written.
            Conflict: ``stale_version``: another person decided about one of these rows since, or
                no preview has had that version yet.
        """
        _refuse_duplicates(decisions)
        tenant_id = person.tenant_id
        asked = needs_proposals(decision.state for decision in decisions)
        facts = await self._facts(tenant_id) if asked else None
        proposals = await facts.proposals() if facts else {}
        store = self._context.store
        begin = store.rehearsal if dry_run else store.tenant_transaction
        async with begin(tenant_id) as connection:
            counter = await Mappings(connection, tenant_id).lock_version()
            held = await self._held(connection, tenant_id, decisions)
            _refuse_unknown_tenants(decisions, held)
            _refuse_stale(decisions, held, version, counter)
            _refuse_faults(decisions, held)
            fresh = [
                held.new_mapping(d, proposals.get(d.managed_tenant_id), Decided.BY_PERSON)
                for d in decisions
                if not held.is_in_force(d)
            ]
            if fresh:
                links = await put_in_force(
                    self._context,
                    connection,
                    tenant_id,
                    fresh,
                    version=counter + 1,
                    author=author(person, held.now),
                )
            else:
                ids = [decision.managed_tenant_id for decision in decisions]
                links = LinkChanges(kept=await MappingLinks(connection, tenant_id).open(ids))
        states = [decision.state for decision in decisions]
        return Confirmed(
            mapped=states.count(MappingState.MAPPED),
            create_new=states.count(MappingState.CREATE_NEW),
            skipped=states.count(MappingState.SKIPPED),
            unmapped=states.count(MappingState.UNMAPPED),
            paused=sum(held.is_paused(decision) for decision in decisions),
            links=links,
            warnings=doubts(decisions, proposals),
            client_names=facts.client_names() if facts else {},
        )

    async def current_version(self, tenant_id: TenantId) -> int:
        """The counter now, for a decision that is not made on a preview."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Mappings(connection, tenant_id).version()

    async def _facts(self, tenant_id: TenantId) -> MatchingFacts:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await matching_facts(self._context, connection, tenant_id)

    async def _held(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        decisions: Sequence[MappingDecision],
    ) -> Held:
        ids = [decision.managed_tenant_id for decision in decisions]
        tenants = await ManagedTenants(connection, tenant_id).by_ids(ids)
        current = await Mappings(connection, tenant_id).by_managed_tenants(ids)
        wanted = (decision.client_id for decision in decisions)
        return Held(
            tenants={tenant.managed_tenant_id: tenant for tenant in tenants},
            current={row.managed_tenant_id: row for row in current},
            clients=await known_clients(self._context, connection, tenant_id, wanted),
            now=self._context.clock(),
        )


def doubts(
    decisions: Sequence[MappingDecision], proposals: Mapping[ManagedTenantId, Proposal]
) -> tuple[Doubt, ...]:
    """The clients to be created that look like clients there are."""
    found = (
        Doubt(managed_tenant_id=d.managed_tenant_id, clients=look_alikes(proposal))
        for d in decisions
        if d.state == MappingState.CREATE_NEW
        and (proposal := proposals.get(d.managed_tenant_id)) is not None
    )
    return tuple(doubt for doubt in found if doubt.clients)


def _refuse_duplicates(decisions: Sequence[MappingDecision]) -> None:
    seen: set[ManagedTenantId] = set()
    for decision in decisions:
        if decision.managed_tenant_id in seen:
            raise NotAcceptable(
                "duplicate_tenant", details={"managedTenantId": str(decision.managed_tenant_id)}
            )
        seen.add(decision.managed_tenant_id)


def _refuse_unknown_tenants(decisions: Sequence[MappingDecision], held: Held) -> None:
    unknown = [d for d in decisions if d.managed_tenant_id not in held.tenants]
    if unknown:
        raise NotAcceptable("unknown_tenant", details={"managedTenantIds": _ids(unknown)})


def _refuse_stale(
    decisions: Sequence[MappingDecision], held: Held, version: int, counter: int
) -> None:
    """Refuse what was not decided on the rows as they are; of a later version, that is nothing."""
    changed = [
        d for d in decisions if version > counter or held.row_version(d.managed_tenant_id) > version
    ]
    if changed:
        raise Conflict("stale_version", details={"managedTenantIds": sorted(_ids(changed))})


def _refuse_faults(decisions: Sequence[MappingDecision], held: Held) -> None:
    faulty: defaultdict[Fault | None, list[MappingDecision]] = defaultdict(list)
    for decision in decisions:
        faulty[held.fault(decision)].append(decision)
    if found := faulty[Fault.UNKNOWN_CLIENT]:
        ids = sorted({str(decision.client_id) for decision in found})
        raise NotAcceptable("unknown_client", details={"clientIds": ids})
    if found := faulty[Fault.CLIENT_REQUIRED]:
        raise NotAcceptable("client_required", details={"managedTenantId": _ids(found)[0]})
    if found := faulty[Fault.TENANT_GONE]:
        raise NotAcceptable("tenant_gone", details={"managedTenantIds": _ids(found)})
    if found := faulty[Fault.NOT_MAPPED]:
        raise NotAcceptable("not_mapped", details={"managedTenantIds": _ids(found)})
    if found := faulty[Fault.PAUSE_IN_PAST]:
        raise NotAcceptable("pause_in_past", details={"managedTenantIds": _ids(found)})


def _ids(decisions: Sequence[MappingDecision]) -> list[str]:
    return [str(decision.managed_tenant_id) for decision in decisions]
