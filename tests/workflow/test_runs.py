"""Runs through a real Temporal: cancelled, starved of their customers, and joined."""

from collections.abc import Iterator

import pytest

from support.folders import client_id, tenant_id, write_seed
from support.inside import Inside
from support.program import Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

TENANTS = 12
SLOW = {"match": r"GET /v1\.0/users\?", "delayMs": 400}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A devhost with more customers than are synced at once."""
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=TENANTS, users=5)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def microsoft(host: RunningHost) -> Simulator:
    simulator = host.facts["simulator"]
    assert isinstance(simulator, dict)
    return Simulator.of(simulator)


@pytest.fixture(scope="module")
def inside(host: RunningHost) -> Inside:
    return Inside(host.facts)


@pytest.fixture(scope="module")
def admin(host: RunningHost, microsoft: Simulator) -> Iterator[Program]:
    """The administrator, connected and with every customer mapped."""
    with Program(host.base_url, "admin@northwind.example") as program:
        program.connect(microsoft)
        program.discover()
        program.accept_exact()
        yield program


@pytest.fixture(autouse=True)
def healthy(microsoft: Simulator) -> Iterator[None]:
    yield
    microsoft.control("/faults", {"faults": []})


def test_a_cancelled_run_starts_no_further_customer_and_leaves_nothing_open(
    admin: Program, microsoft: Simulator, inside: Inside
) -> None:
    microsoft.control("/faults", {"faults": [SLOW]})
    run_id = admin.post("/sync", {"scope": "initial"}).data["runId"]
    admin.until(
        lambda: admin.get(f"/runs/{run_id}").data,
        lambda run: any(t["state"] == "running" for t in run["tenants"]),
    )
    assert admin.post(f"/runs/{run_id}/cancel").status == 200
    run = admin.finished(run_id)
    assert run["state"] == "cancelled"
    states = [t["state"] for t in run["tenants"]]
    assert set(states) <= {"cancelled", "completed"}
    assert states.count("cancelled") >= 4, "those beyond the window were never started"
    open_rows = "SELECT count(*) FROM entra_sync_run_tenants WHERE state IN ('queued', 'running')"
    assert inside.rows(open_rows) == [(0,)]
    assert inside.rows("SELECT count(*) FROM entra_sync_pages") == [(0,)]


def test_after_a_cancelled_run_the_next_one_finishes_the_job(
    admin: Program, host: RunningHost, inside: Inside
) -> None:
    run = admin.sync("initial")
    assert run["state"] == "completed"
    assert len(inside.contacts(host.tenant_id(0))) == TENANTS * 5


def test_a_customer_that_fails_stops_no_other(admin: Program, microsoft: Simulator) -> None:
    microsoft.control("/consent", {"tenant": tenant_id(3), "granted": False})
    microsoft.control("/tokens", {"expire": True})
    run = admin.sync("all")
    microsoft.control("/consent", {"tenant": tenant_id(3), "granted": True})
    assert run["state"] == "partial"
    failed = [t for t in run["tenants"] if t["state"] == "failed"]
    assert [t["clientId"] for t in failed] == [client_id(3)]
    assert failed[0]["error"]["code"] == "consent_missing"
    assert failed[0]["error"]["advice"]


def test_a_truncated_page_fails_the_customer_and_touches_nothing(
    admin: Program, microsoft: Simulator, inside: Inside
) -> None:
    before = inside.versions()
    cut = {"match": r"GET /v1\.0/users\?", "truncate": 200, "times": 1}
    microsoft.control("/faults", {"faults": [cut]})
    run = admin.sync("client", clientId=client_id(1))
    assert run["state"] == "completed", "it was read again"
    assert inside.versions() == before


def test_a_throttled_microsoft_is_waited_for(admin: Program, microsoft: Simulator) -> None:
    busy = {
        "match": r"GET /v1\.0/users\?",
        "status": 429,
        "body": {"error": {"code": "TooManyRequests", "message": "Too many requests"}},
        "headers": {"Retry-After": "1"},
        "times": 2,
    }
    microsoft.control("/faults", {"faults": [busy]})
    run = admin.sync("client", clientId=client_id(2))
    assert run["state"] == "completed"
    assert run["counts"]["unchanged"] == 5


def test_a_revoked_sign_in_fails_the_run_once_with_one_cause(
    admin: Program, microsoft: Simulator
) -> None:
    microsoft.control("/tokens", {"revoke": True})
    run = admin.sync("all")
    assert run["state"] == "failed"
    assert run["error"]["code"] == "grant_revoked"
    connection = admin.get("/").data["connection"]
    assert connection["status"] == "validation_failed"
    assert "outcome=connected" in admin.connect(microsoft)
    assert admin.sync("all")["state"] == "completed"


def test_the_runs_of_a_client_are_those_that_it_was_in(admin: Program) -> None:
    one, other = (admin.sync("client", clientId=client_id(n))["runId"] for n in (1, 2))
    whole = admin.sync("all")["runId"]
    found = [run["runId"] for run in admin.items("/runs", clientId=client_id(1), limit=1)]
    assert found[:2] == [whole, one]
    assert other not in found
