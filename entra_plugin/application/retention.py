"""Let go of what was kept long enough; contacts, runs and their counters stay."""

from datetime import timedelta

from entra_plugin.application.context import Context
from entra_plugin.application.held import LAPSED, DiscardHeld, HeldCommand
from entra_plugin.application.sync.held import recount
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.erase_person import PersonErasure
from entra_plugin.store.retention import Abandoned, Retention
from entra_plugin.store.settings import SettingsRows

HELD_FOR = timedelta(days=30)
"""So long a held row waits for a person."""
UNMAPPED_FOR = timedelta(days=90)
"""So long the people of a customer are kept that nobody syncs."""
KEEP_CHANGES_DAYS = 400
"""Unless ``guardConfig.keepChangesDays`` says otherwise."""
BATCH = 5000
BATCHES = 20
"""What one round deletes at most; the rest is left to the next."""


class DiscardLapsed:
    """Discards held rows that nobody decided on in time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._discard = DiscardHeld(context)

    async def __call__(self, tenant_id: TenantId) -> None:
        """Discard them, as a person would who does not want them."""
        before = self._context.clock() - HELD_FOR
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            found = await Retention(connection, tenant_id).lapsed(before)
        for lapsed in found:
            await self._discard(
                HeldCommand(
                    tenant_id=tenant_id,
                    run_id=lapsed.run_id,
                    user_id=None,
                    name=None,
                    managed_tenant_id=lapsed.managed_tenant_id,
                    change_ids=lapsed.change_ids,
                    why=LAPSED,
                )
            )


class DeleteOldChanges:
    """Deletes change rows that are older than the tenant wants to keep them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> None:
        """Delete in batches; what is planned or held is never too old."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            config = (await SettingsRows(connection, tenant_id).get()).guard_config
        days = config.get("keepChangesDays")
        kept = timedelta(days=days if isinstance(days, int) else KEEP_CHANGES_DAYS)
        before = self._context.clock() - kept
        for _ in range(BATCHES):
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                if await Retention(connection, tenant_id).delete_changes(before, BATCH) < BATCH:
                    return


class EraseAbandoned:
    """Erases the people of customers that nobody has synced for long."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> None:
        """Erase one customer after the other; one that a run is looking at waits."""
        before = self._context.clock() - UNMAPPED_FOR
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            found = await Retention(connection, tenant_id).abandoned(before)
        for abandoned in found:
            await self._erase(tenant_id, abandoned)

    async def _erase(self, tenant_id: TenantId, abandoned: Abandoned) -> None:
        managed_tenant_id = abandoned.managed_tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            erasure = PersonErasure(connection, tenant_id, abandoned.entra_tenant_id)
            if await erasure.keep_out(managed_tenant_id):
                erased = await erasure.everybody(now=self._context.clock())
                await recount(connection, tenant_id, erased.held_runs, managed_tenant_id)
