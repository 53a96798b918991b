"""Five hundred customers of every kind: each gets its right state, and nobody is asked twice."""

from collections import Counter
from collections.abc import Iterator

import pytest

from support.folders import tenant_id, write_seed
from support.program import Json, Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

CUSTOMERS = range(1, 501)
WITHOUT_CONSENT = frozenset(range(1, 151))
BLOCKED = frozenset(range(151, 161))
"""By a Conditional Access policy of the customer."""
BUSY_AT_SIGN_IN = frozenset(range(161, 174))
BUSY_AT_GRAPH = frozenset(range(174, 186))
READABLE = frozenset(CUSTOMERS) - WITHOUT_CONSENT - BLOCKED

BUSY = {"status": 429, "headers": {"Retry-After": "1"}, "times": 1, "eachTenant": True}
FAULTS = [
    {**BUSY, "match": "POST /.*/token", "tenants": [tenant_id(n) for n in BUSY_AT_SIGN_IN]},
    {**BUSY, "match": "GET /v1.0/organization", "tenants": [tenant_id(n) for n in BUSY_AT_GRAPH]},
]

CODES = {
    **{tenant_id(n): "consent_missing" for n in WITHOUT_CONSENT},
    **{tenant_id(n): "conditional_access_blocked" for n in BLOCKED},
}

Seen = list[dict[str, object]]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    unlike = {
        **{n: {"consented": False} for n in WITHOUT_CONSENT},
        **{n: {"conditional_access": True} for n in BLOCKED},
    }
    write_seed(folder, tenants=len(CUSTOMERS), users=1, unlike=unlike)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def microsoft(host: RunningHost) -> Simulator:
    facts = host.facts["simulator"]
    assert isinstance(facts, dict)
    return Simulator.of(facts)


@pytest.fixture(scope="module")
def admin(host: RunningHost, microsoft: Simulator) -> Iterator[Program]:
    """Connected; the story goes on from test to test."""
    with Program(host.base_url, "admin@northwind.example") as program:
        program.connect(microsoft)
        yield program


@pytest.fixture(scope="module")
def discovered(admin: Program, microsoft: Simulator) -> tuple[Json, Seen]:
    """The discovery, and what it asked Microsoft."""
    microsoft.control("/faults", {"faults": FAULTS})
    microsoft.forget_requests()
    return admin.discover(), microsoft.requests()


@pytest.fixture(scope="module")
def validated(
    discovered: tuple[Json, Seen], admin: Program, microsoft: Simulator
) -> tuple[Json, Seen]:
    """The check of the whole chain after it, and what that asked."""
    microsoft.control("/faults", {"faults": FAULTS})
    microsoft.forget_requests()
    run = admin.finished(admin.post("/validate/chain").data["runId"])
    return run, microsoft.requests()


def test_a_discovery_finishes_and_counts_whom_it_could_not_read(
    discovered: tuple[Json, Seen],
) -> None:
    run, _ = discovered
    assert run["state"] == "partial"
    assert run["progress"] == {
        "listed": len(CUSTOMERS),
        "checked": len(CUSTOMERS),
        "failed": len(WITHOUT_CONSENT) + len(BLOCKED),
        "new": len(CUSTOMERS),
        "gone": 0,
    }


def test_each_customer_has_its_own_state_after_the_discovery(
    discovered: tuple[Json, Seen], admin: Program
) -> None:
    health = {
        str(row["entraTenantId"]): row["health"]["code"] if row["health"] else None
        for row in admin.items("/managed-tenants", limit=200)
    }
    assert health == {tenant_id(n): CODES.get(tenant_id(n)) for n in CUSTOMERS}


def test_the_chain_says_how_many_lack_what(validated: tuple[Json, Seen]) -> None:
    run, _ = validated
    assert run["state"] == "partial"
    progress = run["progress"]
    assert progress["problems"] == {
        "consent_missing": len(WITHOUT_CONSENT),
        "conditional_access_blocked": len(BLOCKED),
    }
    assert {step["step"]: (step["state"], step["count"]) for step in progress["steps"]} == {
        "credentials": ("passed", None),
        "token": ("passed", None),
        "partner_directory": ("passed", len(CUSTOMERS)),
        "customers": ("partial", len(READABLE)),
        "users": ("passed", 5),
    }


def test_the_chain_names_each_customer_with_the_link_that_repairs_it(
    validated: tuple[Json, Seen],
) -> None:
    run, _ = validated
    rows = {str(row["entraTenantId"]): row for row in run["tenants"]}
    assert {key: row["error"]["code"] if row["error"] else None for key, row in rows.items()} == {
        tenant_id(n): CODES.get(tenant_id(n)) for n in CUSTOMERS
    }
    for number in WITHOUT_CONSENT:
        key = tenant_id(number)
        assert f"/{key}/v2.0/adminconsent?" in rows[key]["error"]["link"]["url"]


@pytest.mark.parametrize("run", ["discovered", "validated"])
def test_each_customer_is_asked_once_and_once_more_for_each_wait(
    run: str, request: pytest.FixtureRequest
) -> None:
    _, seen = request.getfixturevalue(run)
    asked = Counter((kind(entry), entry["tenant"]) for entry in seen)
    too_often = {}
    for n in CUSTOMERS:
        key = tenant_id(n)
        allowed = {"token": 1 + (n in BUSY_AT_SIGN_IN), "organization": 1 + (n in BUSY_AT_GRAPH)}
        for what, most in {**allowed, "domains": 1}.items():
            if asked[what, key] > most:
                too_often[what, n] = asked[what, key]
    assert too_often == {}


def test_the_waits_were_really_asked_for(discovered: tuple[Json, Seen]) -> None:
    _, seen = discovered
    refused = {str(entry["tenant"]) for entry in seen if entry["status"] == 429}
    assert refused == {tenant_id(n) for n in BUSY_AT_SIGN_IN | BUSY_AT_GRAPH}


def test_a_token_that_is_in_hand_is_not_asked_for_again(validated: tuple[Json, Seen]) -> None:
    _, seen = validated
    tokens = {entry["tenant"] for entry in seen if kind(entry) == "token"}
    assert tokens.isdisjoint({tenant_id(n) for n in READABLE})


def kind(entry: dict[str, object]) -> str:
    """What a request asks a customer's directory for."""
    path = str(entry["path"])
    if entry["host"] == "sign_in":
        return "token" if entry["method"] == "POST" else "endpoints"
    return path.rpartition("/")[2]
