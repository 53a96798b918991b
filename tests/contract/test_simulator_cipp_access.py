"""The simulator's CIPP lets in, refuses and fails as the real one does."""

from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from support.cipp import Cipp, asking_cipp, refused
from support.microsoft import Microsoft
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
BRIGHT = "e0000000-0000-4000-8000-000000000002"
ALPINE_DOMAIN = "alpinedental.example"


@pytest.fixture
def cipp(simulator: Simulator) -> Iterator[Cipp]:
    with asking_cipp(simulator) as client:
        yield client


# Who is let in


@pytest.mark.parametrize("token", [None, "nonsense", "a.b.c"])
def test_without_a_token_the_platform_answers_before_cipp(cipp: Cipp, token: str | None) -> None:
    answer = cipp.ask("GET", "/api/ListTenants", token=token)

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")


def test_a_client_gets_a_token_for_its_own_cipp(cipp: Cipp, microsoft: Microsoft) -> None:
    token = cipp.ask_token(microsoft).json()["access_token"]

    answer = cipp.ask("GET", "/api/ListTenants", token=token)

    assert answer.json()[1]["customerId"] == ALPINE


def test_a_token_for_graph_is_of_no_use(cipp: Cipp, microsoft: Microsoft) -> None:
    token = microsoft.app_token(cipp.access.tenant_id)

    assert cipp.ask("GET", "/api/ListTenants", token=token).status_code == 401


def test_a_token_for_cipp_is_of_no_use_at_graph(cipp: Cipp, microsoft: Microsoft) -> None:
    token = cipp.ask_token(microsoft).json()["access_token"]

    assert microsoft.get("/v1.0/organization", token).status_code == 401


def test_an_expired_token_is_refused(
    cipp: Cipp, microsoft: Microsoft, simulator: Simulator
) -> None:
    token = cipp.ask_token(microsoft).json()["access_token"]
    simulator.control("/tokens", {"expire": True})

    assert cipp.ask("GET", "/api/ListTenants", token=token).status_code == 401
    assert cipp.get("ListTenants").status_code == 200


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"tenant": ALPINE}, "unauthorized_client", 700016),
        ({"client_secret": "wrong"}, "invalid_client", 7000215),
        ({"scope": "https://graph.microsoft.com/.default"}, "invalid_resource", 500011),
        ({"scope": "User.Read"}, "invalid_scope", 1002012),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type", 70003),
    ],
)
def test_a_client_is_known_at_its_own_directory_for_its_own_resource(
    cipp: Cipp, microsoft: Microsoft, changes: dict[str, str], error: str, number: int
) -> None:
    answer = cipp.ask_token(microsoft, **changes)

    assert (answer.json()["error"], answer.json()["error_codes"]) == (error, [number])


def test_without_an_application_id_uri_there_is_no_token(
    cipp: Cipp, microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/cipp", {"applicationIdUri": False})

    answer = cipp.ask_token(microsoft)

    assert (answer.status_code, answer.json()["error_codes"]) == (400, [500011])


def test_a_client_that_was_not_saved_is_refused(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"clientsRefused": True})

    assert cipp.get("ListTenants").status_code == 401


# Where a request goes


@pytest.mark.parametrize("path", ["/ListTenants", "/", "/api", "/tenant/list"])
def test_a_path_beside_the_api_is_the_front_end(cipp: Cipp, path: str) -> None:
    answer = cipp.ask("GET", path, token=cipp.access.token)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_the_front_end_can_stand_at_the_address(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"frontEnd": True})

    assert cipp.get("ListTenants").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("name", ["ListNothing", "listtenants", "ListTenants/", "$batch"])
def test_an_endpoint_that_is_not_there_is_not_found(cipp: Cipp, name: str) -> None:
    assert refused(cipp.get(name), 404) == "Endpoint not found"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(cipp: Cipp, simulator: Simulator, method: str) -> None:
    simulator.forget_requests()

    refused(cipp.ask(method, "/api/ListTenants", token=cipp.access.token), 405)
    assert [r["method"] for r in simulator.requests()] == [method]


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("ListTenants", "ClearCache"),
        ("ListTenants", "$top"),
        ("ListDomains", "Version"),
        ("ListGraphRequest", "$skip"),
        ("ListGraphRequest", "customer"),
        ("ListUsers", "$select"),
        ("me", "tenantFilter"),
    ],
)
def test_a_parameter_that_cipp_has_not_is_refused(cipp: Cipp, endpoint: str, name: str) -> None:
    path = f"/api/{endpoint}"

    answer = cipp.ask("GET", path, query={name: "x"}, token=cipp.access.token)

    assert name in refused(answer, 400)


# Ways to fail


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        ("role", 403),
        ("ip_range", 403),
        ("subscription", 403),
        ("precondition", 412),
        ("server_error", 500),
        ("feature_disabled", 503),
    ],
)
def test_a_refusal_is_a_bare_string(
    cipp: Cipp, simulator: Simulator, refusal: str, status: int
) -> None:
    simulator.control("/cipp", {"refuse": refusal})

    assert refused(cipp.get("ListTenants"), status)


def test_an_endpoint_can_be_blocked_for_the_client(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"blockedEndpoints": ["ListDomains"]})

    refused(cipp.get("ListDomains", tenantFilter=ALPINE_DOMAIN), 403)
    assert cipp.get("ListTenants").status_code == 200


def test_a_cold_start_is_told_once(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"coldStartMs": 1})

    first, second = (cipp.graph("users", tenantFilter=ALPINE_DOMAIN) for _ in range(2))

    assert first["Metadata"]["ColdStart"] is True
    assert "ColdStart" not in second["Metadata"]


def test_a_fault_befalls_cipp_too(cipp: Cipp, simulator: Simulator) -> None:
    fault = {"match": "^GET /api/ListTenants", "host": "cipp", "status": 502, "body": "Bad gateway"}
    simulator.control("/faults", {**fault, "headers": {"Content-Type": "text/plain"}, "times": 1})

    assert refused(cipp.get("ListTenants"), 502) == "Bad gateway"
    assert cipp.get("ListTenants").status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"excluded": "all"}, "$.excluded"),
        ({"excluded": [str(UUID(int=0))]}, "$.excluded[0]"),
        ({"restrictedTo": ["nobody"]}, "$.restrictedTo[0]"),
        ({"errorRows": [ALPINE, "nobody"]}, "$.errorRows[1]"),
        ({"graphErrors": {ALPINE: -1}}, "$.graphErrors[...]"),
        ({"blockedEndpoints": ["ListNothing"]}, "$.blockedEndpoints[0]"),
        ({"refuse": "everything"}, "$.refuse"),
        ({"queueSteps": -1}, "$.queueSteps"),
        ({"sleepy": True}, "$"),
    ],
)
def test_a_wrong_switch_is_refused_with_its_path(
    simulator: Simulator, body: object, path: str
) -> None:
    answer = httpx.post(f"{simulator.control_url}/cipp", json=body, trust_env=False)

    assert answer.status_code == 400
    assert answer.json()["details"] == {"path": path}


def test_reset_ends_every_switch(cipp: Cipp, simulator: Simulator) -> None:
    before = cipp.tenant_ids()
    simulator.control("/cipp", {"listFails": True, "excluded": [ALPINE], "refuse": "role"})

    simulator.control("/reset", {})

    assert cipp.tenant_ids() == before


# What is written down


def test_a_request_is_written_down_with_the_directory_that_it_names(
    cipp: Cipp, simulator: Simulator
) -> None:
    simulator.forget_requests()
    cipp.get("ListTenants")
    cipp.get("ListDomains", tenantFilter=ALPINE_DOMAIN)
    cipp.get("ListDomains", tenantFilter=BRIGHT)

    seen = [(r["host"], r["path"], r["tenant"]) for r in simulator.requests()]

    assert seen == [
        ("cipp", "/api/ListTenants", None),
        ("cipp", "/api/ListDomains", ALPINE),
        ("cipp", "/api/ListDomains", BRIGHT),
    ]
