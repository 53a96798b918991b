"""Opens directories: picks the adapter for a connection's credentials. It keeps none of them."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from entra_plugin.application.connect.access import CippAccess
from entra_plugin.application.connect.credentials import checked_client_id
from entra_plugin.directory.cipp.adapter import CAPABILITIES as CIPP
from entra_plugin.directory.cipp.adapter import CippDirectory, open_cipp
from entra_plugin.directory.cipp.tokens import ClientCredentialsToken, StaticToken
from entra_plugin.directory.guard import Allowed, checked_base_url
from entra_plugin.directory.microsoft.adapter import CAPABILITIES as MICROSOFT
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.directory.microsoft.tokens import (
    AppTokens,
    DelegatedTokens,
    Renewed,
    Stored,
)
from entra_plugin.directory.protocol import Capabilities
from entra_plugin.directory.transport import Token, Transport
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.ids import EntraTenantId
from entra_plugin.domain.states import ConnectionType

CAPABILITIES: Mapping[ConnectionType, Capabilities] = {
    ConnectionType.DIRECT: MICROSOFT,
    ConnectionType.CIPP: CIPP,
}
"""What the provider of a connection can do."""


async def forget_renewed(_tokens: TokenSet) -> None:
    """For a connection that is not stored yet: what it renews is kept with it, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryOpener:
    """What all directories of a process share."""

    endpoints: Endpoints
    transport: Transport
    sign_in: SignIn
    tls: ssl.SSLContext
    cipp_allowed: Allowed

    def delegated(
        self,
        credentials: Credentials,
        *,
        home: EntraTenantId,
        refresh_token: str,
        renewed: Renewed = forget_renewed,
        stored: Stored | None = None,
        first: TokenSet | None = None,
    ) -> MicrosoftDirectory:
        """Microsoft, in the name of the partner's account.

        ``first`` is what a sign-in has just brought, so that nothing is redeemed for it again.
        """
        tokens = self._signed_in(credentials, home, refresh_token, renewed, stored)
        if first is not None:
            tokens.hold(home, first)
        return MicrosoftDirectory(self.endpoints, self.transport, tokens)

    def app_only(
        self,
        credentials: Credentials,
        *,
        home: EntraTenantId,
        refresh_token: str | None = None,
        renewed: Renewed = forget_renewed,
        stored: Stored | None = None,
    ) -> MicrosoftDirectory:
        """Microsoft, in the name of the app; with a refresh token for listing the customers."""
        fallback = None
        if refresh_token is not None:
            fallback = self._signed_in(credentials, home, refresh_token, renewed, stored)
        tokens = AppTokens(self.sign_in, credentials, home=home, fallback=fallback)
        return MicrosoftDirectory(self.endpoints, self.transport, tokens)

    def _signed_in(
        self,
        credentials: Credentials,
        home: EntraTenantId,
        refresh_token: str,
        renewed: Renewed,
        stored: Stored | None,
    ) -> DelegatedTokens:
        return DelegatedTokens(
            self.sign_in,
            credentials,
            home=home,
            refresh_token=refresh_token,
            renewed=renewed,
            stored=stored,
        )

    def check_cipp(self, access: CippAccess) -> CippAccess:
        """The access with its base URL in the form that is stored.

        Raises:
            ConfigurationInvalid: ``cipp_base_url_invalid``, ``cipp_credentials_incomplete``,
                ``cipp_tenant_id_invalid`` or ``client_id_invalid``.
        """
        if not access.complete:
            raise ConfigurationInvalid("cipp_credentials_incomplete")
        return replace(
            access,
            base_url=str(checked_base_url(access.base_url, self.cipp_allowed)),
            tenant_id=access.tenant_id and _checked_tenant(access.tenant_id),
            client_id=access.client_id and checked_client_id(access.client_id),
        )

    def cipp(self, access: CippAccess) -> CippDirectory:
        """CIPP, behind the guard of addresses; it has to be closed."""
        base = checked_base_url(access.base_url, self.cipp_allowed)
        token = self._cipp_token(access)
        return open_cipp(base, token, allowed=self.cipp_allowed, context=self.tls)

    def _cipp_token(self, access: CippAccess) -> Token:
        if access.api_token is not None:
            return StaticToken(access.api_token)
        if access.tenant_id is None or access.client_id is None or access.client_secret is None:
            raise ConfigurationInvalid("cipp_credentials_incomplete")
        credentials = Credentials(client_id=access.client_id, client_secret=access.client_secret)
        tenant = EntraTenantId(UUID(access.tenant_id))
        return ClientCredentialsToken(self.sign_in, credentials, tenant=tenant)


def _checked_tenant(value: str) -> str:
    """The directory at which CIPP's API client signs in, in the usual spelling of its id."""
    try:
        return str(UUID(value.strip()))
    except ValueError as error:
        raise ConfigurationInvalid("cipp_tenant_id_invalid") from error
