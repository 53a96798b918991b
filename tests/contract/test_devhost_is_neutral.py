"""The devhost is a host for any plugin: it does not know ours by name."""

import re
from pathlib import Path

import pytest

DEVHOST = Path(__file__).parents[2] / "devhost"
ABOUT_MICROSOFT = ("simulator", "seeds")
"""What stands in for Microsoft, and the data in it, may say what it is about."""

FILES = sorted(
    path
    for path in DEVHOST.rglob("*")
    if path.suffix in {".py", ".html", ".css", ".js", ".mako"}
    and path.relative_to(DEVHOST).parts[0] not in ABOUT_MICROSOFT
)


def test_there_are_files_to_look_at() -> None:
    assert {path.suffix for path in FILES} >= {".py", ".html", ".css"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEVHOST)))
def test_a_file_of_the_host_does_not_name_the_plugin(path: Path) -> None:
    assert re.findall(r"\bentra.*", path.read_text("utf-8")) == []
