"""The measuring side of dlt, the best generic loader, which is measured beside ours if asked for.

It lands rows and does no more: nobody is matched, linked, planned or journalled.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Child, Report
from devhost.servers.postgres import Urls, libpq
from entra_plugin.directory.microsoft.wire import USER_SELECT

PYTHON = Path(__file__).resolve().parents[1] / ".venv-dlt" / "bin" / "python"
"""Of the environment that ``dev.py bench --dlt`` makes."""

_ENVIRONMENT = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A way to use dlt: what its resource yields, and the files that it loads."""

    name: str
    rows: str
    format: str

    @property
    def first(self) -> str:
        """The scenario of a first sync."""
        return f"first sync by dlt, {self.name}"

    @property
    def again(self) -> str:
        """The scenario of an unchanged one."""
        return f"unchanged sync by dlt, {self.name}"


STYLES = (
    Style(name="inserts", rows="objects", format="insert_values"),
    Style(name="COPY", rows="objects", format="csv"),
    Style(name="COPY from Arrow", rows="arrow", format="csv"),
)
"""Its default, its fast way for objects, and its fastest one, which takes a declared table."""


class Peer:
    """dlt's process."""

    def __init__(self) -> None:
        self._child = Child(
            "benchmarks.dlt_child", python=str(PYTHON), environment={**os.environ, **_ENVIRONMENT}
        )

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def measure(
        self, urls: Urls, *, users: int, token: str, warm_token: str
    ) -> Iterator[tuple[str, Report]]:
        """First and unchanged sync in each style, by scenario; each into a table of its own."""
        for number, style in enumerate(STYLES):
            self._child.ask(
                do="open",
                name=f"peer_{number}",
                rows=style.rows,
                format=style.format,
                database=libpq(urls.owner),
                url=f"{os.environ['MICROSOFT_GRAPH_BASE_URL']}/v1.0/users"
                f"?$select={USER_SELECT}&$top=999",
                select=USER_SELECT,
                users=str(users),
                token=token,
                warm_token=warm_token,
            )
            yield style.first, self._child.ask(do="first")
            yield style.again, self._child.ask(do="again")
            self._child.ask(do="close")
