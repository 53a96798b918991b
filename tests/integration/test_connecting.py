"""Connecting goes wrong in every way it can, and each time says so and leaves nothing behind."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.inside import Inside
from support.program import API, Program
from support.running import RunningHost
from support.simulator import Simulator

STRANGER = "9b2f6b0e-0000-4000-8000-000000000000"
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+")
"""A header and a body; the first three letters alone may be in any random value."""


@pytest.fixture(autouse=True)
def nothing_connected(admin: Program, microsoft: Simulator, inside: Inside) -> Iterator[None]:
    """Each test begins without a connection and with a Microsoft in good health."""
    microsoft.control("/faults", {"faults": []})
    admin.post("/disconnect")
    yield
    microsoft.control("/faults", {"faults": []})


def begin(admin: Program) -> str:
    return str(admin.post("/connect/direct").data["authorizationUrl"])


def outcome(query: str) -> tuple[str, str | None]:
    found = parse_qs(query)
    return found["outcome"][0], found.get("code", [None])[0]


def nothing_is_stored(inside: Inside, host: RunningHost) -> bool:
    """No active connection, and no token in the secret store."""
    active = inside.rows(
        "SELECT 1 FROM entra_partner_connections WHERE tenant_id = %s"
        " AND status IN ('connected', 'validation_failed')",
        host.tenant_id(0),
    )
    return not active


def test_the_authorization_url_carries_state_pkce_and_our_redirect_uri(
    admin: Program, host: RunningHost
) -> None:
    query = parse_qs(urlsplit(begin(admin)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["response_mode"] == ["query"]
    assert len(query["state"][0]) >= 16
    assert query["redirect_uri"] == [f"{host.base_url}/api/auth/microsoft/entra/callback"]
    assert "offline_access" in query["scope"][0]


def test_two_sign_ins_have_two_states(admin: Program) -> None:
    states = {parse_qs(urlsplit(begin(admin)).query)["state"][0] for _ in range(2)}
    assert len(states) == 2


def test_a_wrong_state_is_refused(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    answer = microsoft.sign_in(begin(admin))
    back = admin.call_back({**answer, "state": "made-up"})
    assert outcome(back) == ("failed", "state_invalid")
    assert nothing_is_stored(inside, host)


def test_a_state_works_once(admin: Program, microsoft: Simulator) -> None:
    answer = microsoft.sign_in(begin(admin))
    assert outcome(admin.call_back(answer)) == ("connected", None)
    assert outcome(admin.call_back(answer)) == ("failed", "state_invalid")
    assert admin.get("/").data["connection"]["status"] == "connected"


def test_a_state_is_bound_to_the_person_who_began(
    admin: Program, microsoft: Simulator, host: RunningHost, inside: Inside
) -> None:
    answer = microsoft.sign_in(begin(admin))
    with Program(host.base_url, "admin@southwind.example") as other:
        assert outcome(other.call_back(answer)) == ("failed", "state_invalid")
    with Program(host.base_url, "tech@northwind.example") as reader:
        page = reader.http.get("/api/auth/microsoft/entra/callback", params=answer)
    assert page.status_code == 403
    assert nothing_is_stored(inside, host)


def test_a_refused_consent_is_told_as_such(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    back = admin.call_back(microsoft.sign_in(begin(admin), partner=None))
    assert outcome(back) == ("failed", "consent_refused")
    assert nothing_is_stored(inside, host)


def test_a_code_that_somebody_made_up_is_refused(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    answer = microsoft.sign_in(begin(admin))
    result, code = outcome(admin.call_back({**answer, "code": "made-up"}))
    assert (result, code is not None) == ("failed", True)
    assert nothing_is_stored(inside, host)


def test_a_callback_without_anything_is_refused(admin: Program) -> None:
    assert outcome(admin.call_back({})) == ("failed", "state_invalid")


@pytest.mark.parametrize("client_id", ["", "not-a-uuid", "83055304ff244738", "{}", "a" * 5000])
def test_a_client_id_that_is_no_uuid_is_refused(admin: Program, client_id: str) -> None:
    answer = admin.post("/credentials", {"clientId": client_id, "clientSecret": "s"})
    assert answer.status in {400, 422}
    assert answer.failure[1] in {"client_id_invalid", "malformed_request"}
    assert admin.get("/").data["connection"]["credentialSource"] == "env"


def test_a_wrong_client_secret_is_told_as_such_and_the_old_pair_stays(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    body = {"clientId": microsoft.client_id, "clientSecret": "wrong~secret"}
    answer = admin.post("/credentials", body)
    assert answer.failure == (422, "client_secret_wrong")
    connection = admin.get("/").data["connection"]
    assert isinstance(connection, dict)
    assert (connection["status"], connection["credentialSource"]) == ("connected", "env")
    assert admin.post("/validate").data["valid"] is True


def test_credentials_are_rotated_in_place_and_the_page_says_where_they_are(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    body = {"clientId": microsoft.client_id, "clientSecret": microsoft.client_secret}
    assert admin.post("/credentials", body).data["valid"] is True
    connection = admin.get("/").data["connection"]
    assert isinstance(connection, dict)
    assert (connection["status"], connection["credentialSource"]) == ("connected", "tenant-secret")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 502, "body": "<html>Bad gateway</html>"}, "provider_unreachable"),
        ({"status": 200, "body": "<html>Sign in to the proxy</html>"}, "unusable_answer"),
        ({"status": 200, "body": "{}"}, "unusable_answer"),
        ({"status": 429, "body": "{}", "headers": {"Retry-After": "1"}}, "throttled"),
    ],
)
def test_a_token_endpoint_in_trouble_is_told_as_such(
    admin: Program,
    microsoft: Simulator,
    inside: Inside,
    host: RunningHost,
    fault: dict[str, object],
    code: str,
) -> None:
    answer = microsoft.sign_in(begin(admin))
    microsoft.control("/faults", {"faults": [{"match": "/oauth2/v2.0/token", **fault}]})
    assert outcome(admin.call_back(answer)) == ("failed", code)
    assert nothing_is_stored(inside, host)


def test_a_connection_whose_probe_fails_is_not_stored(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    answer = microsoft.sign_in(begin(admin))
    fault = {"match": "delegatedAdminCustomers", "status": 200, "body": "<html>no</html>"}
    microsoft.control("/faults", {"faults": [fault]})
    assert outcome(admin.call_back(answer)) == ("failed", "unusable_answer")
    assert nothing_is_stored(inside, host)


def test_a_failed_attempt_leaves_the_connection_that_was_there(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    admin.call_back(microsoft.sign_in(begin(admin), partner=None))
    assert admin.post("/validate").data["valid"] is True


def test_another_partner_tenant_is_refused(admin: Program, microsoft: Simulator) -> None:
    admin.connect(microsoft)
    assert outcome(admin.connect(microsoft, partner=1)) == ("failed", "other_partner_tenant")
    assert admin.post("/validate").data["valid"] is True


def test_validation_tells_when_the_sign_in_was_revoked(
    admin: Program, microsoft: Simulator
) -> None:
    admin.connect(microsoft)
    microsoft.control("/tokens", {"revoke": True})
    found = admin.post("/validate").data
    assert found["valid"] is False
    assert found["error"]["code"] == "grant_revoked"
    connection = admin.get("/").data["connection"]
    assert isinstance(connection, dict)
    assert connection["status"] == "validation_failed"
    assert connection["lastError"]["advice"]


def test_disconnecting_deletes_the_tokens_and_keeps_the_history(
    admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
) -> None:
    admin.connect(microsoft)
    run = admin.discover()
    assert admin.post("/disconnect").data == {"status": "disconnected"}
    assert admin.post("/disconnect").data == {"status": "disconnected"}
    assert admin.get("/").data["connection"]["status"] in {"disconnected", "not_connected"}
    assert admin.get(f"/runs/{run['runId']}").data["state"] == "partial"
    for path, body in (("/validate", {}), ("/discovery", {}), ("/sync", {"scope": "all"})):
        assert admin.post(path, body).failure == (422, "not_connected")


def test_no_token_is_in_the_database(admin: Program, microsoft: Simulator, inside: Inside) -> None:
    admin.connect(microsoft)
    rows = inside.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'entra\\_%%'"
    )
    for (table,) in rows:
        dump = str(inside.rows(f"SELECT t::text FROM {table} t"))
        assert microsoft.client_secret not in dump
        assert not TOKEN.search(dump), f"something like a token in {table}"


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/credentials", {"clientId": 5, "clientSecret": "x"}, "clientId"),
        ("/credentials", {"clientId": STRANGER}, "clientSecret"),
        ("/credentials", {"clientId": STRANGER, "clientSecret": "x", "more": 1}, "more"),
        ("/connect/direct", {"mode": "magic"}, "mode"),
        ("/sync", {"scope": "everything"}, "scope"),
        ("/sync", {"scope": "client"}, "clientId"),
        ("/sync", {"scope": "client", "clientId": "5"}, "clientId"),
        ("/mappings/confirm", {"version": "1", "decisions": []}, "version"),
        ("/mappings/confirm", {"version": 1, "decisions": [{}]}, "decisions.0.managedTenantId"),
        ("/sync/preview", {"fieldSyncConfig": {"role": "on"}}, "fieldSyncConfig.role"),
        (
            "/sync/preview",
            {"fieldSyncConfig": {"role": {"enabled": True, "mode": "mine"}}},
            "fieldSyncConfig.role.mode",
        ),
        ("/validate", {"more": 1}, "more"),
        ("/validate/chain", {"more": 1}, "more"),
        ("/discovery", {"more": 1}, "more"),
        ("/disconnect", {"more": 1}, "more"),
        (f"/runs/{STRANGER}/apply", {"more": 1}, "more"),
        (f"/runs/{STRANGER}/cancel", {"more": 1}, "more"),
        (f"/identities/{STRANGER}/{STRANGER}/sync", {"more": 1}, "more"),
        (f"/identities/{STRANGER}/{STRANGER}/erase", {"more": 1}, "more"),
    ],
)
def test_a_malformed_body_is_refused_with_the_path(
    admin: Program, path: str, body: object, where: str
) -> None:
    answer = admin.post(path, body)
    assert answer.failure == (400, "malformed_request")
    assert answer.body["details"] == {"path": where}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"scope":"\\ud800"}'])
def test_what_is_no_json_object_is_refused(admin: Program, body: bytes) -> None:
    headers = {"X-CSRF-Token": admin.csrf, "content-type": "application/json"}
    answer = admin.http.post(f"{API}/sync", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_the_callback_is_no_open_redirect(admin: Program, host: RunningHost) -> None:
    answer = admin.http.get(
        "/api/auth/microsoft/entra/callback", params={"state": "x", "next": "https://evil.example"}
    )
    assert answer.status_code == httpx.codes.SEE_OTHER
    assert "evil" not in answer.headers["location"]
