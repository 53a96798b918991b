"""The panel on a contact: where it comes from, what people have it say otherwise, and its end."""

from collections.abc import Iterator

import pytest

from support.folders import write_seed
from support.program import Json
from support.ruling import Meet, users
from support.running import RunningHost, running_devhost
from support.undoing import Customer, rules


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=3, users=3)
    with running_devhost(seed=str(folder)) as running:
        yield running


def contact_of(customer: Customer, number: int) -> str:
    """The id of the contact of a person."""
    ((found,),) = customer.inside.rows(
        "SELECT id::text FROM psa_contacts WHERE email = %s", customer.address(number)
    )
    return str(found)


def panel(customer: Customer, contact: str) -> str:
    """The fragment for the host's page."""
    answer = customer.admin.http.get(f"/integrations/entra/fragments/contacts/{contact}")
    return answer.raise_for_status().text


def facts(customer: Customer, contact: str) -> Json:
    """The same by the API."""
    return customer.admin.get(f"/contacts/{contact}").data


def test_a_local_edit_and_the_pins_are_shown(meet: Meet) -> None:
    customer = meet(1)
    customer.change(0, jobTitle="Engineer")
    rules(customer.admin, role=True)
    customer.sync()
    contact = contact_of(customer, 0)
    assert "Different from the directory" not in panel(customer, contact)
    assert facts(customer, contact)["edited"] == []
    customer.edit(0, role="Chief Engineer")
    customer.pin("keep_active", 0)
    shown = panel(customer, contact)
    assert "Job title: Chief Engineer here, Engineer there" in shown
    assert "Syncs keep this contact active" in shown
    edited = {"field": "role", "contact": "Chief Engineer", "directory": "Engineer"}
    assert facts(customer, contact)["edited"] == [edited]
    rules(customer.admin)


def test_what_syncs_did_is_shown_youngest_first(meet: Meet) -> None:
    customer = meet(3)
    customer.sync()
    contact = contact_of(customer, 1)
    assert [change["kind"] for change in facts(customer, contact)["lastChanges"]] == ["link"]
    rules(customer.admin, role=True)
    customer.change(1, jobTitle="Engineer")
    run = customer.sync()
    users(customer, disable=[customer.object_id(1)])
    customer.sync()
    changes = facts(customer, contact)["lastChanges"]
    assert [change["kind"] for change in changes] == ["inactivate", "update", "link"]
    assert (changes[1]["runId"], changes[1]["after"]) == (run["runId"], {"role": "Engineer"})
    rules(customer.admin)


def test_a_contact_that_an_undo_let_go_says_so(meet: Meet) -> None:
    customer = meet(2)
    run = customer.sync()
    contact = contact_of(customer, 0)
    assert facts(customer, contact)["closedAt"] is None
    customer.undone(run)
    found = facts(customer, contact)
    assert found["closedReason"] == "undone"
    assert found["closedAt"] > found["linkedAt"]
    assert found["closedReasonText"] in panel(customer, contact)
    assert [change["kind"] for change in found["lastChanges"]] == ["inactivate", "create"]
    customer.resume(run)
    customer.sync()
    assert facts(customer, contact)["closedReason"] is None


def test_a_contact_whose_person_was_erased_tells_nothing(meet: Meet) -> None:
    customer = meet(3)
    customer.sync()
    contact = contact_of(customer, 0)
    users(customer, deletePermanently=[customer.object_id(0)])
    person = f"/identities/{facts(customer, contact)['entraTenantId']}/{customer.object_id(0)}"
    assert customer.admin.post(f"{person}/erase").status == 200
    assert customer.admin.get(f"/contacts/{contact}").status == 404
