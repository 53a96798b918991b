"""Doing the next thing while the present one waits: pages ahead of time, and lanes side by side."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack, aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def one_ahead(items: AsyncIterator[Item]) -> AsyncGenerator[Item, None]:
    """The same items; the next one is being made while the present one is worked on."""

    async def following() -> tuple[Item] | None:
        async for item in items:
            return (item,)
        return None

    async with AsyncExitStack() as stack:
        if isinstance(items, AsyncGenerator):
            await stack.enter_async_context(aclosing(items))
        coming = asyncio.create_task(following())
        try:
            while (found := await coming) is not None:
                coming = asyncio.create_task(following())
                yield found[0]
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def together(*lanes: Coroutine[object, object, None]) -> None:
    """Run the lanes to their end; the first failure stops the others and is raised."""
    tasks = [asyncio.create_task(lane) for lane in lanes]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
