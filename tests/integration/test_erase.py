"""Erasing a person: nothing is found in any table of ours, now or after later syncs."""

from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from devhost.servers.postgres import libpq
from entra_plugin.store.tables import metadata
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

CANARY = "zyxwerase"
"""Stands in every text of the person's."""

OURS = [table.name for table in metadata.sorted_tables]


@pytest.fixture(scope="module")
def directory(admin: Program, microsoft: Simulator) -> str:
    """A customer that is synced; field rules are on."""
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    settings = admin.get("/settings").data
    rules = dict.fromkeys(settings["fieldSyncConfig"], True)
    body = {"version": settings["version"], "fieldSyncConfig": rules}
    admin.post("/settings", body, method="PUT")
    tenants = admin.items("/managed-tenants")
    mapped = [t for t in tenants if (t["decision"] or {}).get("state") == "mapped"]
    return str(next(t for t in mapped if t["health"] is None)["entraTenantId"])


def user(name: str, *, number: int = 1, **more: object) -> Json:
    """A member all of whose attributes hold the canary."""
    address = f"{CANARY}.{name}@{CANARY}{number}.example"
    return {
        "id": str(uuid4()),
        "userPrincipalName": address,
        "mail": address,
        "displayName": f"{CANARY.title()} {name}",
        "givenName": CANARY,
        "surname": CANARY,
        "accountEnabled": True,
        "userType": "Member",
        "jobTitle": CANARY,
        "department": CANARY,
        "companyName": CANARY,
        "officeLocation": CANARY,
        "businessPhones": ["+1 555 0100"],
        "otherMails": [f"{CANARY}@elsewhere.example"],
        **more,
    }


def found_in(inside: Inside, host: RunningHost) -> set[str]:
    """Our tables in which the canary is found, however it is written."""
    places = set()
    with psycopg.connect(libpq(str(host.facts["adminDatabaseUrl"]))) as connection:
        for table in OURS:
            query = sql.SQL("SELECT count(*) FROM {} t WHERE t::text ILIKE %s").format(
                sql.Identifier(table)
            )
            (number,) = connection.execute(query, [f"%{CANARY}%"]).fetchone() or (0,)
            if number:
                places.add(table)
    return places


def erase(admin: Program, directory: str, object_id: str) -> Json:
    return admin.post(f"/identities/{directory}/{object_id}/erase").data


def one(inside: Inside, query: LiteralString, *values: object) -> tuple[object, ...]:
    (row,) = inside.rows(query, *values)
    return row


def test_nothing_of_an_erased_person_is_left_in_any_table(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost, directory: str
) -> None:
    person, twin = user("one"), user("two")
    twin["mail"] = person["mail"]
    microsoft.control("/users", {"tenant": directory, "add": [person]})
    admin.sync()
    linked = {i["objectId"]: i for i in admin.items("/identities", verdict="linked")}
    contact = linked[person["id"]]["contactId"]
    change = {"id": person["id"], "set": {"jobTitle": f"{CANARY} chief"}}
    microsoft.control("/users", {"tenant": directory, "change": [change], "add": [twin]})
    admin.sync()
    key = {"entraTenantId": directory, "objectId": twin["id"]}
    body = {"kind": "ignore_identity", **key, "reason": f"{CANARY} asked"}
    admin.post("/pins", body, method="PUT")
    assert found_in(inside, host) == {
        "entra_contact_links",
        "entra_identities",
        "entra_pins",
        "entra_reconciliation_items",
        "entra_sync_changes",
    }
    before = [p for p in inside.contacts(host.tenant_id(0)) if p.email == person["mail"]]
    assert len(before) == 1

    assert erase(admin, directory, person["id"]) == {
        "changes": 2,
        "reviewItems": 0,
        "contactId": contact,
    }
    erased = erase(admin, directory, twin["id"])
    assert (erased["reviewItems"], erased["contactId"]) == (1, None)
    assert found_in(inside, host) == set()

    assert [p for p in inside.contacts(host.tenant_id(0)) if p.email == person["mail"]] == before
    kinds = inside.rows(
        "SELECT kind, reason, state, label FROM entra_sync_changes WHERE object_id = %s"
        " ORDER BY kind",
        person["id"],
    )
    assert kinds == [
        ("create", "created", "applied", ""),
        ("update", "fields_changed", "applied", ""),
    ]
    link = "SELECT state, closed_reason FROM entra_contact_links WHERE object_id = %s"
    assert one(inside, link, person["id"]) == ("closed", "erased")
    assert admin.get(f"/contacts/{contact}").failure == (404, "not_found")
    explained = admin.get(f"/identities/{directory}/{person['id']}/explain").data
    assert (explained["verdict"], explained["next"]) == ("ignored", None)
    (item,) = admin.items("/review-items", state="dismissed")
    assert (item["objectId"], item["address"], item["candidates"]) == (twin["id"], "", [])


def test_later_syncs_write_nothing_of_the_person_again(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost, directory: str
) -> None:
    person = user("three")
    microsoft.control("/users", {"tenant": directory, "add": [person]})
    admin.sync()
    erase(admin, directory, person["id"])
    assert found_in(inside, host) == set()
    admin.sync()
    change = {"id": person["id"], "set": {"jobTitle": f"{CANARY} again"}}
    microsoft.control("/users", {"tenant": directory, "change": [change]})
    admin.sync()
    key = {"entraTenantId": directory, "objectId": person["id"]}
    admin.post("/pins", {"kind": "ignore_identity", **key}, method="PUT")
    admin.sync()  # the policy is another one, so that everybody is read again
    assert found_in(inside, host) == set()
    found = one(
        inside,
        "SELECT verdict, reason, attributes, seen_fingerprint, read_as FROM entra_identities"
        " WHERE object_id = %s",
        person["id"],
    )
    assert found == ("ignored", "decided", {}, b"", None)
    microsoft.control("/users", {"tenant": directory, "disable": [person["id"]]})
    admin.sync()
    microsoft.control("/users", {"tenant": directory, "delete": [person["id"]]})
    admin.sync()
    assert found_in(inside, host) == set()
    mine = [p for p in inside.contacts(host.tenant_id(0)) if p.email == person["mail"]]
    assert [p.active for p in mine] == [True]


def test_no_way_around_a_sync_brings_anything_back(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost, directory: str
) -> None:
    person = user("four")
    microsoft.control("/users", {"tenant": directory, "add": [person]})
    made = admin.sync()
    erase(admin, directory, person["id"])
    for start in ("/sync/preview", f"/identities/{directory}/{person['id']}/sync"):
        admin.finished(admin.post(start).data["runId"])
        assert found_in(inside, host) == set(), start
    undo = admin.post(f"/runs/{made['runId']}/undo").data["runId"]
    assert admin.finished(undo)["state"] == "completed"
    admin.post(f"/runs/{undo}/apply")
    admin.finished(undo)
    assert found_in(inside, host) == set()
    mine = [p for p in inside.contacts(host.tenant_id(0)) if p.email == person["mail"]]
    assert [p.active for p in mine] == [True]


def test_a_preview_that_waits_for_its_apply_forgets_the_person(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost, directory: str
) -> None:
    person = user("five")
    microsoft.control("/users", {"tenant": directory, "add": [person]})
    preview = admin.finished(admin.post("/sync/preview").data["runId"])["runId"]
    assert found_in(inside, host) == {"entra_sync_changes"}
    assert erase(admin, directory, person["id"])["changes"] == 1
    assert found_in(inside, host) == set()
    admin.post(f"/runs/{preview}/apply")
    assert admin.finished(preview)["state"] == "completed"
    assert found_in(inside, host) == set()
    assert [p for p in inside.contacts(host.tenant_id(0)) if p.email == person["mail"]] == []


def test_a_person_of_whom_we_hold_nothing_is_not_found(admin: Program, directory: str) -> None:
    for path in (f"{directory}/{uuid4()}", f"{uuid4()}/{uuid4()}"):
        assert admin.post(f"/identities/{path}/erase").failure == (404, "not_found")


def test_nobody_is_erased_by_another_msp(admin: Program, host: RunningHost, directory: str) -> None:
    somebody = admin.items("/identities", verdict="linked")[0]
    path = f"/identities/{somebody['entraTenantId']}/{somebody['objectId']}/erase"
    with Program(host.base_url, "admin@southwind.example") as other:
        assert other.post(path).failure == (404, "not_found")


def test_nobody_is_erased_while_the_customer_is_read(
    admin: Program, microsoft: Simulator, directory: str
) -> None:
    somebody = admin.items("/identities", verdict="linked")[0]
    path = f"/identities/{somebody['entraTenantId']}/{somebody['objectId']}/erase"
    microsoft.control("/faults", [{"match": r"GET /v1\.0/users", "delayMs": 1500}])
    run = admin.post("/sync", {"scope": "all"}).data["runId"]
    assert admin.post(path).failure == (409, "sync_under_way")
    microsoft.control("/faults", [])
    admin.finished(run)
    assert admin.post(path).data["contactId"] == somebody["contactId"]
