"""Tokens in memory: asked for once, kept until shortly before their end, replaced if refused."""

import asyncio
import gc
from uuid import UUID

import pytest

from entra_plugin.directory.microsoft.held import MARGIN, HeldTokens
from entra_plugin.directory.microsoft.sign_in import TokenSet
from entra_plugin.domain.errors import ConsentMissing, EntraError
from entra_plugin.domain.ids import EntraTenantId
from support.clock import Clock

CONTOSO = EntraTenantId(UUID("e0000000-0000-4000-8000-000000000001"))
FABRIKAM = EntraTenantId(UUID("e0000000-0000-4000-8000-000000000002"))


class Microsoft:
    """Answers token after token, or fails."""

    def __init__(self) -> None:
        self.asks: list[tuple[EntraTenantId, str | None]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.failure: EntraError | None = None
        self.expires_in = 3600

    async def __call__(self, tenant: EntraTenantId, claims: str | None) -> TokenSet:
        self.asks.append((tenant, claims))
        number = len(self.asks)
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return TokenSet(
            access_token=f"token-{number}",
            refresh_token=None,
            expires_in=self.expires_in,
            scope="",
            tenant_id=None,
        )


@pytest.fixture
def microsoft() -> Microsoft:
    return Microsoft()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held(microsoft: Microsoft, clock: Clock) -> HeldTokens:
    return HeldTokens(microsoft, clock=clock)


async def test_a_token_is_kept_until_shortly_before_it_expires(
    held: HeldTokens, microsoft: Microsoft, clock: Clock
) -> None:
    assert await held.of(CONTOSO) == "token-1"
    clock.now += 3600 - MARGIN - 1
    assert await held.of(CONTOSO) == "token-1"
    clock.now += 1
    assert await held.of(CONTOSO) == "token-2"


async def test_each_directory_has_its_own(held: HeldTokens) -> None:
    assert await held.of(CONTOSO) != await held.of(FABRIKAM)


async def test_who_asks_while_it_is_asked_for_gets_the_same(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    microsoft.go.clear()
    waiting = [asyncio.create_task(held.of(CONTOSO)) for _ in range(20)]
    other = asyncio.create_task(held.of(FABRIKAM))
    await asyncio.sleep(0)
    microsoft.go.set()
    assert set(await asyncio.gather(*waiting)) == {"token-1"}
    assert await other == "token-2"
    assert len(microsoft.asks) == 2


async def test_a_failure_is_that_of_all_who_waited_and_is_not_kept(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    microsoft.failure = ConsentMissing("consent_missing")
    outcomes = await asyncio.gather(*(held.of(CONTOSO) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(outcome, ConsentMissing) for outcome in outcomes)
    assert len(microsoft.asks) == 1
    microsoft.failure = None
    assert await held.of(CONTOSO) == "token-2"


async def test_asking_goes_on_when_the_one_who_began_it_is_cancelled(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    microsoft.go.clear()
    first = asyncio.create_task(held.of(CONTOSO))
    await asyncio.sleep(0)
    second = asyncio.create_task(held.of(CONTOSO))
    await asyncio.sleep(0)
    first.cancel()
    microsoft.go.set()
    assert await second == "token-1"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await held.of(CONTOSO) == "token-1"


async def test_a_failure_that_nobody_waits_for_any_more_is_no_noise(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    microsoft.failure = ConsentMissing("consent_missing")
    microsoft.go.clear()
    only = asyncio.create_task(held.of(CONTOSO))
    await asyncio.sleep(0)
    only.cancel()
    microsoft.go.set()
    await asyncio.gather(only, return_exceptions=True)
    microsoft.failure = None
    assert await held.of(CONTOSO) == "token-2"
    gc.collect()
    assert noise == []


async def test_a_refused_token_is_replaced(held: HeldTokens) -> None:
    assert await held.of(CONTOSO) == "token-1"
    assert await held.of(CONTOSO, fresh=True, refused="token-1") == "token-2"
    assert await held.of(CONTOSO, fresh=True) == "token-3"


async def test_one_that_somebody_replaced_meanwhile_is_not_replaced_again(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    await held.of(CONTOSO)
    for _ in range(3):
        assert await held.of(CONTOSO, fresh=True, refused="token-1") == "token-2"
    assert len(microsoft.asks) == 2


async def test_a_challenge_is_answered_by_a_token_for_its_claims_only(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    await held.of(CONTOSO)
    await held.of(CONTOSO, fresh=True, refused="token-1")
    assert await held.of(CONTOSO, fresh=True, claims="{}", refused="token-1") == "token-3"
    assert await held.of(CONTOSO, fresh=True, claims="{}", refused="token-2") == "token-3"
    assert await held.of(CONTOSO) == "token-3"
    assert [claims for _, claims in microsoft.asks] == [None, None, "{}"]


async def test_a_token_of_a_short_life_is_kept_for_half_of_it(
    held: HeldTokens, microsoft: Microsoft, clock: Clock
) -> None:
    microsoft.expires_in = int(MARGIN)
    assert await held.of(CONTOSO) == "token-1"
    clock.now += MARGIN / 2 - 1
    assert await held.of(CONTOSO) == "token-1"
    clock.now += 1
    assert await held.of(CONTOSO) == "token-2"


async def test_a_token_without_a_sensible_life_serves_once(
    held: HeldTokens, microsoft: Microsoft
) -> None:
    microsoft.expires_in = 0
    assert [await held.of(CONTOSO), await held.of(CONTOSO)] == ["token-1", "token-2"]


async def test_what_is_forgotten_is_asked_for_anew(held: HeldTokens) -> None:
    await held.of(CONTOSO)
    held.forget(CONTOSO)
    held.forget(FABRIKAM)
    assert await held.of(CONTOSO) == "token-2"
