"""Microsoft Graph's errors, row by row: through the adapter over HTTP to what people read."""

import base64
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.protocol import PageExpired
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)
from entra_plugin.domain.ids import GroupId
from support.graph import ALPINE, Signed
from support.told import CANARY, at_customer, at_home, failure_of, without_faults, words_for


@pytest.fixture
def partner(lasting_sign_in: Signed) -> Signed:
    return without_faults(lasting_sign_in)


# --- Graph ---

HOME_PATH = "^GET /v1.0/tenantRelationships/"
CUSTOMER_PATH = "^GET /v1.0/organization"
CHALLENGE = {
    "WWW-Authenticate": 'Bearer error="insufficient_claims", claims="'
    + base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1"}}}').decode()
    + '"'
}

Place = tuple[str, Callable[[MicrosoftDirectory], Awaitable[None]]]
HOME: Place = (HOME_PATH, at_home)
CUSTOMER: Place = (CUSTOMER_PATH, at_customer)


def graph_error(code: str, nested: str | None = None) -> dict[str, object]:
    """An error as Graph writes it."""
    inner = {"request-id": str(uuid4()), "date": "2026-08-01T10:00:00"}
    nesting = {"code": nested} if nested else {}
    return {"error": {"code": code, "message": CANARY, "innerError": {**nesting, **inner}}}


@pytest.mark.parametrize(
    ("place", "status", "code", "kind", "ours"),
    [
        (CUSTOMER, 403, "Authorization_RequestDenied", ConsentMissing, "directory_role_missing"),
        (
            HOME,
            403,
            "Authorization_RequestDenied",
            ConfigurationInvalid,
            "partner_permission_missing",
        ),
        (CUSTOMER, 401, "InvalidAuthenticationToken", ConsentMissing, "token_refused"),
        (HOME, 401, "InvalidAuthenticationToken", AuthorisationLost, "authorisation_lost"),
        (CUSTOMER, 404, "Request_ResourceNotFound", ConsentMissing, "directory_not_found"),
        (HOME, 404, "Request_ResourceNotFound", TransientFailure, "unusable_answer"),
        (CUSTOMER, 400, "Request_UnsupportedQuery", TransientFailure, "unusable_answer"),
        (CUSTOMER, 400, "Directory_QuotaExceeded", TransientFailure, "unusable_answer"),
        (CUSTOMER, 501, "NotImplemented", TransientFailure, "unusable_answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_refusal_of_graph_is_told_as_what_it_is(
    partner: Signed, place: Place, status: int, code: str, kind: type[EntraError], ours: str
) -> None:
    path, ask = place
    partner.fault(path, status=status, body=graph_error(code))
    failure = await failure_of(ask(partner.directory()))
    assert (type(failure), failure.code, failure.vendor_code) == (kind, ours, code)
    words_for(failure)
    tried = len([r for r in partner.simulator.requests() if r["host"] == "graph"])
    assert tried == (2 if status == 401 else 1)


@pytest.mark.parametrize("code", ["TooManyRequests", "activityLimitReached"])
@pytest.mark.parametrize("place", [HOME, CUSTOMER], ids=["home", "customer"])
async def test_a_throttled_answer_says_until_when(partner: Signed, place: Place, code: str) -> None:
    path, ask = place
    headers = {"Retry-After": "120"}
    partner.fault(path, status=429, body=graph_error(code), headers=headers)
    failure = await failure_of(ask(partner.directory()))
    assert isinstance(failure, TransientFailure)
    assert (failure.code, failure.retry_after) == ("throttled", 120)
    words_for(failure)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        (500, "provider_unreachable"),
        (502, "provider_unreachable"),
        (503, "throttled"),
        (504, "throttled"),
    ],
)
@pytest.mark.parametrize("place", [HOME, CUSTOMER], ids=["home", "customer"])
async def test_a_graph_in_trouble_is_tried_again_and_then_later(
    partner: Signed, place: Place, status: int, ours: str
) -> None:
    path, ask = place
    partner.fault(path, status=status, body=graph_error("ServiceNotAvailable"))
    failure = await failure_of(ask(partner.directory()))
    assert (type(failure), failure.code) == (TransientFailure, ours)
    words_for(failure)
    assert partner.pauses.waits


@pytest.mark.parametrize("status", [401, 403])
async def test_a_challenge_that_no_token_satisfies_asks_for_a_stronger_sign_in(
    partner: Signed, status: int
) -> None:
    body = graph_error("InvalidAuthenticationToken")
    for (path, ask), kind in ((HOME, AuthorisationLost), (CUSTOMER, ConsentMissing)):
        partner.fault(path, status=status, body=body, headers=CHALLENGE)
        failure = await failure_of(ask(partner.directory()))
        assert (type(failure), failure.code) == (kind, "claims_refused")
        words_for(failure)


async def test_the_innermost_code_of_graph_is_the_one_that_is_shown(partner: Signed) -> None:
    partner.fault(CUSTOMER_PATH, status=403, body=graph_error("", "Directory_ExpiredRelationship"))
    failure = await failure_of(at_customer(partner.directory()))
    assert failure.vendor_code == "Directory_ExpiredRelationship"


async def test_an_error_of_graph_without_a_code_is_judged_by_its_status(partner: Signed) -> None:
    partner.fault(CUSTOMER_PATH, status=403, body=graph_error(""))
    failure = await failure_of(at_customer(partner.directory()))
    assert (failure.code, failure.vendor_code) == ("directory_role_missing", None)


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("place", [HOME, CUSTOMER], ids=["home", "customer"])
async def test_a_page_for_people_is_no_refusal_of_graph(
    partner: Signed, place: Place, status: int
) -> None:
    path, ask = place
    headers = {"Content-Type": "text/html; charset=utf-8"}
    partner.fault(path, status=status, body="<html>Blocked</html>", headers=headers)
    failure = await failure_of(ask(partner.directory()))
    assert (type(failure), failure.code) == (TransientFailure, "unusable_answer")
    assert failure.details == {"status": status}


async def test_an_app_whom_a_customer_granted_too_little_needs_his_consent(
    partner: Signed,
) -> None:
    """No role of the partner would help: the app reads in its own name."""
    partner.fault(CUSTOMER_PATH, status=403, body=graph_error("Authorization_RequestDenied"))
    failure = await failure_of(at_customer(partner.directory(partner.app_tokens())))
    assert (type(failure), failure.code) == (ConsentMissing, "consent_missing")
    words_for(failure)


@pytest.mark.parametrize(
    ("path", "code"),
    [(CUSTOMER_PATH, "directory_role_missing"), ("^GET /v1.0/groups", "group_unreadable")],
)
async def test_only_a_group_that_is_refused_is_a_group_that_cannot_be_read(
    partner: Signed, path: str, code: str
) -> None:
    partner.fault(path, status=403, body=graph_error("Authorization_RequestDenied"))
    directory = partner.directory()
    for ask in (directory.groups(ALPINE, ""), directory.members(ALPINE, GroupId(uuid4()))):
        failure = await failure_of(ask)
        assert (type(failure), failure.code) == (ConsentMissing, code)


async def test_an_app_that_may_not_list_the_customers_says_so(partner: Signed) -> None:
    partner.fault(HOME_PATH, status=403, body=graph_error("Authorization_RequestDenied"))
    failure = await failure_of(at_home(partner.directory(partner.app_tokens())))
    assert (type(failure), failure.code) == (ConfigurationInvalid, "app_only_discovery_refused")
    words_for(failure)


# --- Listings ---


async def read(directory: MicrosoftDirectory) -> None:
    async for _ in directory.user_pages(ALPINE):
        pass


@pytest.mark.parametrize(
    ("status", "code"), [(410, "syncStateNotFound"), (400, "Directory_ExpiredPageToken")]
)
async def test_an_expired_page_starts_the_reading_again(
    partner: Signed, status: int, code: str
) -> None:
    partner.fault("^GET /v1.0/users", status=status, body=graph_error(code))
    with pytest.raises(PageExpired):
        await read(partner.directory())


def page(*rows: dict[str, object], link: str | None = None) -> dict[str, object]:
    return {"value": list(rows), **({"@odata.nextLink": link} if link else {})}


async def test_a_next_link_that_is_empty_is_none(partner: Signed) -> None:
    ada: dict[str, object] = {"id": str(uuid4())}
    partner.fault("^GET /v1.0/users", status=200, body={**page(ada), "@odata.nextLink": ""})
    pages = [page async for page in partner.directory().user_pages(ALPINE)]
    assert [len(page.users) for page in pages] == [1]
    partner.fault("/deletedItems/", status=200, body={**page(ada), "@odata.nextLink": ""})
    assert len(await partner.directory().deleted_users(ALPINE)) == 1


@pytest.mark.parametrize(
    ("path", "body", "ask", "code"),
    [
        ("^GET /v1.0/users", page(), read, "empty_listing"),
        ("^GET /v1.0/users", {"values": []}, read, "unusable_answer"),
        ("^GET /v1.0/users", "<html>Sign in to the proxy</html>", read, "unusable_answer"),
        (CUSTOMER_PATH, page({"id": str(uuid4())}), at_customer, "wrong_directory"),
        (CUSTOMER_PATH, "", at_customer, "unusable_answer"),
        (HOME_PATH, "{", at_home, "unusable_answer"),
    ],
    ids=["nobody", "another document", "a page", "another directory", "nothing", "half"],
)
async def test_an_answer_that_cannot_be_true_is_no_answer(
    partner: Signed,
    path: str,
    body: object,
    ask: Callable[[MicrosoftDirectory], Awaitable[None]],
    code: str,
) -> None:
    partner.fault(path, status=200, body=body)
    failure = await failure_of(ask(partner.directory()))
    assert (type(failure), failure.code) == (TransientFailure, code)
    words_for(failure)


async def test_a_listing_that_leads_back_to_itself_does_not_go_on_for_ever(
    partner: Signed,
) -> None:
    link = f"{partner.endpoints.graph}/v1.0/users?$skiptoken=again"
    user: dict[str, object] = {"id": str(uuid4()), "userPrincipalName": "ada@contoso.example"}
    partner.fault("^GET /v1.0/users", status=200, body=page(user, link=link))
    failure = await failure_of(read(partner.directory()))
    assert (type(failure), failure.code) == (TransientFailure, "listing_endless")
    words_for(failure)


async def test_a_list_of_customers_that_expires_again_and_again_is_read_later(
    partner: Signed,
) -> None:
    customers = "/v1.0/tenantRelationships/delegatedAdminCustomers"
    link = f"{partner.endpoints.graph}{customers}?$skiptoken=next"
    expired = graph_error("Directory_ExpiredPageToken")
    second = {"match": "skiptoken=next", "status": 400, "body": expired}
    first = {"match": HOME_PATH + "delegated", "status": 200, "body": page(link=link)}
    partner.simulator.control("/faults", {"faults": [second, first]})
    failure = await failure_of(at_home(partner.directory()))
    assert (type(failure), failure.code) == (TransientFailure, "listing_expired")
    words_for(failure)
