"""A database engine for thousands of small runs: it asks the same statements, and waits less.

A statement is parsed and planned once per connection, and an answer is waited for where it is asked
for, without a turn of the event loop. Tasks of one process therefore take turns only where they
wait for something else; a lock that one task waits for in vain while another has it fails soon.
"""

from typing import TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Value = TypeVar("Value")

_INDEXES_ALWAYS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c lock_timeout=20s"
"""A plan that was made while the tables were small is a good one when they are large."""
_STATEMENTS = 2_000
"""More than there are."""


class _Brisk(psycopg.AsyncConnection[object]):
    """A connection that waits in place."""

    async def wait(
        self,
        gen: PQGen[Value],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Value:
        return waiting.wait(gen, self.pgconn.socket, interval=interval, timeout=timeout)


async def _connect(*arguments: object, **options: object) -> psycopg.AsyncConnection[object]:
    connection = await _Brisk.connect(*arguments, **options)  # type: ignore[arg-type]
    connection.prepare_threshold = 0
    connection.prepared_max = _STATEMENTS
    return connection


def brisk_engine(url: str) -> AsyncEngine:
    """An engine for one process that does one thing at a time."""
    return create_async_engine(
        url,
        hide_parameters=True,
        connect_args={"async_creator_fn": _connect, "options": _INDEXES_ALWAYS},
    )
