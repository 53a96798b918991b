"""The simulator's CIPP asks Graph, and queues what is much, as the real one does."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from support.cipp import USERS, Cipp, asking_cipp, graph_error, refused
from support.microsoft import users_of
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
ALPINE_DOMAIN = "alpinedental.example"
DELTA_DOMAIN = "deltalogistics.example"


@pytest.fixture
def cipp(simulator: Simulator) -> Iterator[Cipp]:
    with asking_cipp(simulator) as client:
        yield client


# One tenant


def pages(cipp: Cipp, **parameters: str) -> list[list[dict[str, object]]]:
    """The pages of the recommended reading."""
    asked = {name.replace("$", "_"): value for name, value in USERS.items()} | parameters
    asked.pop("Endpoint")
    found = []
    link: str | None = ""
    while link is not None:
        following = {"nextLink": link} if link else {}
        document = cipp.graph("users", tenantFilter=ALPINE_DOMAIN, **asked, **following)
        found.append(document["Results"])
        link = document["Metadata"].get("nextLink")
    return found


def test_users_are_read_page_by_page(cipp: Cipp, simulator: Simulator) -> None:
    found = pages(cipp, _select="id,displayName", _top="20")

    assert [len(page) for page in found[:-1]] == [20] * (len(found) - 1)
    assert [user for page in found for user in page] == [
        {
            "displayName": u["displayName"],
            "id": u["id"],
            "Tenant": ALPINE_DOMAIN,
            "CippStatus": "Good",
        }
        for u in users_of(simulator, ALPINE)
    ]


def test_the_link_of_a_page_leads_to_graph_itself(cipp: Cipp) -> None:
    document = cipp.graph(
        "users", Version="v1.0", tenantFilter=ALPINE_DOMAIN, manualPagination="true", _top="20"
    )

    assert document["Metadata"]["nextLink"].startswith("https://graph.microsoft.com/v1.0/users?")
    assert document["Metadata"]["GraphHeaders"]["x-ms-resource-unit"] == ["2"]


def test_without_manual_pagination_all_pages_come_at_once(cipp: Cipp, simulator: Simulator) -> None:
    document = cipp.graph("users", Version="v1.0", tenantFilter=ALPINE_DOMAIN, _top="20")

    assert len(document["Results"]) == len(users_of(simulator, ALPINE))
    assert "nextLink" not in document["Metadata"]


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com.elsewhere.example/v1.0/users",
        "http://graph.microsoft.com/v1.0/users",
        "users",
    ],
)
def test_a_link_that_does_not_lead_to_graph_is_refused(cipp: Cipp, link: str) -> None:
    answer = cipp.get(
        "ListGraphRequest",
        Endpoint="users",
        tenantFilter=ALPINE_DOMAIN,
        manualPagination="true",
        nextLink=link,
    )

    assert graph_error(answer).startswith("Invalid nextLink URL")


def test_a_link_is_of_no_use_without_manual_pagination(cipp: Cipp) -> None:
    link = "https://graph.microsoft.com/v1.0/users?$skiptoken=x"

    answer = cipp.get(
        "ListGraphRequest", Endpoint="users", tenantFilter=ALPINE_DOMAIN, nextLink=link
    )

    refused(answer, 400)


def test_an_expired_link_is_told_in_words_only(cipp: Cipp, simulator: Simulator) -> None:
    asked = {"Version": "v1.0", "tenantFilter": ALPINE_DOMAIN, "manualPagination": "true"}
    link = cipp.graph("users", **asked, _top="20")["Metadata"]["nextLink"]
    simulator.control("/links", {"expire": True})

    answer = cipp.get("ListGraphRequest", Endpoint="users", **asked, nextLink=link)

    assert graph_error(answer).startswith("The specified page token value has expired.")


def test_without_a_version_beta_is_read_with_all_its_properties(cipp: Cipp) -> None:
    beta = cipp.graph("users", tenantFilter=ALPINE_DOMAIN)["Results"][0]
    v1 = cipp.graph("users", tenantFilter=ALPINE_DOMAIN, Version="v1.0")["Results"][0]

    assert "accountEnabled" in beta
    assert "accountEnabled" not in v1


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"Endpoint": ""}, "Cannot bind argument to parameter 'Endpoint'"),
        ({"Endpoint": "users", "Version": "v2.0"}, "Cannot validate argument"),
        ({"Endpoint": "users", "_select": "shoeSize"}, "Parsing OData Select and Expand failed"),
        ({"Endpoint": "users", "_top": "1000"}, "Invalid page size specified"),
        ({"Endpoint": "users", "_filter": "id ne 'x'"}, "Unsupported or invalid query filter"),
        ({"Endpoint": "users", "_expand": "manager"}, "The query parameter '$expand'"),
        ({"Endpoint": "persons"}, "Resource not found for the segment 'persons'"),
        ({"Endpoint": f"users/{UUID(int=0)}"}, "Resource '00000000-"),
    ],
)
def test_what_graph_refuses_is_a_string(cipp: Cipp, parameters: dict[str, str], says: str) -> None:
    answer = cipp.get("ListGraphRequest", tenantFilter=ALPINE_DOMAIN, **parameters)

    assert graph_error(answer).startswith(says)


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"granted": False}, 65001),
        ({"conditionalAccess": True}, 53003),
    ],
)
def test_a_tenant_that_does_not_let_cipp_in_is_a_string(
    cipp: Cipp, simulator: Simulator, change: dict[str, bool], number: int
) -> None:
    simulator.control("/consent", {"tenant": ALPINE, **change})

    answer = cipp.get("ListGraphRequest", Endpoint="users", tenantFilter=ALPINE_DOMAIN)

    assert f"AADSTS{number}" in graph_error(answer)


def test_a_relationship_without_a_role_that_reads_is_a_string(
    cipp: Cipp, simulator: Simulator
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "roles": [str(UUID(int=1))]})

    answer = cipp.get("ListGraphRequest", Endpoint="users", tenantFilter=ALPINE_DOMAIN)

    assert graph_error(answer).startswith("Insufficient privileges")


def test_errors_that_are_ignored_look_like_success(cipp: Cipp) -> None:
    answer = cipp.get(
        "ListGraphRequest", Endpoint="users", tenantFilter=DELTA_DOMAIN, IgnoreErrors="true"
    )

    assert refused(answer, 200).startswith("Graph Error: ")


@pytest.mark.parametrize("name", [ALPINE_DOMAIN, "nobody.example"])
def test_an_excluded_tenant_cannot_be_asked(cipp: Cipp, simulator: Simulator, name: str) -> None:
    simulator.control("/cipp", {"excluded": [ALPINE]})

    answer = cipp.get("ListGraphRequest", Endpoint="users", tenantFilter=name)

    assert graph_error(answer).startswith("Not allowed.")


def test_a_tenant_can_be_called_by_its_guid_in_live_calls(cipp: Cipp) -> None:
    document = cipp.graph("organization", tenantFilter=ALPINE.upper(), _select="id")

    assert document["Results"][0]["id"] == ALPINE
    assert document["Results"][0]["Tenant"] == ALPINE.upper()


def test_deleted_users_are_there_to_read(cipp: Cipp, simulator: Simulator) -> None:
    first, second, *_ = [user["id"] for user in users_of(simulator, ALPINE)]
    simulator.control("/users", {"tenant": ALPINE, "delete": [first, second]})
    asked = {"tenantFilter": ALPINE_DOMAIN, "Version": "v1.0", "manualPagination": "true"}
    endpoint = "directory/deletedItems/microsoft.graph.user"

    page = cipp.graph(endpoint, **asked, _select="id", _top="1")
    last = cipp.graph(endpoint, **asked, nextLink=page["Metadata"]["nextLink"])

    assert [row["id"] for row in page["Results"] + last["Results"]] == [first, second]
    assert "nextLink" not in last["Metadata"]


def test_delta_is_of_no_use_because_its_link_is_lost(cipp: Cipp) -> None:
    document = cipp.graph("users/delta", tenantFilter=ALPINE_DOMAIN, Version="v1.0")

    assert document["Results"]
    assert "deltaLink" not in str(document)


def test_a_single_user_is_one_row(cipp: Cipp, simulator: Simulator) -> None:
    user = users_of(simulator, ALPINE)[0]["id"]

    (row,) = cipp.graph(f"users/{user}", tenantFilter=ALPINE_DOMAIN, _select="id")["Results"]

    assert (row["id"], row["CippStatus"]) == (user, "Good")


@pytest.mark.parametrize("endpoint", ["contracts", "tenantRelationships/delegatedAdminCustomers"])
def test_without_a_tenant_the_partners_own_directory_is_read(cipp: Cipp, endpoint: str) -> None:
    rows = cipp.graph(endpoint)["Results"]

    assert len(rows) == 8
    assert {row["Tenant"] for row in rows} == {cipp.access.tenant_id}


def test_a_count_is_a_count(cipp: Cipp, simulator: Simulator) -> None:
    asked = {"tenantFilter": ALPINE_DOMAIN, "Version": "v1.0", "_count": "true"}

    (count,) = cipp.graph("users", **asked, CountOnly="true")["Results"]

    assert count == len(users_of(simulator, ALPINE))


def test_rows_can_be_sorted_by_cipp(cipp: Cipp) -> None:
    asked = {"tenantFilter": ALPINE_DOMAIN, "Version": "v1.0", "_select": "displayName"}

    rows = cipp.graph("users", **asked, Sort="displayName")["Results"]

    names = [row["displayName"].lower() for row in rows]
    assert names == sorted(names)


def test_the_first_row_stands_for_its_properties(cipp: Cipp) -> None:
    asked = {"tenantFilter": ALPINE_DOMAIN, "Version": "v1.0", "_select": "displayName,id"}

    assert cipp.graph("users", **asked, ListProperties="true")["Results"] == ["displayName", "id"]


def test_what_is_no_truth_value_is_an_error_of_the_server(cipp: Cipp) -> None:
    asked = {"tenantFilter": ALPINE_DOMAIN, "Endpoint": "users"}

    refused(cipp.get("ListGraphRequest", **asked, manualPagination="1"), 500)


# From a queue


def test_all_tenants_come_from_a_queue_with_a_row_for_each_that_failed(cipp: Cipp) -> None:
    asked = {"tenantFilter": "AllTenants", "Version": "v1.0", "_select": "id"}

    started, running, done = (cipp.graph("users", **asked) for _ in range(3))

    assert started["Results"] == running["Results"] == []
    assert started["Metadata"]["Queued"] is True
    assert started["Metadata"]["QueueMessage"].startswith("Loading data for all tenants")
    assert running["Metadata"]["QueueMessage"].startswith("Data still processing")
    assert running["Metadata"]["QueueId"] == started["Metadata"]["QueueId"]
    assert "Queued" not in done["Metadata"]
    (failed,) = [row for row in done["Results"] if row["CippStatus"] != "Good"]
    assert failed.keys() == {"Tenant", "CippStatus"}
    assert failed["Tenant"] == DELTA_DOMAIN
    assert failed["CippStatus"].startswith("Could not connect to tenant. ")


def test_a_queue_can_be_watched_until_it_is_done(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"queueSteps": 2})
    asked = {"tenantFilter": "AllTenants", "Version": "v1.0", "_select": "id"}
    queue_id = cipp.graph("users", **asked)["Metadata"]["QueueId"]

    looks = [cipp.listed("ListCippQueue", QueueId=queue_id)[0] for _ in range(4)]

    assert [look["Status"] for look in looks] == [
        *("Running", "Running"),
        *("Completed (with errors)", "Completed (with errors)"),
    ]
    assert (looks[-1]["TotalTasks"], looks[-1]["CompletedTasks"]) == (8, 8)
    assert (looks[-1]["FailedTasks"], looks[-1]["PercentComplete"]) == (1, 100)
    assert cipp.graph("users", **asked, QueueId=queue_id)["Results"]
    assert cipp.of(1).listed("ListCippQueue", QueueId=queue_id) == []


def test_without_the_cache_all_tenants_are_read_at_once(cipp: Cipp) -> None:
    asked = {"tenantFilter": "AllTenants", "Version": "v1.0", "_select": "id"}

    rows = cipp.graph("users", **asked, SkipCache="true")["Results"]

    assert [row["Tenant"] for row in rows if "id" not in row] == [DELTA_DOMAIN]


@pytest.fixture
def many(simulator: Simulator) -> int:
    """A customer with more users than CIPP reads at once."""
    users = [{"userPrincipalName": f"user{n}@{ALPINE_DOMAIN}"} for n in range(8001)]
    simulator.control("/users", {"tenant": ALPINE, "add": users})
    return len(users_of(simulator, ALPINE))


def test_a_large_tenant_that_is_counted_goes_to_a_queue(cipp: Cipp, many: int) -> None:
    asked = {"Version": "v1.0", "_select": "id", "_count": "true", "tenantFilter": ALPINE_DOMAIN}

    started, _, done = (cipp.graph("users", **asked) for _ in range(3))

    assert (started["Results"], started["Metadata"]["Queued"]) == ([], True)
    assert len(done["Results"]) == many


@pytest.mark.usefixtures("many")
def test_the_cache_never_finds_a_tenant_by_its_guid(cipp: Cipp) -> None:
    asked = {"Version": "v1.0", "_select": "id", "_count": "true", "tenantFilter": ALPINE}

    metadata = [cipp.graph("users", **asked)["Metadata"] for _ in range(6)]

    assert all(m["Queued"] for m in metadata)
    assert len({m["QueueId"] for m in metadata}) > 1


@pytest.mark.usefixtures("many")
def test_a_large_tenant_is_read_page_by_page_without_a_queue(cipp: Cipp) -> None:
    document = cipp.graph(
        "users",
        tenantFilter=ALPINE_DOMAIN,
        Version="v1.0",
        manualPagination="true",
        _top="999",
        _count="true",
    )

    assert len(document["Results"]) == 999
    assert document["Metadata"]["nextLink"]


def test_queued_is_not_empty(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"queued": True})

    document = cipp.graph("users", tenantFilter=ALPINE_DOMAIN, manualPagination="true")

    assert document["Results"] == []
    assert document["Metadata"]["Queued"] is True
    assert document["Metadata"]["QueueId"]


def test_a_tenant_can_fail_with_a_row_that_is_no_user(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"errorRows": [ALPINE]})

    document = cipp.graph("users", tenantFilter=ALPINE_DOMAIN, manualPagination="true")

    (row,) = document["Results"]
    assert row.keys() == {"Tenant", "CippStatus"}
    assert row["CippStatus"].startswith("Could not connect to tenant. ")
