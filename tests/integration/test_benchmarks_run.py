"""The benchmarks run, and print what they claim to print. Nothing here judges a time."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def printed() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_small_size_measures_the_engine_and_both_floors(printed: str) -> None:
    rows = [line.split("|")[2].strip() for line in printed.splitlines() if line.startswith("|")]

    assert rows[2:6] == [
        "floor of a first sync",
        "first sync",
        "unchanged sync",
        "floor of an unchanged sync",
    ]


def test_every_engine_row_has_its_statements_rows_log_cpu_and_memory(printed: str) -> None:
    engine = [line.split("|") for line in printed.splitlines() if line.startswith("|")][3:5]

    assert all(cell.strip() for row in engine for cell in row[1:-1])


def test_an_unchanged_sync_writes_rows_for_the_run_alone(printed: str) -> None:
    unchanged = [line.split("|") for line in printed.splitlines() if "| unchanged sync  " in line]

    assert int(unchanged[0][7]) < 30


def test_many_customers_are_read_with_one_token_each_beside_both_floors(printed: str) -> None:
    (line,) = [line for line in printed.splitlines() if line.startswith("reading 150 users")]

    ratio = r"\d\.\d\d \(\d\.\d\d-\d\.\d\d\)"
    assert re.search(rf"{ratio} of the floor .* {ratio} of one that only decodes", line)
    assert "at most 1 token request per customer in two readings" in line
