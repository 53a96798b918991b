"""What the adapter reads from Microsoft Graph, and what each refusal or odd answer means."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.protocol import Domain, ListedTenant, PageExpired, UserPage
from entra_plugin.directory.throttle import interactive
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from support.graph import ALPINE, BRIGHT, CEDAR, Signed, ids, signed_in
from support.microsoft import users_of
from support.simulator import Simulator

USERS = "/v1.0/users"
DELETED = "/v1.0/directory/deletedItems/microsoft.graph.user"
CUSTOMERS = "delegatedAdminCustomers"
RELATIONSHIPS = "delegatedAdminRelationships"
LIGHTHOUSE = "managedTenants/tenants"
READER, GLOBAL_READER = (
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
)


@pytest.fixture
async def partner(simulator: Simulator) -> AsyncIterator[Signed]:
    """The first partner, signed in."""
    async with signed_in(simulator) as signed:
        yield signed


@pytest.fixture
def directory(partner: Signed) -> MicrosoftDirectory:
    """What he reads with."""
    return partner.directory()


async def listed(directory: MicrosoftDirectory) -> dict[EntraTenantId, ListedTenant]:
    return {t.entra_tenant_id: t async for t in directory.managed_tenants()}


async def pages_of(
    directory: MicrosoftDirectory, tenant: EntraTenantId = ALPINE, resume: str | None = None
) -> list[UserPage]:
    return [page async for page in directory.user_pages(tenant, resume=resume)]


def relate(partner: Signed, tenant: EntraTenantId, **facts: object) -> None:
    partner.simulator.control(
        "/relationships", {"tenant": str(tenant), "partner": str(partner.home), **facts}
    )


def add_users(partner: Signed, tenant: EntraTenantId, count: int) -> list[str]:
    """More users, so that a listing has several pages."""
    rows = [
        {"id": str(uuid4()), "userPrincipalName": f"more.{n}@alpinedental.example"}
        for n in range(count)
    ]
    partner.simulator.control("/users", {"tenant": str(tenant), "add": rows})
    return [row["id"] for row in rows]


def without_domains(
    partner: Signed, missing: dict[str, object], rows: list[dict[str, object]]
) -> None:
    """An organization that names no domains, beside a list of them."""
    organization = {"id": str(ALPINE), **missing}
    faults = [
        {"match": "/organization", "status": 200, "body": {"value": [organization]}},
        {"match": "/domains", "status": 200, "body": {"value": rows}},
    ]
    partner.simulator.control("/faults", {"faults": faults})


# The list of customers


async def test_customers_come_with_what_their_relationships_say(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    relate(partner, ALPINE, end="2031-01-02T03:04:05Z", autoExtend=False, roles=[READER])
    found = await listed(directory)
    assert len(found) == 8
    alpine = found[ALPINE]
    assert alpine.display_name == "Alpine Dental Group"
    assert alpine.relationship_end == datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (alpine.auto_extend, alpine.roles) == (False, (READER,))
    assert alpine.provider_errors is None


async def test_of_several_relationships_the_latest_end_and_all_roles_count(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    relate(partner, ALPINE, end="2031-01-01T00:00:00Z", autoExtend=False, roles=[READER])
    relate(
        partner,
        ALPINE,
        add=True,
        end="2030-01-01T00:00:00Z",
        autoExtend=True,
        roles=[GLOBAL_READER, READER],
    )
    alpine = (await listed(directory))[ALPINE]
    assert alpine.relationship_end == datetime(2031, 1, 1, tzinfo=UTC)
    assert alpine.auto_extend is True
    assert alpine.roles == tuple(sorted({READER, GLOBAL_READER}))


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_an_end_that_no_calendar_shows_everywhere_is_none(
    partner: Signed, directory: MicrosoftDirectory, end: str
) -> None:
    customer = {"displayName": "GDAP", "customer": {"tenantId": str(ALPINE)}, "endDateTime": end}
    partner.fault(RELATIONSHIPS, status=200, body={"value": [customer]})
    assert (await listed(directory))[ALPINE].relationship_end is None


async def test_a_relationship_that_microsoft_made_or_that_has_ended_says_nothing(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    relate(partner, ALPINE, end="2030-01-01T00:00:00Z", roles=[READER])
    relate(partner, ALPINE, add=True, name="MLT_x", end="2032-01-01T00:00:00Z", roles=["a-role"])
    alpine = (await listed(directory))[ALPINE]
    assert alpine.relationship_end == datetime(2030, 1, 1, tzinfo=UTC)
    assert alpine.roles == (READER,)
    relate(partner, CEDAR, status="terminated")
    assert CEDAR not in await listed(directory)


async def test_a_customer_whose_relationships_are_not_told_has_none_of_their_facts(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault(RELATIONSHIPS, status=200, body={"value": []})
    alpine = (await listed(directory))[ALPINE]
    assert (alpine.relationship_end, alpine.auto_extend, alpine.roles) == (None, None, ())


async def test_rows_that_are_no_tenant_or_come_twice_are_left_out(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    rows = [
        {"tenantId": str(ALPINE), "displayName": " Alpine "},
        {"tenantId": str(ALPINE).upper(), "displayName": "Alpine"},
        {"tenantId": "AllTenants", "displayName": "*All Tenants"},
        {"tenantId": None, "displayName": None},
        {},
        {"tenantId": str(BRIGHT), "displayName": None},
    ]
    partner.fault(CUSTOMERS, status=200, body={"value": rows})
    found = await listed(directory)
    assert {t.display_name for t in found.values()} == {"Alpine", str(BRIGHT)}
    assert await directory.probe() == 2


async def test_a_list_of_nothing_but_rejected_rows_is_no_answer(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault(CUSTOMERS, status=200, body={"value": [{"tenantId": "x"}, {}]})
    for work in (listed(directory), directory.probe()):
        with pytest.raises(ConfigurationInvalid, match="unusable_answer") as caught:
            await work
        assert caught.value.details == {"rejectedRows": 2}


async def test_no_customers_are_a_result(partner: Signed, directory: MicrosoftDirectory) -> None:
    partner.fault(CUSTOMERS, status=200, body={"value": []})
    assert await listed(directory) == {}


@pytest.mark.parametrize(
    "facts",
    [
        {"endDateTime": "9999-12-31T23:59:59.9999999Z"},
        {"endDateTime": "2031-01-02T03:04:05.1234567Z"},
        {"endDateTime": "soon", "accessDetails": None},
        {"accessDetails": {"unifiedRoles": None}},
        {"accessDetails": {"unifiedRoles": [{}, {"roleDefinitionId": None}]}},
        {"autoExtendDuration": None},
        {"customer": None},
        {"customer": {"tenantId": "x"}},
    ],
)
async def test_a_relationship_of_an_odd_shape_does_not_end_the_discovery(
    partner: Signed, directory: MicrosoftDirectory, facts: dict[str, object]
) -> None:
    row = {"displayName": "GDAP", "customer": {"tenantId": str(ALPINE)}, **facts}
    partner.fault(RELATIONSHIPS, status=200, body={"value": [row]})
    assert len(await listed(directory)) == 8


async def test_customers_are_read_to_the_last_page(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    new = [
        {
            "tenant": str(UUID(int=number + 1)),
            "displayName": f"Customer {number}",
            "defaultDomain": f"c{number}.example",
        }
        for number in range(301)
    ]
    partner.simulator.control("/tenants", {"add": new})
    found = await listed(directory)
    assert len(found) == 309
    assert all(tenant.relationship_end for tenant in found.values())
    assert len(partner.asked(CUSTOMERS)) == 2


# What other lists add


async def test_contracts_add_the_default_domain_and_no_customers(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    relate(partner, CEDAR, status="terminated")
    found = await listed(directory)
    assert found[ALPINE].default_domain == "alpinedental.example"
    assert CEDAR not in found
    contracted = partner.asked("/v1.0/contracts")
    assert len(contracted) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 403, "body": {"error": {"code": "Authorization_RequestDenied"}}},
        {"status": 404, "body": {"error": {"code": "Request_ResourceNotFound"}}},
        {"status": 401, "body": {"error": {"code": "Unauthorized"}}},
        {"status": 501, "body": {"error": {"code": "NotImplemented"}}},
        {"status": 500, "body": {"error": {"code": "InternalServerError"}}},
        {"status": 200, "body": "<html>", "headers": {"Content-Type": "text/html"}},
        {"status": 200, "body": "{"},
        {"status": 200, "body": {"value": "none"}},
    ],
)
async def test_a_partner_without_contracts_has_his_customers_all_the_same(
    partner: Signed, directory: MicrosoftDirectory, fault: dict[str, object]
) -> None:
    partner.fault("/contracts", **fault)
    found = await listed(directory)
    assert len(found) == 8
    assert {tenant.default_domain for tenant in found.values()} == {None}


async def test_a_throttled_enrichment_stops_the_discovery_like_any_other_list(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault("/contracts", status=429, headers={"Retry-After": "90"})
    with pytest.raises(TransientFailure, match="throttled"):
        await listed(directory)


async def test_a_domain_with_other_letters_comes_in_its_ascii_form(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    row = {"customerId": str(ALPINE), "defaultDomainName": "FJØRDFISK.example"}
    partner.fault("/contracts", status=200, body={"value": [row, {}, {"customerId": "x"}]})
    assert (await listed(directory))[ALPINE].default_domain == "xn--fjrdfisk-64a.example"


async def test_lighthouse_is_not_asked_without_its_permission(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    found = await listed(directory)
    assert partner.asked(LIGHTHOUSE) == []
    assert found[ALPINE].privilege_status is None


async def test_lighthouse_adds_how_the_partner_has_access(simulator: Simulator) -> None:
    simulator.control("/permissions", {"managedTenants": True})
    simulator.control(
        "/tenants", {"change": [{"tenant": str(ALPINE), "defaultDomain": "new.example"}]}
    )
    async with signed_in(simulator, lighthouse=True) as partner:
        found = await listed(partner.directory())
    assert len(found) == 8
    assert found[ALPINE].privilege_status == "granularDelegatedAdminPrivileges"
    assert found[ALPINE].default_domain == "new.example"
    assert [request["path"] for request in partner.asked(LIGHTHOUSE)] == [
        "/beta/tenantRelationships/managedTenants/tenants"
    ]


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_lighthouse_that_refuses_takes_nothing_away(
    simulator: Simulator, status: int
) -> None:
    simulator.control("/permissions", {"managedTenants": True})
    async with signed_in(simulator, lighthouse=True) as partner:
        partner.fault(LIGHTHOUSE, status=status)
        found = await listed(partner.directory())
    assert len(found) == 8
    assert found[ALPINE].default_domain == "alpinedental.example"


# The directory itself


async def test_one_request_proves_the_directory_and_names_its_domains(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    details = await directory.tenant_details(BRIGHT)
    assert {domain.name for domain in details.domains} == {
        "brightaccounting.example",
        "bright-tax.example",
    }
    assert [domain.name for domain in details.domains if domain.is_default] == [
        "brightaccounting.example"
    ]
    assert len(partner.asked("/v1.0/", BRIGHT)) == 1


@pytest.mark.parametrize("missing", [{}, {"verifiedDomains": None}, {"verifiedDomains": []}])
async def test_without_domains_in_the_organization_they_are_listed_once(
    partner: Signed, directory: MicrosoftDirectory, missing: dict[str, object]
) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a.example", "isDefault": True, "isInitial": False, "isVerified": True},
        {"id": "b.example", "isDefault": None, "isInitial": None, "isVerified": True},
        {"id": "new.example", "isDefault": False, "isInitial": False, "isVerified": False},
    ]
    without_domains(partner, missing, rows)
    details = await directory.tenant_details(ALPINE)
    assert details.domains == (
        Domain(name="a.example", is_default=True, is_initial=False),
        Domain(name="b.example", is_default=False, is_initial=False),
    )
    (asked,) = partner.asked("/domains", ALPINE)
    assert asked["query"] == "$select=id,isDefault,isInitial,isVerified"


async def test_a_directory_without_any_domain_is_no_answer(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    without_domains(partner, {}, [{"id": "new.example", "isVerified": False}])
    with pytest.raises(TransientFailure, match="unusable_answer") as caught:
        await directory.tenant_details(ALPINE)
    assert caught.value.retry_after == 10


@pytest.mark.parametrize("organizations", [[], [str(BRIGHT)], [str(ALPINE), str(BRIGHT)]])
async def test_another_directory_is_no_answer(
    partner: Signed, directory: MicrosoftDirectory, organizations: list[str]
) -> None:
    rows = [{"id": organization} for organization in organizations]
    partner.fault("/organization", status=200, body={"value": rows})
    for work in (
        directory.tenant_details(ALPINE),
        directory.deleted_users(ALPINE),
        directory.is_absent(ALPINE, ObjectId(uuid4())),
    ):
        with pytest.raises(TransientFailure, match="wrong_directory"):
            await work


# Users


async def test_users_are_read_page_by_page(partner: Signed, directory: MicrosoftDirectory) -> None:
    add_users(partner, ALPINE, 1200)
    pages = await pages_of(directory)
    read = [user.object_id for page in pages for user in page.users]
    assert len(pages) == len(partner.asked(USERS, ALPINE)) == 2
    assert len(read) == len(set(read))
    assert set(read) == ids(users_of(partner.simulator, str(ALPINE)))


async def test_a_reading_goes_on_where_another_ended(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    add_users(partner, ALPINE, 1200)
    whole = await pages_of(directory)
    rest = await pages_of(partner.directory(), resume=whole[0].next_link)
    assert rest == whole[1:]


async def test_a_page_that_has_expired_is_told_as_such(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    add_users(partner, ALPINE, 1200)
    first = (await pages_of(directory))[0]
    partner.simulator.control("/links", {"expire": True})
    with pytest.raises(PageExpired):
        await pages_of(directory, resume=first.next_link)


@pytest.mark.parametrize("status", [400, 410])
async def test_a_next_link_that_is_refused_has_expired(
    partner: Signed, directory: MicrosoftDirectory, status: int
) -> None:
    add_users(partner, ALPINE, 1200)
    partner.fault("skiptoken", status=status, body={"error": {"code": "Request_BadRequest"}})
    with pytest.raises(PageExpired):
        await pages_of(directory)


async def test_a_first_page_that_is_refused_has_not(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault(USERS, status=400, body={"error": {"code": "Request_BadRequest"}})
    with pytest.raises(TransientFailure, match="unusable_answer") as caught:
        await pages_of(directory)
    assert caught.value.vendor_code == "Request_BadRequest"
    assert caught.value.details == {"status": 400}


async def test_a_next_link_that_leads_elsewhere_is_no_answer(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    body = {"value": [{"id": str(uuid4())}], "@odata.nextLink": "https://evil.example/v1.0/users"}
    partner.fault(USERS, status=200, body=body)
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await pages_of(directory)


async def test_a_listing_that_goes_in_circles_is_no_answer(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    link = f"{partner.endpoints.graph}/v1.0/users?$skiptoken=again"
    partner.fault(
        USERS, status=200, body={"value": [{"id": str(uuid4())}], "@odata.nextLink": link}
    )
    with pytest.raises(TransientFailure, match="listing_endless"):
        await pages_of(directory)
    assert len(partner.asked(USERS, ALPINE)) == 2


async def test_a_page_without_users_may_have_a_next_one(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    link = f"{partner.endpoints.graph}/v1.0/users?$select={wire.USER_SELECT}&$top=999&$count=false"
    partner.fault(USERS, status=200, body={"value": [], "@odata.nextLink": link}, times=1)
    pages = await pages_of(directory)
    assert [bool(page.users) for page in pages] == [False, True]


async def test_a_listing_of_nobody_is_no_answer(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault(USERS, status=200, body={"value": []})
    with pytest.raises(TransientFailure, match="empty_listing"):
        await pages_of(directory)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 200, "body": "<html>", "headers": {"Content-Type": "text/html"}},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": ""},
        {"status": 200, "body": "null"},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": {}},
        {"status": 200, "body": {"value": None}},
        {"status": 200, "body": {"value": {}}},
        {"status": 200, "body": {"value": [{"displayName": "Nobody"}]}},
        {"status": 200, "body": {"error": {"code": "InternalServerError"}}},
        {"status": 200, "body": '{"value":[{"id":"'},
        {"status": 204, "body": ""},
        {"status": 302, "body": "", "headers": {"Location": "https://evil.example/"}},
        {"status": 418, "body": "teapot"},
        {"truncate": 40},
    ],
)
async def test_an_answer_of_another_kind_is_never_no_users(
    partner: Signed, directory: MicrosoftDirectory, fault: dict[str, object]
) -> None:
    partner.fault(USERS, **fault)
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await pages_of(directory)


async def test_a_first_page_that_came_with_a_newer_token_than_the_proof_is_read_again(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    await directory.tenant_details(ALPINE)
    partner.fault(USERS, status=401, times=1)
    assert len(await pages_of(directory)) == 1
    assert [request["status"] for request in partner.asked(USERS, ALPINE)] == [401, 200, 200]
    assert len(partner.asked("/organization", ALPINE)) == 2


async def test_a_listing_with_a_proven_token_costs_its_pages_only(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    await pages_of(directory)
    await pages_of(directory)
    paths = [request["path"] for request in partner.asked("/v1.0/", ALPINE)]
    assert paths == ["/v1.0/organization", "/v1.0/users", "/v1.0/users"]


# Deleted users, and those that are not there


async def test_deleted_users_are_read_to_the_last_page(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    deleted = add_users(partner, ALPINE, 1200)
    partner.simulator.control("/users", {"tenant": str(ALPINE), "delete": deleted})
    before = next(
        t for t in partner.simulator.directory()["tenants"] if t["entra_tenant_id"] == str(ALPINE)
    )
    assert await directory.deleted_users(ALPINE) == ids(before["deleted"])
    assert len(partner.asked(DELETED, ALPINE)) == 2
    assert len(partner.asked("/organization", ALPINE)) == 1


async def test_deleted_items_whose_pages_expire_are_read_once_more(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    deleted = add_users(partner, ALPINE, 1200)
    partner.simulator.control("/users", {"tenant": str(ALPINE), "delete": deleted})
    expired = {"error": {"code": "Directory_ExpiredPageToken"}}
    partner.fault("deletedItems.*skiptoken", status=400, body=expired, times=1)
    assert {UUID(user) for user in deleted} <= await directory.deleted_users(ALPINE)
    partner.fault("deletedItems.*skiptoken", status=400, body=expired)
    with pytest.raises(TransientFailure, match="listing_expired"):
        await directory.deleted_users(ALPINE)


@pytest.mark.parametrize("body", [{}, {"value": [{}]}, "", {"value": [{"id": "x"}]}])
async def test_deleted_items_of_another_shape_are_no_answer(
    partner: Signed, directory: MicrosoftDirectory, body: object
) -> None:
    partner.fault("deletedItems", status=200, body=body)
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await directory.deleted_users(ALPINE)


def somebody(partner: Signed) -> ObjectId:
    return ObjectId(UUID(str(users_of(partner.simulator, str(ALPINE))[0]["id"])))


async def test_who_is_there_is_not_absent_and_who_is_not_is(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    present = somebody(partner)
    assert await directory.is_absent(ALPINE, present) is False
    assert await directory.is_absent(ALPINE, ObjectId(uuid4())) is True
    partner.simulator.control("/users", {"tenant": str(ALPINE), "delete": [str(present)]})
    assert await directory.is_absent(ALPINE, present) is True


async def test_the_directory_is_proved_once_for_each_token(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    for _ in range(3):
        assert await directory.is_absent(ALPINE, ObjectId(uuid4()))
    await directory.deleted_users(ALPINE)
    assert len(partner.asked("/organization", ALPINE)) == 1
    partner.simulator.control("/tokens", {"expire": True})
    assert await directory.is_absent(ALPINE, ObjectId(uuid4()))
    assert len([r for r in partner.asked("/organization", ALPINE) if r["status"] == 200]) == 2


async def test_reading_the_domains_is_a_proof_as_well(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    await directory.tenant_details(ALPINE)
    assert await directory.is_absent(ALPINE, ObjectId(uuid4()))
    assert len(partner.asked("/organization", ALPINE)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404, "body": "<html>"},
        {"status": 404, "body": {"error": {"code": ""}}},
        {"status": 404, "body": {"error": {"code": "ResourceNotFound"}}},
        {"status": 403, "body": {"error": {"code": "Request_ResourceNotFound"}}},
        {"status": 400, "body": {"error": {"code": "Request_ResourceNotFound"}}},
        {"status": 200, "body": {}},
        {"status": 200, "body": {"id": "e0000000-0000-4000-8000-00000000dead"}},
        {"status": 500, "body": {}},
    ],
)
async def test_nothing_else_proves_that_somebody_is_not_there(
    partner: Signed, directory: MicrosoftDirectory, fault: dict[str, object]
) -> None:
    partner.fault(f"{USERS}/", **fault)
    with pytest.raises(EntraError):
        await directory.is_absent(ALPINE, ObjectId(uuid4()))


async def test_a_nested_code_is_found(partner: Signed, directory: MicrosoftDirectory) -> None:
    inner = {"code": "Request_ResourceNotFound"}
    body = {"error": {"code": "", "innerError": {"code": "outer", "innererror": inner}}}
    partner.fault(f"{USERS}/", status=404, body=body)
    assert await directory.is_absent(ALPINE, ObjectId(uuid4()))


# Refusals


def graph_error(code: str) -> dict[str, object]:
    return {"error": {"code": code, "message": "", "innerError": {"request-id": "x"}}}


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, ConsentMissing, "token_refused"),
        (403, ConsentMissing, "directory_role_missing"),
        (404, ConsentMissing, "directory_not_found"),
        (400, TransientFailure, "unusable_answer"),
        (410, TransientFailure, "unusable_answer"),
        (501, TransientFailure, "unusable_answer"),
        (500, TransientFailure, "provider_unreachable"),
        (502, TransientFailure, "provider_unreachable"),
        (429, TransientFailure, "throttled"),
        (503, TransientFailure, "throttled"),
        (504, TransientFailure, "throttled"),
    ],
)
async def test_a_refusal_by_a_customer_is_that_customers(
    partner: Signed,
    directory: MicrosoftDirectory,
    status: int,
    error: type[EntraError],
    code: str,
) -> None:
    partner.fault("/organization", status=status, body=graph_error("Vendor_Code"))
    with pytest.raises(error) as caught:
        await directory.tenant_details(ALPINE)
    assert caught.value.code == code
    answered = code not in {"provider_unreachable", "throttled"}
    assert caught.value.vendor_code == ("Vendor_Code" if answered else None)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, AuthorisationLost, "authorisation_lost"),
        (403, ConfigurationInvalid, "partner_permission_missing"),
        (404, TransientFailure, "unusable_answer"),
    ],
)
async def test_a_refusal_at_home_is_that_of_the_connection(
    partner: Signed,
    directory: MicrosoftDirectory,
    status: int,
    error: type[EntraError],
    code: str,
) -> None:
    partner.fault(CUSTOMERS, status=status, body=graph_error("Vendor_Code"))
    with pytest.raises(error, match=code):
        await directory.probe()
    with pytest.raises(error, match=code):
        await listed(directory)


async def test_a_token_whose_rights_did_not_suffice_is_not_used_again(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault("/organization", status=403, times=1)
    with pytest.raises(ConsentMissing, match="directory_role_missing"):
        await directory.tenant_details(ALPINE)
    assert (await directory.tenant_details(ALPINE)).domains
    assert partner.token_requests(ALPINE) == 2


async def test_a_role_that_does_not_read_is_told_apart_from_missing_consent(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    relate(partner, ALPINE, roles=["a-role-that-reads-nothing"])
    with pytest.raises(ConsentMissing, match="directory_role_missing"):
        await pages_of(directory)


# How Graph is asked


async def test_a_background_reading_gives_way_and_a_click_does_not(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    await pages_of(directory)
    with interactive():
        await pages_of(directory)
    asked = partner.asked(USERS, ALPINE)
    assert [request["priority"] for request in asked] == ["low", "high"]
    assert all(str(request["userAgent"]).startswith("entra-plugin/") for request in asked)


async def test_a_directory_that_is_throttled_leaves_the_others_alone(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.fault(USERS, tenants=[str(ALPINE)], status=429, headers={"Retry-After": "100"}, times=1)
    for remaining in (100, 60):
        with pytest.raises(TransientFailure, match="throttled") as caught:
            await pages_of(directory)
        assert caught.value.retry_after == remaining
        partner.pauses.now += 40
    assert await pages_of(directory, BRIGHT)
    partner.pauses.now += 20
    assert await pages_of(directory)
    assert len(partner.asked(USERS, ALPINE)) == 2


async def test_a_reading_slows_down_before_microsoft_refuses_it(
    partner: Signed, directory: MicrosoftDirectory
) -> None:
    partner.simulator.control("/throttle", {"ratePer10s": None, "unitsPer10s": 20})
    for _ in range(16):
        await directory.tenant_details(ALPINE)
    assert partner.pauses.waits == []
    for _ in range(2):
        await directory.tenant_details(ALPINE)
    assert partner.pauses.waits
    assert {r["status"] for r in partner.asked("/organization", ALPINE)} == {200}


@pytest.mark.parametrize("form", [{}, {"retryAfterDate": True}, {"omitRetryAfter": True}])
async def test_each_form_of_a_refusal_is_understood(
    partner: Signed, directory: MicrosoftDirectory, form: dict[str, object]
) -> None:
    partner.simulator.control("/throttle", {"ratePer10s": 1, **form})
    await directory.tenant_details(ALPINE)
    with pytest.raises(TransientFailure, match="throttled") as caught:
        await directory.tenant_details(ALPINE)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 30
