"""The walk along the chain: where it breaks, for whom, and what is done about it."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import cast

import pytest
from temporalio.exceptions import ApplicationError

from devhost.servers.postgres import Urls
from entra_plugin.application.remedies import Remedies
from entra_plugin.application.runs import RunDetails
from entra_plugin.domain import secret_names
from entra_plugin.domain.states import ConnectionStatus, RunState, RunType
from entra_plugin.store.run_tenants import RunTenant
from support.checking import Checks, checking
from support.graph import ALPINE, BRIGHT, CEDAR, DELTA
from support.microsoft import REDIRECT_URI
from support.simulator import Simulator

VALIDATION = RunType.VALIDATION
CUSTOMERS = 8
STEPS = ["credentials", "token", "partner_directory", "customers", "users"]
ALL_PASSED = [
    ("credentials", "passed", None, None),
    ("token", "passed", None, None),
    ("partner_directory", "passed", CUSTOMERS, None),
    ("customers", "passed", CUSTOMERS, None),
    ("users", "passed", 5, None),
]

Step = tuple[object, object, object, object]


@pytest.fixture
async def checks(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Checks]:
    """Signed in and discovered; every customer has consented."""
    async with checking(database, simulator, monkeypatch) as found:
        simulator.control("/consent", {"tenant": str(DELTA), "granted": True})
        await found.sign_in()
        await found.discover()
        simulator.forget_requests()
        yield found


def document(found: RunDetails) -> Mapping[str, object]:
    assert found.run.progress is not None
    return found.run.progress


def steps(found: RunDetails) -> list[Step]:
    """Name, state, count and code of each step."""
    listed = cast("list[Mapping[str, object]]", document(found)["steps"])
    return [(step["step"], step["state"], step["count"], step["code"]) for step in listed]


def states(found: RunDetails) -> list[object]:
    return [state for _, state, _, _ in steps(found)]


def row_of(found: RunDetails, tenant: object) -> RunTenant:
    return next(row for row in found.tenants if row.entra_tenant_id == tenant)


async def consent_withheld(checks: Checks, *tenants: object) -> None:
    for tenant in tenants:
        checks.simulator.control("/consent", {"tenant": str(tenant), "granted": False})
    await checks.context.directories.forget(checks.tenant_id)


# All is well


async def test_where_all_is_well_every_step_passes_and_every_customer_is_closed(
    checks: Checks,
) -> None:
    found = await checks.validate()
    assert (found.run.state, found.run.failure) == (RunState.COMPLETED, None)
    assert steps(found) == ALL_PASSED
    assert {row.state for row in found.tenants} == {RunState.COMPLETED}
    assert document(found)["problems"] == {}
    assert (document(found)["total"], document(found)["checked"]) == (CUSTOMERS, CUSTOMERS)


async def test_it_renews_the_sign_in_and_says_that_the_connection_works(checks: Checks) -> None:
    before = await checks.connection()
    await checks.validate()
    after = await checks.connection()
    assert before.renewed_at is not None
    assert after.renewed_at is not None
    assert after.renewed_at > before.renewed_at
    assert after.validated_at is not None
    assert before.validated_at is not None
    assert after.validated_at > before.validated_at


async def test_it_reads_the_users_of_a_few_customers_and_only_their_first_page(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.validate()
    asked = Counter(checks.asked("/users"))
    assert len(asked) == 5
    assert set(asked.values()) == {1}


async def test_it_asks_each_customer_once(checks: Checks) -> None:
    await checks.validate()
    assert set(Counter(checks.asked("/organization")).values()) == {1}
    assert len(checks.asked("/organization")) == CUSTOMERS


async def test_before_anybody_was_discovered_there_are_no_customers_to_walk_to(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with checking(database, simulator, monkeypatch) as fresh:
        await fresh.sign_in()
        found = await fresh.validate()
    assert found.run.state == RunState.COMPLETED
    assert states(found) == ["passed", "passed", "passed", "skipped", "skipped"]
    assert steps(found)[2][2] == CUSTOMERS
    assert found.tenants == ()


async def test_a_customer_that_is_gone_is_not_walked_to(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/relationships", {"tenant": str(CEDAR), "status": "terminated"})
    await checks.discover()
    found = await checks.validate()
    assert found.run.state == RunState.COMPLETED
    assert len(found.tenants) == CUSTOMERS - 1


# Some customers


async def test_customers_without_consent_are_counted_and_named_and_the_run_is_partial(
    checks: Checks,
) -> None:
    await consent_withheld(checks, ALPINE, DELTA)
    found = await checks.validate()
    assert found.run.state == RunState.PARTIAL
    assert document(found)["problems"] == {"consent_missing": 2}
    assert document(found)["failed"] == 2
    assert steps(found)[3] == ("customers", "partial", CUSTOMERS - 2, None)
    failed = {row.entra_tenant_id for row in found.tenants if row.state == RunState.FAILED}
    assert failed == {ALPINE, DELTA}
    failure = row_of(found, DELTA).failure
    assert failure is not None
    assert (failure.code, failure.vendor_code) == ("consent_missing", "AADSTS65001")


async def test_each_kind_of_problem_is_counted_by_itself(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/consent", {"tenant": str(ALPINE), "conditionalAccess": True})
    simulator.control("/relationships", {"tenant": str(BRIGHT), "roles": []})
    await consent_withheld(checks, DELTA)
    found = await checks.validate()
    assert document(found)["problems"] == {
        "conditional_access_blocked": 1,
        "directory_role_missing": 1,
        "consent_missing": 1,
    }


async def test_the_link_of_a_customer_without_consent_leads_to_that_customers_consent(
    checks: Checks, simulator: Simulator
) -> None:
    await consent_withheld(checks, DELTA)
    found = await checks.validate()
    failure = row_of(found, DELTA).failure
    assert failure is not None
    links = await Remedies(checks.context, checks.ports)(checks.tenant_id)
    link = links(failure.code, row_of(found, DELTA).entra_tenant_id)
    assert link is not None
    assert link.url.startswith(f"{simulator.sign_in_url}/{DELTA}/v2.0/adminconsent?")
    assert f"client_id={simulator.client_id}" in link.url
    assert REDIRECT_URI.partition("://")[2].partition("/")[0].replace(":", "%3A") in link.url


async def test_a_customer_keeps_what_was_found_as_its_health(checks: Checks) -> None:
    await consent_withheld(checks, DELTA)
    await checks.validate()
    assert (await checks.known())[DELTA].health_code == "consent_missing"
    checks.simulator.control("/consent", {"tenant": str(DELTA), "granted": True})
    found = await checks.validate()
    assert found.run.state == RunState.COMPLETED
    assert (await checks.known())[DELTA].health_code is None


async def test_a_customer_whose_users_cannot_be_read_is_a_problem_of_its_own(
    checks: Checks, simulator: Simulator
) -> None:
    denied = {"error": {"code": "Authorization_RequestDenied", "message": "no"}}
    fault = {"match": "GET /v1.0/users", "status": 403, "body": denied, "times": 1}
    simulator.control("/faults", fault)
    found = await checks.validate()
    assert steps(found)[4] == ("users", "partial", 4, None)
    assert document(found)["problems"] == {"directory_role_missing": 1}
    assert Counter(row.state for row in found.tenants)[RunState.FAILED] == 1
    assert found.run.state == RunState.PARTIAL


async def test_where_no_customer_can_be_read_the_run_has_failed(checks: Checks) -> None:
    await consent_withheld(checks, *(await checks.known()))
    found = await checks.validate()
    assert found.run.state == RunState.FAILED
    assert found.run.failure is not None
    assert found.run.failure.code == "no_customer_readable"
    assert steps(found)[3:] == [
        ("customers", "failed", 0, None),
        ("users", "skipped", None, None),
    ]
    assert (await checks.connection()).status == ConnectionStatus.CONNECTED


async def test_a_cipp_is_walked_along_in_the_same_way(checks: Checks, simulator: Simulator) -> None:
    await checks.connect_cipp()
    simulator.control("/cipp", {"errorRows": [str(ALPINE)]})
    simulator.control("/consent", {"tenant": str(DELTA), "granted": False})
    found = await checks.validate()
    assert found.run.state == RunState.PARTIAL
    assert states(found) == ["passed", "passed", "passed", "partial", "passed"]
    assert document(found)["problems"] == {"cipp_tenant_failed": 1, "cipp_graph_error": 1}


async def test_while_it_waits_for_a_customer_the_run_says_until_when(
    checks: Checks, simulator: Simulator
) -> None:
    busy = {"status": 429, "headers": {"Retry-After": "40"}, "times": 1}
    simulator.control("/faults", {**busy, "match": "/organization", "tenants": [str(ALPINE)]})
    run_id, seen = await checks.begin(VALIDATION), []

    async def look(seconds: float) -> None:
        if seconds >= 40:
            seen.append((await checks.run(run_id)).run.waiting_until)

    checks.naps.meanwhile = look
    found = await checks.attempt(VALIDATION, run_id)
    assert found.run.state == RunState.COMPLETED
    assert [until is not None for until in seen] == [True]
    assert found.run.waiting_until is None


# The connection itself


async def broken_at(checks: Checks, step: str) -> tuple[RunDetails, str]:
    """A walk that breaks at a step, and the code with which it did."""
    found = await checks.validate()
    place = STEPS.index(step)
    assert states(found) == ["passed"] * place + ["failed"] + ["skipped"] * (4 - place)
    assert found.run.state == RunState.FAILED
    assert found.run.failure is not None
    assert steps(found)[place][3] == found.run.failure.code
    return found, found.run.failure.code


async def test_a_secret_that_is_lost_breaks_the_first_step(checks: Checks) -> None:
    secrets = checks.context.host.secrets
    await secrets.delete(checks.tenant_id, secret_names.DIRECT_REFRESH_TOKEN)
    _, code = await broken_at(checks, "credentials")
    assert code == "authorisation_lost"


async def test_a_client_secret_that_microsoft_refuses_breaks_the_second_step_once(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/app", {"removeSecret": simulator.client_secret})
    simulator.forget_requests()
    found, code = await broken_at(checks, "token")
    assert code == "client_secret_wrong"
    assert len(checks.asked("/token")) == 1
    assert found.tenants == ()
    connection = await checks.connection()
    assert connection.status == ConnectionStatus.VALIDATION_FAILED
    assert connection.failure is not None
    assert connection.failure.code == "client_secret_wrong"


async def test_a_sign_in_that_was_revoked_breaks_the_second_step(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/tokens", {"revoke": True})
    _, code = await broken_at(checks, "token")
    assert code == "grant_revoked"


async def test_a_partner_who_may_not_list_his_customers_breaks_the_third_step(
    checks: Checks, simulator: Simulator
) -> None:
    denied = {"error": {"code": "Authorization_RequestDenied", "message": "no"}}
    fault = {"match": "delegatedAdminCustomers", "status": 403, "body": denied}
    simulator.control("/faults", fault)
    _, code = await broken_at(checks, "partner_directory")
    assert code == "partner_permission_missing"


async def test_a_sign_in_that_dies_among_the_customers_ends_the_walk_there_once(
    checks: Checks, simulator: Simulator
) -> None:
    await checks.context.directories.forget(checks.tenant_id)
    body = {"error": "invalid_grant", "error_codes": [50173], "suberror": "bad_token"}
    customers = [str(key) for key in await checks.known()]
    simulator.control(
        "/faults", {"match": "/token", "status": 400, "body": body, "tenants": customers}
    )
    found, code = await broken_at(checks, "customers")
    assert code == "grant_revoked"
    assert {row.state for row in found.tenants} == {RunState.SKIPPED}
    assert {t.health_code for t in (await checks.known()).values()} == {None}


async def test_a_provider_that_is_away_is_left_to_temporal_and_breaks_no_connection(
    checks: Checks, simulator: Simulator
) -> None:
    simulator.control("/faults", {"match": "delegatedAdminCustomers", "status": 503})
    run_id = await checks.begin(VALIDATION)
    with pytest.raises(ApplicationError) as caught:
        await checks.attempt(VALIDATION, run_id)
    assert not caught.value.non_retryable
    found = await checks.run(run_id)
    assert found.run.state == RunState.RUNNING
    assert found.run.waiting_until is not None
    assert (await checks.connection()).status == ConnectionStatus.CONNECTED
    simulator.control("/faults", [])
    checks.naps.now += 86_400
    assert steps(await checks.attempt(VALIDATION, run_id, number=2)) == ALL_PASSED
