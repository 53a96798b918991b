"""Where the Microsoft app credentials come from.

Tenant secrets, then environment, then app secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from entra_plugin.directory.microsoft.sign_in import Credentials
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import CredentialSource
from entra_plugin.host import SecretStore

ANY_HOME = "organizations"
"""The sign-in authority when no home tenant is set."""

_ANY_OF_THEM = frozenset({ANY_HOME, "common"})
"""What Microsoft's own examples have in the place of a home tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Credentials, the place they were found in, and the sign-in authority."""

    credentials: Credentials
    source: CredentialSource
    authority: str


class CredentialResolver:
    """Resolves the credentials of a tenant; id and secret always come from the same place."""

    def __init__(self, secrets: SecretStore, environment: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._environment = environment

    async def find(self, tenant_id: TenantId) -> Resolved | None:
        """The first place that has both id and secret.

        Raises:
            ConfigurationInvalid: ``client_id_invalid``: the id found is no UUID.
        """
        for source in CredentialSource:
            values = await self._values(source, tenant_id)
            client_id, client_secret, home = values
            if client_id and client_secret:
                return Resolved(
                    credentials=Credentials(
                        client_id=checked_client_id(client_id), client_secret=client_secret
                    ),
                    source=source,
                    authority=_authority(home) if home else ANY_HOME,
                )
        return None

    async def require(self, tenant_id: TenantId) -> Resolved:
        """The credentials.

        Raises:
            ConfigurationInvalid: ``credentials_missing`` or ``client_id_invalid``.
        """
        found = await self.find(tenant_id)
        if found is None:
            raise ConfigurationInvalid("credentials_missing")
        return found

    async def _values(
        self, source: CredentialSource, tenant_id: TenantId
    ) -> tuple[str | None, str | None, str | None]:
        names = (secret_names.CLIENT_ID, secret_names.CLIENT_SECRET, secret_names.HOME_TENANT)
        first, second, third = [await self._value(source, tenant_id, name) for name in names]
        return first, second, third

    async def _value(self, source: CredentialSource, tenant_id: TenantId, name: str) -> str | None:
        match source:
            case CredentialSource.TENANT_SECRET:
                return await self._secrets.get(tenant_id, name)
            case CredentialSource.ENV:
                return self._environment.get(name.upper())
            case CredentialSource.APP_SECRET:
                return await self._secrets.get_app(name.upper())


def checked_client_id(value: str) -> str:
    """The application (client) id, in its usual spelling.

    Raises:
        ConfigurationInvalid: ``client_id_invalid``.
    """
    try:
        return str(UUID(value.strip()))
    except ValueError as error:
        raise ConfigurationInvalid("client_id_invalid") from error


def require_home(resolved: Resolved) -> None:
    """See that who signs in can be compared with the home tenant, which is done by its id.

    Raises:
        ConfigurationInvalid: ``home_tenant_invalid``: it is a domain, or a name.
    """
    if resolved.authority == ANY_HOME:
        return
    try:
        UUID(resolved.authority)
    except ValueError as error:
        raise ConfigurationInvalid("home_tenant_invalid") from error


def _authority(value: str) -> str:
    """A home tenant in the usual spelling of its id, or that there is none; else as it is."""
    home = value.strip()
    if home.casefold() in _ANY_OF_THEM:
        return ANY_HOME
    try:
        return str(UUID(home))
    except ValueError:
        return home
