"""Access tokens, one per directory, kept in memory until shortly before they expire."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.domain.ids import EntraTenantId

_MARGIN = 300.0
"""Seconds before expiry at which a token counts as used up."""

Renewed = Callable[[TokenSet], Awaitable[None]]
"""Told the token set that the home authority answered; its refresh token has to be kept."""


class DelegatedTokens:
    """Tokens from the partner's refresh token: his own, and one for each customer's directory.

    Many tasks may ask at once; for one directory one of them asks Microsoft. Redeeming does not use
    the refresh token up, and only the one that the home authority answers replaces it.
    """

    def __init__(
        self,
        sign_in: SignIn,
        credentials: Credentials,
        *,
        home: EntraTenantId,
        refresh_token: str,
        renewed: Renewed,
    ) -> None:
        self._sign_in = sign_in
        self._credentials = credentials
        self._home = home
        self._refresh_token = refresh_token
        self._renewed = renewed
        self._cache: dict[EntraTenantId, tuple[str, float]] = {}
        self._locks: defaultdict[EntraTenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def home(self) -> EntraTenantId:
        """The partner's own directory."""
        return self._home

    def adopt(self, refresh_token: str) -> None:
        """Use a refresh token that another process has stored since."""
        self._refresh_token = refresh_token

    async def of(self, tenant: EntraTenantId, *, fresh: bool = False) -> str:
        """An access token for Microsoft Graph at this directory."""
        rejected = self._cache.get(tenant) if fresh else None
        async with self._locks[tenant]:
            held = self._cache.get(tenant)
            if held is not None and held != rejected and held[1] > time.monotonic():
                return held[0]
            tokens = await self._ask(tenant)
            self.hold(tenant, tokens)
            return tokens.access_token

    def hold(self, tenant: EntraTenantId, tokens: TokenSet) -> None:
        """Keep an access token for as long as it is good."""
        until = time.monotonic() + max(tokens.expires_in - _MARGIN, 0)
        self._cache[tenant] = (tokens.access_token, until)

    async def _ask(self, tenant: EntraTenantId) -> TokenSet:
        tokens = await self._sign_in.redeem(
            self._credentials,
            tenant=str(tenant),
            refresh_token=self._refresh_token,
            at_customer=tenant != self._home,
        )
        if tenant == self._home and tokens.refresh_token is not None:
            self._refresh_token = tokens.refresh_token
            await self._renewed(tokens)
        return tokens
