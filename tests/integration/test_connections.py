"""The routes of the connection over HTTP: connect, rotate, switch, disconnect, and by whom."""

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from entra_plugin.domain import secret_names
from support.connection_api import (
    APP_NAMES,
    CIPP_TOKEN_NAMES,
    DIRECT_NAMES,
    by_client,
    by_token,
    connection,
    own_app,
    partner,
    start_afresh,
)
from support.inside import Inside
from support.program import Program
from support.running import RunningHost
from support.secret_folder import SecretFolder
from support.simulator import Simulator


@pytest.fixture(autouse=True)
def nothing_connected(admin: Program, microsoft: Simulator, secrets: SecretFolder) -> None:
    start_afresh(admin, microsoft, secrets)


# Microsoft, by the partner's sign-in


def test_a_sign_in_connects_and_the_overview_says_how(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    assert "outcome=connected" in admin.connect(microsoft)
    found = connection(admin)
    assert (found["status"], found["type"], found["mode"]) == ("connected", "direct", "delegated")
    assert (found["partnerTenantId"], found["credentialSource"]) == (partner(microsoft), "env")
    assert found["renewedAt"] is not None
    assert found["lastError"] is None
    assert secrets.names() == DIRECT_NAMES


@pytest.mark.parametrize("lighthouse", [False, True])
def test_lighthouse_is_asked_for_only_when_it_is_wanted(admin: Program, lighthouse: bool) -> None:
    answer = admin.post("/connect/direct", {"mode": "delegated", "lighthouse": lighthouse})
    scope = parse_qs(urlsplit(str(answer.data["authorizationUrl"])).query)["scope"][0]
    assert ("ManagedTenants.Read.All" in scope) == lighthouse


def test_a_sign_in_that_was_begun_changes_nothing_before_it_is_finished(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.post("/connect/cipp", by_token(microsoft))
    assert admin.post("/connect/direct").data.keys() == {"authorizationUrl"}
    assert connection(admin)["type"] == "cipp"
    assert secrets.names() == CIPP_TOKEN_NAMES


def test_signing_in_again_with_another_partner_is_refused_and_the_connection_stays(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    admin.connect(microsoft)
    before = active_id(inside, host)
    assert "code=other_partner_tenant" in admin.connect(microsoft, partner=1)
    assert active_id(inside, host) == before
    assert admin.post("/validate").data["tenantCount"] == 8


def test_after_a_disconnect_another_partner_may_sign_in(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    admin.post("/disconnect")
    assert "outcome=connected" in admin.connect(microsoft, partner=1)
    assert admin.post("/validate").data["tenantCount"] == 2


def test_signing_in_again_makes_a_new_connection_and_keeps_the_old_one_as_history(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    admin.connect(microsoft)
    before = active_id(inside, host)
    admin.connect(microsoft)
    assert active_id(inside, host) != before
    ended = inside.rows(
        "SELECT status, ended_reason FROM entra_partner_connections WHERE connection_id = %s",
        before,
    )
    assert ended == [("disconnected", "replaced")]


def active_id(inside: Inside, host: RunningHost) -> object:
    ((found,),) = inside.rows(
        "SELECT connection_id FROM entra_partner_connections"
        " WHERE tenant_id = %s AND ended_at IS NULL",
        host.tenant_id(0),
    )
    return found


# Microsoft, by the app's own permissions


def test_an_app_connects_at_once_when_its_home_tenant_is_known(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    answer = admin.post("/connect/direct", {"mode": "app_only"}).data
    assert (answer["authorizationUrl"], answer["valid"], answer["tenantCount"]) == (None, True, 8)
    found = connection(admin)
    assert (found["mode"], found["credentialSource"]) == ("app_only", "tenant-secret")
    assert found["renewedAt"] is None
    assert secrets.names() - APP_NAMES == {"entra_direct_partner_tenant_id"}


def test_an_app_without_a_known_home_tenant_is_refused(admin: Program) -> None:
    answer = admin.post("/connect/direct", {"mode": "app_only"})
    assert answer.failure == (422, "app_only_needs_home_tenant")
    assert connection(admin)["status"] != "connected"


def test_an_app_that_may_not_list_the_customers_is_refused_without_a_sign_in(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    microsoft.control("/permissions", {"applicationRelationships": False})
    answer = admin.post("/connect/direct", {"mode": "app_only"})
    assert answer.failure == (422, "app_only_discovery_refused")


def test_an_app_that_may_not_list_the_customers_keeps_the_sign_in_for_that(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    microsoft.control("/permissions", {"applicationRelationships": False})
    admin.connect(microsoft)
    answer = admin.post("/connect/direct", {"mode": "app_only"})
    assert answer.data["tenantCount"] == 8
    assert secrets.names() >= DIRECT_NAMES
    assert connection(admin)["mode"] == "app_only"
    assert admin.post("/validate").data["valid"] is True


def test_an_app_of_another_partner_than_the_connected_one_is_refused(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    admin.post("/connect/direct", {"mode": "app_only"})
    secrets.put(microsoft_tenant_id=partner(microsoft, 1))
    answer = admin.post("/connect/direct", {"mode": "app_only"})
    assert answer.failure == (422, "other_partner_tenant")


# The app credentials


def test_rotating_in_place_keeps_the_connection_and_goes_on_with_the_new_secret(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    admin.connect(microsoft)
    before = active_id(inside, host)
    microsoft.control("/app", {"addSecret": "a~new~secret"})
    pair = {"clientId": microsoft.client_id, "clientSecret": "a~new~secret"}
    assert admin.post("/credentials", pair).data["tenantCount"] == 8
    microsoft.control("/app", {"removeSecret": microsoft.client_secret})
    assert active_id(inside, host) == before
    assert connection(admin)["credentialSource"] == "tenant-secret"
    assert admin.post("/validate").data["valid"] is True
    assert admin.discover()["state"] == "partial"


def test_a_wrong_pair_stores_nothing(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.connect(microsoft)
    answer = admin.post("/credentials", {"clientId": microsoft.client_id, "clientSecret": "wrong"})
    assert answer.failure == (422, "client_secret_wrong")
    assert secrets.names() == DIRECT_NAMES
    assert connection(admin)["credentialSource"] == "env"


def test_an_expired_secret_is_told_as_such(admin: Program, microsoft: Simulator) -> None:
    admin.connect(microsoft)
    microsoft.control("/app", {"addSecret": "an~old~secret", "expireSecret": "an~old~secret"})
    pair = {"clientId": microsoft.client_id, "clientSecret": "an~old~secret"}
    assert admin.post("/credentials", pair).failure == (422, "client_secret_expired")


def test_another_app_cannot_take_over_a_sign_in(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.connect(microsoft)
    pair = {
        "clientId": microsoft.other_client_id,
        "clientSecret": microsoft.other_client_secret,
    }
    assert admin.post("/credentials", pair).failure == (422, "app_changed")
    assert secrets.names() == DIRECT_NAMES


def test_an_app_that_microsoft_does_not_know_is_told_as_such(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    pair = {"clientId": str(uuid4()), "clientSecret": "s"}
    assert admin.post("/credentials", pair).failure == (422, "app_not_found")


def test_a_secret_store_that_cannot_be_read_is_told_as_such(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.connect(microsoft)
    secrets.damage(secret_names.DIRECT_REFRESH_TOKEN)
    pair = {"clientId": microsoft.client_id, "clientSecret": microsoft.client_secret}
    assert admin.post("/credentials", pair).failure == (503, "secret_store_unavailable")
    assert secrets.names() == DIRECT_NAMES
    bundle = admin.get("/support-bundle")
    assert bundle.failure == (503, "secret_store_unavailable")


def test_without_a_connection_a_pair_is_stored_for_the_next_one(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    pair = {
        "clientId": f" {microsoft.other_client_id.upper()} ",
        "clientSecret": microsoft.other_client_secret,
    }
    found = admin.post("/credentials", pair).data
    assert (found["valid"], found["tenantCount"]) == (True, None)
    assert secrets.names() == APP_NAMES - {"microsoft_tenant_id"}
    assert secrets.get("microsoft_client_id") == microsoft.other_client_id
    assert "outcome=connected" in admin.connect(microsoft)


# Switching, disconnecting


def test_switching_to_cipp_deletes_the_secrets_of_the_sign_in_and_nothing_else(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    admin.connect(microsoft)
    admin.post("/connect/cipp", by_token(microsoft))
    assert secrets.names() == CIPP_TOKEN_NAMES | APP_NAMES


def test_switching_to_microsoft_deletes_the_secrets_of_cipp(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.post("/connect/cipp", by_client(microsoft))
    admin.connect(microsoft)
    assert secrets.names() == DIRECT_NAMES


def test_switching_the_kind_of_credentials_of_a_cipp_leaves_only_the_new_ones(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.post("/connect/cipp", by_client(microsoft))
    admin.post("/connect/cipp", by_token(microsoft))
    assert secrets.names() == CIPP_TOKEN_NAMES


def test_a_switch_that_fails_leaves_the_connection_and_its_secrets(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    admin.connect(microsoft)
    admin.post("/connect/cipp", by_token(microsoft, apiToken="wrong"))
    assert secrets.names() == DIRECT_NAMES
    assert admin.post("/validate").data["valid"] is True


def test_switching_keeps_managed_tenants_mappings_and_runs(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    discovery = admin.discover()
    admin.accept_exact()
    before = admin.get("/").data["counts"]
    admin.post("/connect/cipp", by_token(microsoft))
    assert admin.discover()["progress"]["new"] == 0, "they are the same directories"
    assert admin.get("/").data["counts"] == before
    assert admin.get(f"/runs/{discovery['runId']}").data["state"] == "partial"


def test_disconnecting_deletes_the_secrets_and_keeps_the_app_credentials(
    admin: Program, microsoft: Simulator, secrets: SecretFolder
) -> None:
    own_app(microsoft, secrets)
    admin.connect(microsoft)
    assert admin.post("/disconnect").data == {"status": "disconnected"}
    assert secrets.names() == APP_NAMES


@pytest.mark.parametrize("times", [1, 2])
def test_disconnecting_again_is_harmless(
    admin: Program, microsoft: Simulator, secrets: SecretFolder, times: int
) -> None:
    admin.post("/connect/cipp", by_token(microsoft))
    for _ in range(times):
        assert admin.post("/disconnect").data == {"status": "disconnected"}
    assert connection(admin)["status"] == "disconnected"
    assert secrets.names() == set()


def test_disconnecting_cancels_a_check_that_is_under_way(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    admin.discover()
    microsoft.control("/faults", {"match": "GET /v1.0/organization", "delayMs": 5_000})
    microsoft.control("/tokens", {"expire": True})
    run_id = admin.post("/validate/chain").data["runId"]
    admin.until(lambda: admin.get(f"/runs/{run_id}").data, lambda run: run["state"] == "running")
    admin.post("/disconnect")
    assert admin.finished(run_id)["state"] == "cancelled"


@pytest.mark.parametrize("path", ["/validate", "/validate/chain", "/discovery"])
def test_without_a_connection_there_is_nothing_to_check(admin: Program, path: str) -> None:
    assert admin.post(path).failure == (422, "not_connected")


# The flag, and who may


@pytest.mark.parametrize("route", ["/connect/cipp", "/connect/cipp/test", "/connect/direct"])
def test_somebody_who_may_only_look_connects_nothing(
    host: RunningHost, microsoft: Simulator, route: str
) -> None:
    with Program(host.base_url, "tech@northwind.example") as reader:
        answer = reader.post(route, by_token(microsoft))
    assert answer.failure == (403, "permission_missing")
    assert answer.body["details"] == {"permission": "system_settings.update"}


def test_a_connection_is_nothing_to_another_msp(
    admin: Program, microsoft: Simulator, host: RunningHost, secrets: SecretFolder
) -> None:
    admin.connect(microsoft)
    with Program(host.base_url, "admin@southwind.example") as other:
        assert connection(other)["status"] == "not_connected"
        assert other.post("/validate").failure == (422, "not_connected")
        other.post("/disconnect")
    assert secrets.names() == DIRECT_NAMES
    assert admin.post("/validate").data["valid"] is True
