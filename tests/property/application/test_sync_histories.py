"""Whatever happens at an MSP, and whenever a process dies: a sync does what it may, and all of it.

Random histories of directories, contacts, mappings, rules, flags, pins, bad readings and crashes,
judged after each sync by a simple model. The database and the host are real.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from secrets import randbelow

import pytest

from devhost.servers.postgres import Urls
from support.histories import play

FEW, MANY = 250, 10_000
"""Histories in the normal run, and in the long one."""

USUAL_SEED = 20_261
"""Of the normal run, which is to judge a change and not the weather."""


def test_whatever_happens_a_sync_does_what_it_may_and_all_of_it(
    postgres_server: Urls, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(play(postgres_server, count(FEW), seed(USUAL_SEED)), capsys)


@pytest.mark.long
def test_ten_thousand_histories(postgres_server: Urls, capsys: pytest.CaptureFixture[str]) -> None:
    processes = len(os.sched_getaffinity(0))
    first, each = seed(randbelow(2**32)), -(-count(MANY) // processes)
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        playing = [
            pool.submit(play, postgres_server, each, first + number) for number in range(processes)
        ]
        for played in playing:
            tell(played.result(), capsys)


def tell(line: str, told_aloud: pytest.CaptureFixture[str]) -> None:
    """Say what was played, also when all is well."""
    with told_aloud.disabled():
        sys.stdout.write(f"\n{line}\n")


def seed(otherwise: int) -> int:
    """The seed of this run, which is printed in the end: as told, or as usual."""
    return int(os.environ.get("ENTRA_HISTORY_SEED") or otherwise)


def count(otherwise: int) -> int:
    """How many histories: as told, or as usual."""
    return int(os.environ.get("ENTRA_HISTORY_COUNT") or otherwise)
