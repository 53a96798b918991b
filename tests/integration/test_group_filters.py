"""Groups that say whom a sync takes and whom it leaves out, groups within them counted."""

from collections.abc import Iterator

import pytest

from support.folders import tenant_id, write_seed
from support.program import Json
from support.ruling import Meet, changes, reading, rests
from support.running import RunningHost, running_devhost
from support.undoing import Customer

USERS = 6
EVERYBODY = {f"person{n}" for n in range(USERS)}
OUTER, INNER, OTHER = (f"90000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=8, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(meet: Meet) -> Iterator[None]:
    yield
    meet(1).microsoft.control("/faults", [])


def group(customer: Customer, group_id: str, *members: str) -> None:
    """Put a group with these direct members into the directory."""
    found = {"id": group_id, "displayName": f"Group {group_id[-1]}", "members": list(members)}
    customer.microsoft.control("/groups", {"tenant": tenant_id(customer.number), "put": [found]})


def nested(customer: Customer) -> None:
    """Person 0 is in the outer group, person 2 in the one within it, person 3 in another."""
    group(customer, INNER, customer.object_id(2))
    group(customer, OUTER, customer.object_id(0), INNER)
    group(customer, OTHER, customer.object_id(3), customer.object_id(2))


def take(customer: Customer, **groups: list[str]) -> None:
    """Set the groups of a customer."""
    path = f"/managed-tenants/{customer.managed_tenant}/settings"
    body = {"version": customer.admin.get(path).data["version"], "userFilterConfig": groups}
    assert customer.admin.post(path, body, method="PUT").status == 200


def reasons(customer: Customer) -> dict[str, str]:
    """Why people are left out, by the local part of the address."""
    found = customer.admin.items(
        "/identities", managedTenantId=customer.managed_tenant, verdict="filtered"
    )
    return {str(one["address"]).partition("@")[0]: str(one["reason"]) for one in found}


def part(customer: Customer, run: Json) -> Json:
    """The part of a run that is about a customer."""
    tenants = customer.admin.get(f"/runs/{run['runId']}").data["tenants"]
    return next(t for t in tenants if t["managedTenantId"] == customer.managed_tenant)


def test_only_who_is_in_a_group_or_in_one_within_it_is_taken(meet: Meet) -> None:
    customer = meet(1)
    nested(customer)
    take(customer, includeGroupIds=[OUTER])
    customer.sync()
    assert customer.linked() == {"person0", "person2"}
    assert reasons(customer) == dict.fromkeys(EVERYBODY - {"person0", "person2"}, "not_in_group")
    rests(customer)


def test_who_is_in_an_excluded_group_is_left_out_whatever_else_he_is_in(meet: Meet) -> None:
    customer = meet(2)
    nested(customer)
    take(customer, includeGroupIds=[OUTER], excludeGroupIds=[OTHER])
    customer.sync()
    assert customer.linked() == {"person0"}
    assert reasons(customer) == {
        **dict.fromkeys({"person1", "person3", "person4", "person5"}, "not_in_group"),
        "person2": "in_excluded_group",
    }
    rests(customer)


def test_a_nested_group_is_excluded_with_the_one_around_it(meet: Meet) -> None:
    customer = meet(3)
    nested(customer)
    take(customer, excludeGroupIds=[OUTER])
    customer.sync()
    assert customer.linked() == EVERYBODY - {"person0", "person2"}
    assert reasons(customer) == dict.fromkeys({"person0", "person2"}, "in_excluded_group")


def test_who_joins_the_group_is_taken_though_he_is_as_he_was(meet: Meet) -> None:
    customer = meet(4)
    nested(customer)
    take(customer, includeGroupIds=[OUTER])
    customer.sync()
    group(customer, INNER, customer.object_id(2), customer.object_id(4))
    run = customer.sync()
    assert reading(customer, run) == ("full", False)
    assert changes(run) == {"created": 1}
    assert customer.linked() == {"person0", "person2", "person4"}
    rests(customer)


def test_who_is_linked_stays_so_when_he_leaves_the_group(meet: Meet) -> None:
    customer = meet(5)
    nested(customer)
    take(customer, includeGroupIds=[OUTER])
    customer.sync()
    group(customer, INNER)
    assert changes(customer.sync()) == {}
    assert customer.linked() == {"person0", "person2"}
    assert customer.active() >= {"person0", "person2"}
    rests(customer)


def test_a_group_that_may_not_be_read_is_no_empty_group(meet: Meet) -> None:
    customer = meet(8)
    nested(customer)
    take(customer, excludeGroupIds=[OTHER])
    customer.microsoft.control(
        "/faults",
        {
            "match": r"^GET /v1\.0/groups/",
            "tenants": [tenant_id(customer.number)],
            "status": 403,
            "body": {"error": {"code": "Authorization_RequestDenied", "message": "No."}},
        },
    )
    run = customer.sync()
    assert run["state"] == "failed"
    assert part(customer, run)["error"]["code"] == "group_unreadable"
    assert customer.linked() == set()
    customer.microsoft.control("/faults", [])
    customer.sync()
    assert customer.linked() == EVERYBODY - {"person2", "person3"}


def test_a_group_that_cannot_be_read_fails_that_customer_alone_and_changes_nobody(
    meet: Meet,
) -> None:
    customer, other = meet(6), meet(7)
    nested(customer)
    take(customer, includeGroupIds=[OUTER])
    customer.sync()
    linked, active = customer.linked(), customer.active()
    customer.microsoft.control("/groups", {"tenant": tenant_id(customer.number), "remove": [OUTER]})
    run = customer.admin.sync("all")
    assert run["state"] == "partial"
    failed = part(customer, run)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "group_unreadable")
    assert part(other, run)["state"] == "completed"
    assert other.linked() == EVERYBODY
    assert (customer.linked(), customer.active()) == (linked, active)
    nested(customer)
    rests(customer)
