"""The host's one Temporal worker, assembled from the plugins' worker plugins."""

import asyncio
import gc
import logging
import signal
from datetime import timedelta
from typing import Protocol, cast

from temporalio.client import Client
from temporalio.plugin import SimplePlugin
from temporalio.service import RPCError
from temporalio.worker import Worker

from devhost import settings as settings_file
from devhost.host import DevHost
from devhost.logs import configure
from devhost.plugins.manager import Plugins

log = logging.getLogger("devhost.worker")

_GRACE = timedelta(seconds=10)


class WorkerRecord(Protocol):
    """A worker plugin, read by attribute."""

    plugin: SimplePlugin


class StartedRecord(Protocol):
    """What a plugin opened, read by attribute."""

    async def close(self) -> None:
        """Close it."""
        ...


async def run() -> None:
    """Run until SIGTERM; waits for a Temporal service that is not there yet."""
    host = DevHost(settings_file.load())
    host.open()
    plugins = Plugins()
    plugins.load()
    started = plugins.records("psa_startup", host=host)
    parts = [cast("WorkerRecord", r).plugin for r in plugins.records("psa_worker_plugins")]
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    try:
        if parts:
            await _work(host, parts, stop)
        else:
            log.info("no plugin contributes workflows")
            await stop.wait()
    finally:
        for record in started:
            await cast("StartedRecord", record).close()
        await host.close()


async def _work(host: DevHost, parts: list[SimplePlugin], stop: asyncio.Event) -> None:
    client = await _connect(host, stop)
    if client is None:
        return
    async with Worker(
        client,
        task_queue=host.task_queue,
        plugins=parts,
        max_concurrent_activities=32,
        graceful_shutdown_timeout=_GRACE,
    ):
        gc.collect()
        gc.freeze()  # what is loaded stays; without this every full collection walks all of it
        gc.set_threshold(3_000, 10, 10)  # a page makes a thousand of everything, and no cycles
        log.info("worker ready")
        await stop.wait()


async def _connect(host: DevHost, stop: asyncio.Event) -> Client | None:
    """A connected client, which workers need; None when told to stop before Temporal was there."""
    while not stop.is_set():
        try:
            return await Client.connect(host.settings.temporal_address)
        except (RPCError, RuntimeError):
            log.warning("waiting for Temporal")
            await asyncio.sleep(1)
    return None


def main() -> None:
    """Run from the command line."""
    configure()
    asyncio.run(run())


if __name__ == "__main__":
    main()
