"""Where the failures of a tenant's connection are repaired, as links."""

from collections.abc import Callable
from dataclasses import replace

from entra_plugin.application.connect.direct import redirect_uri
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.context import Context
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.ids import EntraTenantId, TenantId
from entra_plugin.domain.remedies import Link, RemedyFacts, link_for
from entra_plugin.store.connections import Connections

Links = Callable[[str, EntraTenantId | None], Link | None]
"""The link for an error code: of one customer, or of the connection itself (None)."""


class Remedies:
    """Looks the facts up once, for all the failures of an answer."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, tenant_id: TenantId) -> Links:
        """What makes links for this tenant."""
        facts = await self._facts(tenant_id)

        def links(code: str, customer: EntraTenantId | None) -> Link | None:
            return link_for(code, replace(facts, entra_tenant_id=customer))

        return links

    async def _facts(self, tenant_id: TenantId) -> RemedyFacts:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            partner = await Connections(connection, tenant_id).partner()
        return RemedyFacts(
            client_id=await self._client_id(tenant_id),
            entra_tenant_id=None,
            partner_tenant_id=partner,
            login_base=self._ports.opener.endpoints.login,
            redirect_uri=redirect_uri(self._context.host.public_base_url),
        )

    async def _client_id(self, tenant_id: TenantId) -> str | None:
        try:
            found = await self._ports.resolver.find(tenant_id)
        except ConfigurationInvalid:
            return None
        return found.credentials.client_id if found is not None else None
