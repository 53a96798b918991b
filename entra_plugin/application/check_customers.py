"""Ask every managed tenant for its domains with its own token, and remember what came of it.

One that refuses stops no other; one that asks us to wait is asked again when its time has come.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from entra_plugin.application.context import Context
from entra_plugin.directory.protocol import Directory, TenantDetails
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    EntraError,
    TransientFailure,
)
from entra_plugin.domain.ids import ManagedTenantId, TenantId
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.runs import Failure

PATIENCE = timedelta(minutes=15)
"""All the waiting that one managed tenant may cost; then its state says until when to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One managed tenant that has been asked; ``failure`` is why it could not be read."""

    tenant: ManagedTenant
    failure: Failure | None


class Listener(Protocol):
    """Hears how it goes."""

    async def checked(self, checked: Checked) -> None:
        """One more managed tenant is done."""

    async def waiting(self, until: datetime | None) -> None:
        """The provider asked us to wait until then, for the last of those that wait."""


class CheckCustomers:
    """Checks the managed tenants of a connection, as many at once as the provider likes."""

    def __init__(self, context: Context, listener: Listener) -> None:
        self._context = context
        self._listener = listener
        self._waits: dict[ManagedTenantId, datetime] = {}

    async def __call__(
        self, tenant_id: TenantId, directory: Directory, tenants: Sequence[ManagedTenant]
    ) -> None:
        """Check all of them; the listener hears of each.

        Raises:
            AuthorisationLost: The connection's credential is dead: one cause, asked once.
            ConfigurationInvalid: The app or its credentials have to be repaired first.
        """
        window = asyncio.Semaphore(directory.capabilities.concurrency)

        async def check(tenant: ManagedTenant) -> None:
            failure = await self._one(tenant_id, directory, tenant, window)
            await self._listener.checked(Checked(tenant=tenant, failure=failure))

        try:
            async with asyncio.TaskGroup() as group:
                for tenant in tenants:
                    group.create_task(check(tenant))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _one(
        self,
        tenant_id: TenantId,
        directory: Directory,
        tenant: ManagedTenant,
        window: asyncio.Semaphore,
    ) -> Failure | None:
        try:
            details = await self._patiently(directory, tenant, window)
        except (AuthorisationLost, ConfigurationInvalid):
            raise
        except EntraError as error:
            failure = Failure.of(error, self._context.clock())
            await self._note_failure(tenant_id, tenant, failure)
            return failure
        await self._note_details(tenant_id, tenant, details)
        return None

    async def _patiently(
        self, directory: Directory, tenant: ManagedTenant, window: asyncio.Semaphore
    ) -> TenantDetails:
        """Ask, and again after each wait that the provider names; nobody else waits for it."""
        patience = PATIENCE
        while True:
            try:
                async with window:
                    return await directory.tenant_details(tenant.entra_tenant_id)
            except TransientFailure as error:
                wait = timedelta(seconds=error.retry_after or 0)
                if error.code != "throttled" or not wait or wait > patience:
                    raise
                patience -= wait
            await self._wait(tenant.managed_tenant_id, wait)

    async def _wait(self, waiting: ManagedTenantId, wait: timedelta) -> None:
        self._waits[waiting] = self._context.clock() + wait
        await self._listener.waiting(max(self._waits.values()))
        await asyncio.sleep(wait.total_seconds())
        del self._waits[waiting]
        await self._listener.waiting(max(self._waits.values(), default=None))

    async def _note_failure(
        self, tenant_id: TenantId, tenant: ManagedTenant, failure: Failure
    ) -> None:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await ManagedTenants(connection, tenant_id).set_failure(
                tenant.managed_tenant_id, failure, self._context.clock()
            )

    async def _note_details(
        self, tenant_id: TenantId, tenant: ManagedTenant, details: TenantDetails
    ) -> None:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await ManagedTenants(connection, tenant_id).set_details(
                tenant.managed_tenant_id,
                domains=[(d.name, d.is_default, d.is_initial) for d in details.domains],
                now=self._context.clock(),
            )
