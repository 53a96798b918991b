"""Time that stands still until a test moves it, or somebody waits for it."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Clock:
    """Seconds from any fixed moment, and what was waited for, without waiting."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let as much time pass."""
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
