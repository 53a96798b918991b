"""The host's secret store, whose failures to read are told as what they are."""

from collections.abc import Awaitable

from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import TenantId
from entra_plugin.host import SecretStore


class ReadableSecrets:
    """A ``SecretStore``; reading raises TransientFailure ``secret_store_unavailable`` if it fails.

    How a store fails is its own affair: a folder on a lost disk raises another error than a vault
    over the network. Without a word of it, for that may hold what it was asked for.
    """

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    async def get(self, tenant_id: TenantId, name: str) -> str | None:
        """A secret of the tenant; None if there is none."""
        return await _told(self._store.get(tenant_id, name))

    async def get_app(self, name: str) -> str | None:
        """A secret of the whole installation; None if there is none."""
        return await _told(self._store.get_app(name))

    async def set(self, tenant_id: TenantId, name: str, value: str) -> None:
        """Store a value; failures are the store's own."""
        await self._store.set(tenant_id, name, value)

    async def delete(self, tenant_id: TenantId, name: str) -> None:
        """Forget a value; failures are the store's own."""
        await self._store.delete(tenant_id, name)

    async def writable(self, tenant_id: TenantId) -> bool:
        """True when a secret of this tenant can be stored."""
        return await self._store.writable(tenant_id)


async def _told(reading: Awaitable[str | None]) -> str | None:
    try:
        return await reading
    except Exception:  # noqa: BLE001 - a foreign store's errors are not known here
        raise TransientFailure("secret_store_unavailable") from None
