"""Map managed tenants to clients: a preview that writes nothing, and decisions that are atomic."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context, Person
from entra_plugin.domain.errors import Conflict, NotAcceptable
from entra_plugin.domain.ids import ClientId, ManagedTenantId, TenantId
from entra_plugin.domain.mapping.facts import ClientFacts, Proposal, TenantFacts
from entra_plugin.domain.mapping.propose import propose
from entra_plugin.domain.states import MappingState
from entra_plugin.host import Client
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.mappings import CurrentMapping, Mappings, NewMapping
from entra_plugin.store.paging import Page

_CLIENT_PAGE = 1000
DECIDED = frozenset({MappingState.MAPPED, MappingState.CREATE_NEW, MappingState.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One managed tenant, what is proposed for it, and what was decided."""

    tenant: ManagedTenant
    proposal: Proposal
    decision: CurrentMapping | None

    @property
    def row_version(self) -> int:
        """The counter at the row's last decision; 0 if there was none."""
        return self.decision.version if self.decision else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Every discovered managed tenant, in exactly one list.

    ``clients`` are the names to choose from.
    """

    version: int
    auto_matched: tuple[PreviewRow, ...]
    needs_review: tuple[PreviewRow, ...]
    unmatched: tuple[PreviewRow, ...]
    decided: tuple[PreviewRow, ...]
    clients: Mapping[ClientId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingDecision:
    """What a person decided about one managed tenant."""

    managed_tenant_id: ManagedTenantId
    state: MappingState
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """How many decisions of each kind were put in force."""

    mapped: int
    create_new: int
    skipped: int
    unmapped: int


class PreviewMappings:
    """Proposes clients; reads nothing from Microsoft and writes nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> Preview:
        """Look at all discovered managed tenants."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            version = await Mappings(connection, tenant_id).version()
            tenants = await ManagedTenants(connection, tenant_id).all()
            current = await Mappings(connection, tenant_id).all()
            clients = await all_clients(self._context, connection, tenant_id)
            census = await self._census(connection, tenant_id)
        decisions = {mapping.managed_tenant_id: mapping for mapping in current}
        proposals = propose(
            [_tenant_facts(tenant) for tenant in tenants],
            [_client_facts(client, census.get(client.id, {})) for client in clients],
        )
        rows = [
            PreviewRow(
                tenant=tenant, proposal=proposal, decision=decisions.get(tenant.managed_tenant_id)
            )
            for tenant, proposal in zip(tenants, proposals, strict=True)
        ]
        open_rows = [row for row in rows if not _is_decided(row)]
        return Preview(
            version=version,
            auto_matched=tuple(r for r in open_rows if r.proposal.match),
            needs_review=tuple(
                r for r in open_rows if not r.proposal.match and r.proposal.candidates
            ),
            unmatched=tuple(r for r in open_rows if not r.proposal.candidates),
            decided=tuple(r for r in rows if _is_decided(r)),
            clients={client.id: client.name for client in clients},
        )

    async def _census(
        self, connection: AsyncConnection, tenant_id: TenantId
    ) -> Mapping[ClientId, Mapping[str, int]]:
        counts = await self._context.host.contacts.domain_census(connection, tenant_id, None)
        census: defaultdict[ClientId, dict[str, int]] = defaultdict(dict)
        for row in counts:
            census[row.client_id][row.domain] = row.count
        return census


class ConfirmMappings:
    """Puts a set of decisions in force, all or none."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, person: Person, *, version: int, decisions: Sequence[MappingDecision]
    ) -> Confirmed:
        """Confirm decisions made on the preview of ``version``.

        Raises:
            NotAcceptable: ``duplicate_tenant``, ``unknown_tenant``, ``unknown_client`` or
                ``client_required``; nothing was written.
            Conflict: ``stale_version``: another person decided about one of these rows since.
        """
        _refuse_duplicates(decisions)
        tenant_id = person.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            mappings = Mappings(connection, tenant_id)
            counter = await mappings.lock_version()
            await self._check(connection, tenant_id, decisions)
            ids = [decision.managed_tenant_id for decision in decisions]
            current = {row.managed_tenant_id: row for row in await mappings.by_managed_tenants(ids)}
            changed = [str(i) for i, row in current.items() if row.version > version]
            if changed:
                raise Conflict("stale_version", details={"managedTenantIds": sorted(changed)})
            fresh = [d for d in decisions if not _same(d, current.get(d.managed_tenant_id))]
            if fresh:
                await mappings.decide(
                    [_new_mapping(decision) for decision in fresh],
                    version=counter + 1,
                    actor_id=person.user_id,
                    now=self._context.clock(),
                )
        states = [decision.state for decision in decisions]
        return Confirmed(
            mapped=states.count(MappingState.MAPPED),
            create_new=states.count(MappingState.CREATE_NEW),
            skipped=states.count(MappingState.SKIPPED),
            unmapped=states.count(MappingState.UNMAPPED),
        )

    async def current_version(self, tenant_id: TenantId) -> int:
        """The counter now, for a decision that is not made on a preview."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Mappings(connection, tenant_id).version()

    async def _check(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        decisions: Sequence[MappingDecision],
    ) -> None:
        """Every managed tenant and every client named must be this tenant's own."""
        ids = [decision.managed_tenant_id for decision in decisions]
        known = {
            t.managed_tenant_id for t in await ManagedTenants(connection, tenant_id).by_ids(ids)
        }
        unknown = [str(i) for i in ids if i not in known]
        if unknown:
            raise NotAcceptable("unknown_tenant", details={"managedTenantIds": unknown})
        wanted = sorted({d.client_id for d in decisions if d.client_id is not None})
        found = await self._context.host.clients.by_ids(connection, tenant_id, wanted)
        active = {client.id for client in found if client.active}
        missing = [str(client_id) for client_id in wanted if client_id not in active]
        if missing:
            raise NotAcceptable("unknown_client", details={"clientIds": missing})
        for decision in decisions:
            if (decision.state == MappingState.MAPPED) != (decision.client_id is not None):
                raise NotAcceptable(
                    "client_required",
                    details={"managedTenantId": str(decision.managed_tenant_id)},
                )


class ReadMappings:
    """The reading side of discovery and mapping."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def mappings(
        self, tenant_id: TenantId
    ) -> tuple[list[CurrentMapping], dict[ClientId, str]]:
        """The decisions in force, and the names of their clients."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await Mappings(connection, tenant_id).all()
            ids = sorted({row.client_id for row in rows if row.client_id is not None})
            clients = await self._context.host.clients.by_ids(connection, tenant_id, ids)
        return rows, {client.id: client.name for client in clients}

    async def of_client(self, tenant_id: TenantId, client_id: ClientId) -> list[ManagedTenant]:
        """The managed tenants that are mapped to a client."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await Mappings(connection, tenant_id).of_client(client_id)
            return await ManagedTenants(connection, tenant_id).by_ids(
                [row.managed_tenant_id for row in rows]
            )

    async def decided_at(self, tenant_id: TenantId) -> datetime | None:
        """When the youngest decision in force was made; None without any."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await Mappings(connection, tenant_id).all()
        return max((row.decided_at for row in rows), default=None)

    async def relationships(self, tenant_id: TenantId) -> list[ManagedTenant]:
        """The managed tenants whose relationship has an end, the soonest first."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = await ManagedTenants(connection, tenant_id).all()
        ends = [(t.relationship_end, t) for t in tenants if t.relationship_end is not None]
        return [tenant for _, tenant in sorted(ends, key=itemgetter(0))]

    async def managed_tenants(
        self,
        tenant_id: TenantId,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: MappingState | None = None,
        q: str | None = None,
    ) -> tuple[Page[ManagedTenant], dict[ManagedTenantId, CurrentMapping]]:
        """A page of discovered managed tenants, and the decisions about them."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            page = await ManagedTenants(connection, tenant_id).page(
                limit=limit, cursor=cursor, state=state, q=q
            )
            current = await Mappings(connection, tenant_id).by_managed_tenants(
                [tenant.managed_tenant_id for tenant in page.items]
            )
        return page, {mapping.managed_tenant_id: mapping for mapping in current}


async def all_clients(
    context: Context, connection: AsyncConnection, tenant_id: TenantId
) -> list[Client]:
    """Every active client of the host, page by page."""
    clients: list[Client] = []
    while True:
        after = clients[-1].id if clients else None
        page = await context.host.clients.page(
            connection, tenant_id, after=after, limit=_CLIENT_PAGE
        )
        clients.extend(page)
        if len(page) < _CLIENT_PAGE:
            return clients


def _refuse_duplicates(decisions: Sequence[MappingDecision]) -> None:
    seen: set[ManagedTenantId] = set()
    for decision in decisions:
        if decision.managed_tenant_id in seen:
            raise NotAcceptable(
                "duplicate_tenant", details={"managedTenantId": str(decision.managed_tenant_id)}
            )
        seen.add(decision.managed_tenant_id)


def _is_decided(row: PreviewRow) -> bool:
    return row.decision is not None and row.decision.state in DECIDED


def _same(decision: MappingDecision, current: CurrentMapping | None) -> bool:
    """True when the decision is in force already, so that confirming it again writes nothing."""
    if current is None:
        return decision.state == MappingState.UNMAPPED
    return current.state == decision.state and current.client_id == decision.client_id


def _new_mapping(decision: MappingDecision) -> NewMapping:
    return NewMapping(
        mapping_id=uuid4(),
        managed_tenant_id=decision.managed_tenant_id,
        state=decision.state,
        client_id=decision.client_id,
        evidence={"decided": "by_person"},
    )


def _tenant_facts(tenant: ManagedTenant) -> TenantFacts:
    return TenantFacts(
        managed_tenant_id=tenant.managed_tenant_id,
        entra_tenant_id=tenant.entra_tenant_id,
        display_name=tenant.display_name,
        domains=tenant.domains,
        default_domain=tenant.default_domain,
    )


def _client_facts(client: Client, census: Mapping[str, int]) -> ClientFacts:
    return ClientFacts(
        client_id=client.id,
        name=client.name,
        website=client.website,
        domain=client.domain,
        billing_email=client.billing_email,
        inbound_domains=tuple(client.inbound_domains),
        directory_tenant_id=client.directory_tenant_id,
        census=census,
    )
