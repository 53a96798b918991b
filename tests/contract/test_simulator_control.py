"""The simulator's control interface does what it is told, and says where a body is wrong."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route

from devhost.simulator.changes import UsersBody
from devhost.simulator.cipp.control import CippBody
from devhost.simulator.control import Control, control_app
from devhost.simulator.control_bodies import (
    AppBody,
    ConsentBody,
    ExpireBody,
    GroupsBody,
    PagesBody,
    PermissionsBody,
    RelationshipsBody,
    SeedBody,
    TenantsBody,
    ThrottleBody,
    TokensBody,
)
from devhost.simulator.faults import Fault
from devhost.simulator.recorder import Seen
from support.microsoft import Microsoft, users_of
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
BRIGHT = "e0000000-0000-4000-8000-000000000002"
NOBODY = "00000000-0000-4000-8000-00000000dead"


def post(simulator: Simulator, path: str, body: object) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{simulator.control_url}{path}", content=content, trust_env=False)


# Bodies


@pytest.mark.parametrize(
    ("route", "body", "path"),
    [
        ("/reset", {"seed": "demo"}, "$"),
        ("/reset", b"{", "$"),
        ("/reset", b"\xff\xfe", "$"),
        ("/reset", [], "$"),
        ("/seed", {}, "$"),
        ("/seed", {"name": "demo", "dir": "/tmp"}, "$"),
        ("/seed", {"name": "nonsense"}, "$.name"),
        ("/seed", {"name": 5}, "$.name"),
        ("/seed", {"dir": "/nowhere"}, "$.dir"),
        ("/users", {}, "$"),
        ("/users", {"tenant": NOBODY}, "$.tenant"),
        ("/users", {"tenant": ALPINE, "remove": []}, "$"),
        ("/users", {"tenant": ALPINE, "delete": "everybody"}, "$.delete"),
        ("/users", {"tenant": ALPINE, "delete": [NOBODY]}, "$.delete[0]"),
        ("/users", {"tenant": ALPINE, "deletePermanently": [NOBODY]}, "$.deletePermanently[0]"),
        ("/users", {"tenant": ALPINE, "disable": [NOBODY]}, "$.disable[0]"),
        ("/users", {"tenant": ALPINE, "enable": [NOBODY]}, "$.enable[0]"),
        ("/users", {"tenant": ALPINE, "restore": [NOBODY]}, "$.restore[0]"),
        ("/users", {"tenant": ALPINE, "add": [{}]}, "$.add[0]"),
        (
            "/users",
            {"tenant": ALPINE, "add": [{"userPrincipalName": "a@b", "id": "7"}]},
            "$.add[0]",
        ),
        (
            "/users",
            {"tenant": ALPINE, "add": [{"userPrincipalName": "a@b", "shoeSize": 47}]},
            "$.add[0].shoeSize",
        ),
        (
            "/users",
            {"tenant": ALPINE, "add": [{"userPrincipalName": "a@b", "accountEnabled": "yes"}]},
            "$.add[0].accountEnabled",
        ),
        (
            "/users",
            {"tenant": ALPINE, "add": [{"userPrincipalName": "a@b", "otherMails": "a@b"}]},
            "$.add[0].otherMails",
        ),
        ("/users", {"tenant": ALPINE, "change": [{"id": NOBODY, "set": {}}]}, "$.change[0].id"),
        ("/users", {"tenant": ALPINE, "change": [{"id": NOBODY}]}, "$.change[0]"),
        (
            "/users",
            {"tenant": ALPINE, "change": [{"id": NOBODY, "set": {"userPrincipalName": None}}]},
            "$.change[0].set.userPrincipalName",
        ),
        ("/faults", {}, "$"),
        ("/faults", {"match": "(", "status": 500}, "$.match"),
        ("/faults", [{"match": "x"}, {"match": "("}], "$[1].match"),
        ("/faults", {"faults": [{"match": "("}]}, "$.faults[0].match"),
        ("/faults", {"faults": {}}, "$.faults"),
        ("/faults", {"match": "x", "status": "500"}, "$.status"),
        ("/faults", {"match": "x", "status": 99}, "$.status"),
        ("/faults", {"match": "x", "times": 0}, "$.times"),
        ("/faults", {"match": "x", "rate": 1.5}, "$.rate"),
        ("/faults", {"match": "x", "delayMs": -1}, "$.delayMs"),
        ("/faults", {"match": "x", "truncate": -1}, "$.truncate"),
        ("/faults", {"match": "x", "retries": 5}, "$"),
        ("/tokens", {"expire": "now"}, "$.expire"),
        ("/throttle", {}, "$"),
        ("/throttle", {"ratePer10s": 0}, "$.ratePer10s"),
        ("/throttle", {"ratePer10s": "many"}, "$.ratePer10s"),
        ("/delta", {}, "$"),
        ("/delta", {"expire": 1}, "$.expire"),
        ("/links", {"expired": True}, "$"),
        ("/pages", {}, "$"),
        ("/pages", {"largest": 0}, "$.largest"),
        ("/consent", {"tenant": NOBODY}, "$.tenant"),
        ("/consent", {"tenant": ALPINE, "granted": "yes"}, "$.granted"),
        ("/consent", {"tenant": ALPINE, "application": "yes"}, "$.application"),
        ("/faults", {"match": "x", "host": "cloud"}, "$.host"),
        ("/faults", {"match": "x", "tenants": ALPINE}, "$.tenants"),
        ("/tokens", {"challenge": "now"}, "$.challenge"),
        ("/throttle", {"ratePer10s": None, "unitsPer10s": 0}, "$.unitsPer10s"),
        ("/permissions", {"managedTenants": "all"}, "$.managedTenants"),
        ("/permissions", {"everything": True}, "$"),
        ("/relationships", {"tenant": NOBODY}, "$.tenant"),
        ("/relationships", {"tenant": ALPINE, "status": "happy"}, "$.status"),
        ("/relationships", {"tenant": ALPINE, "partner": NOBODY}, "$.partner"),
        ("/relationships", {"tenant": ALPINE, "end": "2030-01-01T00:00:00"}, "$.end"),
        ("/relationships", {"tenant": ALPINE, "end": "soon"}, "$.end"),
        ("/tenants", {"remove": [NOBODY]}, "$.remove[0]"),
        ("/tenants", {"change": [{"tenant": NOBODY}]}, "$.change[0].tenant"),
        ("/tenants", {"add": [{"tenant": NOBODY}]}, "$.add[0]"),
        (
            "/tenants",
            {"add": [{"tenant": ALPINE, "displayName": "A", "defaultDomain": "a.example"}]},
            "$.add[0].tenant",
        ),
        ("/groups", {"tenant": NOBODY}, "$.tenant"),
        ("/groups", {"tenant": ALPINE, "put": [{"id": "x", "displayName": "X"}]}, "$.put[0].id"),
        (
            "/groups",
            {"tenant": ALPINE, "put": [{"id": NOBODY, "displayName": "X", "members": [BRIGHT]}]},
            "$.put[0].members[0]",
        ),
        ("/groups", {"tenant": ALPINE, "remove": [NOBODY]}, "$.remove[0]"),
        ("/app", {"clientId": NOBODY}, "$.clientId"),
        ("/app", {"enabled": "no"}, "$.enabled"),
    ],
)
def test_a_wrong_body_is_refused_with_the_path_of_what_is_wrong(
    simulator: Simulator, route: str, body: object, path: str
) -> None:
    answer = post(simulator, route, body)

    assert answer.status_code == 400, answer.text
    document = answer.json()
    assert document["success"] is False
    assert document["code"] == "malformed_request"
    assert document["error"]
    assert document["details"] == {"path": path}


def test_a_body_that_is_wrong_in_part_changes_nothing(simulator: Simulator) -> None:
    before = users_of(simulator, ALPINE)
    first = before[0]["id"]
    body = {
        "tenant": ALPINE,
        "add": [{"userPrincipalName": "new@alpinedental.example"}],
        "disable": [first],
        "delete": [first, first],
    }

    answer = post(simulator, "/users", body)

    assert answer.json()["details"] == {"path": "$.delete[1]"}
    assert users_of(simulator, ALPINE) == before


def test_a_user_cannot_be_added_twice(simulator: Simulator) -> None:
    user = {"userPrincipalName": "new@alpinedental.example", "id": NOBODY}

    answer = post(simulator, "/users", {"tenant": ALPINE, "add": [user, user]})

    assert answer.json()["details"] == {"path": "$.add[1].id"}


def test_a_seed_that_cannot_be_read_leaves_the_present_one(
    simulator: Simulator, tmp_path: Any
) -> None:
    (tmp_path / "tenants.jsonl").write_text(
        json.dumps({"entra_tenant_id": NOBODY, "display_name": "Somebody"})
    )
    user = {"entra_tenant_id": ALPINE, "userPrincipalName": "a@b.example"}
    (tmp_path / "users.jsonl").write_text(json.dumps(user))

    answer = post(simulator, "/seed", {"dir": str(tmp_path)})

    assert answer.json()["details"] == {"path": "$.dir"}
    assert users_of(simulator, ALPINE)


# What it does


def test_a_seed_can_be_a_folder(simulator: Simulator, tmp_path: Any) -> None:
    (tmp_path / "tenants.jsonl").write_text(
        json.dumps({"entra_tenant_id": NOBODY, "display_name": "Somebody"})
    )
    user = {"entra_tenant_id": NOBODY, "userPrincipalName": "a@b.example"}
    (tmp_path / "users.jsonl").write_text(json.dumps(user))

    simulator.control("/seed", {"dir": str(tmp_path)})

    (tenant,) = simulator.directory()["tenants"]
    assert tenant["display_name"] == "Somebody"
    assert [user["userPrincipalName"] for user in tenant["users"]] == ["a@b.example"]


def test_reset_brings_everything_back(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    before = users_of(simulator, ALPINE)
    simulator.control("/users", {"tenant": ALPINE, "delete": [before[0]["id"]]})
    simulator.control("/faults", {"match": "/users", "status": 500})
    simulator.control("/throttle", {"ratePer10s": 1})

    simulator.control("/reset", {})

    assert simulator.requests() == []
    assert users_of(simulator, ALPINE) == before
    assert [microsoft.get("/v1.0/users", token).status_code for _ in range(3)] == [200] * 3


def test_users_are_changed_in_the_order_of_the_fields(simulator: Simulator) -> None:
    new = {"id": NOBODY, "userPrincipalName": "new@alpinedental.example", "city": "Bern"}
    body = {
        "tenant": ALPINE.upper(),
        "add": [new],
        "change": [{"id": NOBODY, "set": {"city": None, "jobTitle": "Nurse"}}],
        "disable": [NOBODY],
        "delete": [NOBODY],
        "restore": [NOBODY],
    }

    simulator.control("/users", body)

    assert users_of(simulator, ALPINE)[-1] == {
        **new,
        "city": None,
        "jobTitle": "Nurse",
        "accountEnabled": False,
        "userType": "Member",
    }


def test_a_deleted_user_can_be_deleted_for_good(simulator: Simulator) -> None:
    somebody = users_of(simulator, ALPINE)[0]["id"]
    simulator.control("/users", {"tenant": ALPINE, "delete": [somebody]})

    simulator.control("/users", {"tenant": ALPINE, "deletePermanently": [somebody]})

    tenant = next(t for t in simulator.directory()["tenants"] if t["entra_tenant_id"] == ALPINE)
    assert tenant["deleted"] == []


def test_every_request_is_written_down(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.forget_requests()
    named = {"user_agent": "a-program/1.0"}
    microsoft.get("/v1.0/users?$top=1", token, **named, x_ms_throttle_priority="low")
    microsoft.get("/v1.0/users", None, **named)

    assert simulator.requests() == [
        {
            "host": "graph",
            "method": "GET",
            "path": "/v1.0/users",
            "query": query,
            "tenant": tenant,
            "status": status,
            "userAgent": "a-program/1.0",
            "priority": priority,
        }
        for query, tenant, status, priority in (
            ("$top=1", ALPINE, 200, "low"),
            ("", None, 401, None),
        )
    ]


# Faults


def test_a_fault_answers_in_place_of_graph_as_often_as_it_says(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control(
        "/faults",
        {
            "match": r"^GET /v1\.0/users\?",
            "status": 503,
            "headers": {"Retry-After": "7"},
            "body": {"error": {"code": "serviceNotAvailable", "message": "Later."}},
            "times": 2,
        },
    )

    answers = [microsoft.get("/v1.0/users?$top=1", token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["error"]["code"] == "serviceNotAvailable"


def test_a_fault_may_answer_with_text(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    page = "<html>proxy</html>"
    headers = {"Content-Type": "text/html"}
    simulator.control(
        "/faults", {"match": "/users", "status": 502, "headers": headers, "body": page}
    )

    answer = microsoft.get("/v1.0/users", token)

    assert answer.text == page
    assert answer.headers["content-type"].startswith("text/html")


def test_a_fault_befalls_the_token_endpoint_too(microsoft: Microsoft, simulator: Simulator) -> None:
    simulator.control("/faults", {"match": f"^POST /{ALPINE}/oauth2", "status": 500})

    assert microsoft.ask_token(ALPINE, {}).status_code == 500


def test_a_fault_may_break_the_connection(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control("/faults", {"match": "/users", "truncate": 100, "times": 1})

    with pytest.raises(httpx.RemoteProtocolError):
        microsoft.get("/v1.0/users", token)
    assert microsoft.get("/v1.0/users", token).status_code == 200


def test_a_fault_with_a_rate_befalls_that_share(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control("/faults", {"match": "/users", "status": 500, "rate": 0.5})

    statuses = {microsoft.get("/v1.0/users?$top=1", token).status_code for _ in range(40)}

    assert statuses == {200, 500}


def test_a_list_of_faults_replaces_the_present_ones(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control("/faults", {"match": "/users", "status": 500})
    simulator.control("/faults", [{"match": "/domains", "status": 502}])

    assert microsoft.get("/v1.0/users", token).status_code == 200
    assert microsoft.get("/v1.0/domains", token).status_code == 502
    simulator.control("/faults", {"faults": []})
    assert microsoft.get("/v1.0/domains", token).status_code == 200


def test_a_fault_may_befall_some_directories_only(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    other = microsoft.app_token(BRIGHT)
    fault = {"match": "/users", "status": 500, "tenants": [BRIGHT.upper()]}
    simulator.control("/faults", fault)

    assert microsoft.get("/v1.0/users", token).status_code == 200
    assert microsoft.get("/v1.0/users", other).status_code == 500


def test_a_fault_may_befall_each_directory_as_often(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    fault = {"match": "/domains", "status": 503, "times": 1, "eachTenant": True}
    simulator.control("/faults", fault)

    for one in (token, microsoft.app_token(BRIGHT)):
        answers = [microsoft.get("/v1.0/domains", one) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 200]


def test_a_fault_may_befall_one_host_only(microsoft: Microsoft, simulator: Simulator) -> None:
    simulator.control("/faults", {"match": "", "host": "graph", "status": 500})

    assert microsoft.get("/v1.0/users", microsoft.app_token(ALPINE)).status_code == 500


# The throttle


def test_a_directory_gets_no_more_than_its_share(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    other = microsoft.app_token(BRIGHT)
    simulator.control("/throttle", {"ratePer10s": 2})

    answers = [microsoft.get("/v1.0/domains", token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 10
    assert answers[2].json()["error"]["code"] == "TooManyRequests"
    assert answers[2].json()["error"]["innerError"]["request-id"]
    assert microsoft.get("/v1.0/domains", other).status_code == 200


def test_the_throttle_can_be_taken_away(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control("/throttle", {"ratePer10s": 1})
    assert [microsoft.get("/v1.0/domains", token).status_code for _ in range(2)] == [200, 429]

    simulator.control("/throttle", {"ratePer10s": None})

    assert microsoft.get("/v1.0/domains", token).status_code == 200


# Its documentation


BODIES: dict[str, type[msgspec.Struct]] = {
    "seed": SeedBody,
    "users": UsersBody,
    "faults": Fault,
    "tokens": TokensBody,
    "throttle": ThrottleBody,
    "delta": ExpireBody,
    "links": ExpireBody,
    "pages": PagesBody,
    "consent": ConsentBody,
    "permissions": PermissionsBody,
    "relationships": RelationshipsBody,
    "tenants": TenantsBody,
    "groups": GroupsBody,
    "app": AppBody,
    "cipp": CippBody,
    "requests": Seen,
}


def test_the_reference_has_a_section_for_every_call() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/simulator.md").read_text()
    sections = set(re.findall(r"^### [A-Z]+ (/[a-z]+)$", text, flags=re.MULTILINE))

    routes = control_app(object.__new__(Control)).routes

    assert sections == {route.path for route in routes if isinstance(route, Route)}
    assert sections == {f"/{call}" for call in [*BODIES, "reset", "directory"]}


@pytest.mark.parametrize("call", BODIES)
def test_the_reference_names_every_field_of_a_call(call: str) -> None:
    text = (Path(__file__).parents[2] / "docs/reference/simulator.md").read_text()
    section = re.split(rf"^### [A-Z]+ /{call}$", text, flags=re.MULTILINE)[1].partition("\n### ")[0]

    fields = {field.encode_name for field in msgspec.structs.fields(BODIES[call])}

    assert fields <= set(re.findall(r"\w+", section))
