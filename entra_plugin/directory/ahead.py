"""Making the next things while the present one is worked on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")

_TURNS = 2
"""Turns of the event loop after which a request that is due has been sent."""


async def ahead(items: AsyncGenerator[Item, None], most: int) -> AsyncGenerator[Item, None]:
    """The same items; ``most`` of them are made, or being made, before they are asked for.

    They are made in a task of its own, which goes on to the next one before the one that is ready
    is handed out: with two, a request is under way while the answer before it is decoded.
    """
    room = asyncio.Semaphore(most)
    made: asyncio.Queue[tuple[Item] | None] = asyncio.Queue()

    async def make() -> None:
        async with aclosing(items):
            await room.acquire()
            async for item in items:
                made.put_nowait((item,))
                await room.acquire()

    making = asyncio.create_task(make())
    making.add_done_callback(lambda _: made.put_nowait(None))
    try:
        while (found := await made.get()) is not None:
            room.release()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            yield found[0]
        await making
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
