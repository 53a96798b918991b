"""What is held waits as data: through restarts, and until everything that it rests on is there."""

import os
import signal
from collections.abc import Iterator
from itertools import product

import pytest

from support.folders import client_id, write_seed
from support.program import Json, Program
from support.ruling import Meet
from support.running import RunningHost, running_devhost
from support.simulator import Simulator
from support.undoing import Customer, guard, rules

CUSTOMERS = 15
USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
LEAVING = range(3)
"""Half of them: too many for the guard."""

UI = "entra-integration-ui"
FIELD_SYNC = "entra-integration-field-sync"

_PLANNED = "SELECT count(*) FROM entra_sync_changes WHERE run_id = %s AND state = 'planned'"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=CUSTOMERS, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture(autouse=True)
def as_before(admin: Program) -> Iterator[None]:
    yield
    rules(admin)
    guard(admin)


def leaving(customer: Customer) -> Json:
    """A run that holds that half of the people become inactive."""
    customer.sync()
    for number in LEAVING:
        customer.change(number, accountEnabled=False)
    run = customer.sync()
    assert (run["state"], run["counts"]["held"]) == ("held", len(LEAVING))
    return run


def overwriting(customer: Customer) -> Json:
    """A run that holds that the titles of two people change."""
    rules(customer.admin, role=True)
    customer.sync()
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    for number in (2, 3):
        customer.change(number, jobTitle="Head")
    run = customer.sync()
    assert (run["state"], run["counts"]["held"]) == ("held", 2)
    return run


def approve(customer: Customer, run: Json, **body: object) -> None:
    answer = customer.admin.post(f"/runs/{run['runId']}/approve", body)
    assert answer.status == 202, answer.body


def settled(customer: Customer, run: Json) -> Json:
    """The run, once nothing that was approved is left to be applied, and that is counted."""

    def good(found: Json) -> bool:
        left = len(customer.rows(run, state="held"))
        return not customer.rows(run, state="planned") and found["counts"]["held"] == left

    return customer.admin.until(lambda: customer.admin.get(f"/runs/{run['runId']}").data, good)


def titles(customer: Customer) -> dict[str, str]:
    found = customer.inside.rows(
        "SELECT email, role FROM psa_contacts WHERE client_id = %s", customer.client
    )
    return {str(email).partition("@")[0]: str(role) for email, role in found}


def test_what_a_person_edited_meanwhile_is_not_overwritten_by_an_approval(meet: Meet) -> None:
    customer = meet(1)
    run = overwriting(customer)
    customer.edit(2, role="Owner")
    approve(customer, run)
    assert settled(customer, run)["state"] == "completed"
    (stale,) = customer.rows(run, state="stale").values()
    assert stale["note"]["found"] == "changed"
    assert stale["note"]["now"] == {"role": "Owner"}
    assert (titles(customer)["person2"], titles(customer)["person3"]) == ("Owner", "Head")


def test_what_was_discarded_is_not_planned_again_until_the_directory_changes(meet: Meet) -> None:
    customer = meet(2)
    run = overwriting(customer)
    assert customer.admin.post(f"/runs/{run['runId']}/discard", {}).data["rows"] == 2
    assert customer.admin.get(f"/runs/{run['runId']}").data["state"] == "completed"
    guard(customer.admin)
    assert customer.rows(customer.sync()) == {}
    assert titles(customer)["person2"] == "Clerk"
    customer.change(2, jobTitle="Chief")
    assert customer.rows(customer.sync()).keys() == {("person2", "update")}
    assert (titles(customer)["person2"], titles(customer)["person3"]) == ("Chief", "Clerk")


def test_moves_that_were_discarded_are_not_planned_again_until_the_directory_changes(
    meet: Meet,
) -> None:
    customer, other = meet(11), client_id(12)
    customer.sync()
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    customer.remap(other)
    run = customer.sync(other)
    moving = EVERYBODY - {"person1"}
    assert customer.rows(run, state="held").keys() == {(name, "move") for name in moving}
    assert customer.admin.post(f"/runs/{run['runId']}/discard", {}).data["rows"] == len(moving)
    verdicts = {name: verdict for name, verdict in customer.verdicts().items() if name in moving}
    assert verdicts == dict.fromkeys(moving, "ignored")
    guard(customer.admin, graceDays=1)
    assert customer.rows(customer.sync(other)) == {}
    assert customer.active() == EVERYBODY
    customer.change(2, displayName="Person Two")
    assert customer.rows(customer.sync(other)).keys() == {("person2", "move")}
    assert "person2" in customer.active(other)


def test_an_approval_while_the_rule_is_off_overwrites_nothing(
    meet: Meet, host: RunningHost
) -> None:
    customer = meet(3)
    run = overwriting(customer)
    host.target(FIELD_SYNC, host.tenant_id(0), "remove")
    try:
        approve(customer, run)
        settled(customer, run)
    finally:
        host.target(FIELD_SYNC, host.tenant_id(0), "add")
    found = customer.rows(run, kind="update").values()
    assert {row["state"] for row in found} == {"stale"}
    assert {row["note"]["found"] for row in found} == {"rule_off"}
    assert titles(customer)["person2"] == "Clerk"


def test_an_approval_for_another_mapping_is_refused_and_approves_nothing(meet: Meet) -> None:
    mapped, unmapped = meet(14), meet(15)
    mapped.sync()
    unmapped.sync()
    for customer, number in product((mapped, unmapped), LEAVING):
        customer.change(number, accountEnabled=False)
    run = mapped.admin.sync("all")
    assert (run["state"], run["counts"]["held"]) == ("held", 2 * len(LEAVING))
    body = {"managedTenantId": unmapped.managed_tenant}
    assert mapped.admin.post("/mappings/unmap", body).status == 200
    refused = mapped.admin.post(f"/runs/{run['runId']}/approve", {})
    assert refused.failure == (422, "mapping_changed")
    assert refused.body["details"] == body
    assert mapped.inside.rows(_PLANNED, run["runId"]) == [(0,)]
    assert mapped.active() == unmapped.active() == EVERYBODY
    approve(mapped, run, managedTenantId=mapped.managed_tenant)
    after = settled(mapped, run)
    assert (after["state"], after["counts"]["held"]) == ("held", len(LEAVING))


def test_rows_are_held_again_when_the_mapping_becomes_another_before_they_are_applied(
    meet: Meet, host: RunningHost
) -> None:
    customer = meet(4)
    run = leaving(customer)
    body = {"managedTenantId": customer.managed_tenant}
    with host.paused("worker"):
        approve(customer, run)
        assert customer.admin.post("/mappings/unmap", body).status == 200
    after = settled(customer, run)
    assert (after["state"], after["counts"]["held"]) == ("held", len(LEAVING))
    assert customer.active() == EVERYBODY


def test_an_approval_needs_a_connection(meet: Meet, microsoft: Simulator) -> None:
    customer = meet(5)
    run = leaving(customer)
    assert customer.admin.post("/disconnect").status == 200
    refused = customer.admin.post(f"/runs/{run['runId']}/approve", {})
    assert refused.failure == (422, "not_connected")
    assert len(customer.rows(run, state="held")) == len(LEAVING)
    customer.admin.connect(microsoft)
    approve(customer, run)
    after = settled(customer, run)
    assert (after["state"], after["counts"]["inactivated"]) == ("completed", len(LEAVING))
    assert len(customer.active()) == USERS - len(LEAVING)


def test_rows_are_held_again_when_the_feature_is_switched_off_before_they_are_applied(
    meet: Meet, host: RunningHost
) -> None:
    customer = meet(6)
    run = leaving(customer)
    msp = host.tenant_id(0)
    with host.paused("worker"):
        approve(customer, run)
        host.target(UI, msp, "remove")
        refused = customer.admin.post(f"/runs/{run['runId']}/approve", {})
        assert refused.failure == (404, "not_found")
    try:
        customer.admin.until(
            lambda: {"left": customer.inside.rows(_PLANNED, run["runId"])},
            lambda found: found["left"] == [(0,)],
        )
    finally:
        host.target(UI, msp, "add")
    assert customer.admin.get(f"/runs/{run['runId']}").data["state"] == "held"
    assert len(customer.rows(run, state="held")) == len(LEAVING)
    assert customer.active() == EVERYBODY


def test_without_temporal_an_approval_is_taken_back(meet: Meet, host: RunningHost) -> None:
    customer = meet(13)
    run = leaving(customer)
    with host.paused("temporal"):
        refused = customer.admin.post(f"/runs/{run['runId']}/approve", {})
        assert refused.failure == (503, "temporal_unavailable")
    assert len(customer.rows(run, state="held")) == len(LEAVING)
    approve(customer, run)
    assert settled(customer, run)["counts"]["inactivated"] == len(LEAVING)


def test_held_rows_outlive_the_worker(meet: Meet, host: RunningHost) -> None:
    customer = meet(7)
    run = leaving(customer)
    os.kill(host.pid("worker"), signal.SIGKILL)
    assert customer.admin.get(f"/runs/{run['runId']}").data["counts"]["held"] == len(LEAVING)
    approve(customer, run)
    after = settled(customer, run)
    assert (after["state"], after["counts"]["inactivated"]) == ("completed", len(LEAVING))


def test_many_clients_that_lose_a_few_each_are_held_together_and_approved_one_by_one(
    meet: Meet,
) -> None:
    first, second = meet(8), meet(9)
    first.sync()
    second.sync()
    guard(first.admin, runInactivateMin=1, runInactivatePercent=1)
    for customer in (first, second):
        customer.change(0, accountEnabled=False)
    run = first.admin.sync("all")
    assert (run["state"], run["counts"]["held"]) == ("held", 2)
    assert first.active() == second.active() == EVERYBODY
    approve(first, run, managedTenantId=first.managed_tenant)
    after = settled(first, run)
    assert (after["state"], after["counts"]["held"]) == ("held", 1)
    assert (first.active(), second.active()) == (EVERYBODY - {"person0"}, EVERYBODY)
    approve(first, run, managedTenantId=second.managed_tenant)
    assert settled(first, run)["state"] == "completed"
    assert second.active() == EVERYBODY - {"person0"}
    nobody = first.admin.post(f"/runs/{run['runId']}/approve", {})
    assert nobody.failure == (409, "changed_meanwhile")


def test_what_may_be_a_shared_mailbox_is_noted_and_held_if_so_set(meet: Meet) -> None:
    customer = meet(10)
    sku = [{"skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "disabledPlans": []}]
    customer.change(1, assignedLicenses=sku)
    customer.sync()
    guard(customer.admin, holdSharedMailboxSuspects=True)
    customer.change(0, accountEnabled=False)
    customer.change(1, accountEnabled=False)
    run = customer.sync()
    (held,) = customer.rows(run, state="held").items()
    assert held[0] == ("person0", "inactivate")
    assert held[1]["note"] == {"maybeSharedMailbox": True}
    assert customer.active() == EVERYBODY - {"person1"}


def test_nobody_becomes_inactive_while_that_is_switched_off(meet: Meet) -> None:
    customer = meet(1)
    guard(customer.admin, markInactiveWhenDisabled=False)
    customer.sync()
    customer.change(5, accountEnabled=False)
    assert customer.rows(customer.sync()) == {}
    assert customer.active() == EVERYBODY
    guard(customer.admin)
    assert customer.rows(customer.sync()).keys() == {("person5", "inactivate")}
    assert customer.active() == EVERYBODY - {"person5"}
