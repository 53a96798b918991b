"""Deciding which client a customer is: all or nothing, on what was seen, and never across MSPs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from support.inside import Inside
from support.program import Json, Program, Reply
from support.running import RunningHost
from support.simulator import Simulator

ALPINE_CLIENT = "c1000000-0000-4000-8000-000000000001"
YACHTS_CLIENT = "c1000000-0000-4000-8000-000000000010"
CLOSED_CLIENT = "c1000000-0000-4000-8000-000000000011"


@pytest.fixture(scope="module")
def discovered(admin: Program, microsoft: Simulator) -> Program:
    """The administrator, after a discovery."""
    admin.connect(microsoft)
    admin.discover()
    return admin


@pytest.fixture(scope="module")
def other(host: RunningHost, microsoft: Simulator) -> Iterator[Program]:
    """The administrator of another MSP, who manages some of the same customers."""
    with Program(host.base_url, "admin@southwind.example") as program:
        assert "outcome=connected" in program.connect(microsoft, partner=1)
        program.discover()
        yield program


def rows(program: Program) -> dict[str, Json]:
    """Every row of the preview by its name."""
    preview = program.get("/mappings/preview").data
    lists = (preview[name] for name in ("autoMatched", "needsReview", "unmatched", "decided"))
    return {row["displayName"]: row for part in lists for row in part}


def version(program: Program) -> int:
    return int(str(program.get("/mappings/preview").data["version"]))


def confirm(program: Program, *decisions: Json, at: int | None = None) -> Reply:
    seen = version(program) if at is None else at
    return program.post("/mappings/confirm", {"version": seen, "decisions": list(decisions)})


def mapped(program: Program, name: str, client: str = ALPINE_CLIENT) -> Json:
    tenant = rows(program)[name]["managedTenantId"]
    return {"managedTenantId": tenant, "state": "mapped", "clientId": client}


def decided(program: Program) -> dict[str, tuple[object, object]]:
    return {
        str(m["displayName"]): (m["state"], m["clientId"])
        for m in program.items("/mappings", limit=2)
    }


def open_links(inside: Inside) -> list[tuple[object, ...]]:
    """Identity and contact of Alpine's open links."""
    return inside.rows(
        "SELECT object_id, contact_id FROM entra_contact_links"
        " WHERE state = 'active' AND entra_tenant_id = %s ORDER BY 1",
        "e0000000-0000-4000-8000-000000000001",
    )


def test_opening_the_preview_writes_nothing_and_asks_microsoft_nothing(
    discovered: Program, microsoft: Simulator, inside: Inside
) -> None:
    microsoft.forget_requests()
    before = inside.versions()
    assert rows(discovered)
    assert inside.versions() == before
    assert microsoft.requests() == []


def test_a_candidate_shows_its_score_and_its_reasons_in_words(discovered: Program) -> None:
    match = rows(discovered)["Alpine Dental Group"]["match"]
    assert isinstance(match, dict)
    assert match["clientName"] == "Alpine Dental Group Ltd"
    assert 0.9 < match["score"] <= 1
    assert "alpinedental.example" in str(match["reasons"])


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        ({"managedTenantId": str(uuid4()), "state": "skipped"}, "unknown_tenant"),
        ({"state": "mapped", "clientId": str(uuid4())}, "unknown_client"),
        ({"state": "mapped", "clientId": CLOSED_CLIENT}, "unknown_client"),
        ({"state": "mapped"}, "client_required"),
    ],
)
def test_one_bad_decision_refuses_the_whole_set(
    discovered: Program, decision: Json, code: str
) -> None:
    before = decided(discovered)
    tenant = rows(discovered)["Harborview Clinic"]["managedTenantId"]
    bad = {"managedTenantId": tenant, **decision}
    answer = confirm(discovered, mapped(discovered, "Alpine Dental Group"), bad)
    assert answer.failure == (422, code)
    assert decided(discovered) == before


def test_the_same_tenant_twice_in_a_set_is_refused(discovered: Program) -> None:
    one = mapped(discovered, "Alpine Dental Group")
    assert confirm(discovered, one, {**one, "state": "skipped"}).failure[1] in {
        "duplicate_tenant",
        "malformed_request",
    }
    assert confirm(discovered, one, one).failure == (422, "duplicate_tenant")


def test_a_client_or_a_tenant_of_another_msp_is_unknown(
    discovered: Program, other: Program, inside: Inside, host: RunningHost
) -> None:
    foreign_client = str(
        inside.rows("SELECT id FROM psa_clients WHERE tenant_id = %s", host.tenant_id(1))[0][0]
    )
    answer = confirm(discovered, mapped(discovered, "Alpine Dental Group", foreign_client))
    assert answer.failure == (422, "unknown_client")
    foreign_tenant = rows(other)["Alpine Dental Group"]["managedTenantId"]
    decision = {"managedTenantId": foreign_tenant, "state": "mapped", "clientId": ALPINE_CLIENT}
    assert confirm(discovered, decision).failure == (422, "unknown_tenant")


def test_two_msps_with_the_same_customer_do_not_see_each_other(
    discovered: Program, other: Program
) -> None:
    ours, theirs = (
        {t["managedTenantId"] for t in program.items("/managed-tenants")}
        for program in (discovered, other)
    )
    assert len(ours) == 8
    assert len(theirs) == 2
    assert not ours & theirs
    run = discovered.get("/runs").data["items"][0]
    assert other.get(f"/runs/{run['runId']}").failure == (404, "not_found")
    assert other.post(f"/runs/{run['runId']}/cancel").failure == (404, "not_found")


def test_a_decision_on_an_older_preview_is_a_conflict_only_if_its_row_changed(
    discovered: Program,
) -> None:
    seen = version(discovered)
    assert confirm(discovered, mapped(discovered, "Alpine Dental Group"), at=seen).status == 200
    skip = {"managedTenantId": rows(discovered)["Harborview Clinic"]["managedTenantId"]}
    assert confirm(discovered, {**skip, "state": "skipped"}, at=seen).status == 200
    again = mapped(discovered, "Alpine Dental Group", YACHTS_CLIENT)
    answer = confirm(discovered, again, at=seen)
    assert answer.failure == (409, "stale_version")
    assert again["managedTenantId"] in str(answer.body["details"])
    assert decided(discovered)["Alpine Dental Group"] == ("mapped", ALPINE_CLIENT)


def test_a_decision_on_a_version_that_no_preview_has_had_is_a_conflict(
    discovered: Program,
) -> None:
    before, now = decided(discovered), version(discovered)
    skip = {"managedTenantId": rows(discovered)["Harborview Clinic"]["managedTenantId"]}
    for at in (now + 1, 2**31):
        answer = confirm(discovered, {**skip, "state": "skipped"}, at=at)
        assert answer.failure == (409, "stale_version")
        assert answer.body["details"] == {"managedTenantIds": [skip["managedTenantId"]]}
    assert (decided(discovered), version(discovered)) == (before, now)


def test_of_two_operators_who_confirm_overlapping_sets_one_wins_whole(
    discovered: Program, host: RunningHost
) -> None:
    seen = version(discovered)
    names = ("Bright Accounting", "Cedar Grove School", "Fjord Fisk AS")
    tenants = [rows(discovered)[name]["managedTenantId"] for name in names]
    clients = (ALPINE_CLIENT, YACHTS_CLIENT)

    def attempt(client: str) -> Reply:
        with Program(host.base_url, "admin@northwind.example") as operator:
            decisions = [
                {"managedTenantId": tenant, "state": "mapped", "clientId": client}
                for tenant in tenants
            ]
            return confirm(operator, *decisions, at=seen)

    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip(clients, pool.map(attempt, clients), strict=True))
    assert sorted(a.status for a in answers.values()) == [200, 409]
    winner = next(client for client, a in answers.items() if a.status == 200)
    assert [decided(discovered)[name] for name in names] == [("mapped", winner)] * 3


def test_remap_and_unmap_close_the_links_and_keep_the_contacts(
    discovered: Program, host: RunningHost, inside: Inside
) -> None:
    confirm(discovered, mapped(discovered, "Alpine Dental Group"))
    assert discovered.sync("client", clientId=ALPINE_CLIENT)["state"] == "completed"
    people = inside.contacts(host.tenant_id(0))
    assert len(open_links(inside)) == 50
    tenant = rows(discovered)["Alpine Dental Group"]["managedTenantId"]
    body = {"managedTenantId": tenant, "clientId": YACHTS_CLIENT}
    assert discovered.post("/mappings/remap", body).status == 200
    assert open_links(inside) == []
    assert inside.contacts(host.tenant_id(0)) == people
    assert discovered.post("/mappings/unmap", {"managedTenantId": tenant}).status == 200
    assert decided(discovered).get("Alpine Dental Group", ("unmapped", None)) == ("unmapped", None)
    assert inside.contacts(host.tenant_id(0)) == people


def test_mapped_again_to_the_same_client_its_links_are_open_again(
    discovered: Program, inside: Inside
) -> None:
    confirm(discovered, mapped(discovered, "Alpine Dental Group"))
    opened = open_links(inside)
    assert len(opened) == 50
    run = discovered.sync("client", clientId=ALPINE_CLIENT)
    counts = run["counts"]
    assert isinstance(counts, dict)
    assert (counts["created"], counts["linked"]) == (0, 0)
    assert open_links(inside) == opened


def test_a_client_is_created_once_by_an_explicit_sync(
    discovered: Program, inside: Inside, host: RunningHost
) -> None:
    tenant = rows(discovered)["Harborview Clinic"]["managedTenantId"]
    confirm(discovered, {"managedTenantId": tenant, "state": "create_new"})
    clients = "SELECT count(*) FROM psa_clients WHERE tenant_id = %s AND name = 'Harborview Clinic'"
    assert inside.rows(clients, host.tenant_id(0)) == [(0,)]
    for _ in range(2):
        assert discovered.sync("all")["state"] == "completed"
        assert inside.rows(clients, host.tenant_id(0)) == [(1,)]
    assert (
        len([p for p in inside.contacts(host.tenant_id(0)) if "harborview" in str(p.email)]) == 40
    )


def test_creating_clients_needs_its_own_permission(host: RunningHost, inside: Inside) -> None:
    with Program(host.base_url, "tech@northwind.example") as reader:
        body = {"version": 0, "decisions": []}
        assert reader.post("/mappings/confirm", body).failure == (403, "permission_missing")


def test_a_sync_of_a_client_that_is_not_mapped_is_refused(discovered: Program) -> None:
    body = {"scope": "client", "clientId": "c1000000-0000-4000-8000-000000000009"}
    assert discovered.post("/sync", body).failure == (422, "not_mapped")
    body["clientId"] = str(uuid4())
    assert discovered.post("/sync", body).failure[0] in {404, 422}


def test_two_starts_at_once_join_one_run(host: RunningHost, discovered: Program) -> None:
    def start(_: int) -> Json:
        with Program(host.base_url, "admin@northwind.example") as operator:
            return operator.post("/sync", {"scope": "all"}).data

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(start, range(4)))
    runs = {a["runId"] for a in answers}
    fresh = {a["runId"] for a in answers if not a["joined"]}
    assert runs == fresh
    for run in runs:
        assert discovered.finished(run)["state"] == "completed"
