"""The main job by a program, from connecting to syncing, and what came of it."""

from dataclasses import dataclass

import pytest

from benchmarks.counters import OWN_TABLES
from support.inside import Inside
from support.oracle import Person, Prediction, predict
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

MAPPED = {
    "Alpine Dental Group": "c1000000-0000-4000-8000-000000000001",
    "Bright Accounting": "c1000000-0000-4000-8000-000000000002",
    "Cedar Grove School": "c1000000-0000-4000-8000-000000000003",
    "Fjord Fisk AS": "c1000000-0000-4000-8000-000000000007",
    "銀杏株式会社": "c1000000-0000-4000-8000-000000000008",
}
"""Four by their domains, and one that a person chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was there before, what the rules predict, and the run."""

    before: list[Person]
    predicted: dict[str, Prediction]
    outcome: str
    discovery: Json
    preview: Json
    run: Json


@pytest.fixture(scope="module")
def story(host: RunningHost, microsoft: Simulator, inside: Inside, admin: Program) -> Story:
    before = inside.contacts(host.tenant_id(0))
    outcome = admin.connect(microsoft)
    discovery = admin.discover()
    preview = admin.get("/mappings/preview").data
    confirmed = admin.accept_exact(then_sync=True, 銀杏=MAPPED["銀杏株式会社"], Delta="skipped")
    started = confirmed["run"]
    assert isinstance(started, dict), confirmed
    run = admin.finished(started["runId"])
    users = {str(t["display_name"]): t["users"] for t in microsoft.directory()["tenants"]}
    predicted = {
        name: predict(users[name], client_id, before) for name, client_id in MAPPED.items()
    }
    return Story(
        before=before,
        predicted=predicted,
        outcome=outcome,
        discovery=discovery,
        preview=preview,
        run=run,
    )


def test_the_callback_ends_on_the_set_up_page_as_connected(story: Story) -> None:
    assert "outcome=connected" in story.outcome


def test_discovery_finds_every_customer_and_says_who_withholds_consent(
    story: Story, admin: Program
) -> None:
    tenants = {str(t["displayName"]): t for t in admin.items("/managed-tenants", limit=3)}
    assert len(tenants) == 8
    assert story.discovery["state"] == "partial"
    health = tenants["Delta Logistics"]["health"]
    assert isinstance(health, dict)
    assert health["code"] == "consent_missing"
    assert tenants["Bright Accounting"]["domains"] == [
        "brightaccounting.example",
        "bright-tax.example",
    ], "the default domain comes first"


def test_the_preview_puts_every_tenant_in_exactly_one_list(story: Story) -> None:
    names = {
        part: {row["displayName"] for row in story.preview[part]}
        for part in ("autoMatched", "needsReview", "unmatched", "decided")
    }
    assert names == {
        "autoMatched": set(MAPPED) - {"銀杏株式会社"},
        "needsReview": {"Delta Logistics", "Ebony & Oak Furniture", "銀杏株式会社"},
        "unmatched": {"Harborview Clinic"},
        "decided": set(),
    }


def test_the_contacts_are_exactly_those_that_the_rules_predict(
    story: Story, host: RunningHost, inside: Inside
) -> None:
    created = [person for p in story.predicted.values() for person in p.created]
    assert len(created) > 100
    assert sorted(inside.contacts(host.tenant_id(0)), key=str) == sorted(
        [*story.before, *created], key=str
    )


def test_the_links_are_exactly_those_that_the_rules_predict(story: Story, inside: Inside) -> None:
    found = inside.links()
    linked = {key: email for p in story.predicted.values() for key, email in p.linked.items()}
    assert len(linked) == 7
    assert {key: found[key] for key in linked} == linked
    assert len(found) == len(linked) + sum(len(p.created) for p in story.predicted.values())


def test_the_counters_of_each_customer_are_those_that_the_rules_predict(story: Story) -> None:
    tenants = story.run["tenants"]
    assert isinstance(tenants, list)
    counted = {
        t["displayName"]: {
            k: t["counts"][k] for k in ("created", "linked", "queued", "filtered", "failed")
        }
        for t in tenants
    }
    assert counted == {
        name: {
            "created": len(p.created),
            "linked": len(p.linked),
            "queued": len(p.queued),
            "filtered": len(p.filtered),
            "failed": 0,
        }
        for name, p in story.predicted.items()
    }
    assert story.run["state"] == "completed"


def test_every_doubtful_identity_is_one_open_question(story: Story, admin: Program) -> None:
    queued = {key for p in story.predicted.values() for key in p.queued}
    items = admin.items("/review-items", limit=2)
    assert {i["objectId"] for i in items} == queued
    assert len(items) == len(queued)


def test_every_identity_that_was_read_has_exactly_one_verdict(
    story: Story, admin: Program, microsoft: Simulator
) -> None:
    found = admin.items("/identities", limit=100)
    keys = [i["objectId"] for i in found]
    users = {
        u["id"]
        for t in microsoft.directory()["tenants"]
        if t["display_name"] in MAPPED
        for u in t["users"]
    }
    assert len(keys) == len(set(keys))
    assert set(keys) == users


def test_a_change_row_says_what_was_made_of_whom(story: Story, admin: Program) -> None:
    changes = admin.items(f"/runs/{story.run['runId']}/changes", q="talbot")
    assert [(c["kind"], c["state"], c["identity"]["address"]) for c in changes] == [
        ("create", "applied", "talbot.svensson@alpinedental.example")
    ]
    assert [c["contact"] for c in changes] == [
        {"contactId": changes[0]["contactId"], "fullName": changes[0]["after"]["fullName"]}
    ]


def test_a_contact_says_whom_it_comes_from_and_what_made_it(story: Story, admin: Program) -> None:
    (change,) = admin.items(f"/runs/{story.run['runId']}/changes", q="talbot")
    found = admin.get(f"/contacts/{change['contactId']}").data
    assert found["objectId"] == change["identity"]["objectId"]
    assert [(c["runId"], c["kind"]) for c in found["lastChanges"]] == [
        (story.run["runId"], "create")
    ]


_BUT_THE_STAMPS = (
    "SELECT to_jsonb(m) - '{last_success_at,health_at}'::text[] FROM entra_managed_tenants m"
)


def test_a_second_sync_writes_its_own_rows_the_cursors_and_the_last_success_alone(
    story: Story, admin: Program, inside: Inside
) -> None:
    before, customers = inside.everything(), inside.rows(_BUT_THE_STAMPS)
    run = admin.sync("all")
    after = inside.everything()
    assert run["state"] == "completed"
    kinds = inside.rows(
        "SELECT DISTINCT reading_kind FROM entra_sync_run_tenants WHERE run_id = %s", run["runId"]
    )
    assert kinds == [("delta",)]
    # Pages are the run's own as well, and none is left when it has ended.
    assert {name for name, rows in after.items() if rows != before[name]} == OWN_TABLES - {
        "entra_sync_pages"
    }
    assert sorted(inside.rows(_BUT_THE_STAMPS), key=str) == sorted(customers, key=str)
    assert admin.items(f"/runs/{run['runId']}/changes") == []
    counts = run["counts"]
    assert isinstance(counts, dict)
    assert counts["unchanged"] + counts["filtered"] == sum(
        len(p.created) + len(p.linked) + len(p.queued) + len(p.filtered)
        for p in story.predicted.values()
    )


def test_a_new_colleague_becomes_a_contact_at_the_next_sync_of_the_client(
    story: Story, admin: Program, microsoft: Simulator, host: RunningHost, inside: Inside
) -> None:
    new = {
        "userPrincipalName": "nina.new@brightaccounting.example",
        "mail": "Nina.New@BrightAccounting.example",
        "displayName": "Nina New",
        "accountEnabled": True,
        "userType": "Member",
    }
    tenant = "e0000000-0000-4000-8000-000000000002"
    microsoft.control("/users", {"tenant": tenant, "add": [new]})
    client = MAPPED["Bright Accounting"]
    run = admin.sync("client", clientId=client)
    assert run["counts"]["created"] == 1
    names = [p.name for p in inside.contacts(host.tenant_id(0)) if p.client_id == client]
    assert "Nina New" in names


def test_microsoft_was_asked_for_users_only_with_a_select_and_a_token_of_the_customer(
    story: Story, microsoft: Simulator
) -> None:
    readings = [r for r in microsoft.requests() if r["path"] == "/v1.0/users"]
    assert readings
    assert all("accountEnabled" in str(r["query"]) for r in readings)
    assert all(r["status"] == 200 for r in readings)
