"""The simulator's tokens: what they carry, when they end, and when others are asked for."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import httpx
import msal
import pytest

from support.microsoft import GRAPH_SCOPE, Microsoft
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
CUSTOMERS = "/v1.0/tenantRelationships/delegatedAdminCustomers"


@pytest.fixture
def home(simulator: Simulator) -> str:
    """The first partner's own directory."""
    return str(simulator.directory()["partners"][0]["tenantId"])


def numbers(answer: httpx.Response) -> tuple[int, str, list[int]]:
    document = answer.json()
    return answer.status_code, document["error"], document["error_codes"]


def asked_claims(answer: httpx.Response) -> str:
    """The claims of a challenge, as the token endpoint wants them."""
    assert answer.status_code == 401, answer.text
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_claims"' in challenge
    packed = challenge.partition('claims="')[2].partition('"')[0]
    return base64.b64decode(packed, validate=True).decode()


# Continuous access evaluation


def test_a_challenge_is_met_by_a_token_that_was_asked_for_with_its_claims(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    form = microsoft.refresh_form(refresh_token)
    before = microsoft.ask_token(ALPINE, form).json()["access_token"]
    simulator.control("/tokens", {"challenge": True})

    claims = asked_claims(microsoft.get("/v1.0/organization", before))
    after = microsoft.ask_token(ALPINE, {**form, "claims": claims}).json()["access_token"]

    assert json.loads(claims)["access_token"]["nbf"]["essential"] is True
    assert microsoft.get("/v1.0/organization", after).status_code == 200


def test_a_new_token_without_the_claims_is_challenged_too(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/tokens", {"challenge": True})

    anew = microsoft.ask_token(ALPINE, microsoft.refresh_form(refresh_token)).json()

    assert asked_claims(microsoft.get("/v1.0/organization", anew["access_token"]))


def test_a_challenge_can_be_taken_back(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    token = microsoft.app_token(ALPINE)
    simulator.control("/tokens", {"challenge": True})

    simulator.control("/tokens", {"challenge": False})

    assert microsoft.get("/v1.0/organization", token).status_code == 200


@pytest.mark.parametrize("claims", ["{", "[]", "5"])
def test_claims_that_are_none_are_refused(
    microsoft: Microsoft, refresh_token: str, claims: str
) -> None:
    form = {**microsoft.refresh_form(refresh_token), "claims": claims}

    assert numbers(microsoft.ask_token(ALPINE, form)) == (400, "invalid_request", [9002313])


def test_microsofts_own_client_meets_a_challenge(
    microsoft: Microsoft, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca_file)
    app = msal.ConfidentialClientApplication(
        simulator.client_id,
        client_credential=simulator.client_secret,
        authority=f"{simulator.sign_in_url}/{ALPINE}",
        instance_discovery=False,
        client_capabilities=["CP1"],
    )
    before = app.acquire_token_for_client([GRAPH_SCOPE])["access_token"]
    simulator.control("/tokens", {"challenge": True})

    claims = asked_claims(microsoft.get("/v1.0/organization", before))
    after = app.acquire_token_for_client([GRAPH_SCOPE], claims_challenge=claims)

    assert microsoft.get("/v1.0/organization", after["access_token"]).status_code == 200


# How refresh tokens end


def test_a_refresh_token_that_nobody_used_has_expired(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/tokens", {"idle": True})

    answer = microsoft.ask_token("organizations", microsoft.refresh_form(refresh_token))

    assert numbers(answer) == (400, "invalid_grant", [700082])
    anew = microsoft.refresh_form(microsoft.sign_in()["refresh_token"])
    assert microsoft.ask_token("organizations", anew).status_code == 200


# The app registration


def form_with(microsoft: Microsoft, secret: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "scope": GRAPH_SCOPE, "client_secret": secret}
    return microsoft.ask_token(ALPINE, form)


def test_a_second_secret_is_as_good_until_it_is_removed(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/app", {"addSecret": "second"})
    assert form_with(microsoft, "second").status_code == 200
    assert form_with(microsoft, simulator.client_secret).status_code == 200

    simulator.control("/app", {"removeSecret": simulator.client_secret})

    answer = form_with(microsoft, simulator.client_secret)
    assert numbers(answer) == (401, "invalid_client", [7000215])
    assert form_with(microsoft, "second").status_code == 200


def test_a_secret_can_expire(microsoft: Microsoft, simulator: Simulator) -> None:
    simulator.control("/app", {"expireSecret": simulator.client_secret})

    answer = form_with(microsoft, simulator.client_secret)

    assert numbers(answer) == (401, "invalid_client", [7000222])


def test_an_application_can_be_switched_off(microsoft: Microsoft, simulator: Simulator) -> None:
    simulator.control("/app", {"enabled": False})

    answer = form_with(microsoft, simulator.client_secret)

    assert numbers(answer) == (400, "unauthorized_client", [7000112])


def test_another_application_has_a_secret_of_its_own(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/app", {"clientId": simulator.other_client_id, "addSecret": "third"})

    form = {
        "grant_type": "client_credentials",
        "scope": GRAPH_SCOPE,
        "client_id": simulator.other_client_id,
        "client_secret": "third",
    }
    assert microsoft.ask_token(ALPINE, form).status_code == 200
    assert form_with(microsoft, "third").status_code == 401


# What the application itself may do


def test_consent_to_application_permissions_is_given_apart(
    microsoft: Microsoft, simulator: Simulator, refresh_token: str
) -> None:
    simulator.control("/consent", {"tenant": ALPINE, "application": False})

    answer = form_with(microsoft, simulator.client_secret)

    assert numbers(answer) == (400, "unauthorized_client", [700016])
    delegated = microsoft.ask_token(ALPINE, microsoft.refresh_form(refresh_token))
    assert delegated.status_code == 200


def test_consent_to_application_permissions_follows_the_other_until_it_is_set(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/consent", {"tenant": ALPINE, "granted": False})
    assert form_with(microsoft, simulator.client_secret).status_code == 400

    simulator.control("/consent", {"tenant": ALPINE, "application": True})
    assert form_with(microsoft, simulator.client_secret).status_code == 200
    simulator.control("/consent", {"tenant": ALPINE, "application": None})
    assert form_with(microsoft, simulator.client_secret).status_code == 400


def test_conditional_access_does_not_keep_the_application_out(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/consent", {"tenant": ALPINE, "conditionalAccess": True})

    assert form_with(microsoft, simulator.client_secret).status_code == 200


def test_the_application_itself_lists_customers_where_that_is_permitted(
    microsoft: Microsoft, simulator: Simulator, home: str
) -> None:
    assert len(microsoft.get(CUSTOMERS, microsoft.app_token(home)).json()["value"]) == 8

    simulator.control("/permissions", {"applicationRelationships": False})

    assert microsoft.get(CUSTOMERS, microsoft.app_token(home)).status_code == 403


# Consent on the sign-in page


LIGHTHOUSE = "User.Read ManagedTenants.Read.All openid profile offline_access"


def test_a_permission_that_only_an_administrator_grants_is_refused_at_sign_in(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    answer = simulator.sign_in(microsoft.authorization_url(scope=LIGHTHOUSE))

    assert answer["error"] == "consent_required"
    assert "AADSTS90094" in answer["error_description"]
    assert answer["state"] == "a-state"


def test_a_permission_that_was_granted_is_in_the_token(
    microsoft: Microsoft, simulator: Simulator
) -> None:
    simulator.control("/permissions", {"managedTenants": True})
    url = microsoft.authorization_url(scope=LIGHTHOUSE)
    code = simulator.sign_in(url)["code"]

    tokens = microsoft.ask_token("organizations", {**microsoft.code(), "code": code}).json()

    assert "https://graph.microsoft.com/ManagedTenants.Read.All" in tokens["scope"].split()


def test_the_page_shows_what_is_asked_for(microsoft: Microsoft, simulator: Simulator) -> None:
    url = microsoft.authorization_url(scope=LIGHTHOUSE)

    page = httpx.get(url, trust_env=False).text

    assert "<li>ManagedTenants.Read.All</li>" in page
    assert "Directory.Read.All" not in page
    assert parse_qs(urlsplit(url).query)["scope"] == [LIGHTHOUSE]
