"""What the overview and the support bundle tell of a connection, and what they do not."""

from datetime import UTC, datetime, timedelta

import pytest

from support.connection_api import (
    DIRECT_NAMES,
    by_token,
    connection,
    own_app,
    start_afresh,
    warned_of,
)
from support.inside import Inside
from support.program import API, Program
from support.running import RunningHost
from support.secret_folder import SecretFolder
from support.simulator import Simulator

CEDAR, DELTA = (f"e0000000-0000-4000-8000-00000000000{n}" for n in (3, 4))


@pytest.fixture(autouse=True)
def nothing_connected(admin: Program, microsoft: Simulator, secrets: SecretFolder) -> None:
    start_afresh(admin, microsoft, secrets)


def test_the_date_that_was_entered_with_a_secret_is_shown_and_warned_of(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=29)
    pair = {
        "clientId": microsoft.client_id,
        "clientSecret": microsoft.client_secret,
        "expiresAt": ends.isoformat(),
    }
    assert admin.post("/credentials", pair).status == 200
    assert datetime.fromisoformat(connection(admin)["secretExpiresAt"]) == ends
    warned = warned_of(admin)["client_secret_expiring"]
    assert datetime.fromisoformat(warned["at"]) == ends


def test_a_pair_without_a_date_takes_the_warning_of_the_one_before_away(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    pair = {"clientId": microsoft.client_id, "clientSecret": microsoft.client_secret}
    past = datetime.now(UTC) - timedelta(days=1)
    admin.post("/credentials", {**pair, "expiresAt": past.isoformat()})
    assert "client_secret_ended" in warned_of(admin)
    admin.post("/credentials", pair)
    assert "client_secret_ended" not in warned_of(admin)


def test_the_overview_of_a_tenant_that_never_connected_has_everything_empty(
    host: RunningHost,
) -> None:
    with Program(host.base_url, "admin@southwind.example") as other:
        overview = other.get("/").data
    assert overview["connection"] == {
        "status": "not_connected",
        "type": None,
        "mode": None,
        "credentialSource": "env",
        "partnerTenantId": None,
        "validatedAt": None,
        "renewedAt": None,
        "secretExpiresAt": None,
        "capabilities": None,
        "lastError": None,
    }
    assert (overview["warnings"], overview["lastValidation"]) == ([], None)
    assert overview["availableConnectionTypes"] == ["direct", "cipp"]
    assert overview["wizardStep"] == "connect"


def test_the_overview_says_what_the_provider_can_do(admin: Program, microsoft: Simulator) -> None:
    admin.connect(microsoft)
    assert connection(admin)["capabilities"] == {
        "delta": True,
        "provesAbsence": True,
        "concurrency": 8,
    }
    admin.post("/connect/cipp", by_token(microsoft))
    assert connection(admin)["capabilities"] == {
        "delta": False,
        "provesAbsence": False,
        "concurrency": 4,
    }
    admin.post("/disconnect")
    assert connection(admin)["capabilities"] is None


def test_the_overview_warns_of_a_relationship_that_ends_soon(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    admin.discover()
    warning = warned_of(admin)["relationship_expiring"]
    assert warning["displayName"] == "Cedar Grove School"
    assert warning["message"].endswith(".")
    assert warning["advice"]
    assert warning["managedTenantId"]
    assert CEDAR in warning["link"]["url"]
    left = datetime.fromisoformat(warning["at"]) - datetime.now(UTC)
    assert timedelta(days=11) < left < timedelta(days=12)


def test_the_overview_warns_of_a_sign_in_that_nobody_used_for_long(
    admin: Program, microsoft: Simulator, host: RunningHost
) -> None:
    admin.connect(microsoft)
    age_sign_in(host, days=61)
    warning = warned_of(admin)["sign_in_idle"]
    assert warning["managedTenantId"] is None
    used = datetime.now(UTC) - datetime.fromisoformat(warning["at"])
    assert timedelta(days=61) <= used < timedelta(days=62)


def test_a_discovery_uses_the_sign_in_and_the_warning_goes(
    admin: Program, microsoft: Simulator, host: RunningHost
) -> None:
    admin.connect(microsoft)
    age_sign_in(host, days=61)
    admin.discover()
    assert "sign_in_idle" not in warned_of(admin)


def test_a_disconnected_tenant_is_warned_of_nothing(
    admin: Program, microsoft: Simulator, host: RunningHost
) -> None:
    admin.connect(microsoft)
    admin.discover()
    age_sign_in(host, days=61)
    admin.post("/disconnect")
    assert admin.get("/").data["warnings"] == []


def age_sign_in(host: RunningHost, *, days: int) -> None:
    """Let so many days go by since the sign-in was renewed."""
    aged = Inside(host.facts).rows(
        "UPDATE entra_partner_connections SET renewed_at = now() - make_interval(days => %s)"
        " WHERE tenant_id = %s AND ended_at IS NULL RETURNING 1",
        days,
        host.tenant_id(0),
    )
    assert aged


def test_the_overview_shows_the_last_walk_along_the_chain(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    run = admin.finished(admin.post("/validate/chain").data["runId"])
    found = admin.get("/").data["lastValidation"]
    assert found == {name: value for name, value in run.items() if name != "tenants"}


def test_an_error_of_the_connection_comes_with_words_and_goes_when_it_works_again(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.post("/connect/cipp", by_token(microsoft))
    microsoft.control("/cipp", {"clientsRefused": True})
    assert admin.post("/validate").data["valid"] is False
    found = connection(admin)
    assert found["status"] == "validation_failed"
    error = found["lastError"]
    assert error["code"] == "cipp_token_refused"
    assert error["message"].endswith(".")
    assert error["advice"]
    assert error["checkedAt"]
    microsoft.control("/cipp", {"clientsRefused": False})
    assert admin.post("/validate").data["valid"] is True
    found = connection(admin)
    assert (found["status"], found["lastError"]) == ("connected", None)


def test_a_provider_that_is_busy_says_when_to_ask_again_and_breaks_no_connection(
    admin: Program, microsoft: Simulator
) -> None:
    admin.post("/connect/cipp", by_token(microsoft))
    busy = {"match": "GET /api/", "status": 429, "headers": {"Retry-After": "300"}}
    microsoft.control("/faults", busy)
    error = admin.post("/validate").data["error"]
    assert error["code"] == "throttled"
    left = datetime.fromisoformat(error["until"]) - datetime.now(UTC)
    assert timedelta(seconds=200) < left <= timedelta(seconds=300)
    assert connection(admin)["status"] == "connected"


# The support bundle


def test_the_bundle_is_a_file_that_nobody_caches(admin: Program, microsoft: Simulator) -> None:
    admin.connect(microsoft)
    answer = admin.http.get(f"{API}/support-bundle")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"].startswith('attachment; filename="entra-support-')
    assert answer.headers["cache-control"] == "no-store"


def test_the_bundle_tells_states_codes_and_counts(admin: Program, microsoft: Simulator) -> None:
    admin.connect(microsoft)
    admin.discover()
    admin.finished(admin.post("/validate/chain").data["runId"])
    bundle = admin.http.get(f"{API}/support-bundle").json()
    assert bundle["connections"][0]["mode"] == "delegated"
    delta = next(t for t in bundle["managedTenants"] if t["entraTenantId"] == DELTA)
    assert (delta["healthCode"], delta["healthVendorCode"]) == ("consent_missing", "AADSTS65001")
    assert bundle["runs"][0]["progress"]["problems"] == {"consent_missing": 1}
    present = {name for name, there in bundle["secretsPresent"].items() if there}
    assert present == DIRECT_NAMES


def test_the_bundle_has_no_name_no_address_no_domain_and_no_secret(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    assert admin.sync("initial")["state"] == "completed"
    bundle = admin.http.get(f"{API}/support-bundle").raise_for_status().text
    tokens = [secrets.get(f"entra_direct_{kind}_token") for kind in ("access", "refresh")]
    assert None not in tokens
    private = {
        "Ada Administrator",
        "northwind.example",
        microsoft.client_secret,
        *map(str, tokens),
    }
    for tenant in microsoft.directory()["tenants"]:
        private |= {tenant["display_name"], *tenant["verified_domains"]}
        for user in tenant["users"]:
            private |= {user["userPrincipalName"], user["displayName"], user["id"]}
    assert {text for text in private if text and text in bundle} == set()
