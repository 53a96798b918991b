"""CIPP and what stands before it, when they refuse, fail, or are slow."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
import pytest

from entra_plugin.directory.cipp.adapter import CippDirectory, open_cipp
from entra_plugin.directory.cipp.api import PATIENCE, CippApi
from entra_plugin.directory.cipp.tokens import ClientCredentialsToken, StaticToken
from entra_plugin.directory.guard import checked_base_url, parse_allowed
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn
from entra_plugin.directory.transport import Transport, plain_network, tls_context
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)
from entra_plugin.domain.ids import EntraTenantId
from support.cipp_directory import Opened, opened_cipp
from support.graph import ALPINE
from support.scripted import reply, scripted
from support.simulator import Simulator

Work = Callable[[CippDirectory], Awaitable[object]]
CANARY = "canary-4711"


@pytest.fixture
async def cipp(simulator: Simulator) -> AsyncIterator[Opened]:
    """The first partner's CIPP."""
    async with opened_cipp(simulator) as opened:
        yield opened


async def listing(directory: CippDirectory) -> object:
    return await directory.probe()


async def reading(directory: CippDirectory) -> object:
    return [page async for page in directory.user_pages(ALPINE)]


async def failure(cipp: Opened, work: Work) -> EntraError:
    with pytest.raises(EntraError) as caught:
        await work(cipp.directory)
    return caught.value


# Refusals of CIPP itself, at the list and at one tenant


@pytest.mark.parametrize("refusal", ["role", "ip_range", "subscription"])
async def test_a_refused_client_is_told_so_at_the_list(cipp: Opened, refusal: str) -> None:
    cipp.switch(refuse=refusal)
    found = await failure(cipp, listing)
    assert (type(found), found.code) == (ConfigurationInvalid, "cipp_forbidden")


async def test_a_refused_client_is_told_so_at_the_tenant(cipp: Opened) -> None:
    cipp.switch(blockedEndpoints=["ListGraphRequest"])
    found = await failure(cipp, reading)
    assert (type(found), found.code) == (ConsentMissing, "cipp_tenant_forbidden")


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ("precondition", "cipp_server_error"),
        ("server_error", "cipp_server_error"),
        ("feature_disabled", "cipp_feature_disabled"),
    ],
)
async def test_trouble_in_cipp_is_tried_again_later_and_not_blindly(
    cipp: Opened, refusal: str, code: str
) -> None:
    cipp.switch(refuse=refusal)
    found = await failure(cipp, listing)
    assert isinstance(found, TransientFailure)
    assert (found.code, found.retry_after) == (code, 60)
    assert (len(cipp.asked()), cipp.pauses.waits) == (1, [])


async def test_a_failed_list_of_domains_is_trouble_in_cipp(cipp: Opened) -> None:
    row = {"id": str(ALPINE), "CippStatus": "Good"}
    cipp.fault("ListGraphRequest", status=200, body={"Results": [row], "Metadata": {}})
    cipp.fault("ListDomains", status=500, body=["text"])
    found = await failure(cipp, lambda directory: directory.tenant_details(ALPINE))
    assert (type(found), found.code) == (TransientFailure, "cipp_server_error")


async def test_a_directory_without_any_domain_is_no_answer(cipp: Opened) -> None:
    row = {"id": str(ALPINE), "CippStatus": "Good"}
    cipp.fault("ListGraphRequest", status=200, body={"Results": [row], "Metadata": {}})
    cipp.fault("ListDomains", status=200, body=[{"id": "new.example", "isVerified": False}])
    found = await failure(cipp, lambda directory: directory.tenant_details(ALPINE))
    assert isinstance(found, TransientFailure)
    assert (found.code, found.retry_after) == ("unusable_answer", 10)
    assert len(cipp.asked("ListDomains")) == 1


async def test_an_endpoint_that_is_not_there_is_the_address_of_something_else(
    cipp: Opened,
) -> None:
    cipp.fault(
        "ListTenants",
        status=404,
        body="Endpoint not found",
        headers={"content-type": "text/plain"},
    )
    found = await failure(cipp, listing)
    assert (type(found), found.code) == (ConfigurationInvalid, "cipp_endpoint_missing")


async def test_the_front_end_answers_with_a_page(cipp: Opened) -> None:
    cipp.switch(frontEnd=True)
    found = await failure(cipp, listing)
    assert (type(found), found.code) == (ConfigurationInvalid, "cipp_front_end")
    assert len(cipp.asked()) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(cipp: Opened, status: int) -> None:
    location = f"{cipp.simulator.cipp_url}/api/ListTenants"
    cipp.fault("ListTenants", status=status, body="", headers={"location": location}, times=1)
    found = await failure(cipp, listing)
    assert (type(found), found.code) == (ConfigurationInvalid, "cipp_redirected")
    assert len(cipp.asked()) == 1


async def test_a_bad_request_that_is_no_graph_error_is_unusable(cipp: Opened) -> None:
    cipp.fault("ListGraphRequest", status=400, body="text", headers={"content-type": "text/plain"})
    found = await failure(cipp, reading)
    assert (type(found), found.code) == (TransientFailure, "unusable_answer")


@pytest.mark.parametrize("body", ["text", '"text"', "{}", '{"Results": {}}', "[", ""])
async def test_a_success_with_something_else_is_unusable(cipp: Opened, body: str) -> None:
    headers = {"content-type": "application/json"}
    cipp.fault("ListGraphRequest", status=200, body=body, headers=headers)
    found = await failure(cipp, reading)
    assert (type(found), found.code) == (TransientFailure, "unusable_answer")


async def test_a_body_that_is_cut_off_is_unusable_and_never_nobody(cipp: Opened) -> None:
    cipp.fault("ListGraphRequest", truncate=300)
    found = await failure(cipp, reading)
    assert (type(found), found.code) == (TransientFailure, "unusable_answer")
    assert len(cipp.asked("ListGraphRequest")) == 3


# What stands before CIPP


@pytest.mark.parametrize("status", [502, 504, 429])
async def test_a_busy_platform_is_asked_again_a_little_later(cipp: Opened, status: int) -> None:
    cipp.fault("ListTenants", status=status, body="", times=2)
    assert await cipp.directory.probe() == 8
    assert (len(cipp.asked()), len(cipp.pauses.waits)) == (3, 2)


@pytest.mark.parametrize(
    ("status", "code"),
    [(502, "provider_unreachable"), (504, "provider_unreachable"), (429, "throttled")],
)
async def test_a_platform_that_stays_busy_is_left_for_later(
    cipp: Opened, status: int, code: str
) -> None:
    cipp.fault("ListTenants", status=status, body="")
    found = await failure(cipp, listing)
    assert (type(found), found.code) == (TransientFailure, code)
    assert len(cipp.asked()) == 3


async def test_a_long_wait_is_the_callers(cipp: Opened) -> None:
    cipp.fault("ListTenants", status=429, body="", headers={"retry-after": "120"})
    found = await failure(cipp, listing)
    assert isinstance(found, TransientFailure)
    assert (found.code, found.retry_after, cipp.pauses.waits) == ("throttled", 120, [])


async def test_a_platform_that_is_away_is_no_switched_off_feature(cipp: Opened) -> None:
    cipp.fault("ListTenants", status=503, body="<html>", headers={"content-type": "text/html"})
    found = await failure(cipp, listing)
    assert (type(found), found.code) == (TransientFailure, "provider_unreachable")


async def test_a_cold_start_is_waited_for(cipp: Opened) -> None:
    cipp.switch(coldStartMs=300)
    assert await cipp.directory.probe() == 8
    assert len(cipp.asked()) == 1


async def test_nobody_at_the_address_is_unreachable(simulator: Simulator) -> None:
    directory = open_cipp(
        checked_base_url("https://localhost:1", parse_allowed("localhost")),
        StaticToken("a token"),
        allowed=parse_allowed("localhost"),
        context=tls_context(simulator.ca_file),
        sleep=lambda _seconds: asyncio.sleep(0),
    )
    with pytest.raises(TransientFailure, match="provider_unreachable"):
        await directory.probe()
    await directory.close()


async def test_a_certificate_that_nobody_trusts_is_unreachable(simulator: Simulator) -> None:
    directory = open_cipp(
        checked_base_url(simulator.cipp_url, parse_allowed("localhost")),
        StaticToken(simulator.cipp_token),
        allowed=parse_allowed("localhost"),
        context=tls_context(None),
        sleep=lambda _seconds: asyncio.sleep(0),
    )
    with pytest.raises(TransientFailure, match="provider_unreachable"):
        await directory.probe()
    await directory.close()
    assert simulator.requests() == []


async def test_an_address_inside_is_refused_before_anything_is_sent(simulator: Simulator) -> None:
    directory = open_cipp(
        checked_base_url(simulator.cipp_url, parse_allowed(None)),
        StaticToken(simulator.cipp_token),
        allowed=parse_allowed(None),
        context=tls_context(simulator.ca_file),
    )
    with pytest.raises(ConfigurationInvalid, match="cipp_address_refused"):
        await directory.probe()
    await directory.close()
    assert simulator.requests() == []


async def test_no_more_than_four_questions_are_under_way() -> None:
    async with scripted(lambda _seen, _before: reply(body=[]), together=4) as server:
        base = checked_base_url(server.url, parse_allowed("127.0.0.1"))
        transport = Transport(str(base), plain_network(tls_context(None)), patience=PATIENCE)
        api = CippApi(base, transport, StaticToken("a token"))
        await asyncio.gather(*(api.list_tenants() for _ in range(12)))
        await api.close()
    assert (len(server.seen), server.most_at_once) == (12, 4)


async def test_many_who_look_for_a_tenant_ask_for_the_list_once(cipp: Opened) -> None:
    await asyncio.gather(*(cipp.directory.tenant_details(ALPINE) for _ in range(8)))
    assert len(cipp.asked("ListTenants")) == 1


# Credentials


@asynccontextmanager
async def client(simulator: Simulator, secret: str | None = None) -> AsyncIterator[Opened]:
    """The first partner's CIPP, opened by its API client."""
    access = simulator.cipp[0]
    endpoints = Endpoints.of(simulator.sign_in_url, simulator.graph_url)
    sign_in = SignIn(endpoints, tls_context(simulator.ca_file))
    token = ClientCredentialsToken(
        sign_in,
        Credentials(client_id=access.client_id, client_secret=secret or access.client_secret),
        tenant=EntraTenantId(UUID(access.tenant_id)),
    )
    try:
        async with opened_cipp(simulator, token=token) as cipp:
            yield cipp
    finally:
        sign_in.close()


def token_requests(simulator: Simulator) -> int:
    return sum("/oauth2/v2.0/token" in str(seen["path"]) for seen in simulator.requests())


async def test_a_wrong_token_is_refused_after_one_request(simulator: Simulator) -> None:
    async with opened_cipp(simulator, token=StaticToken(CANARY)) as cipp:
        found = await failure(cipp, listing)
        assert (type(found), found.code) == (AuthorisationLost, "cipp_token_refused")
        assert len(cipp.asked()) == 1


async def test_client_credentials_need_one_token_for_many_questions(simulator: Simulator) -> None:
    async with client(simulator) as cipp:
        assert await cipp.directory.probe() == 8
        await asyncio.gather(*(cipp.directory.tenant_details(ALPINE) for _ in range(4)))
    assert token_requests(simulator) == 1


async def test_a_token_that_ended_early_is_replaced_once(simulator: Simulator) -> None:
    async with client(simulator) as cipp:
        await cipp.directory.probe()
        simulator.control("/tokens", {"expire": True})
        assert await cipp.directory.probe() == 8
        assert len(cipp.asked()) == 3
    assert token_requests(simulator) == 2


async def test_a_client_that_is_refused_with_a_fresh_token_is_refused(
    simulator: Simulator,
) -> None:
    async with client(simulator) as cipp:
        cipp.switch(clientsRefused=True)
        found = await failure(cipp, listing)
        assert (type(found), found.code) == (AuthorisationLost, "cipp_token_refused")
        assert len(cipp.asked()) == 2
    assert token_requests(simulator) == 2


async def test_a_wrong_secret_is_what_microsoft_says_it_is(simulator: Simulator) -> None:
    async with client(simulator, CANARY) as cipp:
        found = await failure(cipp, listing)
        assert (found.code, found.vendor_code) == ("client_secret_wrong", "AADSTS7000215")
        assert cipp.asked() == []


async def test_an_application_id_uri_that_is_missing_is_told_by_microsoft(
    simulator: Simulator,
) -> None:
    async with client(simulator) as cipp:
        cipp.switch(applicationIdUri=False)
        found = await failure(cipp, listing)
        assert (type(found), found.code) == (AuthorisationLost, "cipp_token_refused")
        assert found.vendor_code == "AADSTS500011"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
async def test_neither_tokens_nor_bodies_are_told_to_anybody(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    secret = f"token-{CANARY}"
    with caplog.at_level(logging.DEBUG):
        async with opened_cipp(simulator, token=StaticToken(secret)) as cipp:
            cipp.fault("", status=status, body=f"Graph Error: {CANARY}")
            found = await failure(cipp, listing)
    told = f"{found!r} {msgspec.json.encode(found.details)!r} {found.vendor_code}"
    logged = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert CANARY not in told + logged
