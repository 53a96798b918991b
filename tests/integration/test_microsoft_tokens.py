"""Tokens of an account or an app: asked for once, renewed without loss, answering challenges."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from entra_plugin.directory.microsoft.sign_in import TokenSet
from entra_plugin.directory.microsoft.tokens import Access, DelegatedTokens
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    NotAcceptable,
    TransientFailure,
)
from entra_plugin.domain.ids import EntraTenantId
from support.graph import ALPINE, BRIGHT, DELTA, EBONY, GINKGO, HARBOR, Signed, signed_in
from support.microsoft import REDIRECT_URI
from support.simulator import Simulator

TOKEN = "/oauth2/v2.0/token"
CUSTOMERS = "delegatedAdminCustomers"


@pytest.fixture
async def partner(simulator: Simulator) -> AsyncIterator[Signed]:
    """The first partner, signed in."""
    async with signed_in(simulator) as signed:
        yield signed


# Customers


async def test_each_customer_has_one_token_however_many_ask(partner: Signed) -> None:
    tokens = partner.tokens()
    customers = (ALPINE, BRIGHT, EBONY, GINKGO, HARBOR)
    got = await asyncio.gather(*(tokens.of(customer) for customer in customers * 8))
    assert len(set(got)) == 5
    assert [partner.token_requests(customer) for customer in customers] == [1] * 5
    await asyncio.gather(*(tokens.of(customer) for customer in customers))
    assert partner.token_requests() == 5


async def test_an_authority_is_asked_for_its_endpoints_once(partner: Signed) -> None:
    for _ in range(3):
        await partner.tokens().of(ALPINE)
    assert partner.token_requests(ALPINE) == 3
    assert len(partner.asked("openid-configuration")) == 1


async def test_who_all_have_an_expired_token_share_the_new_one(partner: Signed) -> None:
    directory = partner.directory()
    await directory.tenant_details(ALPINE)
    partner.simulator.control("/tokens", {"expire": True})
    await asyncio.gather(*(directory.tenant_details(ALPINE) for _ in range(6)))
    assert partner.token_requests(ALPINE) == 2


async def test_a_customer_without_consent_concerns_nobody_else(partner: Signed) -> None:
    tokens = partner.tokens()
    delta, alpine = await asyncio.gather(
        tokens.of(DELTA), tokens.of(ALPINE), return_exceptions=True
    )
    assert isinstance(delta, ConsentMissing)
    assert delta.code == "consent_missing"
    assert isinstance(alpine, str)


async def test_consent_that_was_given_meanwhile_is_seen_at_once(partner: Signed) -> None:
    tokens = partner.tokens()
    with pytest.raises(ConsentMissing):
        await tokens.of(DELTA)
    partner.simulator.control("/consent", {"tenant": str(DELTA), "granted": True})
    assert await tokens.of(DELTA)


async def test_a_directory_that_is_not_there_concerns_that_customer_only(partner: Signed) -> None:
    gone = EntraTenantId(UUID("e0000000-0000-4000-8000-00000000dead"))
    with pytest.raises(ConsentMissing, match="directory_not_found") as caught:
        await partner.tokens().of(gone)
    assert caught.value.vendor_code == "AADSTS90002"


@pytest.mark.parametrize(
    "body",
    [
        "<html>proxy</html>",
        "{}",
        '{"token_endpoint": 5}',
        '{"error": "x"}',
        '{"access_token": "x"}',
    ],
)
async def test_what_no_discovery_document_says_is_no_answer(partner: Signed, body: str) -> None:
    partner.fault("openid-configuration", status=200, body=body)
    tokens = partner.tokens()
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await tokens.of(ALPINE)
    partner.simulator.control("/faults", {"faults": []})
    assert await tokens.of(ALPINE)


async def test_a_token_from_a_customer_is_not_kept(partner: Signed) -> None:
    await partner.tokens().of(ALPINE)
    assert partner.kept == []


# The partner's own refresh token


async def test_a_renewed_refresh_token_is_kept_before_its_access_token_is_used(
    partner: Signed,
) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def renewed(tokens: TokenSet) -> None:
        began.set()
        await go.wait()

    tokens = DelegatedTokens(
        partner.sign_in,
        partner.credentials,
        home=partner.home,
        refresh_token=partner.refresh_token,
        renewed=renewed,
    )
    probe = asyncio.create_task(partner.directory(tokens).probe())
    await began.wait()
    assert partner.asked(CUSTOMERS) == []
    go.set()
    assert await probe == 8


async def test_a_renewal_is_kept_although_nobody_waits_for_it_any_more(partner: Signed) -> None:
    began, go, kept = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def renewed(tokens: TokenSet) -> None:
        began.set()
        await go.wait()
        kept.set()

    tokens = DelegatedTokens(
        partner.sign_in,
        partner.credentials,
        home=partner.home,
        refresh_token=partner.refresh_token,
        renewed=renewed,
    )
    asking = asyncio.create_task(tokens.of(partner.home))
    await began.wait()
    asking.cancel()
    go.set()
    await kept.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_renewal_can_be_asked_for_before_the_access_token_ends(partner: Signed) -> None:
    tokens = partner.tokens()
    await tokens.of(partner.home)
    for _ in range(2):
        await tokens.renew_home()
    assert len({renewal.refresh_token for renewal in partner.kept}) == 3
    assert partner.token_requests() == partner.token_requests(partner.home) == 3


async def test_several_who_renew_at_once_renew_once(partner: Signed) -> None:
    tokens = partner.tokens()
    await asyncio.gather(*(tokens.renew_home() for _ in range(5)))
    assert len(partner.kept) == 1


async def test_a_renewal_that_could_not_be_stored_is_not_lost(partner: Signed) -> None:
    partner.simulator.control("/tokens", {"rotateStrictly": True})
    kept: list[TokenSet] = []

    async def renewed(tokens: TokenSet) -> None:
        kept.append(tokens)
        if len(kept) == 1:
            raise PermissionError

    tokens = DelegatedTokens(
        partner.sign_in,
        partner.credentials,
        home=partner.home,
        refresh_token=partner.refresh_token,
        renewed=renewed,
    )
    with pytest.raises(PermissionError):
        await tokens.of(partner.home)
    assert await tokens.of(partner.home)
    assert len(kept) == 2


async def test_a_refresh_token_that_another_process_renewed_is_taken_up(partner: Signed) -> None:
    partner.simulator.control("/tokens", {"rotateStrictly": True})
    other = partner.tokens()
    ours = partner.tokens(stored=partner.newest)
    await other.renew_home()
    assert await ours.of(partner.home)
    assert len(partner.kept) == 2
    assert partner.token_requests() == 3


async def test_a_refusal_at_a_customer_takes_up_the_stored_one_as_well(partner: Signed) -> None:
    partner.simulator.control("/tokens", {"rotateStrictly": True})
    other = partner.tokens()
    ours = partner.tokens(stored=partner.newest)
    await other.renew_home()
    assert await ours.of(ALPINE)


async def test_a_refusal_at_a_customer_that_nobody_knows_may_be_of_the_token(
    partner: Signed,
) -> None:
    other = partner.tokens()
    ours = partner.tokens(stored=partner.newest)
    await other.renew_home()
    unknown = {"error": "invalid_grant", "error_codes": [9_999_999]}
    partner.simulator.control(
        "/faults",
        [
            {"match": f"^POST /{ALPINE}/oauth2", "status": 400, "body": unknown, "times": 1},
        ],
    )
    assert await ours.of(ALPINE)
    assert partner.token_requests(ALPINE) == 2


@pytest.mark.parametrize("nothing", [None, "", "the same"])
async def test_without_a_newer_one_a_refusal_is_final(partner: Signed, nothing: str | None) -> None:
    partner.simulator.control("/tokens", {"revoke": True})

    async def stored() -> str | None:
        return partner.refresh_token if nothing == "the same" else nothing

    with pytest.raises(AuthorisationLost, match="grant_revoked"):
        await partner.tokens(stored=stored).of(partner.home)
    assert partner.token_requests() == 1


async def test_a_newer_one_that_is_refused_too_is_final(partner: Signed) -> None:
    other = partner.tokens()
    await other.renew_home()
    partner.simulator.control("/tokens", {"revoke": True})

    with pytest.raises(AuthorisationLost, match="grant_revoked"):
        await partner.tokens(stored=partner.newest).of(partner.home)
    assert partner.token_requests() == 3


# A token endpoint in trouble


async def test_a_busy_token_endpoint_is_asked_again_after_as_long_as_it_says(
    partner: Signed,
) -> None:
    partner.fault(TOKEN, status=429, headers={"Retry-After": "2"}, body="{}", times=2)
    assert await partner.tokens().of(ALPINE)
    assert partner.pauses.waits == [2, 2]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "throttled"),
        (503, "throttled"),
        (504, "throttled"),
        (500, "provider_unreachable"),
        (502, "provider_unreachable"),
    ],
)
async def test_a_long_wait_at_the_token_endpoint_is_the_callers(
    partner: Signed, status: int, code: str
) -> None:
    partner.fault(TOKEN, status=status, headers={"Retry-After": "70"}, body="{}")
    with pytest.raises(TransientFailure) as caught:
        await partner.tokens().of(ALPINE)
    assert (caught.value.code, caught.value.retry_after) == (code, 70)
    assert partner.pauses.waits == []


async def test_a_service_that_asks_to_come_back_is_asked_a_few_times(partner: Signed) -> None:
    body = {"error": "temporarily_unavailable", "error_codes": [90033]}
    partner.fault(TOKEN, status=400, body=body)
    with pytest.raises(TransientFailure, match="sign_in_unavailable"):
        await partner.tokens().of(ALPINE)
    assert partner.token_requests() == 3


@pytest.mark.parametrize("body", ["<html>proxy</html>", "{}", "[]", "null", '{"access_token'])
async def test_what_no_token_endpoint_says_is_no_answer(partner: Signed, body: str) -> None:
    partner.fault(TOKEN, status=200, body=body)
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await partner.tokens().of(ALPINE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_in": "soon"},
        {"expires_in": -5},
        {"expires_in": "3600.5"},
        {"expires_in": []},
        {"access_token": 5},
        {"access_token": None},
        {"scope": ["a"]},
        {"refresh_token": {}},
    ],
)
async def test_a_token_answer_of_another_shape_is_no_answer(
    partner: Signed, wrong: dict[str, object]
) -> None:
    right = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
    partner.fault(TOKEN, status=200, body={**right, **wrong})
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await partner.tokens().of(ALPINE)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        *(({}, 3600), ({"expires_in": None}, 3600), ({"expires_in": "3599"}, 3599)),
        *(({"expires_in": 3599.0}, 3599), ({"expires_in": "3599.0"}, 3599)),
        ({"expires_in": 60, "ext_expires_in": None, "refresh_in": "soon"}, 60),
    ],
)
async def test_the_life_of_a_token_is_read_in_any_spelling(
    partner: Signed, said: dict[str, object], seconds: int
) -> None:
    body = {"access_token": "a-token", "token_type": "Bearer", **said}
    partner.fault(TOKEN, status=200, body=body)
    tokens = await partner.sign_in.app_token(
        partner.credentials, tenant=str(ALPINE), at_customer=True
    )
    assert (tokens.access_token, tokens.expires_in) == ("a-token", seconds)


async def test_what_is_null_in_a_token_answer_is_not_there(partner: Signed) -> None:
    nulls = dict.fromkeys(("refresh_token", "scope", "id_token", "client_info", "error"))
    right = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
    partner.fault(TOKEN, status=200, body={**right, **nulls})
    tokens = await partner.sign_in.redeem(
        partner.credentials, tenant=str(ALPINE), refresh_token="any", at_customer=True
    )
    assert (tokens.refresh_token, tokens.scope) == (None, "")


@pytest.mark.parametrize(
    "odd",
    [
        {"id_token": "half"},
        {"id_token": "not.json.at-all"},
        {"client_info": "bm90IGpzb24"},
    ],
)
async def test_what_msal_stumbles_over_is_tried_again_later(
    partner: Signed, odd: dict[str, object]
) -> None:
    right = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
    partner.fault(TOKEN, status=200, body={**right, **odd})
    with pytest.raises(TransientFailure, match="unusable_answer") as caught:
        await partner.tokens().of(ALPINE)
    assert caught.value.retry_after == 10


@pytest.mark.parametrize("status", [429, 503, 504, 509])
async def test_a_busy_token_endpoint_that_names_no_time_is_left_alone_for_a_while(
    partner: Signed, status: int
) -> None:
    partner.fault(TOKEN, status=status, body="{}")
    with pytest.raises(TransientFailure) as caught:
        await partner.tokens().of(ALPINE)
    assert (caught.value.code, caught.value.retry_after) == ("throttled", 30)
    assert partner.token_requests() == 1


@pytest.mark.parametrize(
    ("id_token", "code"),
    [
        ("half", "id_token_invalid"),
        ("e30.eyJhdWQiOiJ4In0.x", "id_token_invalid"),
    ],
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    partner: Signed, id_token: str, code: str
) -> None:
    flow = await partner.sign_in.start(
        partner.credentials, tenant="organizations", redirect_uri=REDIRECT_URI
    )
    answer = partner.simulator.sign_in(str(flow["auth_uri"]), partner=0)
    right = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
    partner.fault(TOKEN, status=200, body={**right, "id_token": id_token})
    with pytest.raises(NotAcceptable, match=code):
        await partner.sign_in.complete(
            partner.credentials, tenant="organizations", flow=flow, answer=answer
        )


async def test_the_sign_in_is_asked_in_our_name(partner: Signed) -> None:
    await partner.tokens().of(ALPINE)
    agents = {str(request["userAgent"]) for request in partner.asked(TOKEN)}
    assert all(agent.startswith("entra-plugin/") for agent in agents)


# Claims challenges


async def test_a_challenge_is_answered_in_the_partners_name(partner: Signed) -> None:
    directory = partner.directory()
    await directory.tenant_details(ALPINE)
    partner.simulator.control("/tokens", {"challenge": True})
    assert (await directory.tenant_details(ALPINE)).domains
    assert await directory.probe() == 8
    assert partner.token_requests(ALPINE) == 2
    await directory.tenant_details(ALPINE)
    assert partner.token_requests(ALPINE) == 2


async def test_a_challenge_is_answered_in_the_name_of_the_app(partner: Signed) -> None:
    directory = partner.directory(partner.app_tokens())
    await directory.tenant_details(ALPINE)
    partner.simulator.control("/tokens", {"challenge": True})
    assert (await directory.tenant_details(ALPINE)).domains
    assert partner.token_requests(ALPINE) == 2


async def test_a_challenge_that_comes_again_is_a_refusal(partner: Signed) -> None:
    claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7InZhbHVlIjoiMSJ9fX0="
    headers = {"WWW-Authenticate": f'Bearer error="insufficient_claims", claims="{claims}"'}
    partner.fault("/v1.0/", status=401, headers=headers)
    directory = partner.directory()
    with pytest.raises(ConsentMissing, match="claims_refused"):
        await directory.tenant_details(ALPINE)
    with pytest.raises(AuthorisationLost, match="claims_refused"):
        await directory.probe()
    assert partner.token_requests(ALPINE) == 2


# In the name of the app


async def test_an_app_reads_a_customer_that_consented_to_it(partner: Signed) -> None:
    directory = partner.directory(partner.app_tokens())
    assert (await directory.tenant_details(ALPINE)).domains
    pages = [page async for page in directory.user_pages(ALPINE)]
    assert pages[0].users


async def test_an_app_is_refused_where_it_was_not_consented_to(partner: Signed) -> None:
    partner.simulator.control("/consent", {"tenant": str(ALPINE), "application": False})
    with pytest.raises(ConsentMissing, match="app_not_found"):
        await partner.directory(partner.app_tokens()).tenant_details(ALPINE)


async def test_an_app_lists_the_customers_where_it_may(partner: Signed) -> None:
    tokens = partner.app_tokens(fallback=partner.tokens())
    directory = partner.directory(tokens)
    assert len([tenant async for tenant in directory.managed_tenants()]) == 8
    assert tokens.at_home == Access.APPLICATION
    assert partner.kept == []


async def test_where_it_may_not_the_partners_sign_in_lists_them(partner: Signed) -> None:
    partner.simulator.control("/permissions", {"applicationRelationships": False})
    tokens = partner.app_tokens(fallback=partner.tokens())
    directory = partner.directory(tokens)
    assert await directory.probe() == 8
    assert tokens.at_home == Access.DELEGATED
    partner.simulator.forget_requests()
    assert len([tenant async for tenant in directory.managed_tenants()]) == 8
    refused = [r for r in partner.asked(CUSTOMERS) if r["status"] == 403]
    assert refused == []


async def test_who_asks_while_the_app_is_being_refused_is_helped_by_the_sign_in_too(
    partner: Signed,
) -> None:
    partner.simulator.control("/permissions", {"applicationRelationships": False})
    directory = partner.directory(partner.app_tokens(fallback=partner.tokens()))
    assert await asyncio.gather(*(directory.probe() for _ in range(4))) == [8] * 4


async def test_a_permission_granted_at_home_is_seen_at_once(partner: Signed) -> None:
    directory = partner.directory()
    partner.fault(CUSTOMERS, status=403, times=1)
    with pytest.raises(ConfigurationInvalid, match="partner_permission_missing"):
        await directory.probe()
    partner.simulator.control("/faults", {"faults": []})
    asked = partner.token_requests(partner.home)
    assert await directory.probe() == 8
    assert partner.token_requests(partner.home) == asked + 1


async def test_without_a_sign_in_the_app_says_that_it_may_not_list_them(partner: Signed) -> None:
    partner.simulator.control("/permissions", {"applicationRelationships": False})
    directory = partner.directory(partner.app_tokens())
    with pytest.raises(ConfigurationInvalid, match="app_only_discovery_refused"):
        await directory.probe()


async def test_a_refused_enrichment_does_not_change_who_lists_the_customers(
    partner: Signed,
) -> None:
    partner.simulator.control("/permissions", {"contracts": False})
    tokens = partner.app_tokens(fallback=partner.tokens())
    directory = partner.directory(tokens)
    assert len([tenant async for tenant in directory.managed_tenants()]) == 8
    assert tokens.at_home == Access.APPLICATION


async def test_a_token_of_the_app_for_another_resource_is_asked_for_by_its_scope(
    partner: Signed,
) -> None:
    with pytest.raises(ConfigurationInvalid, match="graph_permission_missing"):
        await partner.sign_in.client_credentials(
            partner.credentials, tenant=str(partner.home), scope="api://somebody/.default"
        )


# The sign-in itself


async def scopes_of(partner: Signed, *, lighthouse: bool) -> set[str]:
    flow = await partner.sign_in.start(
        partner.credentials,
        tenant="organizations",
        redirect_uri=REDIRECT_URI,
        lighthouse=lighthouse,
    )
    return set(parse_qs(urlsplit(str(flow["auth_uri"])).query)["scope"][0].split())


async def test_lighthouse_is_asked_for_only_where_it_is_wanted(partner: Signed) -> None:
    plain = await scopes_of(partner, lighthouse=False)
    assert "ManagedTenants.Read.All" not in plain
    wanted = await scopes_of(partner, lighthouse=True)
    assert wanted - plain == {"ManagedTenants.Read.All"}
