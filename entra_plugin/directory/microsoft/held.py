"""Access tokens in memory, one per directory, until shortly before they expire."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from entra_plugin.directory.microsoft.sign_in import TokenSet
from entra_plugin.domain.ids import EntraTenantId

MARGIN = 300.0
"""Seconds before expiry at which a token counts as used up; half its life if that is less."""

Ask = Callable[[EntraTenantId, str | None], Awaitable[TokenSet]]
"""Asks Microsoft for a token of a directory, perhaps one that answers a claims challenge."""

_Flight = tuple[EntraTenantId, str | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Held:
    token: str
    until: float
    claims: str | None

    def serves(self, claims: str | None, refused: str | None, now: float) -> bool:
        return (
            self.until > now and self.token != refused and (claims is None or claims == self.claims)
        )


class HeldTokens:
    """Answers from memory, and asks once for all who wait for the same token.

    Asking goes on when the one who began it is cancelled: what it brings has to be kept.

    Args:
        ask: How a token is had.
        clock: Seconds from any fixed moment, never going back.
    """

    def __init__(self, ask: Ask, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._held: dict[EntraTenantId, _Held] = {}
        self._flights: dict[_Flight, asyncio.Task[str]] = {}

    async def of(
        self,
        tenant: EntraTenantId,
        *,
        fresh: bool = False,
        claims: str | None = None,
        refused: str | None = None,
    ) -> str:
        """An access token.

        Args:
            tenant: The directory it is for.
            fresh: The one held was refused.
            claims: JSON text of the claims it has to be asked for with.
            refused: The very token that was refused, so that one that somebody else has got since
                is taken without asking again.
        """
        held = self._held.get(tenant)
        if held is not None:
            bad = (refused or held.token) if fresh else None
            if held.serves(claims, bad, self._clock()):
                return held.token
        key = tenant, claims
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fetch(tenant, claims))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key))
        return await asyncio.shield(flight)

    def hold(self, tenant: EntraTenantId, tokens: TokenSet, claims: str | None = None) -> None:
        """Keep an access token for as long as it is good."""
        until = self._clock() + tokens.expires_in - min(MARGIN, tokens.expires_in / 2)
        self._held[tenant] = _Held(token=tokens.access_token, until=until, claims=claims)

    def forget(self, tenant: EntraTenantId) -> None:
        """Ask anew the next time."""
        self._held.pop(tenant, None)

    async def _fetch(self, tenant: EntraTenantId, claims: str | None) -> str:
        tokens = await self._ask(tenant, claims)
        self.hold(tenant, tokens, claims)
        return tokens.access_token
