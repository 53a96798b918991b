"""The schedule through the API: defaults, ranges, and what a refused one leaves behind."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.inside import Inside
from support.program import Program
from support.running import RunningHost
from support.simulator import Simulator

DEFAULT = {"syncEnabled": False, "syncIntervalMinutes": 1440}
HOURLY = {"syncEnabled": True, "syncIntervalMinutes": 60}


@contextmanager
def silent_temporal(host: RunningHost) -> Iterator[None]:
    """Temporal takes calls and answers none."""
    pid, _ = json.loads((host.folder / "pids.json").read_text())["temporal"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_without_a_word_syncs_start_daily_once_they_are_switched_on(admin: Program) -> None:
    assert admin.get("/schedule").data == DEFAULT
    assert admin.get("/").data["schedule"] == {**DEFAULT, "nextSyncAt": None}


@pytest.mark.parametrize("minutes", [15, 43_200])
def test_from_fifteen_minutes_to_thirty_days(admin: Program, minutes: int) -> None:
    wanted = {"syncEnabled": True, "syncIntervalMinutes": minutes}
    assert admin.post("/schedule", wanted, method="PUT").data == wanted
    assert admin.get("/schedule").data == wanted


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"syncEnabled": True, "syncIntervalMinutes": 14}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": 43_201}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": 0}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": -60}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": 10**30}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": 60.5}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": "60"}, "syncIntervalMinutes"),
        ({"syncEnabled": True, "syncIntervalMinutes": None}, "syncIntervalMinutes"),
        ({"syncEnabled": True}, "syncIntervalMinutes"),
        ({"syncEnabled": 1, "syncIntervalMinutes": 60}, "syncEnabled"),
        ({"syncIntervalMinutes": 60}, "syncEnabled"),
        ({**HOURLY, "cron": "* * * * *"}, "cron"),
    ],
)
def test_anything_else_is_malformed_and_changes_nothing(
    admin: Program, body: object, path: str
) -> None:
    before = admin.get("/schedule").data
    answer = admin.post("/schedule", body, method="PUT")
    assert answer.failure == (400, "malformed_request")
    assert answer.body["details"] == {"path": path}
    assert admin.get("/schedule").data == before


def test_it_is_saved_beside_the_rules_and_makes_nobodys_edit_of_them_stale(
    admin: Program, inside: Inside
) -> None:
    version = admin.get("/settings").data["version"]
    admin.post("/schedule", HOURLY, method="PUT")
    body = {"version": version, "guardConfig": {"graceDays": 3}}
    assert admin.post("/settings", body, method="PUT").status == 200
    assert admin.get("/schedule").data == HOURLY
    assert inside.rows("SELECT updated_by IS NOT NULL FROM entra_sync_settings") == [(True,)]


def test_without_a_connection_it_waits(admin: Program) -> None:
    assert admin.get("/").data["schedule"] == {**HOURLY, "nextSyncAt": None}


def test_connected_the_overview_says_when_the_next_sync_starts(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    assert admin.get("/").data["schedule"]["nextSyncAt"]
    admin.post("/schedule", DEFAULT, method="PUT")
    assert admin.get("/").data["schedule"]["nextSyncAt"] is None


def test_another_msp_has_its_own(host: RunningHost) -> None:
    with Program(host.base_url, "admin@southwind.example") as other:
        assert other.get("/schedule").data == DEFAULT


def test_while_temporal_is_away_nothing_is_written(host: RunningHost, admin: Program) -> None:
    with silent_temporal(host):
        answer = admin.post("/schedule", HOURLY, method="PUT")
        assert answer.failure == (503, "temporal_unavailable")
        assert admin.get("/schedule").data == DEFAULT
        assert admin.get("/").status == 200
    assert admin.post("/schedule", HOURLY, method="PUT").data == HOURLY
