"""The CIPP adapter over HTTPS: what it asks for, and what it makes of the answers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from entra_plugin.directory.microsoft.wire import USER_SELECT
from entra_plugin.directory.protocol import Domain, PageExpired, UserPage
from entra_plugin.domain.errors import ConfigurationInvalid, ConsentMissing, TransientFailure
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from support.cipp_directory import Opened, opened_cipp
from support.graph import ALPINE, BRIGHT, CEDAR, DELTA, HARBOR
from support.simulator import Simulator

GRAPH_REQUEST = "/api/ListGraphRequest"
USERS_REQUEST = rf"{GRAPH_REQUEST}\?Endpoint=users&"
NEXT = "https://graph.microsoft.com/v1.0/users?$skiptoken="
NOBODY = EntraTenantId(UUID("e0000000-0000-4000-8000-000000009999"))


@pytest.fixture
async def cipp(simulator: Simulator) -> AsyncIterator[Opened]:
    """The first partner's CIPP."""
    async with opened_cipp(simulator) as opened:
        yield opened


async def names(cipp: Opened) -> list[str]:
    return [tenant.display_name async for tenant in cipp.directory.managed_tenants()]


async def pages(
    cipp: Opened, tenant: EntraTenantId = ALPINE, resume: str | None = None
) -> list[UserPage]:
    return [page async for page in cipp.directory.user_pages(tenant, resume=resume)]


def envelope(*rows: dict[str, object], link: str | None = None) -> dict[str, object]:
    """An answer of ListGraphRequest, for a fault to give."""
    good = [{**row, "Tenant": "x", "CippStatus": "Good"} for row in rows]
    return {"Results": good, "Metadata": {} if link is None else {"nextLink": link}}


def user(number: int) -> dict[str, object]:
    """A user as a row."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "userPrincipalName": f"user{number}@alpinedental.example",
    }


def crowd(cipp: Opened, count: int) -> None:
    """Put many more users into a directory."""
    people = [
        {"userPrincipalName": f"crowd{n}@alpinedental.example", "displayName": f"Crowd {n}"}
        for n in range(count)
    ]
    cipp.simulator.control("/users", {"tenant": str(ALPINE), "add": people})


def asked_for_users(cipp: Opened) -> list[dict[str, str]]:
    """The questions for pages of users; the first of a reading comes after that for the proof."""
    return [asked for asked in cipp.asked("ListGraphRequest") if asked["Endpoint"] == "users"]


def alpine(cipp: Opened) -> dict[str, Any]:
    """A customer's directory as the simulator holds it."""
    found = cipp.simulator.directory()["tenants"]
    return next(t for t in found if t["entra_tenant_id"] == str(ALPINE))


# The list of managed tenants


async def test_the_customers_are_listed_without_the_partner_himself(cipp: Opened) -> None:
    found = [tenant async for tenant in cipp.directory.managed_tenants()]
    partner = cipp.simulator.directory()["partners"][0]
    assert {str(tenant.entra_tenant_id) for tenant in found} == set(partner["customers"])
    assert await cipp.directory.probe() == len(found) == 8
    assert cipp.asked() == [{}, {}]


async def test_each_partner_has_a_cipp_of_its_own(simulator: Simulator) -> None:
    async with opened_cipp(simulator, partner=1) as cipp:
        assert await names(cipp) == ["Alpine Dental Group", "Bright Accounting"]


async def test_the_facts_of_a_relationship_are_read(cipp: Opened) -> None:
    found = {t.entra_tenant_id: t async for t in cipp.directory.managed_tenants()}
    first, second = found[ALPINE], found[CEDAR]
    assert first.relationship_end is not None
    assert second.relationship_end is not None
    assert first.relationship_end - second.relationship_end > timedelta(days=300)
    assert (first.auto_extend, second.auto_extend) == (True, False)
    assert first.privilege_status == "granularDelegatedAdminPrivileges"
    assert first.default_domain == "alpinedental.example"


async def test_what_cipp_failed_at_itself_is_shown(cipp: Opened) -> None:
    cipp.switch(graphErrors={str(ALPINE): 57})
    found = {t.entra_tenant_id: t async for t in cipp.directory.managed_tenants()}
    assert (found[ALPINE].provider_errors, found[BRIGHT].provider_errors) == (57, 0)


async def test_an_excluded_tenant_is_not_listed(cipp: Opened) -> None:
    cipp.switch(excluded=[str(ALPINE)])
    assert "Alpine Dental Group" not in await names(cipp)


async def test_a_list_that_failed_with_status_200_is_a_failure(cipp: Opened) -> None:
    cipp.switch(listFails=True)
    with pytest.raises(ConfigurationInvalid, match="cipp_list_failed"):
        await cipp.directory.probe()


async def test_no_tenants_are_a_result(cipp: Opened) -> None:
    cipp.switch(restrictedTo=[])
    assert await cipp.directory.probe() == 0


async def test_a_tenant_whose_domains_cipp_could_not_read_is_read_all_the_same(
    cipp: Opened,
) -> None:
    cipp.switch(requiresRefresh=[str(ALPINE)])
    assert await cipp.directory.probe() == 8
    assert len(await pages(cipp)) == 1


# What a tenant is called


async def test_a_tenant_is_asked_for_by_the_domain_of_the_list_which_is_read_once(
    cipp: Opened,
) -> None:
    for _ in range(2):
        await cipp.directory.tenant_details(ALPINE)
        await pages(cipp, BRIGHT)
    assert len(cipp.asked("ListTenants")) == 1
    asked = {question["tenantFilter"] for question in cipp.asked("ListGraphRequest")}
    assert asked == {"alpinedental.example", "brightaccounting.example"}


async def test_a_tenant_that_is_not_listed_cannot_be_asked_for(cipp: Opened) -> None:
    with pytest.raises(ConsentMissing, match="cipp_tenant_not_listed"):
        await cipp.directory.tenant_details(NOBODY)
    assert cipp.asked() == [{}]


async def test_a_tenant_that_the_role_hides_cannot_be_asked_for(cipp: Opened) -> None:
    cipp.switch(restrictedTo=[str(BRIGHT)])
    with pytest.raises(ConsentMissing, match="cipp_tenant_not_listed"):
        await pages(cipp, ALPINE)


async def test_a_tenant_that_failed_is_looked_up_anew(cipp: Opened) -> None:
    await cipp.directory.probe()
    change = {"tenant": str(ALPINE), "defaultDomain": "alpine-new.example"}
    cipp.simulator.control("/tenants", {"change": [change]})
    with pytest.raises(ConsentMissing, match="cipp_graph_error"):
        await cipp.directory.tenant_details(ALPINE)
    assert len((await cipp.directory.tenant_details(ALPINE)).domains) > 0
    assert len(cipp.asked("ListTenants")) == 2


# Details


async def test_the_organization_names_the_domains_in_one_request(cipp: Opened) -> None:
    details = await cipp.directory.tenant_details(ALPINE)
    assert details.domains == (
        Domain(name="alpinedental.example", is_default=True, is_initial=False),
        Domain(name="alpinedental.onmicrosoft.com", is_default=False, is_initial=True),
    )
    assert cipp.asked("ListGraphRequest") == [
        {
            "Endpoint": "organization",
            "Version": "v1.0",
            "tenantFilter": "alpinedental.example",
            "$select": "id,verifiedDomains",
        }
    ]
    assert cipp.asked("ListDomains") == []


async def test_without_domains_in_the_organization_they_are_listed_once(cipp: Opened) -> None:
    cipp.fault(GRAPH_REQUEST, status=200, body=envelope({"id": str(ALPINE)}))
    details = await cipp.directory.tenant_details(ALPINE)
    assert [domain.name for domain in details.domains if domain.is_default] == [
        "alpinedental.example"
    ]
    assert len(cipp.asked("ListGraphRequest")) == 1
    assert cipp.asked("ListDomains") == [{"tenantFilter": "alpinedental.example"}]


@pytest.mark.parametrize("answering", [[], [str(BRIGHT)], [str(ALPINE), str(BRIGHT)]])
async def test_another_directory_than_the_one_asked_for_is_refused(
    cipp: Opened, answering: list[str]
) -> None:
    rows: list[dict[str, object]] = [{"id": answer} for answer in answering]
    cipp.fault(GRAPH_REQUEST, status=200, body=envelope(*rows))
    with pytest.raises(TransientFailure, match="wrong_directory"):
        await cipp.directory.tenant_details(ALPINE)
    assert cipp.asked("ListDomains") == []


# Users


async def test_users_are_read_exactly_as_recommended(cipp: Opened) -> None:
    (page,) = await pages(cipp)
    assert {str(u.object_id) for u in page.users} == {u["id"] for u in alpine(cipp)["users"]}
    assert asked_for_users(cipp) == [
        {
            "Endpoint": "users",
            "Version": "v1.0",
            "tenantFilter": "alpinedental.example",
            "manualPagination": "true",
            "$top": "999",
            "$select": USER_SELECT,
        }
    ]


async def test_pages_follow_the_link_that_cipp_gives(cipp: Opened) -> None:
    crowd(cipp, 2_000)
    found = await pages(cipp)
    assert [len(page.users) for page in found[:2]] == [999, 999]
    assert {u.object_id for page in found for u in page.users} == {
        UUID(u["id"]) for u in alpine(cipp)["users"]
    }
    first, *others = asked_for_users(cipp)
    links = [page.next_link for page in found]
    assert [other.pop("nextLink") for other in others] == links[:-1]
    assert others == [first, first]
    assert links[-1] is None
    assert {request["host"] for request in cipp.simulator.requests()} == {"cipp"}


async def test_a_reading_goes_on_at_a_link(cipp: Opened) -> None:
    crowd(cipp, 2_000)
    whole = await pages(cipp)
    assert await pages(cipp, resume=whole[0].next_link) == whole[1:]


async def test_a_link_that_graph_refuses_is_taken_for_expired(cipp: Opened) -> None:
    crowd(cipp, 1_000)
    listing = cipp.directory.user_pages(ALPINE)
    first = await anext(listing)
    cipp.simulator.control("/links", {"expire": True})
    with pytest.raises(PageExpired):
        await anext(listing)
    with pytest.raises(PageExpired):
        await pages(cipp, resume=first.next_link)


@pytest.mark.parametrize("link", ["", "x", "//graph.example/users", "https://" + "x" * 5_000])
async def test_what_is_no_link_is_expired_without_asking(cipp: Opened, link: str) -> None:
    with pytest.raises(PageExpired):
        await pages(cipp, resume=link)
    assert cipp.asked() == []


async def test_a_link_to_elsewhere_is_handed_back_to_the_same_cipp(cipp: Opened) -> None:
    elsewhere = "https://graph.example/v1.0/users?$skiptoken=x"
    for number, link in ((1, elsewhere), (2, None)):
        body = envelope(user(number), link=link)
        cipp.fault(USERS_REQUEST, status=200, body=body, times=1)
    assert len(await pages(cipp)) == 2
    assert asked_for_users(cipp)[1]["nextLink"] == elsewhere
    assert {request["host"] for request in cipp.simulator.requests()} == {"cipp"}


async def test_what_is_no_link_is_unusable(cipp: Opened) -> None:
    cipp.fault(USERS_REQUEST, status=200, body=envelope(user(1), link="true"))
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await pages(cipp)
    assert len(asked_for_users(cipp)) == 1


async def test_a_listing_that_leads_back_ends(cipp: Opened) -> None:
    cipp.fault(USERS_REQUEST, status=200, body=envelope(user(1), link=f"{NEXT}1"))
    with pytest.raises(TransientFailure, match="listing_endless"):
        await pages(cipp)
    assert len(asked_for_users(cipp)) == 2


async def test_a_listing_that_leads_back_a_long_way_ends(cipp: Opened) -> None:
    for number, link in ((1, "a"), (2, "b"), (3, "a")):
        body = envelope(user(number), link=f"{NEXT}{link}")
        cipp.fault(USERS_REQUEST, status=200, body=body, times=1)
    with pytest.raises(TransientFailure, match="listing_endless"):
        await pages(cipp)
    assert len(asked_for_users(cipp)) == 3


async def test_the_link_of_the_question_in_the_last_answer_is_no_next_one(cipp: Opened) -> None:
    for number in (1, 2):
        body = envelope(user(number), link=f"{NEXT}1")
        cipp.fault(USERS_REQUEST, status=200, body=body, times=1)
    found = await pages(cipp)
    assert [page.next_link for page in found] == [f"{NEXT}1", None]
    assert [len(page.users) for page in found] == [1, 1]


async def test_a_listing_without_anybody_is_no_answer(cipp: Opened) -> None:
    cipp.fault(USERS_REQUEST, status=200, body=envelope())
    with pytest.raises(TransientFailure, match="empty_listing"):
        await pages(cipp)


async def test_empty_pages_without_anybody_are_no_answer(cipp: Opened) -> None:
    cipp.fault(USERS_REQUEST, status=200, body=envelope(link=f"{NEXT}1"), times=1)
    cipp.fault(USERS_REQUEST, status=200, body=envelope(), times=1)
    with pytest.raises(TransientFailure, match="empty_listing"):
        await pages(cipp)


async def test_an_empty_last_page_is_the_end(cipp: Opened) -> None:
    cipp.fault(USERS_REQUEST, status=200, body=envelope(user(1), link=f"{NEXT}1"), times=1)
    cipp.fault(USERS_REQUEST, status=200, body=envelope(), times=1)
    assert [len(page.users) for page in await pages(cipp)] == [1, 0]


async def test_what_is_queued_is_not_ready_and_never_nobody(cipp: Opened) -> None:
    cipp.switch(queued=True)
    with pytest.raises(TransientFailure, match="cipp_not_ready") as caught:
        await pages(cipp)
    assert caught.value.retry_after == 30
    with pytest.raises(TransientFailure, match="cipp_not_ready"):
        await cipp.directory.deleted_users(ALPINE)


async def test_a_row_without_an_id_fails_its_tenant(cipp: Opened) -> None:
    cipp.switch(errorRows=[str(ALPINE)])
    with pytest.raises(ConsentMissing, match="cipp_tenant_failed"):
        await pages(cipp)
    with pytest.raises(ConsentMissing, match="cipp_tenant_failed"):
        await cipp.directory.tenant_details(ALPINE)
    assert len(await pages(cipp, BRIGHT)) == 1


async def test_a_customer_without_consent_refuses_and_the_others_do_not(cipp: Opened) -> None:
    with pytest.raises(ConsentMissing, match="cipp_graph_error"):
        await pages(cipp, DELTA)
    with pytest.raises(ConsentMissing, match="cipp_graph_error"):
        await cipp.directory.tenant_details(DELTA)
    assert len(await pages(cipp, HARBOR)) == 1


# Deleted users


async def test_deleted_users_are_read_once_the_directory_is_proved(cipp: Opened) -> None:
    gone = [u["id"] for u in alpine(cipp)["users"][:2]]
    cipp.simulator.control("/users", {"tenant": str(ALPINE), "delete": gone})
    assert await cipp.directory.deleted_users(ALPINE) == {UUID(g) for g in gone}
    first, second = cipp.asked("ListGraphRequest")
    assert first["Endpoint"] == "organization"
    assert second == {
        "Endpoint": "directory/deletedItems/microsoft.graph.user",
        "Version": "v1.0",
        "tenantFilter": "alpinedental.example",
        "manualPagination": "true",
        "$top": "999",
        "$select": "id",
    }


async def test_nobody_deleted_is_a_result(cipp: Opened) -> None:
    assert await cipp.directory.deleted_users(ALPINE) == frozenset()


async def test_all_pages_of_the_deleted_are_read(cipp: Opened) -> None:
    crowd(cipp, 1_100)
    gone = [u["id"] for u in alpine(cipp)["users"][-1_050:]]
    cipp.simulator.control("/users", {"tenant": str(ALPINE), "delete": gone})
    assert await cipp.directory.deleted_users(ALPINE) == {UUID(g) for g in gone}


async def test_another_directorys_deleted_items_are_not_even_asked_for(cipp: Opened) -> None:
    cipp.fault("Endpoint=organization", status=200, body=envelope({"id": str(BRIGHT)}))
    with pytest.raises(TransientFailure, match="wrong_directory"):
        await cipp.directory.deleted_users(ALPINE)
    assert [q["Endpoint"] for q in cipp.asked("ListGraphRequest")] == ["organization"]


async def test_deleted_items_whose_link_expired_are_read_another_time(cipp: Opened) -> None:
    cipp.fault("nextLink", status=400, body="Graph Error: expired")
    body = envelope({"id": user(1)["id"]}, link=f"{NEXT}1")
    cipp.fault("deletedItems", status=200, body=body)
    with pytest.raises(TransientFailure, match="listing_expired"):
        await cipp.directory.deleted_users(ALPINE)


async def test_a_missing_id_proves_nothing(cipp: Opened) -> None:
    assert not await cipp.directory.is_absent(ALPINE, ObjectId(NOBODY))
    assert cipp.asked() == []
    assert not cipp.directory.capabilities.proves_absence
    assert not cipp.directory.capabilities.delta
