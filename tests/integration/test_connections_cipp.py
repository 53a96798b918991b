"""The routes of CIPP over HTTP: both kinds of credentials, and every address to stay away from."""

from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import pytest

from support.connection_api import (
    CIPP_CLIENT_NAMES,
    CIPP_TOKEN_NAMES,
    by_client,
    by_token,
    connection,
    start_afresh,
)
from support.program import Program
from support.running import RunningHost
from support.secret_folder import SecretFolder
from support.simulator import Simulator

Form = Callable[..., dict[str, str]]

CIPP_FLAG = "entra-integration-cipp"


@pytest.fixture(autouse=True)
def nothing_connected(admin: Program, microsoft: Simulator, secrets: SecretFolder) -> None:
    start_afresh(admin, microsoft, secrets)


@pytest.mark.parametrize(
    ("form", "mode", "names"),
    [
        (by_token, "api_token", CIPP_TOKEN_NAMES),
        (by_client, "client_credentials", CIPP_CLIENT_NAMES),
    ],
)
def test_a_cipp_connects_with_either_kind_of_credentials(
    admin: Program,
    microsoft: Simulator,
    secrets: SecretFolder,
    form: Form,
    mode: str,
    names: set[str],
) -> None:
    answer = admin.post("/connect/cipp", form(microsoft)).data
    assert (answer["valid"], answer["tenantCount"], answer["error"]) == (True, 8, None)
    found = connection(admin)
    assert (found["status"], found["type"], found["mode"]) == ("connected", "cipp", mode)
    assert found["partnerTenantId"] is None
    assert secrets.names() == names
    assert admin.post("/validate").data["tenantCount"] == 8
    assert admin.discover()["progress"]["listed"] == 8


@pytest.mark.parametrize("form", [by_token, by_client])
def test_a_test_of_a_cipp_stores_nothing(
    admin: Program, microsoft: Simulator, secrets: SecretFolder, form: Form
) -> None:
    answer = admin.post("/connect/cipp/test", form(microsoft)).data
    assert (answer["valid"], answer["tenantCount"]) == (True, 8)
    assert secrets.names() == set()
    assert connection(admin)["status"] != "connected"


@pytest.mark.parametrize(
    ("form", "wrong", "code"),
    [
        (by_token, {"apiToken": "wrong"}, "cipp_token_refused"),
        (by_client, {"clientSecret": "wrong"}, "client_secret_wrong"),
        (by_client, {"clientId": str(uuid4())}, "app_not_found"),
        (by_client, {"tenantId": str(uuid4())}, "directory_not_found"),
    ],
)
def test_wrong_credentials_of_a_cipp_are_an_answer_of_the_test_and_refused_by_the_connect(
    admin: Program,
    microsoft: Simulator,
    secrets: SecretFolder,
    form: Form,
    wrong: Mapping[str, str],
    code: str,
) -> None:
    tested = admin.post("/connect/cipp/test", form(microsoft, **wrong)).data
    assert (tested["valid"], tested["tenantCount"]) == (False, None)
    assert tested["error"]["code"] == code
    assert tested["error"]["message"]
    assert tested["error"]["advice"]
    assert admin.post("/connect/cipp", form(microsoft, **wrong)).failure == (422, code)
    assert secrets.names() == set()


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [
        ({"frontEnd": True}, 422, "cipp_front_end"),
        ({"clientsRefused": True}, 422, "cipp_token_refused"),
        ({"refuse": "role"}, 422, "cipp_forbidden"),
        ({"refuse": "server_error"}, 503, "cipp_server_error"),
        ({"refuse": "feature_disabled"}, 503, "cipp_feature_disabled"),
        ({"listFails": True}, 422, "cipp_list_failed"),
    ],
)
def test_a_cipp_that_cannot_list_its_tenants_is_not_connected(
    admin: Program,
    microsoft: Simulator,
    secrets: SecretFolder,
    switch: Mapping[str, object],
    status: int,
    code: str,
) -> None:
    microsoft.control("/cipp", switch)
    assert admin.post("/connect/cipp/test", by_token(microsoft)).data["error"]["code"] == code
    assert admin.post("/connect/cipp", by_token(microsoft)).failure == (status, code)
    assert secrets.names() == set()


@pytest.mark.parametrize("route", ["/connect/cipp", "/connect/cipp/test"])
@pytest.mark.parametrize(
    ("form", "more", "path"),
    [
        (by_token, {"clientSecret": "s"}, "apiToken"),
        (by_token, {"tenantId": str(uuid4())}, "apiToken"),
        (by_client, {"apiToken": "t"}, "apiToken"),
        (by_token, {"apiToken": ""}, "apiToken"),
        (by_token, {"apiToken": "two words"}, "apiToken"),
        (by_token, {"apiToken": "t\r\nX-Evil: 1"}, "apiToken"),
        (by_client, {"clientSecret": None}, "clientSecret"),
        (by_client, {"clientSecret": ""}, "clientSecret"),
        (by_client, {"clientId": None}, "clientId"),
        (by_client, {"tenantId": None}, "tenantId"),
        (by_token, {"baseUrl": ""}, "baseUrl"),
        (by_token, {"baseUrl": None}, "baseUrl"),
        (by_token, {"verifyTls": False}, "verifyTls"),
    ],
)
def test_a_body_that_mixes_or_lacks_credentials_is_refused_with_the_path(
    admin: Program,
    microsoft: Simulator,
    route: str,
    form: Form,
    more: Mapping[str, object],
    path: str,
) -> None:
    body = {name: v for name, v in {**form(microsoft), **more}.items() if v is not None}
    answer = admin.post(route, body)
    assert answer.failure == (400, "malformed_request")
    assert answer.body["details"] == {"path": path}


@pytest.mark.parametrize(
    ("name", "code"),
    [("tenantId", "cipp_tenant_id_invalid"), ("clientId", "client_id_invalid")],
)
def test_an_id_of_a_client_of_cipp_is_a_guid(
    admin: Program, microsoft: Simulator, name: str, code: str
) -> None:
    body = by_client(microsoft, **{name: "contoso.onmicrosoft.com/../x"})
    for route in ("/connect/cipp", "/connect/cipp/test"):
        assert admin.post(route, body).failure == (422, code)


@pytest.mark.parametrize("name", ["tenantId", "clientId", "baseUrl"])
@pytest.mark.parametrize("route", ["/connect/cipp", "/connect/cipp/test"])
def test_blanks_around_what_was_pasted_do_no_harm(
    admin: Program, microsoft: Simulator, route: str, name: str
) -> None:
    body = by_client(microsoft)
    answer = admin.post(route, body | {name: f" {body[name]} "}).data
    assert (answer["valid"], answer["tenantCount"]) == (True, 8)


INVALID = [
    ("http://cipp.example", "https_required"),
    ("http://127.0.0.1:1", "https_required"),
    ("ftp://cipp.example", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("cipp.example", "scheme"),
    ("//cipp.example", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("https://user@cipp.example", "user_info"),
    ("https://user:word@cipp.example", "user_info"),
    ("https://cipp.example@10.0.0.1", "user_info"),
    ("https://cipp.example?x=1", "query"),
    ("https://cipp.example/api?", "query"),
    ("https://cipp.example#x", "fragment"),
    ("https://cipp.example/other", "path"),
    ("https://cipp.example/api/ListTenants", "path"),
    ("https://cipp.example/../api", "path"),
    ("https://cipp.example:0", "port"),
    ("https://cipp.example:99999", "port"),
    ("https://cipp.example:x", "port"),
    ("https://", "host"),
    ("https://2130706433", "host"),
    ("https://0x7f000001", "host"),
    ("https://0x7f.1", "host"),
    ("https://017700000001", "host"),
    ("https://0177.0.0.1", "host"),
    ("https://127.1", "host"),
    ("https://127.0.0.1.", "host"),
    ("https://[fe80::1%25eth0]", "host"),
    ("https://cipp.example\\@10.0.0.1", "malformed"),
    ("https://cipp .example", "malformed"),
    ("https://cipp\n.example", "malformed"),
    ("https://" + "a" * 3000, "length"),
]
REFUSED = [
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::10.0.0.1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[2002:7f00:1::]",
    "[2001:db8::1]",
    "[ff02::1]",
]
"""Private, loopback, link-local, metadata, multicast, and IPv6 that leads to one of them."""


@pytest.mark.parametrize(("base_url", "reason"), INVALID)
def test_an_address_that_is_none_of_a_cipp_is_refused_with_the_reason(
    admin: Program, base_url: str, reason: str
) -> None:
    for route in ("/connect/cipp", "/connect/cipp/test"):
        answer = admin.post(route, {"baseUrl": base_url, "apiToken": "t"})
        assert answer.failure == (422, "cipp_base_url_invalid")
        assert answer.body["details"] == {"reason": reason}


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_inside_is_refused(admin: Program, address: str) -> None:
    for route in ("/connect/cipp", "/connect/cipp/test"):
        answer = admin.post(route, {"baseUrl": f"https://{address}:1", "apiToken": "t"})
        assert answer.failure == (422, "cipp_address_refused")


@pytest.fixture
def cipp_off(host: RunningHost) -> Iterator[None]:
    host.target(CIPP_FLAG, host.tenant_id(0), "remove")
    yield
    host.target(CIPP_FLAG, host.tenant_id(0), "add")


@pytest.mark.parametrize("route", ["/connect/cipp", "/connect/cipp/test"])
def test_with_the_flag_off_nobody_connects_a_cipp(
    admin: Program, microsoft: Simulator, cipp_off: None, route: str
) -> None:
    assert admin.post(route, by_token(microsoft)).failure == (404, "not_found")
    assert admin.post(route, {"nonsense": 1}).failure == (404, "not_found")
    assert admin.get("/").data["availableConnectionTypes"] == ["direct"]


def test_with_the_flag_off_a_cipp_that_is_connected_goes_on(
    admin: Program, microsoft: Simulator, host: RunningHost
) -> None:
    admin.post("/connect/cipp", by_token(microsoft))
    host.target(CIPP_FLAG, host.tenant_id(0), "remove")
    try:
        assert admin.post("/validate").data["valid"] is True
        assert admin.discover()["progress"]["listed"] == 8
        assert connection(admin)["type"] == "cipp"
    finally:
        host.target(CIPP_FLAG, host.tenant_id(0), "add")
