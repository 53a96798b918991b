"""Replace the tenant's Microsoft app credentials without losing the connection: test, then save."""

from dataclasses import dataclass
from datetime import datetime

from entra_plugin.application.connect.credentials import ANY_HOME, checked_client_id
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.connect.swap import Validation, require_active
from entra_plugin.application.context import Context
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.microsoft.sign_in import Credentials
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import AuthorisationLost, ConfigurationInvalid
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import ConnectionMode, CredentialSource
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.settings import SettingsRows


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewCredentials:
    """App credentials to put in place of the tenant's."""

    client_id: str
    client_secret: str
    expires_at: datetime | None
    """When the secret expires, as the person who entered it said."""


class RotateCredentials:
    """Replace the tenant's Microsoft app credentials in place."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, tenant_id: TenantId, new: NewCredentials) -> Validation:
        """Test the pair against the active direct connection, if there is one, then store it.

        Raises:
            ConfigurationInvalid: ``client_id_invalid`` or ``secret_store_read_only``.
            Conflict: ``changed_meanwhile``; nothing was stored.
            EntraError: What Microsoft answered to the new pair; nothing was stored.
        """
        credentials = Credentials(
            client_id=checked_client_id(new.client_id), client_secret=new.client_secret
        )
        await self._ports.journal.require_writable(tenant_id)
        active = await self._active(tenant_id)
        count: int | None = None
        if active is not None:
            directory = await self._opened(tenant_id, active, credentials)
            await directory.renew()  # a sign-in beside the app may be needed another day only
            count = await directory.probe()
        now = self._context.clock()
        secrets = {
            secret_names.CLIENT_ID: credentials.client_id,
            secret_names.CLIENT_SECRET: credentials.client_secret,
            **await self._home(tenant_id),
        }
        async with self._ports.journal.change(tenant_id, sets=secrets, deletes=()) as connection:
            connections = Connections(connection, tenant_id)
            tested = active.connection_id if active else None
            require_active(await connections.active_direct(), tested)
            if active is not None:
                await connections.set_credentials(CredentialSource.TENANT_SECRET, now)
            await SettingsRows(connection, tenant_id).note_secret_expiry(new.expires_at)
        await self._context.directories.forget(tenant_id)
        return Validation(valid=True, checked_at=now, tenant_count=count)

    async def _active(self, tenant_id: TenantId) -> Connection | None:
        await self._ports.journal.settle(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Connections(connection, tenant_id).active_direct()

    async def _home(self, tenant_id: TenantId) -> dict[str, str]:
        """The home tenant goes with the pair, which may come from another place so far."""
        try:
            before = await self._ports.resolver.find(tenant_id)
        except ConfigurationInvalid:
            return {}
        if before is None or before.authority == ANY_HOME:
            return {}
        return {secret_names.HOME_TENANT: before.authority}

    async def _opened(
        self, tenant_id: TenantId, active: Connection, credentials: Credentials
    ) -> MicrosoftDirectory:
        """The active connection's directory with the new pair; what the test renews is kept."""
        refresh_token = await self._context.secrets.get(
            tenant_id, secret_names.DIRECT_REFRESH_TOKEN
        )
        keep = self._ports.keeper.renewed(tenant_id, active.connection_id)
        home = active.require_partner()
        if active.mode == ConnectionMode.APP_ONLY:
            return self._ports.opener.app_only(
                credentials, home=home, refresh_token=refresh_token, renewed=keep
            )
        if refresh_token is None:
            raise AuthorisationLost("authorisation_lost")
        return self._ports.opener.delegated(
            credentials, home=home, refresh_token=refresh_token, renewed=keep
        )
