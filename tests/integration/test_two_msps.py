"""Two MSPs with data that are alike work at the same time, and each is as if it were alone."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from entra_plugin.domain.ids import TenantId
from entra_plugin.store.tables import metadata
from entra_plugin.store.transaction import Store
from support.crowd import ELSEWHERE
from support.folders import tenant_id
from support.inside import Inside
from support.normal_form import NormalForm, normal_form
from support.program import Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator
from support.twins import MSPS, write_twins

SEED = 20
CUSTOMERS = 6
LOGINS = ("admin@northwind.example", "admin@southwind.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What both left in one database."""

    host: RunningHost
    forms: tuple[NormalForm, NormalForm]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """Both at once, step by step, so that every step meets the other's."""
    with _seeded(tmp_path_factory.mktemp("both"), MSPS) as host:
        barrier = Barrier(len(MSPS), timeout=180)
        with ThreadPoolExecutor(len(MSPS)) as pool:
            list(pool.map(lambda msp: _everything(host, msp, barrier.wait), MSPS))
        first, second = (_form(host, msp) for msp in MSPS)
        yield Together(host=host, forms=(first, second))


@pytest.mark.parametrize("msp", MSPS)
def test_each_is_as_if_the_other_did_not_exist(
    together: Together, tmp_path: Path, msp: int
) -> None:
    with _seeded(tmp_path, [msp]) as host:
        _everything(host, msp, lambda: None)
        alone = _form(host, msp)
    assert together.forms[msp].differences(alone) == []


def test_they_had_the_same_people_and_made_something_else_of_them(together: Together) -> None:
    first, second = together.forms
    rows = Inside(together.host.facts).rows(
        "SELECT tenant_id, count(*), count(DISTINCT (entra_tenant_id, object_id))"
        " FROM entra_identities GROUP BY 1"
    )
    assert len({count for _, count, _ in rows}) == 1
    assert len(rows) == 2
    assert first.tables["entra_identities"] != second.tables["entra_identities"]
    assert first.tables["psa_contacts"] != second.tables["psa_contacts"]
    assert first.tables["psa_contacts"] & second.tables["psa_contacts"]
    for form in together.forms:
        for table in ("entra_contact_links", "entra_reconciliation_items", "entra_sync_changes"):
            assert form.rows(table) > 0, table


@pytest.mark.parametrize("msp", MSPS)
async def test_a_query_that_forgets_its_tenant_sees_the_own_rows_only(
    together: Together, msp: int
) -> None:
    facts, tenant = together.host.facts, together.host.tenant_id(msp)
    engine = create_async_engine(str(facts["databaseUrl"]))
    inside = Inside(facts)
    full = 0
    async with Store(engine).tenant_transaction(TenantId(tenant)) as connection:  # type: ignore[arg-type]
        for table in metadata.sorted_tables:
            seen = await connection.execute(text(f"SELECT tenant_id::text FROM {table.name}"))
            found = [str(row[0]) for row in seen]
            own = inside.count(table.name, tenant)
            assert found == [tenant] * own, table.name
            full += own > 0
            touched = await connection.execute(
                text(f"UPDATE {table.name} SET tenant_id = tenant_id")
            )
            assert touched.rowcount == own, table.name
        await connection.rollback()
    await engine.dispose()
    assert full >= 12, "most tables have rows by now"


@contextmanager
def _seeded(folder: Path, msps: "list[int] | tuple[int, ...]") -> Iterator[RunningHost]:
    write_twins(folder, SEED, customers=CUSTOMERS, msps=msps)
    with running_devhost(seed=str(folder)) as host:
        microsoft = _microsoft(host)
        microsoft.control("/pages", {"largest": 25})
        # Pages come late, so that the readings of the two overlap whatever the machine does.
        microsoft.control("/faults", {"match": r"GET /v1\.0/users", "delayMs": 100})
        yield host


def _everything(host: RunningHost, msp: int, together: Callable[[], object]) -> None:
    """Connect, discover, decide, sync, let people come and go, and sync again."""
    with Program(host.base_url, LOGINS[msp]) as admin:
        together()
        admin.connect(_microsoft(host), partner=msp)
        if msp == 1:
            settings = admin.get("/settings").data
            body = {"version": settings["version"], "userFilterConfig": {"includeGuests": True}}
            assert admin.post("/settings", body, method="PUT").status == 200
        together()
        assert admin.discover()["state"] == "completed"
        together()
        assert admin.accept_exact()["mapped"] == CUSTOMERS
        together()
        assert admin.sync("all")["state"] == "completed"
        together()
        if msp == min(_present(host)):
            _change_people(_microsoft(host))
        together()
        assert admin.sync("all")["state"] == "completed"


def _present(host: RunningHost) -> set[int]:
    """Those of the two that the devhost was seeded with."""
    rows = Inside(host.facts).rows(
        "SELECT DISTINCT tenant_id::text FROM psa_clients WHERE id = %s", ELSEWHERE
    )
    present = {str(row[0]) for row in rows}
    return {msp for msp in MSPS if host.tenant_id(msp) in present}


def _change_people(microsoft: Simulator) -> None:
    """Somebody comes to each directory, and somebody changes."""
    rng = random.Random(SEED)
    for tenant in sorted(microsoft.directory()["tenants"], key=lambda t: t["entra_tenant_id"]):
        number = int(str(tenant["entra_tenant_id"])[-12:])
        if tenant["entra_tenant_id"] != tenant_id(number):
            continue
        user = rng.choice(sorted(tenant["users"], key=lambda u: str(u["id"])))
        fresh = f"d1000000-0000-4000-8000-{number:012d}"
        microsoft.control(
            "/users",
            {
                "tenant": tenant["entra_tenant_id"],
                "add": [{"id": fresh, "userPrincipalName": f"newcomer@customer{number}.example"}],
                "change": [{"id": user["id"], "set": {"jobTitle": "Head of Everything"}}],
            },
        )


def _form(host: RunningHost, msp: int) -> NormalForm:
    """What there is once people were told of the last run: that is the end of it."""
    untold = "SELECT count(*) FROM entra_sync_runs WHERE type = 'all' AND notified_at IS NULL"
    deadline = time.monotonic() + 60
    while Inside(host.facts).rows(untold) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return normal_form(str(host.facts["adminDatabaseUrl"]), host.tenant_id(msp))


def _microsoft(host: RunningHost) -> Simulator:
    return Simulator.of(cast("dict[str, str]", host.facts["simulator"]))
