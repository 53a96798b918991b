"""Keeps renewed tokens of the partner: whoever renews them writes them back at once."""

from collections.abc import Awaitable, Callable, Mapping

from entra_plugin.application.connect.swap import token_secrets
from entra_plugin.application.context import Clock
from entra_plugin.directory.microsoft.sign_in import TokenSet
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.ids import ConnectionId, TenantId
from entra_plugin.host import SecretStore
from entra_plugin.store.connections import Connections
from entra_plugin.store.transaction import Store


class TokenKeeper:
    """Writes under the connection's lock, which nobody holds while asking Microsoft.

    A process that dies between the exchange and this write loses nothing: Microsoft leaves the old
    refresh token valid.
    """

    def __init__(self, store: Store, secrets: SecretStore, clock: Clock) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock

    def renewed(
        self, tenant_id: TenantId, connection_id: ConnectionId
    ) -> Callable[[TokenSet], Awaitable[None]]:
        """What to call with the tokens that the home authority answered to this connection.

        It raises ConfigurationInvalid ``secret_store_read_only`` when they cannot be stored.
        """

        async def keep(tokens: TokenSet) -> None:
            now = self._clock()
            async with self._store.tenant_transaction(tenant_id) as connection:
                connections = Connections(connection, tenant_id)
                await connections.lock()
                active = await connections.active()
                if active is None or active.connection_id != connection_id:
                    return  # replaced or ended meanwhile: these are not its secrets
                await self._write(tenant_id, token_secrets(tokens, now))
                await connections.stamp_renewal(now)

        return keep

    def stored(self, tenant_id: TenantId) -> Callable[[], Awaitable[str | None]]:
        """What to ask for the refresh token that is stored now, perhaps by another process."""

        async def read() -> str | None:
            return await self._secrets.get(tenant_id, secret_names.DIRECT_REFRESH_TOKEN)

        return read

    async def _write(self, tenant_id: TenantId, values: Mapping[str, str]) -> None:
        try:
            for name, value in values.items():
                await self._secrets.set(tenant_id, name, value)
        except OSError as error:
            raise ConfigurationInvalid("secret_store_read_only") from error
