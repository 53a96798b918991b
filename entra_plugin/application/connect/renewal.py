"""Keeps the partner's refresh token young: Microsoft lets one die after about 90 days of no use."""

from datetime import timedelta

from entra_plugin.application.context import Context
from entra_plugin.directory.protocol import Directory
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.connections import Connections

RENEWED_EVERY = timedelta(hours=20)
"""Less than a day, so that what runs daily renews daily."""


async def renew_when_old(context: Context, tenant_id: TenantId, directory: Directory) -> None:
    """Renew what the connection lives on, unless that was done today.

    Raises:
        EntraError: What the home authority answered; one that cannot renew cannot go on either.
    """
    async with context.store.tenant_transaction(tenant_id) as connection:
        active = await Connections(connection, tenant_id).active()
    if active is None or active.renewed_at is None:
        return
    if context.clock() - active.renewed_at >= RENEWED_EVERY:
        await directory.renew()
