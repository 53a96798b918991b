"""Tell people of what runs out: 30 days, 7 days and a day before, and each time once."""

from entra_plugin.application.context import Context
from entra_plugin.application.notices import Notices
from entra_plugin.domain.expiry import RELATIONSHIP_NOTICE, warning_due
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import ConnectionType, CredentialSource
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.settings import SettingsRows
from entra_plugin.store.telling import Ending, Telling


class WarnExpiring:
    """Warns of client secrets and relationships; those that extend themselves are no matter."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._notices = Notices(context)

    async def __call__(self, tenant_id: TenantId) -> None:
        """Remember what is told, then tell it: better once too few than every ten minutes."""
        if not await self._notices.wanted(tenant_id, "expiring"):
            return
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            active = await Connections(connection, tenant_id).active()
            if active is None:
                return
            telling = Telling(connection, tenant_id)
            expires_at = (await SettingsRows(connection, tenant_id).get()).client_secret_expires_at
            due = warning_due(now, expires_at) if expires_at is not None else None
            secret = (
                _uses_own_secret(active) and due is not None and await telling.claim_secret(due)
            )
            ending = await ManagedTenants(connection, tenant_id).ending_before(
                now + RELATIONSHIP_NOTICE
            )
            dues = {
                tenant.managed_tenant_id: due
                for tenant in ending
                if tenant.relationship_end is not None
                and (due := warning_due(now, tenant.relationship_end)) is not None
            }
            relationships: list[Ending] = await telling.claim_relationships(dues)
        if secret and expires_at is not None:
            await self._notices.secret_expires(tenant_id, expires_at)
        if relationships:
            await self._notices.relationships_end(tenant_id, relationships)


def _uses_own_secret(connection: Connection) -> bool:
    return (
        connection.type == ConnectionType.DIRECT
        and connection.credential_source == CredentialSource.TENANT_SECRET
    )
