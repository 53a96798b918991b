"""Opens the directory of a tenant's active connection, and keeps it while that stays the same."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from entra_plugin.application.connect.access import NAMES, CippAccess
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.directory.microsoft.sign_in import Credentials
from entra_plugin.directory.protocol import Directory
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import AuthorisationLost, NotAcceptable
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import ConnectionMode, ConnectionType
from entra_plugin.host import SecretStore
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.secret_changes import SecretChanges
from entra_plugin.store.transaction import Store


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Found:
    """An active connection and the credentials that it has now."""

    connection: Connection
    credentials: Credentials | CippAccess
    refresh_token: str | None = None

    def same_as(self, other: "_Found") -> bool:
        """True when a directory opened with one is good for the other.

        Another process may have renewed the refresh token; a directory finds that by itself.
        """
        return (
            self.connection.connection_id == other.connection.connection_id
            and self.credentials == other.credentials
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    found: _Found
    directory: Directory


class ConnectedDirectories:
    """The open directories of a process. Tokens of customers live here, in memory, only."""

    def __init__(self, *, store: Store, secrets: SecretStore, ports: ConnectPorts) -> None:
        self._store = store
        self._secrets = secrets
        self._ports = ports
        self._open: dict[TenantId, _Open] = {}
        self._locks: defaultdict[TenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of_tenant(self, tenant_id: TenantId) -> Directory:
        """The directory behind the active connection.

        Raises:
            NotAcceptable: ``not_connected``.
            ConfigurationInvalid: ``credentials_missing`` or ``client_id_invalid``.
            AuthorisationLost: A secret of the connection is not in the secret store.
        """
        async with self._locks[tenant_id]:
            found = await self._find(tenant_id)
            held = self._open.get(tenant_id)
            if found is not None and held is not None and held.found.same_as(found):
                return held.directory
            await self.forget(tenant_id)
            if found is None:
                raise NotAcceptable("not_connected")
            directory = self._opened(tenant_id, found)
            self._open[tenant_id] = _Open(found=found, directory=directory)
            return directory

    async def forget(self, tenant_id: TenantId) -> None:
        """Drop what is kept for a tenant, its customers' tokens included."""
        held = self._open.pop(tenant_id, None)
        if held is not None:
            await held.directory.close()

    async def close(self) -> None:
        """Drop everything."""
        for tenant_id in list(self._open):
            await self.forget(tenant_id)

    async def _find(self, tenant_id: TenantId) -> _Found | None:
        active, left_over = await self._active(tenant_id)
        if left_over:
            await self._ports.journal.settle(tenant_id)
            active, _ = await self._active(tenant_id)
        if active is None:
            return None
        if active.type == ConnectionType.CIPP:
            return _Found(connection=active, credentials=await self._cipp_access(tenant_id, active))
        resolved = await self._ports.resolver.require(tenant_id)
        refresh_token = await self._secrets.get(tenant_id, secret_names.DIRECT_REFRESH_TOKEN)
        if refresh_token is None and active.mode == ConnectionMode.DELEGATED:
            raise AuthorisationLost("authorisation_lost")
        return _Found(
            connection=active, credentials=resolved.credentials, refresh_token=refresh_token
        )

    async def _active(self, tenant_id: TenantId) -> tuple[Connection | None, bool]:
        """The active connection, and whether a change of its secrets was left unfinished."""
        async with self._store.tenant_transaction(tenant_id) as connection:
            active = await Connections(connection, tenant_id).active()
            return active, await SecretChanges(connection, tenant_id).any()

    async def _cipp_access(self, tenant_id: TenantId, active: Connection) -> CippAccess:
        values = {field: await self._secrets.get(tenant_id, name) for field, name in NAMES.items()}
        access = CippAccess.of(values)
        if not access.base_url or not access.complete or access.mode != active.mode:
            raise AuthorisationLost("cipp_credentials_missing")
        return access

    def _opened(self, tenant_id: TenantId, found: _Found) -> Directory:
        credentials, active = found.credentials, found.connection
        if isinstance(credentials, CippAccess):
            return self._ports.opener.cipp(credentials)
        home = active.require_partner()
        renewed = self._ports.keeper.renewed(tenant_id, active.connection_id)
        stored = self._ports.keeper.stored(tenant_id)
        if active.mode == ConnectionMode.APP_ONLY:
            return self._ports.opener.app_only(
                credentials,
                home=home,
                refresh_token=found.refresh_token,
                renewed=renewed,
                stored=stored,
            )
        return self._ports.opener.delegated(
            credentials,
            home=home,
            refresh_token=found.refresh_token or "",
            renewed=renewed,
            stored=stored,
        )
