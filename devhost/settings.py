"""What every process of the devhost is told.

One JSON file of mode 600, named by ``DEVHOST_SETTINGS``.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are, and the keys to them."""

    data_dir: str
    base_url: str
    port: int
    edition: str
    seed: str
    owner_url: str
    app_url: str
    app_role: str
    temporal_address: str
    task_queue: str
    master_api_key: str
    simulator: Mapping[str, object] | None


def load() -> Settings:
    """The settings of this process.

    Raises:
        RuntimeError: The process was not started by the supervisor.
    """
    path = os.environ.get("DEVHOST_SETTINGS")
    if path is None:
        raise RuntimeError("DEVHOST_SETTINGS is not set; start the devhost with `dev.py up`")
    return Settings(**json.loads(Path(path).read_text()))


def save(settings: Settings, path: Path) -> None:
    """Write the file, readable by its owner only, in one step."""
    write_private(path, json.dumps(asdict(settings), indent=1))


def write_private(path: Path, text: str) -> None:
    """Replace a file of mode 600 in one step."""
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
