"""The simulator's sign-in grants and refuses as Microsoft documents it."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.microsoft import GRAPH_SCOPE, REDIRECT_URI, VERIFIER, Microsoft
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
CEDAR = "e0000000-0000-4000-8000-000000000003"
"""A customer of the first partner alone."""
DELTA_LOGISTICS = "e0000000-0000-4000-8000-000000000004"
"""A customer whose administrator has not consented."""
NOWHERE = "00000000-0000-4000-8000-00000000dead"


def refused(
    answer: httpx.Response, error: str, number: int, *, status: int = 400
) -> dict[str, object]:
    """An error body, the parts of which that are always there are checked."""
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert isinstance(document, dict)
    assert document["error"] == error
    assert document["error_codes"] == [number]
    assert str(document["error_description"]).startswith(f"AADSTS{number}: ")
    assert {"trace_id", "correlation_id", "timestamp", "error_uri"} <= document.keys()
    return document


# The application


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token", "authorization_code"])
def test_a_wrong_client_secret_is_refused(microsoft: Microsoft, grant: str) -> None:
    form = {"grant_type": grant, "scope": GRAPH_SCOPE, "client_secret": "wrong"}

    refused(microsoft.ask_token(ALPINE, form), "invalid_client", 7000215, status=401)


def test_an_unknown_application_is_refused(microsoft: Microsoft) -> None:
    form = {"grant_type": "client_credentials", "scope": GRAPH_SCOPE, "client_id": NOWHERE}

    refused(microsoft.ask_token(ALPINE, form), "unauthorized_client", 700016)


def test_another_kind_of_grant_is_refused(microsoft: Microsoft) -> None:
    answer = microsoft.ask_token(ALPINE, {"grant_type": "password"})

    refused(answer, "unsupported_grant_type", 70003)


# Authorities


def test_an_unknown_tenant_is_not_discovered(microsoft: Microsoft, simulator: Simulator) -> None:
    path = f"{NOWHERE}/v2.0/.well-known/openid-configuration"

    answer = microsoft.http.get(f"{simulator.sign_in_url}/{path}")

    refused(answer, "invalid_tenant", 90002)


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token", "authorization_code"])
def test_an_unknown_tenant_grants_nothing(microsoft: Microsoft, grant: str) -> None:
    answer = microsoft.ask_token(NOWHERE, {"grant_type": grant, "scope": GRAPH_SCOPE})

    refused(answer, "invalid_request", 90002)


def test_an_authority_describes_itself(microsoft: Microsoft, simulator: Simulator) -> None:
    found = microsoft.discovery(ALPINE)

    assert found["issuer"] == f"{simulator.sign_in_url}/{ALPINE}/v2.0"
    assert found["token_endpoint"] == f"{simulator.sign_in_url}/{ALPINE}/oauth2/v2.0/token"


def test_an_authority_is_found_in_any_case(microsoft: Microsoft) -> None:
    assert microsoft.discovery(ALPINE.upper()) == microsoft.discovery(ALPINE)


# The page for people


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"client_id": NOWHERE}, 700016),
        ({"redirect_uri": "https://elsewhere.example/callback"}, 50011),
        ({"response_type": "token"}, 700054),
        ({"response_mode": "form_post"}, 70002),
        ({"code_challenge": ""}, 501491),
        ({"code_challenge_method": "plain"}, 501491),
        ({"scope": "User.Read Mail.Send"}, 650053),
        ({"scope": "https://vault.example/.default"}, 500011),
    ],
)
def test_the_page_sends_nobody_back_when_the_request_is_wrong(
    microsoft: Microsoft, changes: dict[str, str], number: int
) -> None:
    answer = httpx.get(microsoft.authorization_url(**changes), trust_env=False)

    assert answer.status_code == 400
    assert f"AADSTS{number}" in answer.text


def test_the_page_of_an_unknown_tenant_is_none(microsoft: Microsoft) -> None:
    url = microsoft.authorization_url().replace("/organizations/", f"/{NOWHERE}/")

    answer = httpx.get(url, trust_env=False)

    assert answer.status_code == 400
    assert "AADSTS90002" in answer.text


def test_who_refuses_is_sent_back_with_the_state(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    answer = simulator.sign_in(microsoft.authorization_url(), partner=None)

    assert answer["error"] == "access_denied"
    assert answer["state"] == "a-state"
    assert "code" not in answer


def test_who_agrees_is_sent_back_to_the_redirect_uri_with_a_code(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    partner = simulator.directory()["partners"][0]["tenantId"]

    answer = httpx.post(microsoft.authorization_url(), data={"partner": partner}, trust_env=False)

    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT_URI
    assert parse_qs(target.query).keys() == {"code", "session_state", "state"}


# Codes


def test_a_code_gives_all_tokens_of_the_account_at_home(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    tokens = microsoft.sign_in()

    partner = simulator.directory()["partners"][0]
    me = microsoft.get("/v1.0/me", tokens["access_token"]).json()
    assert me["userPrincipalName"] == partner["account"]
    assert tokens.keys() >= {"refresh_token", "id_token", "client_info", "expires_in", "scope"}


def test_a_code_can_be_redeemed_once(microsoft: Microsoft) -> None:
    form = microsoft.code()
    assert microsoft.ask_token("organizations", form).status_code == 200

    refused(microsoft.ask_token("organizations", form), "invalid_grant", 54005)


def test_a_code_that_was_never_given_is_malformed(microsoft: Microsoft) -> None:
    form = {**microsoft.code(), "code": "1.made-up"}

    refused(microsoft.ask_token("organizations", form), "invalid_grant", 9002313)


@pytest.mark.parametrize("verifier", ["wrong", "", f"{VERIFIER} "])
def test_a_code_needs_its_own_verifier(microsoft: Microsoft, verifier: str) -> None:
    form = {**microsoft.code(), "code_verifier": verifier}

    refused(microsoft.ask_token("organizations", form), "invalid_grant", 501481)


def test_a_code_needs_its_own_redirect_uri(microsoft: Microsoft) -> None:
    form = {**microsoft.code(), "redirect_uri": "https://elsewhere.example/callback"}

    refused(microsoft.ask_token("organizations", form), "invalid_grant", 500112)


def test_a_code_is_of_no_use_at_another_directory(microsoft: Microsoft) -> None:
    refused(microsoft.ask_token(ALPINE, microsoft.code()), "invalid_grant", 50020)


# Refresh tokens


def test_a_refresh_token_gives_a_token_at_a_customer(
    microsoft: Microsoft, refresh_token: str
) -> None:
    tokens = microsoft.ask_token(ALPINE, microsoft.refresh_form(refresh_token)).json()

    assert microsoft.get("/v1.0/users?$top=1", tokens["access_token"]).status_code == 200
    assert tokens["refresh_token"]
    assert "https://graph.microsoft.com/Directory.Read.All" in tokens["scope"].split()


def test_a_refresh_token_can_be_redeemed_again(microsoft: Microsoft, refresh_token: str) -> None:
    form = microsoft.refresh_form(refresh_token)

    assert [microsoft.ask_token(ALPINE, form).status_code for _ in range(3)] == [200] * 3


def test_a_refresh_token_is_used_up_where_that_is_asked_for(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/tokens", {"rotateStrictly": True})
    form = microsoft.refresh_form(refresh_token)
    following = microsoft.ask_token(ALPINE, form).json()["refresh_token"]

    refused(microsoft.ask_token(ALPINE, form), "invalid_grant", 50173)
    assert microsoft.ask_token(ALPINE, microsoft.refresh_form(following)).status_code == 200


def test_a_revoked_refresh_token_is_refused(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/tokens", {"revoke": True})

    answer = microsoft.ask_token("organizations", microsoft.refresh_form(refresh_token))
    assert refused(answer, "invalid_grant", 50173)["suberror"] == "bad_token"
    anew = microsoft.refresh_form(microsoft.sign_in()["refresh_token"])
    assert microsoft.ask_token("organizations", anew).status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "", "a.b.c", "ä.ö.ü"])
def test_what_is_no_refresh_token_is_malformed(microsoft: Microsoft, token: str) -> None:
    answer = microsoft.ask_token(ALPINE, microsoft.refresh_form(token))

    refused(answer, "invalid_grant", 9002313)


def test_an_access_token_is_no_refresh_token(microsoft: Microsoft) -> None:
    token = str(microsoft.sign_in()["access_token"])

    refused(microsoft.ask_token(ALPINE, microsoft.refresh_form(token)), "invalid_grant", 9002313)


def test_without_offline_access_there_is_no_refresh_token(
    microsoft: Microsoft, refresh_token: str
) -> None:
    form = {**microsoft.refresh_form(refresh_token), "scope": GRAPH_SCOPE}

    assert "refresh_token" not in microsoft.ask_token(ALPINE, form).json()


def test_a_refresh_token_of_another_application_is_refused(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    other = {
        "client_id": simulator.other_client_id,
        "client_secret": simulator.other_client_secret,
    }

    answer = microsoft.ask_token(ALPINE, {**microsoft.refresh_form(refresh_token), **other})

    assert refused(answer, "invalid_grant", 700007)["suberror"] == "client_mismatch"


# What a customer allows


def test_a_customer_without_consent_refuses_the_partner(
    microsoft: Microsoft, refresh_token: str
) -> None:
    answer = microsoft.ask_token(DELTA_LOGISTICS, microsoft.refresh_form(refresh_token))

    assert refused(answer, "invalid_grant", 65001)["suberror"] == "consent_required"


def test_a_customer_without_consent_does_not_know_the_application(microsoft: Microsoft) -> None:
    form = {"grant_type": "client_credentials", "scope": GRAPH_SCOPE}

    refused(microsoft.ask_token(DELTA_LOGISTICS, form), "unauthorized_client", 700016)


def test_consent_given_lets_the_partner_in(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/consent", {"tenant": DELTA_LOGISTICS, "granted": True})

    answer = microsoft.ask_token(DELTA_LOGISTICS, microsoft.refresh_form(refresh_token))

    assert answer.status_code == 200


def test_a_policy_of_the_customer_blocks_the_partner(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/consent", {"tenant": ALPINE, "conditionalAccess": True})

    answer = microsoft.ask_token(ALPINE, microsoft.refresh_form(refresh_token))

    refused(answer, "invalid_grant", 53003)


def test_a_partner_without_a_relationship_is_a_stranger(microsoft: Microsoft) -> None:
    token = str(microsoft.sign_in(partner=1)["refresh_token"])

    refused(microsoft.ask_token(CEDAR, microsoft.refresh_form(token)), "invalid_grant", 50020)


# Scopes


def test_a_scope_that_nobody_consented_to_is_refused(
    microsoft: Microsoft, refresh_token: str
) -> None:
    form = microsoft.refresh_form(refresh_token, "https://graph.microsoft.com/Mail.Send")

    refused(microsoft.ask_token(ALPINE, form), "invalid_grant", 65001)


def test_the_default_scope_stands_alone(microsoft: Microsoft, refresh_token: str) -> None:
    scope = f"{GRAPH_SCOPE} https://graph.microsoft.com/User.Read"

    answer = microsoft.ask_token(ALPINE, microsoft.refresh_form(refresh_token, scope))

    refused(answer, "invalid_scope", 70011)


def test_another_resource_is_not_there(microsoft: Microsoft, refresh_token: str) -> None:
    form = microsoft.refresh_form(refresh_token, "https://vault.example/.default")

    refused(microsoft.ask_token(ALPINE, form), "invalid_resource", 500011)


def test_the_application_itself_asks_for_the_default_scope(microsoft: Microsoft) -> None:
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/User.Read"}

    refused(microsoft.ask_token(ALPINE, form), "invalid_scope", 1002012)


@pytest.mark.parametrize("authority", ["organizations", "common"])
def test_the_application_itself_names_its_tenant(microsoft: Microsoft, authority: str) -> None:
    form = {"grant_type": "client_credentials", "scope": GRAPH_SCOPE}

    refused(microsoft.ask_token(authority, form), "invalid_request", 50059)


# What is written down


def test_no_secret_is_in_the_log_of_requests(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    microsoft.ask_token(ALPINE, microsoft.refresh_form(refresh_token))

    text = json.dumps(simulator.requests())

    assert refresh_token not in text
    assert simulator.client_secret not in text
