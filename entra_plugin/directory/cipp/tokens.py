"""How CIPP's API is asked: with a token that was given, or with one for client credentials."""

import time
from collections.abc import Callable

from entra_plugin.directory.microsoft.held import HeldTokens
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.directory.transport import TokenAsk
from entra_plugin.domain.errors import AuthorisationLost, ConfigurationInvalid
from entra_plugin.domain.ids import EntraTenantId


class StaticToken:
    """An API token as an administrator gave it; there is no fresher one to be had."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def __call__(self, ask: TokenAsk) -> str:
        """The token.

        Raises:
            AuthorisationLost: ``cipp_token_refused``: CIPP has refused it just now.
        """
        if ask.fresh:
            raise AuthorisationLost("cipp_token_refused")
        return self._token


class ClientCredentialsToken:
    """A token for CIPP's own app registration, kept in memory; many tasks may ask at once."""

    def __init__(
        self,
        sign_in: SignIn,
        credentials: Credentials,
        *,
        tenant: EntraTenantId,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sign_in = sign_in
        self._credentials = credentials
        self._tenant = tenant
        self._held = HeldTokens(self._fetch, clock=clock)

    async def __call__(self, ask: TokenAsk) -> str:
        """An access token that is good for minutes at least, or a fresh one.

        Raises:
            EntraError: What Microsoft's sign-in answered.
        """
        return await self._held.of(self._tenant, fresh=ask.fresh)

    async def _fetch(self, tenant: EntraTenantId, _claims: str | None) -> TokenSet:
        try:
            return await self._sign_in.client_credentials(
                self._credentials,
                tenant=str(tenant),
                scope=f"api://{self._credentials.client_id}/.default",
            )
        except ConfigurationInvalid as error:
            if error.code != "graph_permission_missing":
                raise
            # No such resource: the registration has no Application ID URI yet.
            code, vendor = "cipp_token_refused", error.vendor_code
            raise AuthorisationLost(code, vendor_code=vendor) from error
