"""What a status means: for one managed tenant, or for CIPP as a whole."""

import pytest

from entra_plugin.directory.cipp.refusals import not_json, refusal
from entra_plugin.directory.transport import NotJson, UnexpectedStatus
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)

TEXT, PAGE, JSON = "text/plain", "text/html", "application/json"
GRAPH_ERROR = b"Graph Error: Insufficient privileges - Endpoint: users"
CANARY = b"canary-4711"


def told(
    status: int, body: bytes = b"text", kind: str = TEXT, *, at_tenant: bool = True
) -> EntraError:
    return refusal(UnexpectedStatus(status, body, kind), at_tenant=at_tenant)


@pytest.mark.parametrize(
    ("status", "kind", "error", "code"),
    [
        (301, TEXT, ConfigurationInvalid, "cipp_redirected"),
        (302, PAGE, ConfigurationInvalid, "cipp_redirected"),
        (308, TEXT, ConfigurationInvalid, "cipp_redirected"),
        (401, PAGE, AuthorisationLost, "cipp_token_refused"),
        (403, PAGE, ConfigurationInvalid, "cipp_forbidden"),
        (404, TEXT, ConfigurationInvalid, "cipp_endpoint_missing"),
        (404, PAGE, ConfigurationInvalid, "cipp_endpoint_missing"),
        (400, TEXT, TransientFailure, "unusable_answer"),
        (405, TEXT, TransientFailure, "unusable_answer"),
        (204, "", TransientFailure, "unusable_answer"),
        (412, TEXT, TransientFailure, "cipp_server_error"),
        (500, TEXT, TransientFailure, "cipp_server_error"),
        (500, JSON, TransientFailure, "cipp_server_error"),
        (501, TEXT, TransientFailure, "cipp_server_error"),
        (503, TEXT, TransientFailure, "cipp_feature_disabled"),
        (503, PAGE, TransientFailure, "provider_unreachable"),
    ],
)
@pytest.mark.parametrize("at_tenant", [True, False])
def test_a_status_means_the_same_for_a_tenant_and_for_the_list(
    status: int, kind: str, error: type[EntraError], code: str, at_tenant: bool
) -> None:
    found = told(status, b"text", kind, at_tenant=at_tenant)
    assert (type(found), found.code) == (error, code)


def test_a_503_without_a_word_is_the_platforms() -> None:
    assert told(503, b" \r\n", "").code == "provider_unreachable"


def test_a_forbidden_tenant_is_that_tenants_and_a_forbidden_list_the_connections() -> None:
    assert (type(told(403)), told(403).code) == (ConsentMissing, "cipp_tenant_forbidden")
    of_list = told(403, at_tenant=False)
    assert (type(of_list), of_list.code) == (ConfigurationInvalid, "cipp_forbidden")


@pytest.mark.parametrize("body", [GRAPH_ERROR, b'"' + GRAPH_ERROR + b'"', b"\r\n" + GRAPH_ERROR])
def test_a_graph_error_is_one_tenants(body: bytes) -> None:
    found = told(400, body)
    assert (type(found), found.code) == (ConsentMissing, "cipp_graph_error")


def test_only_the_beginning_of_a_text_counts() -> None:
    assert told(400, b"No Graph Error: here").code == "unusable_answer"
    assert told(400, GRAPH_ERROR, at_tenant=False).code == "unusable_answer"
    assert told(500, GRAPH_ERROR).code == "cipp_server_error"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 412, 500, 503])
@pytest.mark.parametrize("at_tenant", [True, False])
def test_nothing_of_a_body_is_kept(status: int, at_tenant: bool) -> None:
    found = told(status, GRAPH_ERROR + CANARY, at_tenant=at_tenant)
    assert CANARY.decode() not in f"{found!r} {vars(found)}"


@pytest.mark.parametrize("status", [412, 500, 503])
def test_a_servers_trouble_is_tried_again_a_minute_later(status: int) -> None:
    found = told(status)
    assert isinstance(found, TransientFailure)
    assert found.retry_after == 60


def test_a_page_instead_of_data_is_the_front_ends() -> None:
    found = not_json(NotJson("text/html"))
    assert (type(found), found.code) == (ConfigurationInvalid, "cipp_front_end")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/octet-stream"])
def test_other_content_is_unusable(kind: str) -> None:
    found = not_json(NotJson(kind))
    assert (type(found), found.code) == (TransientFailure, "unusable_answer")
