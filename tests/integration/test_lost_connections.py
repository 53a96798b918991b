"""The database was away for a moment: steps of a sync find their pooled connections dead."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from devhost.servers.postgres import Urls, libpq
from entra_plugin.domain.states import RunState
from support.folders import write_seed
from support.simulator import Simulator
from support.syncing import Syncing, syncing


@pytest.fixture
async def world(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Syncing]:
    write_seed(tmp_path, tenants=1, users=5)
    async with syncing(database, simulator, monkeypatch, tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    "step", ["open_run", "read_and_plan", "apply", "guard", "finish", "close_run"]
)
async def test_a_step_that_finds_its_connections_dead_is_tried_again_and_ends_no_run(
    world: Syncing, step: str
) -> None:
    hit: list[str] = []

    def cut(name: str, attempt: int) -> None:
        if name == step and attempt == 1:
            _cut_connections(world)
            hit.append(name)

    run = await replace(world, misfortune=cut).sync()
    assert hit == [step]
    assert run.run.state == RunState.COMPLETED, run.run.state_reason
    assert [tenant.counts["created"] for tenant in run.tenants] == [4]


def _cut_connections(world: Syncing) -> None:
    with psycopg.connect(libpq(world.admin_url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'psa_app'"
        )
