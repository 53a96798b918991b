"""The simulator's groups: found, looked into, and refused as Microsoft documents it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.seeds import load_seed
from devhost.simulator import metadata
from devhost.simulator.answers import cost
from devhost.simulator.world import World
from support.folders import tenant_id, write_seed
from support.microsoft import Microsoft
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
STAFF, DENTISTS, HYGIENE, LOCUMS, NOBODY_YET = (
    f"90000000-0000-4000-8000-{number:012d}" for number in range(1, 6)
)
NOBODY = "00000000-0000-4000-8000-00000000dead"
GROUP = f"/v1.0/groups/{DENTISTS}"
USERS_ONLY = f"{GROUP}/transitiveMembers/microsoft.graph.user"


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


def names(answer: httpx.Response) -> set[str]:
    return {str(row["displayName"]) for row in rows(answer)}


def test_groups_are_found_by_name(microsoft: Microsoft, token: str) -> None:
    path = "/v1.0/groups?$select=id,displayName,mail&$filter="
    starts = microsoft.get(f"{path}startswith(displayName,'dent')", token)
    assert names(starts) == {"Dentists", "Dental O'Hygiene"}
    (hygiene,) = rows(microsoft.get(f"{path}displayName eq 'Dental O''Hygiene'", token))
    assert hygiene == {"id": HYGIENE, "displayName": "Dental O'Hygiene", "mail": None}
    assert len(rows(microsoft.get("/v1.0/groups", token))) == 5
    first = microsoft.get("/v1.0/groups?$top=3", token)
    rest = microsoft.get(first.json()["@odata.nextLink"], token)
    assert (len(rows(first)), len(rows(rest))) == (3, 2)


def test_one_group_is_looked_up(microsoft: Microsoft, token: str) -> None:
    answer = microsoft.get(f"{GROUP}?$select=displayName", token).json()
    assert answer["displayName"] == "Dentists"
    refused(microsoft.get(f"/v1.0/groups/{NOBODY}", token), 404, "Request_ResourceNotFound")
    refused(microsoft.get(f"{GROUP}?$select=shoeSize", token), 400, "BadRequest")


def test_members_of_all_kinds_say_what_they_are(microsoft: Microsoft, token: str) -> None:
    members = rows(microsoft.get(f"{GROUP}/members", token))
    kinds = [row["@odata.type"].rpartition(".")[2] for row in members]
    assert sorted(kinds) == ["group", "user", "user", "user"]
    (nested,) = (row for row in members if row["@odata.type"].endswith("group"))
    assert (nested["id"], nested["displayName"]) == (LOCUMS, "Locum dentists")
    assert rows(microsoft.get(f"/v1.0/groups/{NOBODY_YET}/members", token)) == []


def test_members_of_groups_within_come_once_although_they_go_in_circles(
    microsoft: Microsoft, token: str
) -> None:
    path = f"/v1.0/groups/{STAFF}/transitiveMembers?$select=id"
    members = rows(microsoft.get(path, token))
    assert len({row["id"] for row in members}) == len(members) == 9
    assert {row["id"] for row in members if row["@odata.type"].endswith("group")} == {
        DENTISTS,
        HYGIENE,
        LOCUMS,
    }


def test_users_alone_need_the_header_and_the_count(microsoft: Microsoft, token: str) -> None:
    code = "Request_UnsupportedQuery"
    refused(microsoft.get(USERS_ONLY, token), 400, code)
    refused(microsoft.get(f"{USERS_ONLY}?$count=true", token), 400, code)
    refused(microsoft.get(USERS_ONLY, token, ConsistencyLevel="eventual"), 400, code)
    path = f"{USERS_ONLY}?$select=id,displayName&$count=true&$top=3"
    first = microsoft.get(path, token, ConsistencyLevel="eventual")
    assert first.json()["@odata.count"] == 4
    assert rows(first)[0].keys() == {"id", "displayName"}
    link = first.json()["@odata.nextLink"]
    refused(microsoft.get(link, token), 400, code)
    rest = microsoft.get(link, token, ConsistencyLevel="eventual")
    assert names(first) | names(rest) == {
        "Ben Berger",
        "Clara Costa",
        "Gone Former",
        "Felix Fischer",
    }


def test_a_deleted_member_is_none_until_it_is_restored(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    path = f"/v1.0/groups/{HYGIENE}/members?$select=id"
    before = rows(microsoft.get(path, token))
    simulator.control("/users", {"tenant": ALPINE, "delete": [before[0]["id"]]})
    assert rows(microsoft.get(path, token)) == before[1:]
    simulator.control("/users", {"tenant": ALPINE, "restore": [before[0]["id"]]})
    assert rows(microsoft.get(path, token)) == before


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1.0/groups?$search=x", 400, "Request_UnsupportedQuery"),
        ("/v1.0/groups?$count=true", 400, "Request_UnsupportedQuery"),
        (f"{GROUP}/members?$filter=id eq 'x'", 400, "Request_UnsupportedQuery"),
        (f"{GROUP}/members?$select=mail", 400, "BadRequest"),
        (f"{GROUP}/transitiveMembers/microsoft.graph.person", 400, "BadRequest"),
        (f"{GROUP}/shoes", 400, "BadRequest"),
        (f"{GROUP}/owners", 501, "NotImplemented"),
        (f"/v1.0/groups/{NOBODY}/members", 404, "Request_ResourceNotFound"),
    ],
)
def test_what_is_not_there_is_refused(
    microsoft: Microsoft, token: str, path: str, status: int, code: str
) -> None:
    refused(microsoft.get(path, token), status, code)


def test_groups_are_changed_in_the_order_of_the_fields(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    put = [{"id": NOBODY, "displayName": "Night shift", "members": [LOCUMS]}]
    simulator.control("/groups", {"tenant": ALPINE, "put": put, "remove": [LOCUMS]})
    assert rows(microsoft.get(f"/v1.0/groups/{NOBODY}/members", token)) == []
    refused(microsoft.get(f"/v1.0/groups/{LOCUMS}", token), 404, "Request_ResourceNotFound")
    simulator.control("/reset", {})
    assert len(rows(microsoft.get("/v1.0/groups", token))) == 5


def test_members_cost_more_than_others() -> None:
    below = f"/v1.0/groups/{DENTISTS}"
    asked = ("/v1.0/groups", below, f"{below}/members", f"{below}/transitiveMembers/x")
    assert [cost(path, "") for path in asked] == [1, 1, 3, 5]


def test_a_folder_may_have_groups(tmp_path: Path) -> None:
    write_seed(tmp_path, tenants=1, users=2)
    world = World(metadata.load())
    inner = {"entra_tenant_id": tenant_id(1), "group_id": NOBODY, "display_name": "Inner"}
    outer = {**inner, "group_id": STAFF, "members": [NOBODY]}
    (tmp_path / "groups.jsonl").write_text(f"{json.dumps(outer)}\n{json.dumps(inner)}\n")
    world.fill(load_seed(str(tmp_path)))
    assert world.directories[tenant_id(1)].members == {STAFF: [NOBODY], NOBODY: []}
    (tmp_path / "groups.jsonl").write_text(json.dumps(outer) + "\n")
    with pytest.raises(ValueError, match="not there"):
        world.fill(load_seed(str(tmp_path)))
    assert STAFF in world.directories[tenant_id(1)].groups
