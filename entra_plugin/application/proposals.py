"""What the matcher proposes now, from what we and the host know; asks Microsoft nothing."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import all_clients
from entra_plugin.application.context import Context
from entra_plugin.domain.folding import search_key
from entra_plugin.domain.ids import ClientId, ManagedTenantId, TenantId
from entra_plugin.domain.mapping.facts import ClientFacts, Proposal, TenantFacts
from entra_plugin.domain.mapping.propose import propose
from entra_plugin.host import Client
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.mappings import CurrentMapping, Mappings

Census = Mapping[ClientId, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingFacts:
    """What proposals rest on: every known managed tenant by name, and every active client.

    ``decisions`` are those in force.
    """

    tenants: tuple[ManagedTenant, ...]
    decisions: Mapping[ManagedTenantId, CurrentMapping]
    clients: tuple[Client, ...]
    census: Census

    async def proposals(self) -> dict[ManagedTenantId, Proposal]:
        """A proposal for each managed tenant; one that is gone claims no client.

        In a thread of its own: thousands of names take a second, and others are served meanwhile.
        """
        return await asyncio.to_thread(self._proposals)

    def _proposals(self) -> dict[ManagedTenantId, Proposal]:
        here = [self._tenant_facts(t) for t in self.tenants if t.gone_at is None]
        gone = [self._tenant_facts(t) for t in self.tenants if t.gone_at is not None]
        clients = [_client_facts(c, self.census.get(c.id, {})) for c in self.clients]
        found = (*propose(here, clients), *propose(gone, []))
        return {proposal.tenant.managed_tenant_id: proposal for proposal in found}

    def _tenant_facts(self, tenant: ManagedTenant) -> TenantFacts:
        decision = self.decisions.get(tenant.managed_tenant_id)
        return TenantFacts(
            managed_tenant_id=tenant.managed_tenant_id,
            entra_tenant_id=tenant.entra_tenant_id,
            display_name=tenant.display_name,
            domains=tenant.domains,
            default_domain=tenant.default_domain,
            mapped_to=decision.client_id if decision else None,
        )

    def client_names(self) -> dict[ClientId, str]:
        """The names of the active clients."""
        return {client.id: client.name for client in self.clients}


async def matching_facts(
    context: Context, connection: AsyncConnection, tenant_id: TenantId
) -> MatchingFacts:
    """Read them, in a fixed number of queries and one per thousand clients."""
    tenants = await ManagedTenants(connection, tenant_id).known()
    tenants.sort(key=lambda t: (search_key(t.display_name), t.managed_tenant_id))
    current = await Mappings(connection, tenant_id).all()
    return MatchingFacts(
        tenants=tuple(tenants),
        decisions={mapping.managed_tenant_id: mapping for mapping in current},
        clients=tuple(await all_clients(context, connection, tenant_id)),
        census=await _census(context, connection, tenant_id),
    )


async def _census(context: Context, connection: AsyncConnection, tenant_id: TenantId) -> Census:
    counts = await context.host.contacts.domain_census(connection, tenant_id, None)
    census: defaultdict[ClientId, dict[str, int]] = defaultdict(dict)
    for row in counts:
        census[row.client_id][row.domain] = row.count
    return census


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
