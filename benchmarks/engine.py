"""The measured process of the sync: the use cases behind the activities, one after the other.

``whole`` starts a run at Temporal instead, and takes its duration from the run's own row.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import cast

from sqlalchemy import QueuePool, delete, text

from benchmarks.child import Order, Stopwatch, serve
from benchmarks.composed import ACTOR, TENANT, Composed, composed
from benchmarks.people import MEASURED, WARM_UP, Customer
from devhost import settings as settings_file
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.sync.apply import ADDITIVE, Apply
from entra_plugin.application.sync.guard import GuardRun
from entra_plugin.application.sync.open import OpenRun
from entra_plugin.application.sync.read import ReadAndPlan
from entra_plugin.application.sync.record import Record
from entra_plugin.application.sync.start import StartSync, StartSyncCommand, SyncScope
from entra_plugin.domain.ids import ClientId, EntraTenantId, RunId
from entra_plugin.domain.states import RunState, RunType
from entra_plugin.store.people_tables import delta_cursors
from entra_plugin.store.runs import OPEN_STATES, Run, Runs

_POLL_SECONDS = 0.02


class Engine:
    """Syncs the benchmark's tenant as often as it is told."""

    def __init__(self) -> None:
        self._parts: Composed | None = None
        self._stack = AsyncExitStack()

    async def open(self, order: Order) -> float:
        """Compose over the database that the settings name."""
        facts = settings_file.load()
        workflows = order.get("workflows") == "yes"
        self._parts = await self._stack.enter_async_context(composed(facts, workflows=workflows))
        return 0.0

    async def close(self, _: Order) -> float:
        """Give everything back."""
        await self._stack.aclose()
        return 0.0

    async def warm(self, _: Order) -> float:
        """Sync another customer first, so that connections and caches are those of a live worker.

        ``tenant_details`` gets the token of the measured customer, which lasts an hour.
        """
        directory = await self._require().context.directories.of_tenant(TENANT)
        await directory.tenant_details(EntraTenantId(MEASURED.entra_tenant_id))
        await self._run(await self._start(WARM_UP))
        await self._hand_in_counts()
        return 0.0

    async def sync(self, order: Order) -> float:
        """One run by the use cases; a ``full`` one reads everybody, although changes would do."""
        if order.get("full") == "yes":
            await self._forget_cursors()
        run_id = await self._start(MEASURED)
        with Stopwatch() as watch:
            await self._run(run_id)
        await self._hand_in_counts()
        return watch.seconds

    async def _run(self, run_id: RunId) -> None:
        context = self._require().context
        opened = await OpenRun(context)(TENANT, run_id)
        record = Record(context)
        for managed_tenant_id in opened.managed_tenant_ids:
            read = ReadAndPlan(context)
            if await read(TENANT, run_id, managed_tenant_id, lambda _: None):
                await Apply(context)(TENANT, run_id, managed_tenant_id, kinds=ADDITIVE)
        await GuardRun(context)(TENANT, run_id)
        for managed_tenant_id in opened.managed_tenant_ids:
            while not await record.completed(TENANT, run_id, managed_tenant_id):
                await Apply(context)(TENANT, run_id, managed_tenant_id)
        _require_completed(await record.run(TENANT, run_id))

    async def _forget_cursors(self) -> None:
        async with self._require().context.store.tenant_transaction(TENANT) as connection:
            await connection.execute(delete(delta_cursors))

    async def _hand_in_counts(self) -> None:
        """Let every open session report its row counts now; else it does so when it likes."""
        engine = self._require().host.database.engine
        at_once = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with AsyncExitStack() as stack:
            for _ in range(cast("QueuePool", engine.pool).checkedin()):
                session = await stack.enter_async_context(at_once.connect())
                await session.execute(text("SELECT pg_stat_force_next_flush()"))

    async def discover(self, _: Order) -> float:
        """Discover through Temporal, which leaves the worker with a token and warm connections."""
        started = await StartCheck(self._require().context, RunType.DISCOVERY)(TENANT, ACTOR)
        return _duration(await self._ended(started.run_id))

    async def whole(self, _: Order) -> float:
        """One run through Temporal."""
        return _duration(await self._ended(await self._start(MEASURED)))

    async def _start(self, customer: Customer) -> RunId:
        command = StartSyncCommand(
            tenant_id=TENANT,
            scope=SyncScope.CLIENT,
            client_id=ClientId(customer.client_id),
            actor=ACTOR,
        )
        started = await StartSync(self._require().context)(command)
        return started.run_id

    async def _ended(self, run_id: RunId) -> Run:
        store = self._require().context.store
        while True:
            async with store.tenant_transaction(TENANT) as connection:
                run = await Runs(connection, TENANT).get(run_id)
            if run is not None and run.state not in OPEN_STATES:
                _require_completed(run.state)
                return run
            await asyncio.sleep(_POLL_SECONDS)

    def _require(self) -> Composed:
        if self._parts is None:
            raise RuntimeError("nothing is open")
        return self._parts


def _require_completed(state: RunState) -> None:
    if state != RunState.COMPLETED:
        raise RuntimeError(f"the run ended as {state.value}")


def _duration(run: Run) -> float:
    if run.finished_at is None:
        raise RuntimeError("the run has no end")
    return (run.finished_at - run.created_at).total_seconds()


async def main() -> None:
    """Serve."""
    engine = Engine()
    await serve(
        {
            "open": engine.open,
            "close": engine.close,
            "warm": engine.warm,
            "sync": engine.sync,
            "discover": engine.discover,
            "whole": engine.whole,
        }
    )


if __name__ == "__main__":
    asyncio.run(main())
