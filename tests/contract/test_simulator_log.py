"""The simulator appends every request to a file, if it is told where."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.cipp import asking_cipp
from support.microsoft import asking
from support.simulator import running_simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"


def lines(folder: Path) -> list[list[dict[str, Any]]]:
    """The entries of each file in a folder."""
    files = sorted(folder.iterdir())
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def test_each_simulator_writes_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "requests"
    monkeypatch.setenv("ENTRA_TEST_REQUEST_LOG", str(folder))
    with running_simulator("none"), running_simulator() as simulator:
        with asking(simulator) as microsoft, asking_cipp(simulator) as cipp:
            token = microsoft.app_token(ALPINE)
            microsoft.get("/v1.0/users?$top=1", token, user_agent="tester/1.0")
            cipp.get("ListDomains", tenantFilter="alpinedental.example")
        simulator.control("/reset", {})

    empty, written = sorted(lines(folder), key=len)
    assert empty == []
    assert [(e["host"], e["tenant"], e["status"]) for e in written] == [
        ("sign_in", ALPINE, 200),
        ("graph", ALPINE, 200),
        ("cipp", ALPINE, 200),
    ]
    assert written[1] == {
        "host": "graph",
        "method": "GET",
        "path": "/v1.0/users",
        "query": "$top=1",
        "tenant": ALPINE,
        "status": 200,
        "userAgent": "tester/1.0",
        "priority": None,
    }


def test_a_file_that_was_named_goes_on_where_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    for _ in range(2):
        with (
            running_simulator("none", request_log=file) as simulator,
            asking_cipp(simulator) as cipp,
        ):
            cipp.get("me")

    assert [entry["path"] for entry in lines(tmp_path)[0]] == ["/api/me", "/api/me"]


def test_no_secret_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRA_TEST_REQUEST_LOG", str(tmp_path))
    with running_simulator() as simulator, asking_cipp(simulator) as cipp:
        cipp.get("ListTenants")

    text = next(tmp_path.iterdir()).read_text()

    assert "/api/ListTenants" in text
    assert simulator.cipp_token not in text


def test_there_is_no_file_unless_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENTRA_TEST_REQUEST_LOG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with running_simulator() as simulator, asking_cipp(simulator) as cipp:
        cipp.get("ListTenants")

    assert list(tmp_path.iterdir()) == []
