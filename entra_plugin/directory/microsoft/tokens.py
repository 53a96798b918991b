"""Where the access tokens for directories come from: a partner's sign-in, or the app itself."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from entra_plugin.directory.microsoft.held import Ask, HeldTokens
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.domain.errors import AuthorisationLost, ConsentMissing
from entra_plugin.domain.ids import EntraTenantId

Renewed = Callable[[TokenSet], Awaitable[None]]
"""Told the token set that the home authority answered; its refresh token has to be kept."""

Stored = Callable[[], Awaitable[str | None]]
"""Answers the refresh token that is stored now, which another process may have renewed."""


class Access(StrEnum):
    """In whose name a directory is read."""

    DELEGATED = "delegated"
    """The partner's account, within its GDAP roles."""
    APPLICATION = "application"
    """The app registration, within the permissions that each directory granted it."""


class Tokens(Protocol):
    """Access tokens for Microsoft Graph at any directory; safe to ask from many tasks at once."""

    @property
    def client_id(self) -> str:
        """The app registration, which Microsoft counts requests by."""

    @property
    def home(self) -> EntraTenantId:
        """The partner's own directory."""

    @property
    def at_home(self) -> Access:
        """In whose name the partner's own directory is read."""

    @property
    def at_customers(self) -> Access:
        """In whose name the customers' directories are read."""

    @property
    def home_scopes(self) -> frozenset[str]:
        """The delegated permissions that the last token at home came with, short names."""

    async def of(
        self,
        tenant: EntraTenantId,
        *,
        fresh: bool = False,
        claims: str | None = None,
        refused: str | None = None,
    ) -> str:
        """An access token, from memory while it is good; the arguments are those of HeldTokens."""

    async def renew_home(self) -> None:
        """Ask at home anew, so that a refresh token that is stored is a young one."""

    def forget(self, tenant: EntraTenantId) -> None:
        """Ask anew the next time: the rights in a token are those of when it was made."""

    def give_way(self) -> bool:
        """Told that home refused the permission; True if from now on another's token is used."""


class _HeldAnywhere:
    """What both kinds of tokens have: one app registration, and a memory of what it was given."""

    def __init__(
        self, sign_in: SignIn, credentials: Credentials, home: EntraTenantId, ask: Ask
    ) -> None:
        self._sign_in = sign_in
        self._credentials = credentials
        self._home = home
        self._held = HeldTokens(ask)

    @property
    def client_id(self) -> str:
        """The app registration."""
        return self._credentials.client_id

    @property
    def home(self) -> EntraTenantId:
        """The partner's own directory."""
        return self._home

    async def of(
        self,
        tenant: EntraTenantId,
        *,
        fresh: bool = False,
        claims: str | None = None,
        refused: str | None = None,
    ) -> str:
        """An access token for Microsoft Graph at this directory."""
        return await self._held.of(tenant, fresh=fresh, claims=claims, refused=refused)

    def forget(self, tenant: EntraTenantId) -> None:
        """Ask anew the next time."""
        self._held.forget(tenant)


class DelegatedTokens(_HeldAnywhere):
    """Tokens from the partner's refresh token: his own, and one for each customer's directory.

    Redeeming does not use the refresh token up, so that redemptions run side by side; only the one
    that the home authority answers replaces it.

    Args:
        sign_in: The way to the token endpoint.
        credentials: The app registration that the refresh token was issued to.
        home: The partner's own directory.
        refresh_token: As it is stored.
        renewed: Awaited before a renewed refresh token is used.
        stored: Asked when the refresh token is refused.
    """

    def __init__(
        self,
        sign_in: SignIn,
        credentials: Credentials,
        *,
        home: EntraTenantId,
        refresh_token: str,
        renewed: Renewed,
        stored: Stored | None = None,
    ) -> None:
        super().__init__(sign_in, credentials, home, self._ask)
        self._refresh_token = refresh_token
        self._renewed = renewed
        self._stored = stored
        self._home_scopes: frozenset[str] = frozenset()

    @property
    def at_home(self) -> Access:
        """Always the partner's account."""
        return Access.DELEGATED

    @property
    def at_customers(self) -> Access:
        """Always the partner's account."""
        return Access.DELEGATED

    @property
    def home_scopes(self) -> frozenset[str]:
        """What the partner's account may do at home, as far as the app was granted it."""
        return self._home_scopes

    async def renew_home(self) -> None:
        """Redeem at home, so that the refresh token that is stored is a young one.

        Raises:
            EntraError: What the home authority answered, or what keeping the new one raised.
        """
        await self._held.of(self._home, fresh=True)

    def hold(self, tenant: EntraTenantId, tokens: TokenSet) -> None:
        """Keep an access token for as long as it is good."""
        if tenant == self._home:
            self._home_scopes = _short(tokens.scope)
        self._held.hold(tenant, tokens)

    def give_way(self) -> bool:
        """There is no other."""
        return False

    async def _ask(self, tenant: EntraTenantId, claims: str | None) -> TokenSet:
        """Redeem; once more if the refusal was of a token that has been replaced meanwhile."""
        used = self._refresh_token
        try:
            return await self._redeem(tenant, claims, used)
        except (AuthorisationLost, ConsentMissing) as error:
            newer = await self._newer_than(used) if _may_be_spent(error) else None
            if newer is None:
                raise
        self._refresh_token = newer
        return await self._redeem(tenant, claims, newer)

    async def _newer_than(self, used: str) -> str | None:
        if self._refresh_token != used:
            return self._refresh_token
        stored = await self._stored() if self._stored is not None else None
        return stored if stored and stored != used else None

    async def _redeem(
        self, tenant: EntraTenantId, claims: str | None, refresh_token: str
    ) -> TokenSet:
        tokens = await self._sign_in.redeem(
            self._credentials,
            tenant=str(tenant),
            refresh_token=refresh_token,
            at_customer=tenant != self._home,
            claims=claims,
        )
        if tenant == self._home:
            self._home_scopes = _short(tokens.scope)
            if tokens.refresh_token is not None:
                try:
                    await self._renewed(tokens)
                finally:
                    # Not lost if it could not be stored: the next redemption tries again with it.
                    self._refresh_token = tokens.refresh_token
        return tokens


class AppTokens(_HeldAnywhere):
    """Tokens of the app itself at each directory that consented to it (client credentials).

    Args:
        sign_in: The way to the token endpoint.
        credentials: The app registration.
        home: The partner's own directory.
        fallback: The partner's sign-in, for the partner's own directory if that does not let the
            app itself list the customers.
    """

    def __init__(
        self,
        sign_in: SignIn,
        credentials: Credentials,
        *,
        home: EntraTenantId,
        fallback: DelegatedTokens | None = None,
    ) -> None:
        super().__init__(sign_in, credentials, home, self._ask)
        self._fallback = fallback
        self._gave_way = False

    @property
    def at_home(self) -> Access:
        """The app itself, until home has refused it and there is a sign-in."""
        return Access.DELEGATED if self._gave_way else Access.APPLICATION

    @property
    def at_customers(self) -> Access:
        """Always the app itself."""
        return Access.APPLICATION

    @property
    def home_scopes(self) -> frozenset[str]:
        """None for the app itself: what it may do are roles."""
        if self._gave_way and self._fallback is not None:
            return self._fallback.home_scopes
        return frozenset()

    async def of(
        self,
        tenant: EntraTenantId,
        *,
        fresh: bool = False,
        claims: str | None = None,
        refused: str | None = None,
    ) -> str:
        """An access token for Microsoft Graph at this directory."""
        if tenant == self._home and self._gave_way and self._fallback is not None:
            return await self._fallback.of(tenant, fresh=fresh, claims=claims, refused=refused)
        return await super().of(tenant, fresh=fresh, claims=claims, refused=refused)

    async def renew_home(self) -> None:
        """Ask for the app's own token, and keep the refresh token beside it young."""
        await self._held.of(self._home, fresh=True)
        if self._fallback is not None:
            await self._fallback.renew_home()

    def forget(self, tenant: EntraTenantId) -> None:
        """Ask anew the next time, in whoever's name."""
        super().forget(tenant)
        if self._fallback is not None:
            self._fallback.forget(tenant)

    def give_way(self) -> bool:
        """Use the partner's sign-in at home from now on, if there is one."""
        if self._fallback is None or self._gave_way:
            return False
        self._gave_way = True
        return True

    async def _ask(self, tenant: EntraTenantId, claims: str | None) -> TokenSet:
        return await self._sign_in.app_token(
            self._credentials,
            tenant=str(tenant),
            at_customer=tenant != self._home,
            claims=claims,
        )


def _may_be_spent(error: AuthorisationLost | ConsentMissing) -> bool:
    """The refresh token itself may be what was refused; at a customer the number may be unknown."""
    return isinstance(error, AuthorisationLost) or error.code == "sign_in_refused"


def _short(scope: str) -> frozenset[str]:
    """Permissions without the resource before them."""
    return frozenset(name.rpartition("/")[2] for name in scope.split())
