"""What people decide about customers: kept for good, paused, filtered, filed, taken back."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from support.inside import Inside
from support.program import API, Json, Program, Reply
from support.running import RunningHost
from support.simulator import Simulator

ALPINE, BRIGHT, CEDAR, EBONY, FJORD, GINKGO, HARBOR = (
    f"e0000000-0000-4000-8000-{n:012d}" for n in (1, 2, 3, 5, 6, 7, 8)
)
ALPINE_CLIENT, BRIGHT_CLIENT, CEDAR_CLIENT, DENTAL_CLIENT, YACHTS_CLIENT = (
    f"c1000000-0000-4000-8000-{n:012d}" for n in (1, 2, 3, 9, 10)
)
STAFF, DENTISTS, HYGIENE, LOCUMS, NOBODY_YET = (
    f"90000000-0000-4000-8000-{n:012d}" for n in range(1, 6)
)
ADMIN = "admin@northwind.example"
SOON = "2099-05-06T07:08:09+02:00"


class Operator:
    """A person who decides."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def rows(self, **query: str) -> dict[str, Json]:
        """The rows of the preview by directory, each with the list that it stands in."""
        preview = self.program.get("/mappings/preview", **query).data
        return {
            row["entraTenantId"]: {**row, "list": name}
            for name in ("autoMatched", "needsReview", "unmatched", "decided")
            for row in preview[name]
        }

    def tenant(self, directory: str) -> str:
        """Our id of a directory."""
        found = self.program.items("/managed-tenants")
        return str(next(t["managedTenantId"] for t in found if t["entraTenantId"] == directory))

    def decide(self, directory: str, state: str, client: str | None = None) -> Reply:
        decision = {"managedTenantId": self.tenant(directory), "state": state}
        if client is not None:
            decision["clientId"] = client
        version = self.program.get("/mappings/preview").data["version"]
        body = {"version": version, "decisions": [decision]}
        return self.program.post("/mappings/confirm", body)

    def history(self, directory: str, **query: int) -> list[Json]:
        return self.program.items(f"/managed-tenants/{self.tenant(directory)}/decisions", **query)

    def settings(self, directory: str) -> Json:
        return self.program.get(f"/managed-tenants/{self.tenant(directory)}/settings").data

    def groups(self, directory: str, **query: str) -> Json:
        return self.program.get(f"/managed-tenants/{self.tenant(directory)}/groups", **query).data

    def put(self, directory: str, **body: object) -> Reply:
        path = f"/managed-tenants/{self.tenant(directory)}/settings"
        version = self.settings(directory)["version"]
        return self.program.post(path, {"version": version, **body}, method="PUT")

    def move(self, kind: str, directory: str, **body: object) -> Reply:
        tenant = {"managedTenantId": self.tenant(directory)}
        return self.program.post(f"/mappings/{kind}", {**tenant, **body})

    def export(self) -> str:
        """The file as it is downloaded."""
        answer = self.program.http.get(f"{API}/mappings.csv")
        assert answer.status_code == httpx.codes.OK
        return answer.content.decode("utf-8")

    def lines(self) -> list[dict[str, str]]:
        """The rows of the file."""
        text = self.export().removeprefix("\ufeff")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def upload(self, content: str | bytes, *, kind: str = "text/csv", dry: bool = False) -> Reply:
        answer = self.program.http.post(
            f"{API}/mappings.csv",
            params={"dryRun": "true"} if dry else {},
            content=content.encode() if isinstance(content, str) else content,
            headers={"X-CSRF-Token": self.program.csrf, "content-type": kind},
        )
        return Reply(answer.status_code, answer.json())


def file(*rows: dict[str, str], separator: str = ",") -> str:
    """A file with the columns of its first row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture(scope="module")
def operator(admin: Program, microsoft: Simulator) -> Operator:
    """The administrator, after a discovery."""
    admin.connect(microsoft)
    admin.discover()
    return Operator(admin)


@pytest.fixture
def undecided(operator: Operator, inside: Inside, host: RunningHost) -> Iterator[Operator]:
    """Nothing was ever decided; the links and contacts stay as they are."""
    yield operator
    tenant_id = host.tenant_id(0)
    for statement in (
        "DELETE FROM entra_client_tenant_mappings WHERE tenant_id = %s RETURNING 1",
        "UPDATE entra_managed_tenants SET gone_at = NULL WHERE tenant_id = %s RETURNING 1",
    ):
        inside.rows(statement, tenant_id)
    closed = "UPDATE psa_clients SET active = (name NOT LIKE '%%(closed)') WHERE tenant_id = %s"
    inside.rows(closed + " RETURNING 1", tenant_id)


def make_gone(inside: Inside, directory: str) -> None:
    inside.rows(
        "UPDATE entra_managed_tenants SET gone_at = now() WHERE entra_tenant_id = %s RETURNING 1",
        directory,
    )


def make_inactive(inside: Inside, client: str) -> None:
    inside.rows("UPDATE psa_clients SET active = false WHERE id = %s RETURNING 1", client)


# --- History ---


def test_every_decision_is_kept_with_its_author_and_its_evidence(undecided: Operator) -> None:
    undecided.decide(ALPINE, "mapped", ALPINE_CLIENT)
    undecided.decide(ALPINE, "mapped", YACHTS_CLIENT)
    undecided.decide(ALPINE, "skipped")
    skipped, moved, first = undecided.history(ALPINE, limit=1)
    assert [d["state"] for d in (skipped, moved, first)] == ["skipped", "mapped", "mapped"]
    assert {d["decidedByName"] for d in (skipped, moved, first)} == {"Ada Administrator"}
    assert first["clientName"] == "Alpine Dental Group Ltd"
    assert first["evidence"]["decided"] == "by_person"
    assert first["evidence"]["automatic"] is True
    assert first["evidence"]["score"] > 0.9
    told = {reason["evidence"]: reason for reason in first["evidence"]["reasons"]}
    assert told["domain"]["detail"] == "alpinedental.example"
    assert 0 < told["census"]["people"] <= told["census"]["allPeople"]
    assert moved["evidence"]["automatic"] is False
    assert (moved["evidence"]["score"], moved["evidence"]["reasons"]) == (None, [])
    assert first["endedAt"] == moved["decidedAt"]
    assert skipped["endedAt"] is None
    assert skipped["rowVersion"] > moved["rowVersion"] > first["rowVersion"]


def test_the_history_of_a_customer_that_is_not_ours_is_not_found(undecided: Operator) -> None:
    answer = undecided.program.get(f"/managed-tenants/{uuid4()}/decisions")
    assert answer.failure == (404, "not_found")
    path = f"/managed-tenants/{undecided.tenant(ALPINE)}/decisions"
    assert undecided.program.get(path, cursor="x").failure == (400, "malformed_request")


# --- Settings of one managed tenant ---


def test_a_pause_and_filters_go_on_with_a_remap_and_end_with_an_unmap(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    filters = {
        "includeGuests": True,
        "excludePatterns": ["*.spare@*"],
        "includeGroupIds": [STAFF],
        "excludeGroupIds": [],
    }
    answer = undecided.put(CEDAR, pausedUntil=SOON, userFilterConfig=filters)
    assert answer.data["pausedUntil"] == "2099-05-06T05:08:09Z"
    assert answer.data["userFilterConfig"] == filters
    undecided.move("remap", CEDAR, clientId=YACHTS_CLIENT)
    kept = undecided.settings(CEDAR)
    assert (kept["pausedUntil"], kept["userFilterConfig"]) == ("2099-05-06T05:08:09Z", filters)
    undecided.move("unmap", CEDAR)
    assert undecided.settings(CEDAR)["pausedUntil"] is None
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    assert undecided.settings(CEDAR)["userFilterConfig"] is None


def test_a_change_of_settings_is_history_and_leaves_the_decision(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    (decided,) = undecided.history(CEDAR)
    undecided.put(CEDAR, pausedUntil=SOON)
    now, before = undecided.history(CEDAR)
    assert now["decisionId"] == decided["decisionId"]
    assert (now["state"], now["clientId"]) == ("mapped", CEDAR_CLIENT)
    assert (now["pausedUntil"], before["pausedUntil"]) == ("2099-05-06T05:08:09Z", None)
    assert now["evidence"] == {**decided["evidence"], "decided": "by_settings"}
    assert before["evidence"] == decided["evidence"]
    assert before["endedAt"] == now["decidedAt"]


def test_settings_that_change_nothing_write_nothing(undecided: Operator, inside: Inside) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    undecided.put(CEDAR, pausedUntil=SOON)
    before = inside.versions()
    assert undecided.put(CEDAR, pausedUntil=SOON).status == 200
    assert undecided.put(CEDAR).status == 200
    assert inside.versions() == before


def test_null_takes_a_setting_away_and_what_is_left_out_stays(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    undecided.put(CEDAR, pausedUntil=SOON, userFilterConfig={"licensedOnly": True})
    assert undecided.put(CEDAR, pausedUntil=None).data["userFilterConfig"] == {"licensedOnly": True}
    found = undecided.put(CEDAR, userFilterConfig=None).data
    assert (found["pausedUntil"], found["userFilterConfig"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ({"pausedUntil": "2001-01-01T00:00:00Z"}, (422, "pause_in_past")),
        ({"pausedUntil": "2099-01-01T00:00:00"}, (400, "malformed_request")),
        ({"pausedUntil": "2099-01-01"}, (400, "malformed_request")),
        ({"pausedUntil": 4070908800}, (400, "malformed_request")),
        ({"pausedUntil": "9999-12-31T23:59:59Z"}, (400, "malformed_request")),
        ({"pausedUntil": "9999-12-31T23:59:59-14:00"}, (400, "malformed_request")),
        ({"pausedUntil": True}, (400, "malformed_request")),
        ({"userFilterConfig": {"excludePatterns": ["[a-z]"]}}, (422, "invalid_pattern")),
        ({"userFilterConfig": {"includeGroupIds": ["all-staff"]}}, (400, "malformed_request")),
        ({"userFilterConfig": {"excludeGroupIds": [STAFF] * 51}}, (400, "malformed_request")),
        ({"userFilterConfig": {"licensedOnly": "yes"}}, (400, "malformed_request")),
        ({"version": 0}, (409, "stale_version")),
        ({"version": 10**6}, (409, "stale_version")),
        ({"version": 10**30}, (400, "malformed_request")),
    ],
)
def test_settings_that_cannot_be_are_refused_and_change_nothing(
    undecided: Operator, body: Json, failure: tuple[int, str]
) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    before = undecided.history(CEDAR)
    assert undecided.put(CEDAR, **body).failure == failure
    assert undecided.history(CEDAR) == before


@pytest.mark.parametrize(
    ("version", "failure"),
    [
        (0, (409, "stale_version")),
        (2**53 - 1, (409, "stale_version")),
        (2**63 - 1, (400, "malformed_request")),
        (10**30, (400, "malformed_request")),
        (-1, (400, "malformed_request")),
    ],
)
def test_settings_of_the_msp_are_not_saved_on_a_version_that_is_not_theirs(
    operator: Operator, version: int, failure: tuple[int, str]
) -> None:
    body = {"version": version, "userFilterConfig": {"licensedOnly": True}}
    assert operator.program.post("/settings", body, method="PUT").failure == failure


@pytest.mark.parametrize(
    "body", [{}, {"guardConfig": None}, {"fieldSyncConfig": None, "userFilterConfig": None}]
)
def test_settings_of_the_msp_of_which_none_is_named_stay_as_they_are(
    operator: Operator, body: Json
) -> None:
    before = operator.program.get("/settings").data
    version = before["version"]
    for _ in range(2):
        answer = operator.program.post("/settings", {"version": version, **body}, method="PUT")
        assert (answer.status, answer.data) == (200, before)
    stale = operator.program.post("/settings", {"version": version + 1, **body}, method="PUT")
    assert stale.failure == (409, "stale_version")


def test_groups_are_no_settings_of_the_msp(operator: Operator) -> None:
    version = operator.program.get("/settings").data["version"]
    for key in ("includeGroupIds", "excludeGroupIds"):
        body = {"version": version, "userFilterConfig": {key: []}}
        answer = operator.program.post("/settings", body, method="PUT")
        assert answer.failure == (400, "malformed_request")


# --- Groups of one managed tenant ---


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("", [STAFF, HYGIENE, DENTISTS, LOCUMS, NOBODY_YET]),
        ("dent", [HYGIENE, DENTISTS]),
        ("Dental O'H", [HYGIENE]),
        ("dentist ", [DENTISTS]),
        ("ntists", []),
        ("x' or displayName eq 'Dentists", []),
    ],
)
def test_groups_are_found_by_the_start_of_their_names(
    operator: Operator, q: str, expected: list[str]
) -> None:
    found = operator.groups(ALPINE, q=q)
    assert [group["groupId"] for group in found["items"]] == expected
    assert found["nextCursor"] is None


def test_a_group_says_its_name_and_its_address(operator: Operator) -> None:
    (staff,) = operator.groups(ALPINE, q="all staff")["items"]
    assert staff == {
        "groupId": STAFF,
        "displayName": "All Staff",
        "mail": "staff@alpinedental.example",
    }
    assert operator.groups(CEDAR)["items"] == []


def test_groups_are_asked_for_as_by_a_person_who_waits(
    operator: Operator, microsoft: Simulator
) -> None:
    microsoft.forget_requests()
    operator.groups(ALPINE, q="dent")
    asked = [r for r in microsoft.requests() if "/groups" in str(r["path"])]
    assert [request["priority"] for request in asked] == ["high"]


def test_groups_that_cannot_be_read_are_a_failure_and_no_empty_list(
    operator: Operator, microsoft: Simulator
) -> None:
    path = f"/managed-tenants/{operator.tenant(ALPINE)}/groups"
    microsoft.control("/faults", {"match": "/v1.0/groups", "status": 403})
    assert operator.program.get(path).failure == (422, "group_unreadable")
    fault = {"match": "/v1.0/groups", "status": 429, "headers": {"retry-after": "300"}}
    microsoft.control("/faults", [fault])
    assert operator.program.get(path).failure == (503, "throttled")
    microsoft.control("/faults", [])
    assert operator.program.get(f"/managed-tenants/{uuid4()}/groups").failure == (404, "not_found")
    assert operator.program.get(path, q="x" * 201).failure == (400, "malformed_request")


@pytest.mark.parametrize("state", [None, "skipped", "unmapped"])
def test_only_what_a_sync_takes_has_settings(undecided: Operator, state: str | None) -> None:
    if state is not None:
        undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
        undecided.decide(CEDAR, state)
    assert undecided.put(CEDAR, pausedUntil=SOON).failure == (422, "not_mapped")


def test_a_client_to_be_created_is_created_once_although_its_settings_changed(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(GINKGO, "create_new")
    undecided.put(GINKGO, pausedUntil=SOON)
    assert undecided.program.post("/sync", {"scope": "all"}).failure == (422, "nothing_to_sync")
    undecided.put(GINKGO, pausedUntil=None, userFilterConfig={"licensedOnly": False})
    undecided.program.sync("all")
    newest, *_ = undecided.history(GINKGO)
    assert newest["evidence"]["decided"] == "by_sync"
    assert newest["decidedByName"]
    assert undecided.settings(GINKGO)["userFilterConfig"] == {"licensedOnly": False}
    made = "SELECT count(*) FROM psa_clients WHERE directory_tenant_id = %s"
    assert inside.rows(made, GINKGO) == [(1,)]


# --- What no sync takes ---


def test_a_run_says_what_it_leaves_out_and_why(undecided: Operator, inside: Inside) -> None:
    undecided.decide(ALPINE, "mapped", ALPINE_CLIENT)
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    undecided.decide(BRIGHT, "mapped", BRIGHT_CLIENT)
    undecided.decide(FJORD, "mapped", DENTAL_CLIENT)
    undecided.put(CEDAR, pausedUntil=SOON)
    make_gone(inside, BRIGHT)
    make_inactive(inside, DENTAL_CLIENT)
    run = undecided.program.sync("all")
    told = {t["entraTenantId"]: (t["state"], t["stateReason"]) for t in run["tenants"]}
    assert told == {
        ALPINE: ("completed", None),
        CEDAR: ("skipped", "paused"),
        BRIGHT: ("skipped", "gone"),
        FJORD: ("skipped", "client_inactive"),
    }
    assert run["state"] == "completed"
    page = undecided.program.http.get("/integrations/entra/setup?step=sync").text
    words = ("The customer is paused.", "The customer is no longer listed.", "client is inactive.")
    assert [text in page for text in words] == [True] * 3
    listed = {t["entraTenantId"]: t for t in undecided.program.items("/managed-tenants")}
    assert {key: listed[key]["leftOut"] for key in told} == {
        ALPINE: None,
        CEDAR: "paused",
        BRIGHT: "gone",
        FJORD: "client_inactive",
    }
    assert listed[CEDAR]["decision"]["pausedUntil"] == "2099-05-06T05:08:09Z"


@pytest.mark.parametrize("scope", ["initial", "all", "client"])
def test_a_start_of_nothing_but_what_is_paused_is_refused(undecided: Operator, scope: str) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    undecided.put(CEDAR, pausedUntil=SOON)
    body = {"scope": scope, **({"clientId": CEDAR_CLIENT} if scope == "client" else {})}
    answer = undecided.program.post("/sync", body)
    assert answer.failure == (422, "nothing_to_sync")
    assert answer.body["details"] == {"leftOut": {"paused": 1}}


def test_a_pause_that_is_over_holds_nothing_back(undecided: Operator, inside: Inside) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    inside.rows(
        "UPDATE entra_client_tenant_mappings SET paused_until = now() - interval '1 second'"
        " WHERE ended_at IS NULL RETURNING 1"
    )
    assert undecided.program.sync("all")["tenants"][0]["state"] == "completed"


def test_a_client_that_became_inactive_or_vanished_is_shown(
    undecided: Operator, inside: Inside, host: RunningHost
) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    undecided.decide(FJORD, "mapped", DENTAL_CLIENT)
    undecided.decide(EBONY, "mapped", YACHTS_CLIENT)
    make_inactive(inside, DENTAL_CLIENT)
    inside.rows(
        "UPDATE entra_client_tenant_mappings SET client_id = %s"
        " WHERE client_id = %s AND tenant_id = %s RETURNING 1",
        str(uuid4()),
        YACHTS_CLIENT,
        host.tenant_id(0),
    )
    expected = {CEDAR: "active", FJORD: "inactive", EBONY: "missing"}
    assert {key: undecided.rows()[key]["clientState"] for key in expected} == expected
    listed = {m["entraTenantId"]: m for m in undecided.program.items("/mappings")}
    assert {key: listed[key]["clientState"] for key in expected} == expected
    assert listed[FJORD]["clientName"] == "Northwind Dental Group"
    assert listed[EBONY]["clientName"] is None
    body = {"scope": "client", "clientId": DENTAL_CLIENT}
    assert undecided.program.post("/sync", body).failure == (422, "nothing_to_sync")


def test_what_is_in_force_can_be_confirmed_again_although_its_client_is_inactive(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(FJORD, "mapped", DENTAL_CLIENT)
    make_inactive(inside, DENTAL_CLIENT)
    assert undecided.decide(FJORD, "mapped", DENTAL_CLIENT).status == 200
    assert undecided.decide(CEDAR, "mapped", DENTAL_CLIENT).failure == (422, "unknown_client")


def test_a_customer_that_is_gone_stays_decided_and_is_no_longer_proposed(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(BRIGHT, "mapped", BRIGHT_CLIENT)
    make_gone(inside, BRIGHT)
    make_gone(inside, ALPINE)
    rows = undecided.rows()
    assert ALPINE not in rows
    assert rows[BRIGHT]["list"] == "decided"
    assert rows[BRIGHT]["goneAt"] is not None
    assert undecided.decide(BRIGHT, "mapped", BRIGHT_CLIENT).status == 200
    refused = undecided.decide(BRIGHT, "mapped", ALPINE_CLIENT)
    assert refused.failure == (422, "tenant_gone")
    assert undecided.tenant(BRIGHT) in str(refused.body["details"])
    assert undecided.decide(ALPINE, "create_new").failure == (422, "tenant_gone")
    assert undecided.decide(ALPINE, "skipped").status == 200
    assert undecided.move("unmap", BRIGHT).status == 200


# --- Links ---


def test_a_dry_run_tells_what_a_remap_does_and_does_nothing(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(ALPINE, "mapped", ALPINE_CLIENT)
    undecided.program.sync("client", clientId=ALPINE_CLIENT)
    before = inside.versions()
    told = undecided.move("remap", ALPINE, clientId=YACHTS_CLIENT, dryRun=True).data
    assert inside.versions() == before
    assert told["links"] == {"closed": 50, "reopened": 0, "kept": 0, "moving": 46, "asking": 4}
    linked = inside.rows(
        "SELECT contact_id::text FROM entra_contact_links WHERE state = 'active'"
        " AND entra_tenant_id = %s AND reason = 'created' LIMIT 1",
        ALPINE,
    )
    pin = {"kind": "hands_off", "contactId": str(linked[0][0])}
    assert undecided.program.post("/pins", pin, method="PUT").status == 200
    pinned = undecided.move("remap", ALPINE, clientId=YACHTS_CLIENT, dryRun=True).data
    assert (pinned["links"]["moving"], pinned["links"]["asking"]) == (45, 4)
    assert undecided.program.post("/pins", pin, method="DELETE").status == 200
    assert "50 links" in told["statement"]
    assert "nobody is deleted" in told["statement"]
    done = undecided.move("remap", ALPINE, clientId=YACHTS_CLIENT).data
    assert {**done, "dryRun": True} == told
    back = undecided.move("remap", ALPINE, clientId=ALPINE_CLIENT).data
    quiet = {"moving": 0, "asking": 0}
    assert back["links"] == {"closed": 0, "reopened": 50, "kept": 0, **quiet}
    same = undecided.move("remap", ALPINE, clientId=ALPINE_CLIENT).data
    assert same["links"] == {"closed": 0, "reopened": 0, "kept": 50, **quiet}
    gone = undecided.move("unmap", ALPINE, dryRun=True).data
    assert (gone["unmapped"], gone["links"]["closed"]) == (1, 50)
    assert "leaves this tenant out" in gone["statement"]


def test_a_link_is_opened_again_only_where_its_contact_still_is_at_the_client(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(ALPINE, "mapped", ALPINE_CLIENT)
    undecided.program.sync("client", clientId=ALPINE_CLIENT)
    linked = inside.rows(
        "SELECT contact_id::text FROM entra_contact_links WHERE state = 'active'"
        " AND entra_tenant_id = %s ORDER BY 1 LIMIT 2",
        ALPINE,
    )
    (vanished,), (moved,) = linked
    undecided.move("unmap", ALPINE)
    inside.rows("DELETE FROM psa_contacts WHERE id = %s::uuid RETURNING 1", vanished)
    inside.rows(
        "UPDATE psa_contacts SET client_id = %s::uuid WHERE id = %s::uuid RETURNING 1",
        YACHTS_CLIENT,
        moved,
    )
    back = undecided.move("remap", ALPINE, clientId=ALPINE_CLIENT).data
    links = back["links"]
    assert (links["closed"], links["reopened"], links["kept"]) == (0, 48, 0)
    assert links["moving"] + links["asking"] == 1, "the one at the other client"
    still = inside.rows(
        "SELECT count(*) FROM entra_contact_links WHERE state = 'active'"
        " AND contact_id = ANY(%s::uuid[])",
        [vanished, moved],
    )
    assert still == [(0,)]


def test_a_remap_on_an_older_version_than_the_row_is_a_conflict(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    seen = undecided.rows()[CEDAR]["rowVersion"]
    undecided.put(CEDAR, pausedUntil=SOON)
    answer = undecided.move("remap", CEDAR, clientId=YACHTS_CLIENT, version=seen)
    assert answer.failure == (409, "stale_version")
    assert answer.body["details"] == {"managedTenantIds": [undecided.tenant(CEDAR)]}


# --- Finding rows ---


def test_one_list_of_the_preview_can_be_asked_for(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    whole = undecided.program.get("/mappings/preview").data
    for name, key in (
        ("auto_matched", "autoMatched"),
        ("needs_review", "needsReview"),
        ("unmatched", "unmatched"),
        ("decided", "decided"),
    ):
        found = undecided.program.get("/mappings/preview", list=name).data
        assert found == {
            **{k: [] for k in whole if k != "version"},
            key: whole[key],
            "version": whole["version"],
        }
    answer = undecided.program.get("/mappings/preview", list="others")
    assert answer.failure == (400, "malformed_request")


@pytest.mark.parametrize(
    ("q", "directory"),
    [
        ("aLpInE", ALPINE),
        ("BRIGHT-TAX.example", BRIGHT),
        ("銀杏", GINKGO),
        ("outlet", EBONY),
        ("yachts", CEDAR),
    ],
)
def test_the_preview_is_searched_by_name_domain_and_client(
    undecided: Operator, q: str, directory: str
) -> None:
    undecided.decide(CEDAR, "mapped", YACHTS_CLIENT)
    assert directory in undecided.rows(q=q)
    assert FJORD not in undecided.rows(q=q)


def test_mappings_are_searched_as_the_preview_is(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", YACHTS_CLIENT)
    undecided.decide(BRIGHT, "mapped", BRIGHT_CLIENT)
    for q in ("YACHTS", "cedargrove.example", "grove"):
        (found,) = undecided.program.items("/mappings", q=q)
        assert found["entraTenantId"] == CEDAR
    assert undecided.program.items("/mappings", q="nobody") == []


# --- Look-alikes ---


def test_a_client_to_be_created_that_looks_like_one_there_is_is_warned_of(
    undecided: Operator,
) -> None:
    look_alikes = undecided.rows()[EBONY]["lookAlikes"]
    assert "Ebony & Oak Furniture" in {c["clientName"] for c in look_alikes}
    answer = undecided.decide(EBONY, "create_new").data
    assert answer["createNew"] == 1
    assert answer["warnings"] == [
        {"managedTenantId": undecided.tenant(EBONY), "clients": look_alikes}
    ]
    assert undecided.decide(EBONY, "skipped").data["warnings"] == []


# --- Files ---


def test_the_file_has_every_customer_with_the_best_candidate(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(CEDAR, "mapped", YACHTS_CLIENT)
    make_gone(inside, BRIGHT)
    lines = {row["entraTenantId"]: row for row in undecided.lines()}
    assert len(lines) == 8
    assert lines[CEDAR]["state"] == "mapped"
    assert lines[CEDAR]["clientName"] == "Harbor View Yachts"
    assert lines[CEDAR]["suggestedClientName"] == "Cedar Grove School"
    assert lines[ALPINE]["state"] == ""
    assert lines[ALPINE]["rowVersion"] == "0"
    assert lines[ALPINE]["suggestedClientId"] == ALPINE_CLIENT
    assert "alpinedental.example" in lines[ALPINE]["reason"]
    assert lines[BRIGHT]["goneAt"]


def test_a_file_that_comes_back_as_it_was_changes_nothing(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    undecided.put(CEDAR, pausedUntil=SOON)
    undecided.decide(BRIGHT, "mapped", BRIGHT_CLIENT)
    undecided.decide(EBONY, "skipped")
    undecided.decide(FJORD, "create_new")
    undecided.move("unmap", EBONY)
    make_gone(inside, BRIGHT)
    make_inactive(inside, CEDAR_CLIENT)
    before = inside.versions()
    answer = undecided.upload(undecided.export()).data
    assert answer["changes"] == []
    assert (answer["unchanged"], answer["leftAlone"]) == (4, 4)
    assert inside.versions() == before


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_taken_in_as_spreadsheets_save_it(
    undecided: Operator, separator: str, encoding: str
) -> None:
    rows = undecided.lines()
    for row in rows:
        if row["entraTenantId"] == ALPINE:
            row |= {"state": "Mapped", "clientId": row["suggestedClientId"]}
        if row["entraTenantId"] == CEDAR:
            row |= {"state": "skipped"}
    content = file(*rows, separator=separator).encode(encoding)
    told = undecided.upload(content, dry=True).data
    assert undecided.program.items("/mappings") == []
    done = undecided.upload(content, kind="text/csv; charset=utf-8").data
    assert {**done, "dryRun": True} == told
    assert {(c["entraTenantId"], c["after"]["state"]) for c in done["changes"]} == {
        (ALPINE, "mapped"),
        (CEDAR, "skipped"),
    }
    assert done["leftAlone"] == 6
    newest, *_ = undecided.history(ALPINE)
    assert newest["evidence"]["decided"] == "by_file"
    assert newest["evidence"]["automatic"] is True
    assert undecided.upload(content).data["changes"] == []


def test_a_file_pauses_and_ends_pauses(undecided: Operator) -> None:
    undecided.decide(CEDAR, "mapped", CEDAR_CLIENT)
    (row,) = [row for row in undecided.lines() if row["entraTenantId"] == CEDAR]
    undecided.upload(file({**row, "pausedUntil": SOON}))
    assert undecided.settings(CEDAR)["pausedUntil"] == "2099-05-06T05:08:09Z"
    (row,) = [row for row in undecided.lines() if row["entraTenantId"] == CEDAR]
    without = {key: value for key, value in row.items() if key != "pausedUntil"}
    assert undecided.upload(file(without)).data["changes"] == []
    (change,) = undecided.upload(file({**row, "pausedUntil": ""})).data["changes"]
    assert change["before"]["pausedUntil"] == "2099-05-06T05:08:09Z"
    assert change["after"]["pausedUntil"] is None


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(
    undecided: Operator, inside: Inside
) -> None:
    undecided.decide(BRIGHT, "mapped", BRIGHT_CLIENT)
    make_gone(inside, FJORD)
    line = {"entraTenantId": "", "state": "mapped", "clientId": "", "rowVersion": "0"}
    line["pausedUntil"] = ""
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    rows = [
        {**line, "entraTenantId": str(uuid4()), "state": "skipped"},
        {**line, "entraTenantId": ALPINE, "clientId": ALPINE_CLIENT},
        {**line, "entraTenantId": ALPINE, "state": "skipped"},
        {**line, "entraTenantId": BRIGHT, "clientId": ALPINE_CLIENT},
        {**line, "entraTenantId": CEDAR},
        {**line, "entraTenantId": EBONY, "clientId": str(uuid4())},
        {**line, "entraTenantId": FJORD, "clientId": ALPINE_CLIENT},
        {**line, "entraTenantId": GINKGO, "state": "perhaps", "rowVersion": "one"},
        {**line, "entraTenantId": HARBOR, "state": "skipped", "pausedUntil": SOON},
        {**line, "entraTenantId": HARBOR, "clientId": ALPINE_CLIENT, "pausedUntil": past},
    ]
    rows[-1] = {**rows[-1], "entraTenantId": "e0000000-0000-4000-8000-000000000004"}
    before = inside.versions()
    answer = undecided.upload(file(*rows))
    assert answer.failure == (422, "invalid_file")
    assert inside.versions() == before
    told = [(f["line"], f["column"], f["code"]) for f in answer.body["details"]["lines"]]
    assert told == [
        (2, "entraTenantId", "unknown_tenant"),
        (4, "entraTenantId", "duplicate_tenant"),
        (5, "rowVersion", "stale_version"),
        (6, "clientId", "client_required"),
        (7, "clientId", "unknown_client"),
        (8, "state", "tenant_gone"),
        (9, "state", "invalid_value"),
        (9, "rowVersion", "invalid_value"),
        (10, "pausedUntil", "not_mapped"),
        (11, "pausedUntil", "pause_in_past"),
    ]
    assert all(f["sentence"].endswith(".") for f in answer.body["details"]["lines"])
    assert answer.body["details"]["total"] == len(told)


def test_a_file_of_before_others_decided_is_a_conflict(undecided: Operator) -> None:
    rows = [r for r in undecided.lines() if r["entraTenantId"] in {ALPINE, CEDAR}]
    undecided.decide(CEDAR, "skipped")
    mapped = [{**r, "state": "mapped", "clientId": r["suggestedClientId"]} for r in rows]
    answer = undecided.upload(file(*mapped))
    assert answer.failure == (409, "stale_version")
    (fault,) = answer.body["details"]["lines"]
    assert fault["code"] == "stale_version"
    assert ALPINE not in {m["entraTenantId"] for m in undecided.program.items("/mappings")}


@pytest.mark.parametrize(
    ("content", "kind", "failure"),
    [
        ("", "text/csv", (422, "invalid_file")),
        ("entraTenantId,state\r\n", "text/csv", (422, "invalid_file")),
        (b"\xff\xfeodd", "text/csv", (422, "invalid_file")),
        ("x" * (5 * 1024 * 1024 + 1), "text/csv", (422, "file_too_large")),
        ("{}", "application/json", (400, "malformed_request")),
    ],
)
def test_what_is_no_file_of_decisions_is_refused(
    undecided: Operator, content: str | bytes, kind: str, failure: tuple[int, str]
) -> None:
    assert undecided.upload(content, kind=kind).failure == failure


def test_a_file_is_for_those_who_may_change_and_creating_needs_its_own_right(
    undecided: Operator, host: RunningHost
) -> None:
    content = undecided.export()
    with Program(host.base_url, "tech@northwind.example") as reader:
        assert Operator(reader).export() == content
        assert Operator(reader).upload(content).failure == (403, "permission_missing")
        path = f"/managed-tenants/{undecided.tenant(CEDAR)}/settings"
        assert reader.get(path).status == 200
        answer = reader.post(path, {"version": 0}, method="PUT")
        assert answer.failure == (403, "permission_missing")


def test_a_file_that_creates_clients_needs_the_right_to(
    undecided: Operator, inside: Inside
) -> None:
    rows = [r for r in undecided.lines() if r["entraTenantId"] == GINKGO]
    content = file(*({**r, "state": "create_new"} for r in rows))
    set_rights = "UPDATE psa_users SET permissions = %s WHERE login = %s RETURNING 1"
    ((before,),) = inside.rows("SELECT permissions FROM psa_users WHERE login = %s", ADMIN)
    inside.rows(set_rights, ["system_settings.read", "system_settings.update"], ADMIN)
    try:
        answer = undecided.upload(content)
        assert answer.failure == (403, "permission_missing")
        assert answer.body["details"] == {"permission": "client.create"}
        assert undecided.program.items("/mappings") == []
    finally:
        inside.rows(set_rights, before, ADMIN)
    assert undecided.upload(content).data["changes"][0]["after"]["state"] == "create_new"
