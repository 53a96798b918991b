"""A real Temporal dev server for a test session."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devhost.processes.tether import die_with_parent
from devhost.servers import temporal


@contextmanager
def running_temporal() -> Iterator[str]:
    """Start a server on a file in a temporary folder; answers its address."""
    with tempfile.TemporaryDirectory(prefix="psa-test-temporal-") as folder:
        command = temporal.prepare(Path(folder))
        process = subprocess.Popen(
            command.argv,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent(),
        )
        try:
            wait_for_port(command.address)
            yield command.address
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for_port(address: str, seconds: float = 30) -> None:
    """Wait until something listens at ``host:port``."""

    host, _, port = address.partition(":")
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
