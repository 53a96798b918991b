"""What the simulator tells a partner of his customers, and what he may read of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from support.microsoft import Microsoft, users_of
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
BRIGHT = "e0000000-0000-4000-8000-000000000002"
CEDAR = "e0000000-0000-4000-8000-000000000003"
NEW = "e0000000-0000-4000-8000-000000000099"
NO_ROLE = "11111111-0000-4000-8000-000000000001"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
CUSTOMERS = "/v1.0/tenantRelationships/delegatedAdminCustomers"
RELATIONSHIPS = "/v1.0/tenantRelationships/delegatedAdminRelationships"
LIGHTHOUSE = "/beta/tenantRelationships/managedTenants/tenants"
INFORMATION = "/v1.0/tenantRelationships/findTenantInformationByTenantId"


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found = answer.json()["value"]
    assert isinstance(found, list)
    return found


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


# Relationships


def test_a_relationship_is_as_it_was_set(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    end = (datetime.now(UTC) + timedelta(days=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "tenant": CEDAR,
        "name": "MLT_led",
        "end": end,
        "autoExtend": True,
        "roles": [GLOBAL_READER],
    }

    simulator.control("/relationships", body)

    found = rows(microsoft.get(f"{RELATIONSHIPS}?$top=300", partner_token))
    row = next(r for r in found if r["customer"]["tenantId"] == CEDAR)
    assert (row["displayName"], row["status"], row["endDateTime"]) == ("MLT_led", "active", end)
    assert row["autoExtendDuration"] == "P180D"
    assert row["accessDetails"]["unifiedRoles"] == [{"roleDefinitionId": GLOBAL_READER}]


@pytest.mark.parametrize("status", ["approvalPending", "expired", "terminated", "expiring"])
def test_a_customer_is_listed_while_a_relationship_is_active(
    microsoft: Microsoft, simulator: Simulator, partner_token: str, status: str
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "status": status})

    listed = {row["tenantId"] for row in rows(microsoft.get(CUSTOMERS, partner_token))}

    assert ALPINE not in listed
    assert BRIGHT in listed


def test_only_active_relationships_pass_the_filter_for_them(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "status": "terminated"})
    path = f"{RELATIONSHIPS}?$filter=status eq "

    active = rows(microsoft.get(f"{path}'active'", partner_token))
    ended = rows(microsoft.get(f"{path}'terminated'", partner_token))

    assert ALPINE not in {row["customer"]["tenantId"] for row in active}
    assert [row["customer"]["tenantId"] for row in ended] == [ALPINE]


def test_a_relationship_whose_end_has_come_is_expired(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "end": "2020-01-01T00:00:00Z"})

    found = rows(microsoft.get(RELATIONSHIPS, partner_token))

    assert [r["status"] for r in found if r["customer"]["tenantId"] == ALPINE] == ["expired"]


def test_a_second_relationship_keeps_the_customer(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "status": "terminated"})
    body = {"tenant": ALPINE, "add": True, "name": "Second", "roles": [GLOBAL_READER]}

    simulator.control("/relationships", body)

    found = rows(microsoft.get(RELATIONSHIPS, partner_token))
    assert sorted(r["status"] for r in found if r["customer"]["tenantId"] == ALPINE) == [
        "active",
        "terminated",
    ]
    assert microsoft.customer_token(ALPINE)


def test_a_relationship_is_that_of_one_partner(microsoft: Microsoft, simulator: Simulator) -> None:
    partner = simulator.directory()["partners"][1]["tenantId"]

    simulator.control(
        "/relationships", {"tenant": ALPINE, "partner": partner, "status": "terminated"}
    )

    first, second = simulator.directory()["partners"]
    assert ALPINE in first["customers"]
    assert ALPINE not in second["customers"]
    assert microsoft.customer_token(ALPINE)


def test_without_an_active_relationship_the_partner_is_a_stranger(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    form = microsoft.refresh_form(microsoft.sign_in()["refresh_token"])
    before = microsoft.ask_token(ALPINE, form).json()["access_token"]

    simulator.control("/relationships", {"tenant": ALPINE, "status": "terminated"})

    assert microsoft.ask_token(ALPINE, form).json()["error_codes"] == [50020]
    refused(microsoft.get("/v1.0/users", before), 403, "Authorization_RequestDenied")


@pytest.mark.parametrize("path", ["/v1.0/users", "/v1.0/organization", "/v1.0/domains"])
def test_a_role_that_does_not_read_gives_a_token_and_nothing_more(
    microsoft: Microsoft, simulator: Simulator, path: str
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "roles": [NO_ROLE]})

    token = microsoft.customer_token(ALPINE)

    refused(microsoft.get(path, token), 403, "Authorization_RequestDenied")


def test_the_application_itself_needs_neither_relationship_nor_role(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "status": "terminated", "roles": []})

    assert rows(microsoft.get("/v1.0/users", microsoft.app_token(ALPINE)))


# Customers


def test_customers_appear_change_and_disappear(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    new = {"tenant": NEW, "displayName": "Newcomer", "defaultDomain": "new.example"}
    domains = ["new.example", "b.example"]
    change = {"tenant": NEW, "displayName": "Renamed", "verifiedDomains": domains}

    simulator.control("/tenants", {"add": [new], "change": [change], "remove": [ALPINE]})

    names = {r["tenantId"]: r["displayName"] for r in rows(microsoft.get(CUSTOMERS, partner_token))}
    assert names[NEW] == "Renamed"
    assert ALPINE not in names
    (organization,) = rows(microsoft.get("/v1.0/organization", microsoft.customer_token(NEW)))
    assert [d["name"] for d in organization["verifiedDomains"]] == domains


def test_a_change_of_customers_that_is_wrong_in_part_changes_nothing(
    simulator: Simulator,
) -> None:
    body = {"remove": [ALPINE, NEW]}

    answer = httpx.post(f"{simulator.control_url}/tenants", json=body, trust_env=False)

    assert answer.json()["details"] == {"path": "$.remove[1]"}
    assert users_of(simulator, ALPINE)


# Contracts


def test_contracts_are_copies_of_the_time_when_they_were_made(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    change = {"tenant": ALPINE, "displayName": "Renamed", "defaultDomain": "renamed.example"}
    simulator.control("/tenants", {"change": [change]})
    simulator.control("/relationships", {"tenant": ALPINE, "status": "terminated"})

    found = rows(microsoft.get("/v1.0/contracts", partner_token))

    contract = next(row for row in found if row["customerId"] == ALPINE)
    assert contract["displayName"] == "Alpine Dental Group"
    assert contract["defaultDomainName"] == "alpinedental.example"


def test_a_partner_who_is_no_reseller_has_no_contracts(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    simulator.control("/permissions", {"contracts": False})

    answer = microsoft.get("/v1.0/contracts", partner_token)

    refused(answer, 403, "Authorization_RequestDenied")


# Lighthouse


@pytest.fixture
def lighthouse_token(microsoft: Microsoft, simulator: Simulator) -> str:
    """A token of the partner's account with the permission for it."""
    simulator.control("/permissions", {"managedTenants": True})
    form = microsoft.refresh_form(microsoft.sign_in()["refresh_token"])
    return str(microsoft.ask_token("organizations", form).json()["access_token"])


def test_lighthouse_needs_a_permission_of_its_own(microsoft: Microsoft, partner_token: str) -> None:
    refused(microsoft.get(LIGHTHOUSE, partner_token), 403, "Authorization_RequestDenied")


def test_lighthouse_is_in_beta_only(microsoft: Microsoft, lighthouse_token: str) -> None:
    path = LIGHTHOUSE.replace("/beta/", "/v1.0/")

    refused(microsoft.get(path, lighthouse_token), 400, "BadRequest")


def test_lighthouse_is_not_for_the_application_itself(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/permissions", {"managedTenants": True})
    home = simulator.directory()["partners"][0]["tenantId"]

    answer = microsoft.get(LIGHTHOUSE, microsoft.app_token(home))

    refused(answer, 403, "Authorization_RequestDenied")


def test_lighthouse_lists_tenants_with_their_status(
    microsoft: Microsoft, simulator: Simulator, lighthouse_token: str
) -> None:
    simulator.control("/relationships", {"tenant": BRIGHT, "status": "terminated"})
    path = f"{LIGHTHOUSE}?$select=tenantId,contract,tenantStatusInformation&$top=3"

    first = microsoft.get(path, lighthouse_token, Prefer="include-unknown-enum-members")
    found = {row["tenantId"]: row for row in rows(first)}

    assert found[ALPINE]["contract"]["defaultDomainName"] == "alpinedental.example"
    statuses = {
        tenant: row["tenantStatusInformation"]["delegatedPrivilegeStatus"]
        for tenant, row in found.items()
    }
    assert statuses[ALPINE] == "granularDelegatedAdminPrivileges"
    assert statuses[BRIGHT] == "none"
    following = microsoft.get(first.json()["@odata.nextLink"], lighthouse_token)
    assert len(rows(following)) == 3


def test_lighthouse_hides_newer_members_of_its_enumeration_unless_they_are_asked_for(
    microsoft: Microsoft, lighthouse_token: str
) -> None:
    row = rows(microsoft.get(LIGHTHOUSE, lighthouse_token))[0]

    status = row["tenantStatusInformation"]["delegatedPrivilegeStatus"]
    assert status == "unknownFutureValue"


def test_a_property_that_lighthouse_has_not_is_refused(
    microsoft: Microsoft, lighthouse_token: str
) -> None:
    answer = microsoft.get(f"{LIGHTHOUSE}?$select=shoeSize", lighthouse_token)

    refused(answer, 400, "BadRequest")


# What any directory tells


def test_a_directory_is_known_by_its_id_with_the_permission_for_that(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    path = f"{INFORMATION}(tenantId='{ALPINE}')"
    refused(microsoft.get(path, partner_token), 403, "Authorization_RequestDenied")
    simulator.control("/permissions", {"crossTenantInformation": True})
    token = microsoft.app_token(simulator.directory()["partners"][0]["tenantId"])

    answer = microsoft.get(path, token).json()

    assert answer["tenantId"] == ALPINE
    assert answer["defaultDomainName"] == "alpinedental.example"
    other = microsoft.get(path.replace(ALPINE, NEW), token)
    refused(other, 404, "Request_ResourceNotFound")


# Deleted users


def test_deleted_users_come_page_by_page(microsoft: Microsoft, simulator: Simulator) -> None:
    ids = [user["id"] for user in users_of(simulator, ALPINE)][:5]
    simulator.control("/users", {"tenant": ALPINE, "delete": ids})
    token = microsoft.customer_token(ALPINE)
    link: str | None = "/v1.0/directory/deletedItems/microsoft.graph.user?$select=id&$top=2"

    pages = []
    while link is not None:
        answer = microsoft.get(link, token)
        pages.append([row["id"] for row in rows(answer)])
        link = answer.json().get("@odata.nextLink")

    assert pages == [ids[:2], ids[2:4], ids[4:]]


def test_a_page_of_deleted_users_has_at_most_999(microsoft: Microsoft) -> None:
    token = microsoft.app_token(ALPINE)
    path = "/v1.0/directory/deletedItems/microsoft.graph.user?$top="

    assert rows(microsoft.get(f"{path}999", token)) == []
    refused(microsoft.get(f"{path}1000", token), 400, "Request_UnsupportedQuery")
