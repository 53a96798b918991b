"""An explanation tells the verdict, what it rests on, and what the next sync would do."""

import pytest

from entra_plugin.domain.flags import Flag
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def identities(microsoft: Simulator, admin: Program) -> dict[str, Json]:
    """The identities of Alpine by address, after a first sync."""
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    admin.sync("initial")
    rows = admin.items("/identities")
    return {str(r["address"]): r for r in rows if r["entraTenantId"] == ALPINE}


def explained(admin: Program, row: Json) -> Json:
    return admin.get(f"/identities/{row['entraTenantId']}/{row['objectId']}/explain").data


def test_a_linked_user_is_told_with_his_contact_and_that_nothing_would_change(
    admin: Program, identities: dict[str, Json]
) -> None:
    found = explained(admin, identities["anna.abbott@alpinedental.example"])
    assert (found["verdict"], found["link"]["contactId"] is not None) == ("linked", True)
    assert found["reasonText"].strip()
    assert (found["next"]["rows"], found["next"]["verdict"]) == ([], "linked")
    assert found["pattern"] is None
    contact = admin.get(f"/contacts/{found['link']['contactId']}").data
    assert admin.get(contact["explanation"]).data == found


def test_a_user_who_is_left_out_is_told_by_which_filter(
    admin: Program, identities: dict[str, Json]
) -> None:
    found = explained(admin, identities["svc-backup@alpinedental.example"])
    assert (found["verdict"], found["reason"]) == ("filtered", "service_account")
    assert (found["next"]["verdict"], found["next"]["reason"]) == ("filtered", "service_account")
    assert (found["link"], found["pattern"]) == (None, "svc")


def test_an_open_question_is_named_and_would_be_asked_again(
    admin: Program, identities: dict[str, Json]
) -> None:
    asked = next(r for r in identities.values() if r["verdict"] == "queued")
    found = explained(admin, asked)
    assert found["question"]["reason"] == asked["reason"]
    assert found["question"]["candidates"]
    assert found["next"] == {
        "rows": [],
        "verdict": "queued",
        "reason": asked["reason"],
        "reasonText": asked["reasonText"],
    }


def test_an_open_question_is_not_shown_without_the_queue(
    admin: Program, identities: dict[str, Json], host: RunningHost
) -> None:
    asked = next(r for r in identities.values() if r["verdict"] == "queued")
    before = explained(admin, asked)
    host.target(Flag.QUEUE.value, host.tenant_id(0), "remove")
    try:
        found = explained(admin, asked)
    finally:
        host.target(Flag.QUEUE.value, host.tenant_id(0), "add")
    assert found == {**before, "question": None}


def test_rules_that_are_on_are_told_with_the_three_values(
    admin: Program, identities: dict[str, Json]
) -> None:
    settings = admin.get("/settings").data
    rules = {"role": {"enabled": True, "mode": "ask"}}
    body = {"version": settings["version"], "fieldSyncConfig": rules}
    assert admin.post("/settings", body, method="PUT").status == 200
    found = explained(admin, identities["anna.abbott@alpinedental.example"])
    (role,) = found["fields"]
    assert (role["field"], role["mode"], role["outcome"]) == ("role", "ask", "write")
    assert (role["directory"], role["contact"], role["base"]) == ("Partner", None, None)
    (row,) = found["next"]["rows"]
    assert (row["kind"], row["before"], row["after"]) == (
        "update",
        {"role": None},
        {"role": "Partner"},
    )


@pytest.mark.parametrize("kind", ["lock_field", "hands_off"])
def test_a_rule_that_a_pin_stops_would_keep_the_field(
    admin: Program, identities: dict[str, Json], kind: str
) -> None:
    anna = identities["anna.abbott@alpinedental.example"]
    pin = {"kind": kind, "contactId": anna["contactId"]}
    if kind == "lock_field":
        pin["field"] = "role"
    assert admin.post("/pins", pin, method="PUT").status == 200
    try:
        found = explained(admin, anna)
    finally:
        admin.post("/pins", pin, method="DELETE")
    assert [field["outcome"] for field in found["fields"]] == ["keep"]
    assert found["next"]["rows"] == []


def test_a_departure_under_grace_is_told_with_the_day_it_will_be_acted_on(
    admin: Program, microsoft: Simulator, identities: dict[str, Json]
) -> None:
    settings = admin.get("/settings").data
    body = {"version": settings["version"], "guardConfig": {"graceDays": 3}}
    assert admin.post("/settings", body, method="PUT").status == 200
    row = identities["ben.berger@alpinedental.example"]
    microsoft.control("/users", {"tenant": ALPINE, "disable": [row["objectId"]]})
    admin.sync("all")
    departure = explained(admin, row)["departure"]
    assert (departure["reason"], departure["settled"]) == ("disabled_upstream", False)
    assert departure["dueAt"] > departure["since"]


def test_who_was_deleted_stays_inactive_whatever_was_last_seen_of_him(
    admin: Program, microsoft: Simulator, identities: dict[str, Json]
) -> None:
    settings = admin.get("/settings").data
    body = {"version": settings["version"], "guardConfig": {}, "fieldSyncConfig": {}}
    assert admin.post("/settings", body, method="PUT").status == 200
    row = next(
        r
        for r in identities.values()
        if r["reason"] == "created" and r["address"] != "ben.berger@alpinedental.example"
    )
    admin.sync("all")
    microsoft.control("/users", {"tenant": ALPINE, "delete": [row["objectId"]]})
    admin.sync("all")
    found = explained(admin, row)
    assert (found["departure"]["reason"], found["departure"]["settled"]) == (
        "deleted_upstream",
        True,
    )
    assert (found["next"]["rows"], found["next"]["verdict"]) == ([], "linked")


def test_what_is_held_is_named_and_is_no_news(
    admin: Program, microsoft: Simulator, identities: dict[str, Json]
) -> None:
    row = next(r for r in identities.values() if r["reason"] == "matched_email")
    settings = admin.get("/settings").data
    limits = {"inactivateMin": 0, "inactivatePercent": 0}
    body = {"version": settings["version"], "guardConfig": limits}
    assert admin.post("/settings", body, method="PUT").status == 200
    microsoft.control("/users", {"tenant": ALPINE, "disable": [row["objectId"]]})
    run = admin.sync("all")
    found = explained(admin, row)
    (held,) = found["held"]
    assert (held["runId"], held["kind"]) == (run["runId"], "inactivate")
    assert found["next"]["rows"] == []


def test_the_glob_that_leaves_a_user_out_is_told(
    admin: Program, microsoft: Simulator, identities: dict[str, Json]
) -> None:
    del identities
    settings = admin.get("/settings").data
    globs = {"excludePatterns": ["nobody*", "Leaflet-*"]}
    body = {"version": settings["version"], "userFilterConfig": globs}
    assert admin.post("/settings", body, method="PUT").status == 200
    name = "leaflet-7@alpinedental.example"
    user = {"userPrincipalName": name, "mail": name, "displayName": "Leaflet"}
    microsoft.control("/users", {"tenant": ALPINE, "add": [user]})
    admin.sync("all")
    (row,) = admin.items("/identities", q="leaflet")
    found = explained(admin, row)
    assert (found["reason"], found["pattern"]) == ("excluded_pattern", "Leaflet-*")


@pytest.mark.parametrize(("paused", "why"), [("2099-01-01T00:00:00Z", "paused"), (None, None)])
def test_of_a_customer_that_is_left_out_nothing_is_announced(
    admin: Program, identities: dict[str, Json], paused: str | None, why: str | None
) -> None:
    tenants = admin.items("/managed-tenants")
    alpine = next(t["managedTenantId"] for t in tenants if t["entraTenantId"] == ALPINE)
    settings = f"/managed-tenants/{alpine}/settings"
    pause = {"version": admin.get(settings).data["version"], "pausedUntil": paused}
    assert admin.post(settings, pause, method="PUT").status == 200
    found = explained(admin, identities["anna.abbott@alpinedental.example"])
    assert found["leftOut"] == why
    assert (found["next"] is None) == (why is not None)


def test_nobody_is_explained_who_was_never_seen(admin: Program) -> None:
    refused = admin.get(f"/identities/{ALPINE}/{ALPINE}/explain")
    assert refused.failure == (404, "not_found")
