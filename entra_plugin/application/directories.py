"""Opens the directory of a tenant's active connection, and keeps it while that stays the same."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from entra_plugin.application.context import Clock
from entra_plugin.application.credentials import CredentialResolver
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.directory.microsoft.tokens import DelegatedTokens
from entra_plugin.directory.transport import Transport
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import AuthorisationLost, NotAcceptable
from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId
from entra_plugin.host import SecretStore
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.transaction import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """An open directory, and what it was opened with."""

    connection_id: ConnectionId
    credentials: Credentials
    directory: MicrosoftDirectory


class ConnectedDirectories:
    """The open directories of a process. Tokens of customers live here, in memory, only."""

    def __init__(
        self,
        *,
        store: Store,
        secrets: SecretStore,
        resolver: CredentialResolver,
        sign_in: SignIn,
        transport: Transport,
        endpoints: Endpoints,
        clock: Clock,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._resolver = resolver
        self._sign_in = sign_in
        self._transport = transport
        self._endpoints = endpoints
        self._clock = clock
        self._open: dict[TenantId, _Open] = {}
        self._locks: defaultdict[TenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of_tenant(self, tenant_id: TenantId) -> MicrosoftDirectory:
        """The directory behind the active connection.

        Raises:
            NotAcceptable: ``not_connected``.
            ConfigurationInvalid: ``credentials_missing`` or ``client_id_invalid``.
            AuthorisationLost: The refresh token is not in the secret store.
        """
        async with self._locks[tenant_id]:
            async with self._store.tenant_transaction(tenant_id) as connection:
                active = await Connections(connection, tenant_id).active()
            if active is None or active.partner_tenant_id is None:
                raise NotAcceptable("not_connected")
            resolved = await self._resolver.require(tenant_id)
            refresh_token = await self._secrets.get(tenant_id, secret_names.DIRECT_REFRESH_TOKEN)
            if refresh_token is None:
                raise AuthorisationLost("authorisation_lost")
            held = self._open.get(tenant_id)
            if (
                held is not None
                and held.connection_id == active.connection_id
                and held.credentials == resolved.credentials
            ):
                held.directory.tokens.adopt(refresh_token)
                return held.directory
            directory = self.opened(
                resolved.credentials,
                home=active.partner_tenant_id,
                refresh_token=refresh_token,
                tenant_id=tenant_id,
                of=active,
            )
            self._open[tenant_id] = _Open(
                connection_id=active.connection_id,
                credentials=resolved.credentials,
                directory=directory,
            )
            return directory

    def opened(
        self,
        credentials: Credentials,
        *,
        home: EntraTenantId,
        refresh_token: str,
        tenant_id: TenantId,
        of: Connection | None,
    ) -> MicrosoftDirectory:
        """A directory that is not kept.

        For a probe of a connection that does not exist yet, ``of`` is None.
        """

        async def renewed(tokens: TokenSet) -> None:
            if of is not None:
                await self._keep(tenant_id, of.connection_id, tokens)

        tokens = DelegatedTokens(
            self._sign_in, credentials, home=home, refresh_token=refresh_token, renewed=renewed
        )
        return MicrosoftDirectory(self._endpoints, self._transport, tokens)

    async def forget(self, tenant_id: TenantId) -> None:
        """Drop what is kept for a tenant, its customers' tokens included."""
        self._open.pop(tenant_id, None)

    async def _keep(
        self, tenant_id: TenantId, connection_id: ConnectionId, tokens: TokenSet
    ) -> None:
        """Write renewed tokens back at once, unless the connection was replaced meanwhile."""
        async with self._store.tenant_transaction(tenant_id) as connection:
            connections = Connections(connection, tenant_id)
            await connections.lock()
            active = await connections.active()
            if active is not None and active.connection_id == connection_id:
                await store_tokens(self._secrets, tenant_id, tokens, self._clock)


async def store_tokens(
    secrets: SecretStore, tenant_id: TenantId, tokens: TokenSet, clock: Clock
) -> None:
    """Put the partner's tokens into the secret store, under the guide's names.

    Raises:
        PermissionError: The store cannot be written.
    """
    expires_at = clock() + timedelta(seconds=tokens.expires_in)
    if tokens.refresh_token is not None:
        await secrets.set(tenant_id, secret_names.DIRECT_REFRESH_TOKEN, tokens.refresh_token)
    await secrets.set(tenant_id, secret_names.DIRECT_ACCESS_TOKEN, tokens.access_token)
    await secrets.set(tenant_id, secret_names.DIRECT_EXPIRES_AT, expires_at.isoformat())
    await secrets.set(tenant_id, secret_names.DIRECT_SCOPE, tokens.scope)
