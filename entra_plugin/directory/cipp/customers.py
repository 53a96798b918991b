"""What CIPP calls each managed tenant, kept in memory for as long as it is likely to be true."""

import asyncio
import time
from collections.abc import Callable

from entra_plugin.directory.cipp.api import CippApi
from entra_plugin.directory.cipp.tenants import Customer, customers
from entra_plugin.domain.errors import ConsentMissing
from entra_plugin.domain.ids import EntraTenantId

_GOOD_FOR = 3600.0
"""Seconds after which the list is asked for again: default domains change, if seldom."""


class Customers:
    """The list of managed tenants as CIPP gave it last. Many tasks may ask at once."""

    def __init__(self, api: CippApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._filters: dict[EntraTenantId, str] = {}
        self._old_at = 0.0
        self._listings = 0
        self._lock = asyncio.Lock()

    async def listed(self) -> tuple[Customer, ...]:
        """Ask for the list."""
        async with self._lock:
            return await self._list()

    async def filter_of(self, tenant: EntraTenantId) -> str:
        """The ``tenantFilter`` of one managed tenant; asks for the list if it is not known.

        Raises:
            ConsentMissing: ``cipp_tenant_not_listed``: excluded in CIPP, gone, or not for us.
        """
        listings = self._listings
        if not self._knows(tenant):
            async with self._lock:
                # Whoever waited here for another's list has it now.
                if self._listings == listings:
                    await self._list()
        found = self._filters.get(tenant)
        if found is None:
            raise ConsentMissing("cipp_tenant_not_listed")
        return found

    def forget(self, tenant: EntraTenantId) -> None:
        """What CIPP calls this one may have changed: look it up again next time."""
        self._filters.pop(tenant, None)

    def _knows(self, tenant: EntraTenantId) -> bool:
        return tenant in self._filters and self._clock() < self._old_at

    async def _list(self) -> tuple[Customer, ...]:
        found = customers(await self._api.list_tenants())
        self._filters = {c.tenant.entra_tenant_id: c.tenant_filter for c in found}
        self._old_at = self._clock() + _GOOD_FOR
        self._listings += 1
        return found
