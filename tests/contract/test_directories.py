"""What every ``Directory`` keeps: one suite for both adapters, over one and the same simulator.

They may differ only as their capabilities say; what a provider cannot tell at all (roles, its own
errors) is left out of the comparison.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from entra_plugin.directory.protocol import Directory, ListedTenant, PageExpired, UserPage
from entra_plugin.domain.addresses import to_ascii
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)
from entra_plugin.domain.folding import NAME_LENGTH
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from support.directories import BOTH, held
from support.graph import ALPINE, BRIGHT, CEDAR, DELTA, EBONY, FJORD, GINKGO, HARBOR
from support.simulator import Simulator

CONSENTING = (ALPINE, BRIGHT, CEDAR, EBONY, FJORD, GINKGO, HARBOR)
STRANGER = EntraTenantId(UUID("e0000000-0000-4000-8000-000000009999"))


async def listed(directory: Directory) -> dict[EntraTenantId, ListedTenant]:
    return {t.entra_tenant_id: t async for t in directory.managed_tenants()}


async def pages(
    directory: Directory, tenant: EntraTenantId = ALPINE, resume: str | None = None
) -> list[UserPage]:
    return [page async for page in directory.user_pages(tenant, resume=resume)]


async def people(directory: Directory, tenant: EntraTenantId) -> dict[ObjectId, DirectoryUser]:
    found = [user for page in await pages(directory, tenant) for user in page.users]
    result = {user.object_id: user for user in found}
    assert len(result) == len(found)
    return result


def crowd(simulator: Simulator, count: int) -> None:
    """Put many more users into a directory."""
    names = [f"crowd{n}@alpinedental.example" for n in range(count)]
    people = [{"userPrincipalName": name} for name in names]
    simulator.control("/users", {"tenant": str(ALPINE), "add": people})


def change(simulator: Simulator, kind: str, ids: list[str]) -> None:
    simulator.control("/users", {"tenant": str(ALPINE), kind: ids})


READINGS: Mapping[str, Callable[[Directory, EntraTenantId], Any]] = {
    "details": lambda directory, tenant: directory.tenant_details(tenant),
    "users": pages,
    "deleted": lambda directory, tenant: directory.deleted_users(tenant),
}


@pytest.fixture(params=READINGS)
def reading(request: pytest.FixtureRequest) -> Callable[[Directory, EntraTenantId], Any]:
    """One of the ways to read a managed tenant."""
    return READINGS[request.param]


# Managed tenants


async def test_the_customers_are_those_with_a_relationship(
    directory: Directory, simulator: Simulator
) -> None:
    customers = simulator.directory()["partners"][0]["customers"]
    assert set(await listed(directory)) == {UUID(customer) for customer in customers}
    assert await directory.probe() == len(customers)


async def test_name_end_and_extension_are_those_of_the_relationship(
    directory: Directory, simulator: Simulator
) -> None:
    for tenant_id, tenant in (await listed(directory)).items():
        truth = held(simulator, tenant_id)
        (relationship,) = (
            r
            for r in truth["relationships"]
            if r["partner"] == simulator.directory()["partners"][0]["tenantId"]
        )
        assert tenant.display_name == truth["display_name"]
        assert tenant.relationship_end == datetime.fromisoformat(relationship["end"])
        assert tenant.auto_extend is relationship["autoExtend"]
        assert tenant.default_domain == to_ascii(truth["default_domain"])


async def test_both_list_the_same(both: tuple[Directory, Directory]) -> None:
    first, second = [
        {
            (t.entra_tenant_id, t.display_name, t.relationship_end, t.auto_extend)
            for t in (await listed(directory)).values()
        }
        for directory in both
    ]
    assert first == second != set()


async def test_a_customer_whose_relationship_ended_is_not_listed(
    directory: Directory, simulator: Simulator
) -> None:
    ended = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    simulator.control("/relationships", {"tenant": str(CEDAR), "end": ended})
    assert CEDAR not in await listed(directory)


async def test_a_new_customer_is_listed(directory: Directory, simulator: Simulator) -> None:
    await listed(directory)
    new = {"tenant": str(STRANGER), "displayName": "New", "defaultDomain": "new.example"}
    simulator.control("/tenants", {"add": [new]})
    assert (await listed(directory))[STRANGER].display_name == "New"


async def test_what_no_database_holds_and_no_reader_sees_is_taken_out_of_a_name(
    directory: Directory, simulator: Simulator
) -> None:
    new = {
        "tenant": str(STRANGER),
        "displayName": "Con\x00toso \u202eLtd\x1b " + "x" * 5000,
        "defaultDomain": "new.example",
    }
    simulator.control("/tenants", {"add": [new]})
    name = (await listed(directory))[STRANGER].display_name
    assert name.startswith("Contoso Ltd x")
    assert len(name) == NAME_LENGTH


# Details


@pytest.mark.parametrize("tenant", CONSENTING)
async def test_the_domains_are_the_verified_ones(
    directory: Directory, simulator: Simulator, tenant: EntraTenantId
) -> None:
    truth = held(simulator, tenant)
    domains = (await directory.tenant_details(tenant)).domains
    assert {domain.name for domain in domains} == {
        to_ascii(name) for name in truth["verified_domains"]
    }
    (default,) = (domain.name for domain in domains if domain.is_default)
    assert default == to_ascii(truth["default_domain"])


async def test_both_tell_the_same_domains(both: tuple[Directory, Directory]) -> None:
    direct, through = both
    for tenant in CONSENTING:
        first, second = [await d.tenant_details(tenant) for d in (direct, through)]
        assert set(first.domains) == set(second.domains)


# Users


@pytest.mark.parametrize("tenant", CONSENTING)
async def test_everybody_in_a_directory_is_read(
    directory: Directory, simulator: Simulator, tenant: EntraTenantId
) -> None:
    truth = held(simulator, tenant)["users"]
    assert set(await people(directory, tenant)) == {UUID(user["id"]) for user in truth}


@pytest.mark.parametrize("tenant", CONSENTING)
async def test_both_read_the_same_identities(
    both: tuple[Directory, Directory], tenant: EntraTenantId
) -> None:
    first, second = [await people(directory, tenant) for directory in both]
    assert first == second


async def test_a_large_directory_comes_in_pages_and_each_user_once(
    directory: Directory, simulator: Simulator
) -> None:
    crowd(simulator, 2_000)
    found = await pages(directory)
    assert [len(page.users) for page in found[:2]] == [999, 999]
    assert [page.next_link is None for page in found] == [False, False, True]
    ids = [user.object_id for page in found for user in page.users]
    assert len(ids) == len(set(ids)) == len(held(simulator, ALPINE)["users"])


async def test_a_reading_goes_on_where_another_stopped(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    crowd(simulator, 2_000)
    whole = await pages(directory)
    async with BOTH[adapter](simulator) as another:
        rest = await pages(another, resume=whole[0].next_link)
    assert [page.users for page in rest] == [page.users for page in whole[1:]]


async def test_a_link_that_is_no_longer_accepted_is_expired(
    directory: Directory, simulator: Simulator
) -> None:
    crowd(simulator, 1_000)
    first, *_ = await pages(directory)
    simulator.control("/links", {"expire": True})
    with pytest.raises(PageExpired):
        await pages(directory, resume=first.next_link)
    assert len(await pages(directory)) == 2


async def test_a_change_is_seen_in_the_next_reading(
    directory: Directory, simulator: Simulator
) -> None:
    user_id = next(u["id"] for u in held(simulator, ALPINE)["users"] if u["accountEnabled"])
    before = (await people(directory, ALPINE))[ObjectId(UUID(user_id))]
    change(simulator, "disable", [user_id])
    after = (await people(directory, ALPINE))[ObjectId(UUID(user_id))]
    assert (before.enabled, after.enabled) == (True, False)


# Those who left


async def test_deleted_users_are_those_in_the_deleted_items(
    directory: Directory, simulator: Simulator
) -> None:
    assert await directory.deleted_users(ALPINE) == frozenset()
    gone = [user["id"] for user in held(simulator, ALPINE)["users"][:3]]
    change(simulator, "delete", gone)
    assert await directory.deleted_users(ALPINE) == {UUID(user_id) for user_id in gone}
    change(simulator, "restore", gone[:1])
    assert await directory.deleted_users(ALPINE) == {UUID(user_id) for user_id in gone[1:]}


async def test_absence_is_proved_only_by_who_can(directory: Directory) -> None:
    nobody = ObjectId(UUID(int=7))
    assert await directory.is_absent(ALPINE, nobody) is directory.capabilities.proves_absence


async def test_who_is_there_is_never_absent(directory: Directory, simulator: Simulator) -> None:
    somebody = ObjectId(UUID(held(simulator, ALPINE)["users"][0]["id"]))
    assert not await directory.is_absent(ALPINE, somebody)


# Refusals


async def test_a_customer_without_consent_is_that_customers_matter(
    directory: Directory, reading: Callable[[Directory, EntraTenantId], Any]
) -> None:
    with pytest.raises(ConsentMissing):
        await reading(directory, DELTA)
    await reading(directory, ALPINE)


async def test_a_customers_conditional_access_is_that_customers_matter(
    directory: Directory,
    simulator: Simulator,
    reading: Callable[[Directory, EntraTenantId], Any],
) -> None:
    simulator.control("/consent", {"tenant": str(ALPINE), "conditionalAccess": True})
    with pytest.raises(ConsentMissing):
        await reading(directory, ALPINE)
    await reading(directory, BRIGHT)


async def test_a_customer_whose_roles_do_not_suffice_refuses(
    directory: Directory,
    simulator: Simulator,
    reading: Callable[[Directory, EntraTenantId], Any],
) -> None:
    simulator.control("/relationships", {"tenant": str(ALPINE), "roles": []})
    with pytest.raises(ConsentMissing):
        await reading(directory, ALPINE)


async def test_a_customer_who_consents_later_can_be_read_then(
    directory: Directory,
    simulator: Simulator,
    reading: Callable[[Directory, EntraTenantId], Any],
) -> None:
    with pytest.raises(ConsentMissing):
        await reading(directory, DELTA)
    simulator.control("/consent", {"tenant": str(DELTA), "granted": True})
    await reading(directory, DELTA)


async def test_a_directory_of_nobody_we_know_refuses(
    directory: Directory, reading: Callable[[Directory, EntraTenantId], Any]
) -> None:
    with pytest.raises(ConsentMissing):
        await reading(directory, STRANGER)


# Failures

BROKEN: Mapping[str, Mapping[str, Any]] = {
    "cut off": {"truncate": 200},
    "another document": {"status": 200, "body": {"unexpected": []}},
    "no json": {
        "status": 200,
        "body": "text",
        "headers": {"content-type": "application/octet-stream"},
    },
}
USERS = {"microsoft": "/v1.0/users", "cipp": "Endpoint=users"}


@pytest.mark.parametrize("kind", BROKEN)
async def test_an_answer_that_is_none_is_never_nobody(
    adapter: str, directory: Directory, simulator: Simulator, kind: str
) -> None:
    await directory.tenant_details(ALPINE)
    simulator.control("/faults", {"match": USERS[adapter], **BROKEN[kind]})
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await pages(directory)


async def test_an_empty_listing_is_no_answer(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    empty = {"microsoft": {"value": []}, "cipp": {"Results": [], "Metadata": {}}}
    fault = {"match": USERS[adapter], "status": 200, "body": empty[adapter]}
    simulator.control("/faults", fault)
    with pytest.raises(TransientFailure, match="empty_listing"):
        await pages(directory)


async def test_a_throttled_provider_says_until_when(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    fault = {"match": USERS[adapter], "status": 429, "headers": {"retry-after": "300"}}
    simulator.control("/faults", fault)
    with pytest.raises(TransientFailure, match="throttled") as caught:
        await pages(directory)
    assert caught.value.retry_after == 300


async def test_a_list_of_which_nothing_can_be_used_is_a_failure(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    row = {"microsoft": {"value": [{"tenantId": "x"}]}, "cipp": [{"customerId": "x"}]}[adapter]
    match = {"microsoft": "delegatedAdminCustomers", "cipp": "ListTenants"}[adapter]
    simulator.control("/faults", {"match": match, "status": 200, "body": row})
    with pytest.raises(ConfigurationInvalid):
        await listed(directory)


async def test_a_dead_credential_is_told_as_such(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    if adapter == "microsoft":
        simulator.control("/tokens", {"revoke": True, "expire": True})
    else:
        simulator.control("/cipp", {"clientsRefused": True})
    with pytest.raises(AuthorisationLost):
        await directory.probe()


@pytest.mark.parametrize("asked", ["details", "users", "deleted"])
async def test_nothing_but_our_own_errors_comes_out(
    adapter: str, directory: Directory, simulator: Simulator, asked: str
) -> None:
    objects = {"details": "organization", "users": "users", "deleted": "deletedItems"}[asked]
    match = {"microsoft": f"/v1.0/.*{objects}", "cipp": f"ListGraphRequest.*{objects}"}[adapter]
    ours = (EntraError, PageExpired) if asked == "users" else EntraError
    for status in (204, 301, 400, 403, 404, 409, 410, 418, 500, 503):
        simulator.control("/faults", {"faults": []})
        await READINGS[asked](directory, ALPINE)
        fault = {"match": match, "status": status, "body": "text"}
        simulator.control("/faults", {"faults": [fault]})
        with pytest.raises(ours):
            await READINGS[asked](directory, ALPINE)


async def test_a_connection_can_be_renewed(directory: Directory) -> None:
    await directory.renew()
    assert await directory.probe() == len(CONSENTING) + 1
