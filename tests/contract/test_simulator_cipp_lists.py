"""The simulator's CIPP lists tenants, domains and users as the real one does."""

from collections.abc import Iterator

import pytest

from support.cipp import Cipp, asking_cipp, refused
from support.microsoft import users_of
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
BRIGHT = "e0000000-0000-4000-8000-000000000002"
CEDAR = "e0000000-0000-4000-8000-000000000003"
DELTA_LOGISTICS = "e0000000-0000-4000-8000-000000000004"
"""A customer whose administrator has not consented."""
ALPINE_DOMAIN = "alpinedental.example"
DELTA_DOMAIN = "deltalogistics.example"
COMMON_KEYS = {
    *("PartitionKey", "RowKey", "Timestamp", "customerId", "displayName", "defaultDomainName"),
    *("initialDomainName", "domains", "relationshipEnd", "relationshipCount", "hasAutoExtend"),
    *("Excluded", "ExcludeUser", "ExcludeDate", "GraphErrorCount", "LastGraphError"),
    *("RequiresRefresh", "LastRefresh"),
}


@pytest.fixture
def cipp(simulator: Simulator) -> Iterator[Cipp]:
    with asking_cipp(simulator) as client:
        yield client


# Tenants


def test_the_tenants_are_a_bare_array_with_the_msp_itself_in_it(cipp: Cipp) -> None:
    own, *customers = cipp.listed("ListTenants")

    assert own.keys() == COMMON_KEYS
    assert (own["displayName"], own["domains"]) == ("*Partner Tenant", "PartnerTenant")
    assert own["customerId"] == cipp.access.partner_tenant_id
    assert all(c.keys() == COMMON_KEYS | {"delegatedPrivilegeStatus"} for c in customers)
    assert {c["domains"] for c in customers} == {""}


def test_a_row_says_what_the_relationship_is(cipp: Cipp) -> None:
    rows = {row["customerId"]: row for row in cipp.listed("ListTenants")}

    assert rows[ALPINE]["defaultDomainName"] == ALPINE_DOMAIN
    assert rows[ALPINE]["initialDomainName"] == "alpinedental.onmicrosoft.com"
    assert rows[ALPINE]["hasAutoExtend"] is True
    assert rows[CEDAR]["hasAutoExtend"] is False
    assert rows[CEDAR]["relationshipEnd"] < rows[ALPINE]["relationshipEnd"]


def test_another_partner_has_a_cipp_of_his_own(cipp: Cipp) -> None:
    _, *customers = cipp.of(1).tenant_ids()

    assert set(customers) == {ALPINE, BRIGHT}
    assert cipp.of(1).tenant_ids()[0] != cipp.tenant_ids()[0]


def test_the_selector_row_comes_when_it_is_asked_for(cipp: Cipp) -> None:
    rows = cipp.listed("ListTenants", AllTenantSelector="true")

    assert [row["customerId"] for row in rows].count("AllTenants") == 1
    assert "AllTenants" not in cipp.tenant_ids()


def test_a_tenant_is_found_by_its_default_domain_only(cipp: Cipp) -> None:
    (row,) = cipp.listed("ListTenants", tenantFilter=ALPINE_DOMAIN)

    assert row["customerId"] == ALPINE
    assert cipp.listed("ListTenants", tenantFilter=ALPINE) == []


def test_the_links_of_the_portals_come_with_their_mode(cipp: Cipp) -> None:
    (row,) = cipp.listed("ListTenants", tenantFilter=ALPINE_DOMAIN)
    assert not any(key.startswith("portal_") for key in row)

    rows = cipp.listed("ListTenants", Mode="TenantList")

    assert rows
    assert all(row["portal_entra"].endswith(row["defaultDomainName"]) for row in rows)


def test_an_excluded_tenant_is_not_listed(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"excluded": [ALPINE]})

    assert ALPINE not in cipp.tenant_ids()
    assert BRIGHT in cipp.tenant_ids()


def test_a_restricted_client_misses_tenants_without_a_word(
    cipp: Cipp, simulator: Simulator
) -> None:
    simulator.control("/cipp", {"restrictedTo": [BRIGHT]})

    assert [r["customerId"] for r in cipp.listed("ListTenants", AllTenantSelector="true")] == [
        BRIGHT
    ]
    answer = cipp.get("ListGraphRequest", Endpoint="users", tenantFilter=ALPINE_DOMAIN)
    refused(answer, 403)
    refused(cipp.get("ListDomains", tenantFilter=ALPINE_DOMAIN), 403)
    simulator.control("/cipp", {"restrictedTo": None})
    assert ALPINE in cipp.tenant_ids()


def test_a_list_that_fails_is_one_row_that_is_no_tenant(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"listFails": True})

    (row,) = cipp.listed("ListTenants")

    assert row["customerId"] == ""
    assert row["displayName"].startswith("Failed to retrieve tenants")
    assert row["Results"]


def test_a_customer_without_an_active_relationship_is_not_listed(
    cipp: Cipp, simulator: Simulator
) -> None:
    simulator.control("/relationships", {"tenant": ALPINE, "status": "terminated"})

    assert ALPINE not in cipp.tenant_ids()


def test_domains_that_could_not_be_read_are_guessed(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"requiresRefresh": [ALPINE]})

    (row,) = cipp.listed("ListTenants", tenantFilter=ALPINE_DOMAIN)

    assert row["RequiresRefresh"] is True
    assert row["initialDomainName"] == row["defaultDomainName"]


def test_failures_to_reach_a_tenant_are_counted_until_one_succeeds(
    cipp: Cipp, simulator: Simulator
) -> None:
    for _ in range(2):
        cipp.get("ListGraphRequest", Endpoint="users", tenantFilter=DELTA_DOMAIN)
    (row,) = cipp.listed("ListTenants", tenantFilter=DELTA_DOMAIN)
    assert row["GraphErrorCount"] == 2
    assert "AADSTS65001" in row["LastGraphError"]
    simulator.control("/consent", {"tenant": DELTA_LOGISTICS, "granted": True})

    cipp.graph("users", tenantFilter=DELTA_DOMAIN)

    (row,) = cipp.listed("ListTenants", tenantFilter=DELTA_DOMAIN)
    assert (row["GraphErrorCount"], row["LastGraphError"]) == (0, "")


def test_a_tenant_that_failed_too_often_is_still_listed(cipp: Cipp, simulator: Simulator) -> None:
    simulator.control("/cipp", {"graphErrors": {ALPINE: 50}})

    (row,) = cipp.listed("ListTenants", tenantFilter=ALPINE_DOMAIN)

    assert row["GraphErrorCount"] == 50
    assert cipp.get("ListDBCache", tenantFilter=ALPINE_DOMAIN, type="Users").status_code == 400


# Domains


@pytest.mark.parametrize("name", [ALPINE_DOMAIN, ALPINE, "alpinedental.onmicrosoft.com"])
def test_domains_are_listed_with_the_default_first(cipp: Cipp, name: str) -> None:
    assert cipp.listed("ListDomains", tenantFilter=name) == [
        {"id": ALPINE_DOMAIN, "isdefault": True, "isinitial": False},
        {"id": "alpinedental.onmicrosoft.com", "isdefault": False, "isinitial": True},
    ]


def test_domains_that_cannot_be_read_are_an_error_in_an_array(cipp: Cipp) -> None:
    answer = cipp.get("ListDomains", tenantFilter=DELTA_DOMAIN)

    assert answer.status_code == 500
    (text,) = answer.json()
    assert "AADSTS65001" in text


def test_a_tenant_that_is_not_there_has_no_domains(cipp: Cipp) -> None:
    assert cipp.listed("ListDomains", tenantFilter="nobody.example") == []


# The other lists


def test_users_at_once_come_with_what_cipp_adds(cipp: Cipp, simulator: Simulator) -> None:
    rows = cipp.listed("ListUsers", tenantFilter=ALPINE_DOMAIN)

    assert len(rows) == len(users_of(simulator, ALPINE))
    clara = next(row for row in rows if row["displayName"] == "Clara Costa")
    assert clara["Aliases"].split(", ") == clara["proxyAddresses"]
    assert clara["onPremisesSyncEnabled"] is False
    assert clara["primDomain"] == {"value": ALPINE_DOMAIN, "label": ALPINE_DOMAIN}
    assert "manager" in clara


@pytest.mark.parametrize("name", [ALPINE_DOMAIN, "nobody.example"])
def test_users_at_once_of_an_excluded_tenant_are_an_empty_list(
    cipp: Cipp, simulator: Simulator, name: str
) -> None:
    simulator.control("/cipp", {"excluded": [ALPINE]})

    assert cipp.listed("ListUsers", tenantFilter=name) == []


def test_users_at_once_of_all_tenants_are_a_message(cipp: Cipp) -> None:
    (row,) = cipp.listed("ListUsers", tenantFilter="AllTenants")

    assert row.keys() == {"Message"}


def test_users_at_once_that_cannot_be_read_are_a_string(cipp: Cipp) -> None:
    refused(cipp.get("ListUsers", tenantFilter=DELTA_DOMAIN), 500)


def test_the_nightly_cache_has_users(cipp: Cipp, simulator: Simulator) -> None:
    asked = {"tenantFilter": ALPINE_DOMAIN}

    rows = cipp.get("ListDBCache", **asked, type="Users").json()["Results"]
    (count,) = cipp.get("ListDBCache", **asked, countsOnly="true").json()["Results"]

    assert len(rows) == len(users_of(simulator, ALPINE)) == count["Count"]
    assert count.keys() == {"Tenant", "Type", "Count", "LastRefresh"}


def test_a_client_hears_who_it_is(cipp: Cipp) -> None:
    assert cipp.get("me").json() == {
        "clientPrincipal": {"appId": cipp.access.client_id, "appRole": []},
        "permissions": [],
    }
