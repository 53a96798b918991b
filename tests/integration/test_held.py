"""The guard holds what is too much, and a person approves or discards it."""

from collections.abc import Iterator

import pytest

from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"

INACTIVE = "SELECT count(*) FROM psa_contacts WHERE creation_key IS NOT NULL AND NOT active"


def enable(microsoft: Simulator, object_id: object) -> None:
    """Let a user of Alpine sign in again."""
    change = {"id": object_id, "set": {"accountEnabled": True}}
    microsoft.control("/users", {"tenant": ALPINE, "change": [change]})


def people(admin: Program, run_id: object, **query: str) -> list[Json]:
    """The plan rows of Alpine in a run."""
    rows = admin.items(f"/runs/{run_id}/changes", **query)
    return [row for row in rows if row["identity"]["entraTenantId"] == ALPINE]


def settled(admin: Program, run_id: object, held: int) -> Json:
    """The run, once it holds so many rows."""
    return admin.until(
        lambda: admin.get(f"/runs/{run_id}").data,
        lambda run: run["counts"]["held"] == held and not people(admin, run_id, state="planned"),
    )


@pytest.fixture(scope="module")
def created(host: RunningHost, microsoft: Simulator, admin: Program) -> list[str]:
    """The users of Alpine for whom contacts were made."""
    del host
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    run = admin.sync("initial")
    return [row["identity"]["objectId"] for row in people(admin, run["runId"], kind="create")]


@pytest.fixture
def held(microsoft: Simulator, admin: Program, created: list[str]) -> Iterator[Json]:
    """A run in which the guard holds twelve inactivations; they come back afterwards."""
    leaving = created[:12]
    microsoft.control("/users", {"tenant": ALPINE, "disable": leaving})
    yield admin.sync("all")
    for object_id in leaving:
        enable(microsoft, object_id)
    admin.sync("all")


def test_mass_disabling_is_held_and_nobody_becomes_inactive(held: Json, inside: Inside) -> None:
    assert held["state"] == "held"
    assert (held["counts"]["held"], held["counts"]["inactivated"]) == (12, 0)
    assert inside.rows(INACTIVE) == [(0,)]


def test_the_pages_say_what_waits(held: Json, admin: Program) -> None:
    assert held["state"] == "held"
    for path in ("setup?step=sync", "fragments/clients/c1000000-0000-4000-8000-000000000001"):
        page = admin.http.get(f"/integrations/entra/{path}").text
        assert "12 changes were too many to be made without a look" in page


def test_a_later_run_goes_on_and_holds_nothing_twice(
    held: Json, admin: Program, inside: Inside
) -> None:
    before = inside.versions()
    again = admin.sync("all")
    assert again["state"] == "completed"
    assert again["counts"]["held"] == 0
    assert people(admin, again["runId"]) == []
    assert inside.versions() == before
    assert admin.get(f"/runs/{held['runId']}").data["counts"]["held"] == 12


def test_a_held_row_is_superseded_once_the_user_is_enabled_again(
    held: Json, admin: Program, microsoft: Simulator
) -> None:
    (first, *_) = people(admin, held["runId"], state="held")
    enable(microsoft, first["identity"]["objectId"])
    admin.sync("all")
    (retired,) = people(admin, held["runId"], state="superseded")
    assert retired["changeId"] == first["changeId"]
    assert admin.get(f"/runs/{held['runId']}").data["counts"]["held"] == 11


def test_rows_are_approved_one_by_one_and_then_all_that_are_left(
    held: Json, admin: Program, inside: Inside
) -> None:
    run_id = held["runId"]
    (first, *_) = people(admin, run_id, state="held")
    one = admin.post(f"/runs/{run_id}/approve", {"changeIds": [first["changeId"]]})
    assert (one.status, one.data["rows"]) == (202, 1)
    assert settled(admin, run_id, 11)["state"] == "held"
    assert inside.rows(INACTIVE) == [(1,)]
    rest = admin.post(f"/runs/{run_id}/approve", {"managedTenantId": first["managedTenantId"]})
    assert (rest.status, rest.data["rows"]) == (202, 11)
    done = settled(admin, run_id, 0)
    assert (done["state"], done["counts"]["inactivated"]) == ("completed", 12)
    assert inside.rows(INACTIVE) == [(12,)]
    late = admin.post(f"/runs/{run_id}/approve", {"changeIds": [first["changeId"]]})
    assert late.failure == (409, "changed_meanwhile")


def test_who_was_made_inactive_comes_back_when_enabled_again(
    held: Json, admin: Program, inside: Inside
) -> None:
    del held
    assert admin.get("/").data["lastRun"]["state"] == "held"
    assert inside.rows(INACTIVE) == [(0,)], "those of the test before are active again"


def test_what_is_discarded_stays_so_until_the_directory_changes(
    held: Json, admin: Program, microsoft: Simulator, inside: Inside
) -> None:
    run_id = held["runId"]
    rows = people(admin, run_id, state="held")
    discarded = admin.post(f"/runs/{run_id}/discard", {})
    assert (discarded.status, discarded.data["rows"]) == (200, 12)
    assert admin.get(f"/runs/{run_id}").data["state"] == "completed"
    again = admin.sync("all")
    assert people(admin, again["runId"]) == []
    assert inside.rows(INACTIVE) == [(0,)]
    object_id = rows[0]["identity"]["objectId"]
    enable(microsoft, object_id)
    admin.sync("all")
    microsoft.control("/users", {"tenant": ALPINE, "disable": [object_id]})
    run = admin.sync("all")
    (row,) = people(admin, run["runId"])
    assert (row["kind"], row["state"]) == ("inactivate", "applied")


def test_an_approval_never_overwrites_what_a_person_did_meanwhile(
    held: Json, admin: Program, inside: Inside
) -> None:
    run_id = held["runId"]
    (first, *_) = people(admin, run_id, state="held")
    inside.rows(
        "UPDATE psa_contacts SET active = false, version = version + 1 WHERE id = %s RETURNING id",
        first["contactId"],
    )
    admin.post(f"/runs/{run_id}/approve", {"changeIds": [first["changeId"]]})
    settled(admin, run_id, 11)
    (stale,) = people(admin, run_id, state="stale")
    assert stale["note"] == {"found": "changed", "now": {"active": False}}


def test_a_preview_writes_nothing_but_its_plan_and_is_applied_when_told(
    admin: Program, microsoft: Simulator, created: list[str], inside: Inside
) -> None:
    microsoft.control("/users", {"tenant": ALPINE, "disable": created[20:22]})
    before = inside.versions()
    started = admin.post("/sync/preview", {})
    assert started.status == 202
    preview = admin.finished(started.data["runId"])
    assert (preview["state"], preview["appliedAt"]) == ("completed", None)
    changed = {name: rows for name, rows in inside.versions().items() if rows != before[name]}
    assert set(changed) <= {"entra_sync_changes"}
    rows = people(admin, preview["runId"], kind="inactivate")
    assert {row["identity"]["objectId"] for row in rows} == set(created[20:22])
    left = people(admin, preview["runId"], kind="none")
    assert {row["reason"] for row in left} >= {"created", "disabled", "service_account"}


def test_an_old_preview_does_not_apply_what_a_later_run_has_seen_otherwise(
    admin: Program, microsoft: Simulator, created: list[str]
) -> None:
    changed, other = created[24:26]
    microsoft.control("/users", {"tenant": ALPINE, "disable": [changed, other]})
    preview = admin.finished(admin.post("/sync/preview", {}).data["runId"])
    enable(microsoft, changed)
    admin.sync("all")
    microsoft.control(
        "/users", {"tenant": ALPINE, "change": [{"id": changed, "set": {"jobTitle": "Chief"}}]}
    )
    admin.sync("all")
    assert admin.post(f"/runs/{preview['runId']}/apply", {}).status == 202
    applied = admin.until(
        lambda: admin.get(f"/runs/{preview['runId']}").data,
        lambda run: run["appliedAt"] is not None,
    )
    assert applied["state"] == "completed"
    rows = {
        r["identity"]["objectId"]: r for r in people(admin, preview["runId"], kind="inactivate")
    }
    assert (rows[changed]["state"], rows[changed]["note"]) == ("stale", {"found": "seen_since"})
    assert rows[other]["state"] == "stale", "the sync of before made it inactive already"


def test_one_person_is_synced_under_the_same_rules(
    admin: Program, microsoft: Simulator, created: list[str]
) -> None:
    microsoft.control("/users", {"tenant": ALPINE, "disable": created[30:31]})
    started = admin.post(f"/identities/{ALPINE}/{created[30]}/sync", {})
    assert (started.status, started.data["joined"]) == (202, False)
    run = admin.finished(started.data["runId"])
    assert (run["type"], run["state"], run["counts"]["inactivated"]) == ("person", "completed", 1)
    unknown = admin.post(f"/identities/{created[0]}/{created[1]}/sync", {})
    assert unknown.failure == (404, "not_found")


def test_an_applied_preview_is_held_no_more_once_nothing_of_it_waits(
    admin: Program, microsoft: Simulator, created: list[str]
) -> None:
    microsoft.control("/users", {"tenant": ALPINE, "disable": created[:12]})
    preview = admin.finished(admin.post("/sync/preview", {}).data["runId"])
    assert admin.post(f"/runs/{preview['runId']}/apply", {}).status == 202
    held = admin.finished(preview["runId"])
    assert held["state"] == "held"
    for object_id in created:
        enable(microsoft, object_id)
    admin.sync("all")
    left = admin.get(f"/runs/{preview['runId']}").data
    assert (left["state"], left["counts"]["held"]) == ("completed", 0)
