"""Things that are made ahead of time: the same, in their order, no more than were allowed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from entra_plugin.directory.ahead import ahead


class Numbers:
    """Counts upwards, and keeps a record of what was begun and made."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.begun = 0
        self.made = 0
        self.closed = False
        self._fails_at = fails_at

    async def __call__(self, count: int) -> AsyncGenerator[int, None]:
        try:
            for number in range(count):
                self.begun += 1
                await asyncio.sleep(0)
                if number == self._fails_at:
                    raise LookupError(number)
                self.made += 1
                yield number
        finally:
            self.closed = True


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_they_come_in_their_order(most: int) -> None:
    async with aclosing(ahead(Numbers()(7), most)) as items:
        assert [item async for item in items] == list(range(7))


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_no_more_are_made_than_were_allowed(most: int) -> None:
    numbers = Numbers()
    async with aclosing(ahead(numbers(10), most)) as items:
        taken = await anext(items)
        for _ in range(100):
            await asyncio.sleep(0)

        assert numbers.made == taken + 1 + most


async def test_the_next_one_is_begun_before_one_is_handed_out() -> None:
    numbers = Numbers()
    async with aclosing(ahead(numbers(10), 2)) as items:
        async for item in items:
            assert numbers.begun >= min(item + 2, 10)


async def test_what_was_made_before_a_failure_is_handed_out_first() -> None:
    numbers, taken = Numbers(fails_at=3), []

    async with aclosing(ahead(numbers(10), 2)) as items:
        for _ in range(3):
            taken.append(await anext(items))
        with pytest.raises(LookupError):
            await anext(items)

    assert taken == [0, 1, 2]


async def test_who_stops_early_leaves_nothing_behind() -> None:
    numbers = Numbers()
    async with aclosing(ahead(numbers(10), 2)) as items:
        await anext(items)

    assert numbers.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_that_nobody_waits_for_is_no_noise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with aclosing(ahead(Numbers(fails_at=1)(10), 2)) as items:
        await anext(items)
        for _ in range(10):
            await asyncio.sleep(0)

    assert not caplog.records
