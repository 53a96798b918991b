"""Discovery, attempt by attempt: who is found, who is gone, who is asked, and what stops it."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from temporalio.exceptions import ApplicationError

from devhost.servers.postgres import Urls
from entra_plugin.application.close_run import CloseRun
from entra_plugin.application.connect.directories import ConnectedDirectories
from entra_plugin.application.connect.disconnect import Disconnect
from entra_plugin.directory.protocol import Directory, ListedTenant
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import ConnectionStatus, ConnectionType, RunState, RunType
from entra_plugin.store.runs import Run
from support.checking import Checks, checking
from support.graph import ALPINE, BRIGHT, CEDAR, DELTA, HARBOR
from support.simulator import Simulator

DISCOVERY = RunType.DISCOVERY
CUSTOMERS = 8
NEWCOMERS = 12
NEW = UUID("f0000000-0000-4000-8000-000000000001")
WAIT = 30
"""Longer than a request waits by itself."""

BUSY = {"status": 429, "headers": {"Retry-After": str(WAIT)}, "times": 1, "eachTenant": True}


@pytest.fixture
async def checks(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Checks]:
    """Signed in."""
    async with checking(database, simulator, monkeypatch) as found:
        await found.sign_in()
        yield found


def newcomer(number: int = 1) -> dict[str, object]:
    """A customer that appears."""
    domain = f"newcomer{number}.example"
    return {
        "tenant": f"f0000000-0000-4000-8000-{number:012d}",
        "displayName": f"Newcomer {number}",
        "defaultDomain": domain,
        "verifiedDomains": [domain],
    }


# Who is found


@pytest.mark.parametrize(
    "name", ["\x00", "Con\x00toso \u202egnp", "\u200f", "\ufdfa" * 5000, "=1+1", "<b>x</b>", " "]
)
async def test_a_customer_of_any_name_is_stored(
    checks: Checks, simulator: Simulator, name: str
) -> None:
    simulator.control("/tenants", {"add": [newcomer() | {"displayName": name}]})
    found = await checks.discover()
    assert found.run.progress is not None
    assert found.run.progress["listed"] == CUSTOMERS + 1
    assert (await checks.known())[NEW].display_name


async def test_every_customer_is_stored_with_what_the_lists_and_itself_say(
    checks: Checks,
) -> None:
    found = await checks.discover()
    assert found.run.state == RunState.PARTIAL
    assert found.run.progress == {"listed": 8, "checked": 8, "failed": 1, "new": 8, "gone": 0}
    known = await checks.known()
    assert len(known) == CUSTOMERS
    assert known[BRIGHT].domains == ("brightaccounting.example", "bright-tax.example")
    assert (known[CEDAR].auto_extend, len(known[CEDAR].roles)) == (False, 1)
    left = (known[CEDAR].relationship_end or checks.context.clock()) - checks.context.clock()
    assert timedelta(days=11) < left < timedelta(days=12)
    assert known[DELTA].health_code == "consent_missing"


async def test_a_customer_that_does_not_let_us_in_has_the_domain_of_the_partners_lists(
    checks: Checks,
) -> None:
    await checks.discover()
    delta = (await checks.known())[DELTA]
    assert (delta.domains, delta.default_domain) == ((), "deltalogistics.example")


async def test_a_partner_who_is_no_reseller_has_no_domain_for_it(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/permissions", {"contracts": False})
    found = await checks.discover()
    assert found.run.progress is not None
    assert found.run.progress["listed"] == CUSTOMERS
    assert (await checks.known())[DELTA].default_domain is None


async def test_a_domain_that_the_lists_no_longer_have_is_not_forgotten(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.discover()
    simulator.control("/permissions", {"contracts": False})
    await checks.discover()
    assert (await checks.known())[DELTA].default_domain == "deltalogistics.example"


async def test_a_customer_that_appears_is_new_and_asked(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.discover()
    simulator.control("/tenants", {"add": [newcomer()]})
    found = await checks.discover()
    assert found.run.progress is not None
    assert (found.run.progress["new"], found.run.progress["gone"]) == (1, 0)
    assert (await checks.known())[NEW].domains == ("newcomer1.example",)


async def test_a_customer_that_is_no_longer_listed_is_gone_and_kept(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.discover()
    simulator.control("/relationships", {"tenant": str(HARBOR), "status": "terminated"})
    simulator.forget_requests()
    found = await checks.discover()
    assert found.run.progress is not None
    assert (found.run.progress["listed"], found.run.progress["gone"]) == (7, 1)
    harbor = (await checks.known())[HARBOR]
    assert harbor.gone_at is not None
    assert harbor.domains == ("harborview.example",)
    assert str(HARBOR) not in checks.asked("/organization")


async def test_a_customer_is_gone_only_once(checks: Checks, simulator: Simulator) -> None:
    await checks.discover()
    simulator.control("/tenants", {"remove": [str(HARBOR)]})
    await checks.discover()
    gone_at = (await checks.known())[HARBOR].gone_at
    found = await checks.discover()
    assert found.run.progress is not None
    assert found.run.progress["gone"] == 0
    assert (await checks.known())[HARBOR].gone_at == gone_at


async def test_a_customer_that_comes_back_is_the_one_that_was_gone(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.discover()
    before = (await checks.known())[HARBOR]
    simulator.control("/relationships", {"tenant": str(HARBOR), "status": "terminated"})
    await checks.discover()
    simulator.control("/relationships", {"tenant": str(HARBOR), "status": "active"})
    await checks.discover()
    after = (await checks.known())[HARBOR]
    assert (after.managed_tenant_id, after.gone_at) == (before.managed_tenant_id, None)
    assert after.first_seen_at == before.first_seen_at


async def test_a_domain_that_a_customer_gives_up_is_forgotten(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.discover()
    change = {"tenant": str(BRIGHT), "verifiedDomains": ["brightaccounting.example"]}
    simulator.control("/tenants", {"change": [change]})
    await checks.discover()
    assert (await checks.known())[BRIGHT].domains == ("brightaccounting.example",)


async def test_an_empty_list_is_a_result_with_a_reason_and_marks_nobody_as_gone(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.discover()
    nobody = {"match": "tenantRelationships", "status": 200, "body": {"value": []}}
    simulator.control("/faults", nobody)
    found = await checks.discover()
    assert (found.run.state_reason, found.run.failure) == ("no_managed_tenants", None)
    assert [t.gone_at for t in (await checks.known()).values()] == [None] * CUSTOMERS


@pytest.mark.parametrize(
    "rows", [[{"tenantId": "AllTenants"}], [{"tenantId": None}, {"tenantId": ""}]], ids=str
)
async def test_a_list_of_rows_that_are_no_tenants_fails_and_what_was_known_stays(
    checks: Checks, simulator: Simulator, rows: list[object]
) -> None:
    await checks.discover()
    before = await checks.known()
    fault = {"match": "delegatedAdminCustomers", "status": 200, "body": {"value": rows}}
    simulator.control("/faults", fault)
    found = await checks.discover()
    assert found.run.state == RunState.FAILED
    assert found.run.failure is not None
    assert found.run.failure.code == "unusable_answer"
    assert await checks.known() == before


async def test_a_cipp_is_discovered_in_the_same_way(checks: Checks) -> None:
    await checks.discover()
    ids = {key: t.managed_tenant_id for key, t in (await checks.known()).items()}
    await checks.connect_cipp()
    found = await checks.discover()
    assert found.run.progress == {"listed": 8, "checked": 8, "failed": 1, "new": 0, "gone": 0}
    known = await checks.known()
    assert {key: t.managed_tenant_id for key, t in known.items()} == ids
    assert known[BRIGHT].domains == ("brightaccounting.example", "bright-tax.example")
    assert known[DELTA].health_code == "cipp_graph_error"


# Waiting


@pytest.mark.parametrize("where", ["GET /v1.0/organization", "POST /.*/token"])
async def test_a_customer_that_lets_us_wait_is_asked_again_when_its_time_has_come(
    checks: Checks, simulator: Simulator, where: str
) -> None:
    await checks.discover()
    checks.naps.waits.clear()
    await checks.context.directories.forget(checks.tenant_id)
    simulator.control("/faults", {**BUSY, "match": where, "tenants": [str(ALPINE)]})
    simulator.forget_requests()
    found = await checks.discover()
    assert found.run.progress is not None
    assert found.run.progress["failed"] == 1, "the one without consent"
    assert WAIT <= max(checks.naps.waits) <= WAIT + 1
    assert Counter(checks.asked("/organization"))[str(ALPINE)] == (2 if "GET" in where else 1)


async def test_while_it_waits_the_run_says_until_when_and_goes_on_with_the_others(
    checks: Checks, simulator: Simulator
) -> None:
    fault = {**BUSY, "match": "GET /v1.0/organization", "tenants": [str(ALPINE)]}
    simulator.control("/faults", fault)
    run_id, seen = await checks.begin(DISCOVERY), []

    async def look(seconds: float) -> None:
        if seconds >= WAIT:
            seen.append((checks.context.clock(), (await checks.run(run_id)).run))

    checks.naps.meanwhile = look
    found = await checks.attempt(DISCOVERY, run_id)
    ((at, meanwhile),) = seen
    assert meanwhile.state == RunState.RUNNING
    assert meanwhile.waiting_until is not None
    assert timedelta(seconds=WAIT - 5) < meanwhile.waiting_until - at <= timedelta(seconds=WAIT + 1)
    assert found.run.waiting_until is None
    assert found.run.progress is not None
    assert found.run.progress["checked"] == CUSTOMERS


async def test_a_customer_that_lets_us_wait_too_long_is_left_with_its_time(
    checks: Checks, simulator: Simulator
) -> None:
    fault = {**BUSY, "match": "GET /v1.0/organization", "tenants": [str(ALPINE)], "times": None}
    forever = {k: v for k, v in fault.items() if v is not None}
    simulator.control("/faults", {**forever, "headers": {"Retry-After": "400"}})
    found = await checks.discover()
    assert found.run.state == RunState.PARTIAL
    alpine = (await checks.known())[ALPINE]
    assert alpine.health_code == "throttled"
    assert alpine.failure is not None
    assert alpine.failure.details["until"]
    assert sum(wait >= 400 for wait in checks.naps.waits) == 2, "fifteen minutes in all"
    assert found.run.progress is not None
    assert found.run.progress["failed"] == 2


async def test_a_list_that_lets_us_wait_is_left_to_temporal_and_the_run_says_until_when(
    checks: Checks, simulator: Simulator
) -> None:
    fault = {"match": "delegatedAdminCustomers", "status": 429, "headers": {"Retry-After": "60"}}
    simulator.control("/faults", fault)
    run_id = await checks.begin(DISCOVERY)
    with pytest.raises(ApplicationError) as caught:
        await checks.attempt(DISCOVERY, run_id)
    assert (caught.value.type, caught.value.non_retryable) == ("throttled", False)
    found = (await checks.run(run_id)).run
    assert found.state == RunState.RUNNING
    assert found.waiting_until is not None
    assert found.waiting_until > checks.context.clock() + timedelta(seconds=50)
    simulator.control("/faults", [])
    checks.naps.now += 60
    found = (await checks.attempt(DISCOVERY, run_id, number=2)).run
    assert (found.state, found.waiting_until) == (RunState.PARTIAL, None)


# What stops it


async def test_a_dead_sign_in_fails_the_run_once_and_marks_the_connection(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/tokens", {"revoke": True})
    await checks.context.directories.forget(checks.tenant_id)
    found = await checks.discover()
    assert found.run.state == RunState.FAILED
    assert found.run.failure is not None
    assert found.run.failure.code == "grant_revoked"
    connection = await checks.connection()
    assert connection.status == ConnectionStatus.VALIDATION_FAILED
    assert connection.failure is not None
    assert connection.failure.code == "grant_revoked"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (90094, "admin_consent_required"),
        (90095, "admin_consent_required"),
        (65004, "consent_refused"),
        (50105, "user_not_assigned"),
    ],
)
async def test_an_approval_that_one_customer_demands_stops_nobody_else(
    checks: Checks, simulator: Simulator, number: int, code: str
) -> None:
    await checks.discover()
    await checks.context.directories.forget(checks.tenant_id)
    body = {"error": "invalid_grant", "error_codes": [number]}
    fault = {"match": "POST /.*/token", "status": 400, "tenants": [str(ALPINE)], "body": body}
    simulator.control("/faults", fault)
    found = await checks.discover()
    assert (found.run.state, found.run.failure) == (RunState.PARTIAL, None)
    assert found.run.progress is not None
    assert (found.run.progress["checked"], found.run.progress["failed"]) == (CUSTOMERS, 2)
    assert (await checks.known())[ALPINE].health_code == code
    assert (await checks.connection()).status == ConnectionStatus.CONNECTED


async def test_a_sign_in_that_dies_on_the_way_is_not_tried_with_every_customer(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/tenants", {"add": [newcomer(n) for n in range(1, 41)]})
    body = {"error": "invalid_grant", "error_codes": [50173], "suberror": "bad_token"}
    await (await checks.context.directories.of_tenant(checks.tenant_id)).probe()
    simulator.control("/faults", {"match": "POST /.*/token", "status": 400, "body": body})
    simulator.forget_requests()
    found = await checks.discover()
    assert found.run.failure is not None
    assert found.run.failure.code == "grant_revoked"
    assert len(checks.asked("/token")) < 20, "little more than were under way together"
    healths = {t.health_code for t in (await checks.known()).values()}
    assert healths == {None}, "it says nothing of any customer"


@dataclass(slots=True)
class Overtaken:
    """A directory; once it has listed the customers, something happens before they are kept."""

    directory: Directory
    between: Callable[[], Awaitable[object]]

    async def managed_tenants(self) -> AsyncIterator[ListedTenant]:
        async for tenant in self.directory.managed_tenants():
            yield tenant
        await self.between()

    def __getattr__(self, name: str) -> object:
        return getattr(self.directory, name)


async def overtaken(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, between: Callable[[RunId], Awaitable[object]]
) -> Run:
    """A discovery whose list grew by one, and during which something happens."""
    run_id = await checks.begin(DISCOVERY)
    checks.simulator.control("/tenants", {"add": [newcomer()]})
    directory = await checks.context.directories.of_tenant(checks.tenant_id)

    async def of_tenant(self: ConnectedDirectories, tenant_id: TenantId) -> Overtaken:
        return Overtaken(directory, lambda: between(run_id))

    monkeypatch.setattr(ConnectedDirectories, "of_tenant", of_tenant)
    return (await checks.attempt(DISCOVERY, run_id)).run


async def test_the_list_of_a_connection_that_is_replaced_meanwhile_is_not_kept(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checks.discover()
    before = await checks.known()
    run = await overtaken(checks, monkeypatch, lambda _: checks.connect_cipp())
    assert (run.state, run.state_reason) == (RunState.CANCELLED, "not_connected")
    assert await checks.known() == before
    assert (await checks.connection()).type == ConnectionType.CIPP


async def test_the_list_of_a_connection_that_is_ended_meanwhile_is_not_kept(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checks.discover()
    before = await checks.known()
    end = Disconnect(checks.context, checks.ports)
    run = await overtaken(checks, monkeypatch, lambda _: end(checks.tenant_id))
    assert (run.state, run.state_reason) == (RunState.CANCELLED, "not_connected")
    assert await checks.known() == before


async def test_the_list_of_a_run_that_is_closed_meanwhile_is_not_kept(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checks.discover()
    before = await checks.known()
    close = CloseRun(checks.context)
    run = await overtaken(
        checks, monkeypatch, lambda run_id: close.cancelled(checks.tenant_id, run_id, None)
    )
    assert (run.state, run.state_reason) == (RunState.CANCELLED, None)
    assert await checks.known() == before
