"""The simulator's Graph answers and refuses as Microsoft documents it."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from support.microsoft import Microsoft, users_of
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
BRIGHT = "e0000000-0000-4000-8000-000000000002"
NOBODY = "00000000-0000-4000-8000-00000000dead"
DEFAULTS = {
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
}


def error_of(answer: httpx.Response, status: int, code: str) -> str:
    """The message of an error body, the rest of which is checked."""
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert document.keys() == {"error"}
    error = document["error"]
    assert error["code"] == code
    inner = error["innerError"]
    assert inner.keys() == {"date", "request-id", "client-request-id"}
    assert answer.headers["request-id"] == inner["request-id"]
    return str(error["message"])


def listed(microsoft: Microsoft, path: str, token: str) -> list[list[dict[str, Any]]]:
    """The pages of a listing."""
    pages = []
    link: str | None = path
    while link is not None:
        answer = microsoft.get(link, token)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["value"])
        link = answer.json().get("@odata.nextLink")
    return pages


# Where a request goes


@pytest.mark.parametrize(
    ("path", "segment"),
    [
        ("/v1.0/persons", "persons"),
        ("/v1.0/persons/users", "persons"),
        (f"/v1.0/users/{NOBODY}/shoeSize", "shoeSize"),
        ("/v1.0/tenantRelationships/customers", "customers"),
        ("/v1.0/directory/deletedItems/microsoft.graph.person", "microsoft.graph.person"),
    ],
)
def test_a_path_that_is_not_in_the_metadata_is_refused_by_its_first_unknown_segment(
    microsoft: Microsoft, token: str, path: str, segment: str
) -> None:
    message = error_of(microsoft.get(path, token), 400, "BadRequest")

    assert message == f"Resource not found for the segment '{segment}'."


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/groups/delta",
        f"/v1.0/groups/{NOBODY}/owners",
        f"/v1.0/users/{NOBODY}/manager",
        f"/v1.0/users/{NOBODY}/photo/$value",
        "/v1.0/directory/deletedItems",
        "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='a.example')",
    ],
)
def test_a_path_that_only_microsoft_has_is_said_not_to_be_here(
    microsoft: Microsoft, token: str, path: str
) -> None:
    message = error_of(microsoft.get(path, token), 501, "NotImplemented")

    assert message == "This operation target is not yet supported."


@pytest.mark.parametrize("version", ["beta", "v2.0", "v1"])
def test_another_version_is_refused(microsoft: Microsoft, token: str, version: str) -> None:
    message = error_of(microsoft.get(f"/{version}/users", token), 400, "BadRequest")

    assert message == f"Invalid version: {version}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(microsoft: Microsoft, token: str, method: str) -> None:
    url = f"{microsoft.simulator.graph_url}/v1.0/users"
    headers = {"authorization": f"Bearer {token}"}

    error_of(microsoft.http.request(method, url, headers=headers), 405, "Request_BadRequest")


# Who asks


def test_a_request_without_authorization_is_challenged(microsoft: Microsoft) -> None:
    answer = microsoft.get("/v1.0/users", None)

    message = error_of(answer, 401, "InvalidAuthenticationToken")
    assert message == "Access token is empty."
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "ä.ö.ü"])
def test_what_is_no_token_is_refused(microsoft: Microsoft, token: str) -> None:
    url = f"{microsoft.simulator.graph_url}/v1.0/users"
    answer = microsoft.http.get(url, headers={b"authorization": f"Bearer {token}".encode()})

    error_of(answer, 401, "InvalidAuthenticationToken")


def test_a_changed_token_is_refused(microsoft: Microsoft, token: str) -> None:
    head, payload, signature = token.split(".")
    forged = f"{head}.{payload[:-2]}AA.{signature}"

    error_of(microsoft.get("/v1.0/users", forged), 401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
def test_a_token_for_something_else_is_refused(microsoft: Microsoft, kind: str) -> None:
    other = str(microsoft.sign_in()[kind])

    error_of(microsoft.get("/v1.0/me", other), 401, "InvalidAuthenticationToken")


def test_an_expired_token_is_refused(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    simulator.control("/tokens", {"expire": True})

    message = error_of(microsoft.get("/v1.0/users", token), 401, "InvalidAuthenticationToken")
    assert message == "Access token has expired or is not yet valid."
    assert microsoft.get("/v1.0/users", microsoft.app_token(ALPINE)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/tenantRelationships/delegatedAdminCustomers",
        "/v1.0/tenantRelationships/delegatedAdminRelationships",
    ],
)
def test_a_permission_that_was_not_granted_is_missed(
    microsoft: Microsoft, token: str, path: str
) -> None:
    message = error_of(microsoft.get(path, token), 403, "Authorization_RequestDenied")

    assert message == "Insufficient privileges to complete the operation."


def test_a_token_with_fewer_scopes_can_do_less(microsoft: Microsoft) -> None:
    refresh = str(microsoft.sign_in()["refresh_token"])
    form = microsoft.refresh_form(refresh, "https://graph.microsoft.com/User.Read")
    narrow = microsoft.ask_token("organizations", form).json()["access_token"]

    assert microsoft.get("/v1.0/me", narrow).status_code == 200
    error_of(microsoft.get("/v1.0/contracts", narrow), 403, "Authorization_RequestDenied")


def test_the_application_itself_is_nobody(microsoft: Microsoft, token: str) -> None:
    message = error_of(microsoft.get("/v1.0/me", token), 400, "BadRequest")

    assert message == "/me request is only valid with delegated authentication flow."


def test_the_partners_account_is_not_in_the_customers_directory(microsoft: Microsoft) -> None:
    token = microsoft.customer_token(ALPINE)

    error_of(microsoft.get("/v1.0/me", token), 404, "Request_ResourceNotFound")


def test_a_customer_is_no_partner(microsoft: Microsoft) -> None:
    token = microsoft.customer_token(ALPINE)
    path = "/v1.0/tenantRelationships/delegatedAdminCustomers"

    error_of(microsoft.get(path, token), 403, "Authorization_RequestDenied")


def test_a_token_reads_its_own_directory_only(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    stranger = users_of(simulator, BRIGHT)[0]["id"]

    answer = microsoft.get(f"/v1.0/users/{stranger}", token)

    assert stranger in error_of(answer, 404, "Request_ResourceNotFound")


# Options


@pytest.mark.parametrize(
    "path",
    ["/v1.0/users", "/v1.0/users/delta", "/v1.0/directory/deletedItems/microsoft.graph.user"],
)
def test_a_property_that_is_not_in_the_metadata_cannot_be_selected(
    microsoft: Microsoft, token: str, path: str
) -> None:
    message = error_of(microsoft.get(f"{path}?$select=id,shoeSize", token), 400, "BadRequest")

    assert message == (
        "Parsing OData Select and Expand failed: Could not find a property named 'shoeSize' "
        "on type 'microsoft.graph.user'."
    )


def test_a_property_that_is_not_in_the_metadata_cannot_be_filtered_by(
    microsoft: Microsoft, token: str
) -> None:
    answer = microsoft.get("/v1.0/users?$filter=shoeSize eq '47'", token)

    assert "'shoeSize'" in error_of(answer, 400, "BadRequest")


@pytest.mark.parametrize("name", ["skills", "aboutMe", "mailboxSettings"])
def test_a_property_kept_outside_the_directory_cannot_be_listed(
    microsoft: Microsoft, token: str, name: str
) -> None:
    error_of(microsoft.get(f"/v1.0/users?$select=id,{name}", token), 501, "NotImplemented")


def test_a_property_with_a_permission_of_its_own_needs_it(microsoft: Microsoft, token: str) -> None:
    answer = microsoft.get("/v1.0/users?$select=id,signInActivity", token)

    error_of(answer, 403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1.0/users?$skip=10", "$skip"),
        ("/v1.0/users?$shoes=1", "$shoes"),
        ("/v1.0/users?colour=red", "colour"),
        ("/v1.0/users/delta?$top=10", "$top"),
        ("/v1.0/users/delta?$orderby=displayName", "$orderby"),
        ("/v1.0/users/delta?$expand=manager", "$expand"),
        ("/v1.0/organization?$top=1", "$top"),
    ],
)
def test_an_option_that_is_not_supported_there_is_refused(
    microsoft: Microsoft, token: str, path: str, name: str
) -> None:
    message = error_of(microsoft.get(path, token), 400, "Request_UnsupportedQuery")

    assert message == f"The query parameter '{name}' is not supported."


def test_an_option_given_twice_is_refused(microsoft: Microsoft, token: str) -> None:
    error_of(microsoft.get("/v1.0/users?$top=5&$top=6", token), 400, "Request_BadRequest")


def test_options_may_be_written_in_any_case(microsoft: Microsoft, token: str) -> None:
    answer = microsoft.get("/v1.0/users?$Select=id&$TOP=5", token)

    assert [user.keys() for user in answer.json()["value"]] == [{"id"}] * 5


@pytest.mark.parametrize("size", ["0", "1000", "-1", "ten", "²", ""])
def test_a_page_of_users_has_1_to_999(microsoft: Microsoft, token: str, size: str) -> None:
    answer = microsoft.get(f"/v1.0/users?$top={quote(size)}", token)

    message = error_of(answer, 400, "Request_UnsupportedQuery")
    assert message == f"Invalid page size specified: '{size}'. Must be between 1 and 999 inclusive."


def test_a_page_of_customers_has_at_most_300(microsoft: Microsoft, partner_token: str) -> None:
    path = "/v1.0/tenantRelationships/delegatedAdminCustomers?$top="

    assert microsoft.get(f"{path}300", partner_token).status_code == 200
    error_of(microsoft.get(f"{path}301", partner_token), 400, "Request_UnsupportedQuery")


def test_without_select_users_come_with_the_default_properties(
    microsoft: Microsoft, token: str
) -> None:
    user = microsoft.get("/v1.0/users?$top=1", token).json()["value"][0]

    assert user.keys() == DEFAULTS


def test_a_property_that_is_not_set_is_null_and_a_list_is_empty(
    microsoft: Microsoft, token: str
) -> None:
    path = "/v1.0/users?$select=city,imAddresses&$top=1"

    assert microsoft.get(path, token).json()["value"] == [{"city": None, "imAddresses": []}]


# Lists


def test_next_links_lead_through_all_users_once(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    pages = listed(microsoft, "/v1.0/users?$select=id,displayName&$top=20", token)

    everybody = [
        {"id": u["id"], "displayName": u["displayName"]} for u in users_of(simulator, ALPINE)
    ]
    assert [user for page in pages for user in page] == everybody
    assert [len(page) for page in pages[:-1]] == [20] * (len(pages) - 1)


def test_next_links_lead_through_what_a_filter_finds(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    path = "/v1.0/users?$select=id&$filter=userType eq 'Member'&$top=20"

    pages = listed(microsoft, path, token)

    members = [u["id"] for u in users_of(simulator, ALPINE) if u["userType"] == "Member"]
    assert [user["id"] for page in pages for user in page] == members
    assert len(pages) > 1


def test_next_links_lead_through_the_customers(
    microsoft: Microsoft, simulator: Simulator, partner_token: str
) -> None:
    path = "/v1.0/tenantRelationships/delegatedAdminCustomers?$select=tenantId&$top=3"

    pages = listed(microsoft, path, partner_token)

    assert [len(page) for page in pages] == [3, 3, 2]
    found = {customer["tenantId"] for page in pages for customer in page}
    assert found == set(simulator.directory()["partners"][0]["customers"])


def test_a_next_link_of_one_directory_is_of_no_use_in_another(
    microsoft: Microsoft, token: str
) -> None:
    link = microsoft.get("/v1.0/users?$top=5", token).json()["@odata.nextLink"]

    error_of(microsoft.get(link, microsoft.app_token(BRIGHT)), 400, "Request_BadRequest")


def test_a_next_link_of_one_list_is_of_no_use_in_another(microsoft: Microsoft, token: str) -> None:
    link = microsoft.get("/v1.0/users?$top=5", token).json()["@odata.nextLink"]
    skip_token = link.partition("$skiptoken=")[2]

    answer = microsoft.get(f"/v1.0/users/delta?$skiptoken={skip_token}", token)

    error_of(answer, 400, "Request_BadRequest")


def test_an_expired_next_link_says_so(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    link = microsoft.get("/v1.0/users?$top=5", token).json()["@odata.nextLink"]

    simulator.control("/links", {"expire": True})

    error_of(microsoft.get(link, token), 400, "Directory_ExpiredPageToken")


@pytest.mark.parametrize("path", ["users?$select=id&$top=999", "users/delta?$select=id"])
def test_pages_are_as_short_as_told(
    microsoft: Microsoft, simulator: Simulator, token: str, path: str
) -> None:
    simulator.control("/pages", {"largest": 30})
    sizes, ids, link = [], set(), f"/v1.0/{path}"
    while link:
        page = microsoft.get(link, token).json()
        sizes.append(len(page["value"]))
        ids |= {row["id"] for row in page["value"]}
        link = page.get("@odata.nextLink")
    assert set(sizes[:-1]) == {30}
    assert sizes[-1] <= 30
    assert ids == {user["id"] for user in users_of(simulator, ALPINE)}


def test_users_are_counted_with_the_header_for_it(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    answer = microsoft.get("/v1.0/users/$count", token, ConsistencyLevel="eventual")

    assert answer.headers["content-type"].startswith("text/plain")
    assert int(answer.text) == len(users_of(simulator, ALPINE))


def test_a_list_has_its_count_with_the_header_for_it(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    path = "/v1.0/users?$count=true&$top=5"

    answer = microsoft.get(path, token, ConsistencyLevel="eventual").json()

    assert answer["@odata.count"] == len(users_of(simulator, ALPINE))
    assert len(answer["value"]) == 5


def test_without_the_header_there_is_no_count(microsoft: Microsoft, token: str) -> None:
    error_of(microsoft.get("/v1.0/users/$count", token), 400, "Request_BadRequest")
    listed = microsoft.get("/v1.0/users?$count=true", token)
    error_of(listed, 400, "Request_UnsupportedQuery")


# Filters


def test_a_filter_finds_text_whatever_its_case(microsoft: Microsoft, token: str) -> None:
    path = "/v1.0/users?$select=mail&$filter=mail eq 'ANNA.ABBOTT@alpinedental.example'"

    found = microsoft.get(path, token).json()["value"]

    assert found == [{"mail": "anna.abbott@alpinedental.example"}]


def test_and_binds_tighter_than_or(microsoft: Microsoft, token: str) -> None:
    path = (
        "/v1.0/users?$select=displayName&$filter=displayName eq 'Anna Abbott' or "
        "startswith(displayName,'Ben') and accountEnabled eq false"
    )

    assert microsoft.get(path, token).json()["value"] == [{"displayName": "Anna Abbott"}]


def test_words_of_a_filter_may_stand_in_a_text(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    somebody = users_of(simulator, ALPINE)[0]["id"]
    change = {"id": somebody, "set": {"displayName": "Mother's and or father's"}}
    simulator.control("/users", {"tenant": ALPINE, "change": [change]})
    path = "/v1.0/users?$select=id&$filter=displayName eq 'Mother''s and or father''s'"

    assert microsoft.get(path, token).json()["value"] == [{"id": somebody}]


def test_a_truth_value_is_not_compared_with_text(microsoft: Microsoft, token: str) -> None:
    answer = microsoft.get("/v1.0/users?$filter=accountEnabled eq 'true'", token)

    assert "incompatible types" in error_of(answer, 400, "BadRequest")


@pytest.mark.parametrize("text", ["displayName ne 'A'", "displayName eq", "endswith(mail,'x')"])
def test_other_filters_are_refused(microsoft: Microsoft, token: str, text: str) -> None:
    answer = microsoft.get(f"/v1.0/users?$filter={text}", token)

    error_of(answer, 400, "Request_UnsupportedQuery")


# One user


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_a_user_is_found_by_id_and_by_name_in_any_case(
    microsoft: Microsoft, simulator: Simulator, token: str, change: Any
) -> None:
    user = users_of(simulator, ALPINE)[0]

    for key in (user["id"], user["userPrincipalName"]):
        answer = microsoft.get(f"/v1.0/users/{change(key)}?$select=id", token)
        assert answer.json()["id"] == user["id"]


def test_a_guest_is_found_by_a_name_with_a_hash_in_it(microsoft: Microsoft, token: str) -> None:
    name = "guest_partner.example#EXT#@alpinedental.onmicrosoft.com"

    answer = microsoft.get(f"/v1.0/users/{quote(name)}?$select=mail,userType", token)

    assert answer.json()["mail"] == "guest@partner.example"
    assert answer.json()["userType"] == "Guest"


def test_a_user_that_is_not_there_is_not_found(microsoft: Microsoft, token: str) -> None:
    message = error_of(
        microsoft.get(f"/v1.0/users/{NOBODY}", token), 404, "Request_ResourceNotFound"
    )

    assert message.startswith(f"Resource '{NOBODY}' does not exist")


# Delta


def latest(microsoft: Microsoft, token: str) -> str:
    """A delta link from now on."""
    path = "/v1.0/users/delta?$select=id,displayName,accountEnabled&$deltatoken=latest"
    answer = microsoft.get(path, token).json()
    assert answer["value"] == []
    return str(answer["@odata.deltaLink"])


def test_the_first_round_of_delta_leads_through_all_users(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/users", {"tenant": BRIGHT, "add": [
        {"userPrincipalName": f"user{n}@brightaccounting.example"} for n in range(200)
    ]})  # fmt: skip
    token = microsoft.app_token(BRIGHT)

    pages = listed(microsoft, "/v1.0/users/delta?$select=id", token)

    assert len(pages) == 3
    everybody = [user["id"] for user in users_of(simulator, BRIGHT)]
    assert [user["id"] for page in pages for user in page] == everybody


def test_a_delta_link_of_now_has_only_what_changed_since(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    link = latest(microsoft, token)
    first, second, third, *_ = [user["id"] for user in users_of(simulator, ALPINE)]

    simulator.control(
        "/users",
        {
            "tenant": ALPINE,
            "change": [{"id": first, "set": {"displayName": "A. Abbott"}}],
            "delete": [second],
            "deletePermanently": [third],
        },
    )
    answer = microsoft.get(link, token).json()

    by_id = {user["id"]: user for user in answer["value"]}
    assert by_id == {
        first: {"id": first, "displayName": "A. Abbott", "accountEnabled": True},
        second: {"id": second, "@removed": {"reason": "changed"}},
        third: {"id": third, "@removed": {"reason": "deleted"}},
    }
    assert microsoft.get(answer["@odata.deltaLink"], token).json()["value"] == []


def test_a_disabled_user_is_no_removed_one(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    link = latest(microsoft, token)
    somebody = users_of(simulator, ALPINE)[0]["id"]

    simulator.control("/users", {"tenant": ALPINE, "disable": [somebody]})

    (user,) = microsoft.get(link, token).json()["value"]
    assert user["accountEnabled"] is False
    assert "@removed" not in user


def test_a_restored_user_comes_back_without_annotation(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    somebody = users_of(simulator, ALPINE)[0]
    simulator.control("/users", {"tenant": ALPINE, "delete": [somebody["id"]]})
    link = latest(microsoft, token)

    simulator.control("/users", {"tenant": ALPINE, "restore": [somebody["id"]]})

    (user,) = microsoft.get(link, token).json()["value"]
    assert user == {name: somebody[name] for name in ("id", "displayName", "accountEnabled")}


def test_what_was_never_set_is_left_out_of_a_change_and_what_was_cleared_is_null(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    path = "/v1.0/users/delta?$select=id,jobTitle,companyName,businessPhones&$deltatoken=latest"
    link = str(microsoft.get(path, token).json()["@odata.deltaLink"])
    somebody = users_of(simulator, ALPINE)[0]["id"]
    cleared = {"jobTitle": None, "businessPhones": None}

    simulator.control("/users", {"tenant": ALPINE, "change": [{"id": somebody, "set": cleared}]})

    (user,) = microsoft.get(link, token).json()["value"]
    assert user == {"id": somebody, "jobTitle": None, "businessPhones": []}


def test_a_later_round_has_pages_and_ends_where_it_began(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    link = latest(microsoft, token)
    add = [{"userPrincipalName": f"n{n}@alpinedental.example"} for n in range(150)]
    simulator.control("/users", {"tenant": ALPINE, "add": add})

    first = microsoft.get(link, token).json()
    assert len(first["value"]) == 100
    assert "@odata.deltaLink" not in first
    somebody = first["value"][0]["id"]
    simulator.control("/users", {"tenant": ALPINE, "disable": [somebody]})
    second = microsoft.get(first["@odata.nextLink"], token).json()

    assert len(second["value"]) == 50
    (later,) = microsoft.get(second["@odata.deltaLink"], token).json()["value"]
    assert (later["id"], later["accountEnabled"]) == (somebody, False)


def test_an_expired_delta_link_leads_back_to_a_full_round(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    link = latest(microsoft, token)

    simulator.control("/delta", {"expire": True})

    answer = microsoft.get(link, token)
    error_of(answer, 410, "syncStateNotFound")
    anew = microsoft.get(answer.headers["location"], token).json()
    assert anew["value"][0].keys() == {"id", "displayName", "accountEnabled"}


def test_a_delta_link_from_before_another_seed_has_expired(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    link = latest(microsoft, token)

    simulator.control("/seed", {"name": "demo"})

    error_of(microsoft.get(link, token), 410, "syncStateNotFound")


def test_a_delta_link_of_one_directory_is_of_no_use_in_another(
    microsoft: Microsoft, token: str
) -> None:
    link = latest(microsoft, token)

    error_of(microsoft.get(link, microsoft.app_token(BRIGHT)), 400, "Request_BadRequest")


def test_what_is_no_delta_token_is_refused(microsoft: Microsoft, token: str) -> None:
    answer = microsoft.get("/v1.0/users/delta?$deltatoken=nonsense", token)

    error_of(answer, 400, "Request_BadRequest")


# Deleted users


def test_a_deleted_user_is_kept_under_a_changed_name(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    somebody = users_of(simulator, ALPINE)[0]
    simulator.control("/users", {"tenant": ALPINE, "delete": [somebody["id"]]})
    path = (
        "/v1.0/directory/deletedItems/microsoft.graph.user"
        "?$select=id,userPrincipalName,deletedDateTime"
    )

    (deleted,) = microsoft.get(path, token).json()["value"]

    prefix = somebody["id"].replace("-", "")
    assert deleted["userPrincipalName"] == f"{prefix}{somebody['userPrincipalName']}"
    assert deleted["deletedDateTime"].endswith("Z")
    error_of(microsoft.get(f"/v1.0/users/{somebody['id']}", token), 404, "Request_ResourceNotFound")


def test_a_filter_of_deleted_users_may_use_what_is_not_selected(
    microsoft: Microsoft, simulator: Simulator, token: str
) -> None:
    first, second, *_ = users_of(simulator, ALPINE)
    simulator.control("/users", {"tenant": ALPINE, "delete": [first["id"], second["id"]]})
    path = "/v1.0/directory/deletedItems/microsoft.graph.user?$select=id&$filter=mail eq "

    found = microsoft.get(f"{path}'{second['mail']}'", token).json()["value"]

    assert found == [{"id": second["id"]}]


# The directory and its partner


def test_the_domains_of_a_directory_say_which_is_the_default(
    microsoft: Microsoft, token: str
) -> None:
    (organization,) = microsoft.get("/v1.0/organization", token).json()["value"]
    domains = microsoft.get("/v1.0/domains", token).json()["value"]

    defaults = [d["name"] for d in organization["verifiedDomains"] if d["isDefault"]]
    assert defaults == [d["id"] for d in domains if d["isDefault"]] == ["alpinedental.example"]


def test_relationships_can_be_filtered_by_status(microsoft: Microsoft, partner_token: str) -> None:
    path = "/v1.0/tenantRelationships/delegatedAdminRelationships?$filter=status eq "

    assert microsoft.get(f"{path}'active'", partner_token).json()["value"]
    assert microsoft.get(f"{path}'expired'", partner_token).json()["value"] == []


def test_another_partner_has_other_customers(microsoft: Microsoft) -> None:
    token = str(microsoft.sign_in(partner=1)["access_token"])

    path = "/v1.0/tenantRelationships/delegatedAdminCustomers"
    found = {customer["tenantId"] for customer in microsoft.get(path, token).json()["value"]}

    assert found == {ALPINE, BRIGHT}


# What an answer costs


@pytest.mark.parametrize(
    ("path", "units"),
    [
        ("/v1.0/users", "2"),
        ("/v1.0/users?$select=id", "1"),
        ("/v1.0/users?$select=id&$top=5", "1"),
        ("/v1.0/contracts", "3"),
        ("/v1.0/organization", "1"),
    ],
)
def test_an_answer_says_what_it_cost(
    microsoft: Microsoft, partner_token: str, path: str, units: str
) -> None:
    assert microsoft.get(path, partner_token).headers["x-ms-resource-unit"] == units
