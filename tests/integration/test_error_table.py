"""Microsoft's sign-in errors, row by row: through the adapter over HTTP to what people read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from entra_plugin.domain.aadsts import RETRIED_ONCE
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)
from entra_plugin.domain.remedies import RemedyKind, kind_of
from support.graph import ALPINE, Signed
from support.microsoft import REDIRECT_URI
from support.told import (
    CANARY,
    at_customer,
    at_home,
    failure_of,
    help_for,
    without_faults,
    words_for,
)

Kinds = tuple[type[EntraError], type[EntraError]]

CONNECTION: Kinds = (AuthorisationLost, AuthorisationLost)
SET_UP: Kinds = (ConfigurationInvalid, ConfigurationInvalid)
TENANT: Kinds = (ConsentMissing, ConsentMissing)
EITHER: Kinds = (AuthorisationLost, ConsentMissing)
CONSENT: Kinds = (ConfigurationInvalid, ConsentMissing)
LATER: Kinds = (TransientFailure, TransientFailure)
"""How far it reaches: where the partner's own tenant refuses, and where a customer's does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the token endpoint says, and what it means for us."""

    error: str = "invalid_grant"
    suberror: str | None = None
    number: int | None = None
    code: str
    kinds: Kinds

    def __str__(self) -> str:
        """The name of the row among the tests."""
        return "-".join(str(part) for part in (self.number, self.suberror or self.error) if part)

    @property
    def body(self) -> dict[str, object]:
        """As Microsoft writes it."""
        said = f"AADSTS{self.number}: {CANARY}" if self.number else CANARY
        return {
            "error": self.error,
            "error_description": f"{said} Trace ID: {uuid4()}",
            "error_codes": [self.number] if self.number else [],
            "timestamp": "2026-08-01 10:00:00Z",
            "trace_id": str(uuid4()),
            "correlation_id": str(uuid4()),
            **({"suberror": self.suberror} if self.suberror else {}),
        }


def rows(
    code: str,
    kinds: Kinds,
    *numbers: int,
    error: str = "invalid_grant",
    suberror: str | None = None,
) -> list[Row]:
    return [
        Row(error=error, suberror=suberror, number=number, code=code, kinds=kinds)
        for number in numbers
    ]


NUMBERS = [
    *rows("grant_revoked", CONNECTION, 50173, suberror="bad_token"),
    *rows("refresh_token_expired", CONNECTION, 700082, 70008),
    *rows("sign_in_frequency", CONNECTION, 70043, suberror="token_expired"),
    *rows("authorisation_lost", CONNECTION, 70000),
    *rows("mfa_required", EITHER, 50076, 50079, 50074, 50078, 50072, suberror="basic_action"),
    *rows("conditional_access_blocked", EITHER, 53003, 530032, suberror="message_only"),
    *rows("conditional_access_blocked", EITHER, 53000, 53001, 53002, suberror="additional_action"),
    *rows("conditional_access_blocked", EITHER, 50131),
    *rows("partner_account_risky", CONNECTION, 530034),
    *rows("consent_missing", TENANT, 65001, suberror="consent_required"),
    *rows("consent_missing", TENANT, 650056, error="invalid_client"),
    *rows("partner_consent_missing", TENANT, 90099, error="unauthorized_client"),
    *rows("admin_consent_required", CONSENT, 90094, 90095),
    *rows("consent_refused", CONSENT, 65004, error="access_denied"),
    *rows("app_not_found", EITHER, 700016, error="unauthorized_client"),
    *rows("app_not_multi_tenant", SET_UP, 50194, error="invalid_request"),
    *rows("client_secret_wrong", SET_UP, 7000215, 70002, error="invalid_client"),
    *rows("client_secret_expired", SET_UP, 7000222, error="invalid_client"),
    *rows("app_disabled", EITHER, 7000112, 70001, error="unauthorized_client"),
    *rows("client_assertion_invalid", SET_UP, 700027, error="invalid_client"),
    *rows("redirect_uri_mismatch", SET_UP, 50011, error="invalid_request"),
    *rows("account_not_in_tenant", TENANT, 50020, 50177, 50034, 90072),
    *rows("account_not_in_tenant", TENANT, 16000, error="interaction_required"),
    *rows("account_unusable", CONNECTION, 50057, 50053, 50055, 50126),
    *rows("user_not_assigned", EITHER, 50105),
    *rows("graph_permission_missing", SET_UP, 500011, error="invalid_resource"),
    *rows("graph_permission_missing", SET_UP, 65005, 650052, error="invalid_client"),
    *rows("cross_tenant_outbound", TENANT, 500212),
    *rows("cross_tenant_policy", TENANT, 500213),
    *rows("directory_not_found", TENANT, 90002, 900023, 5000224, error="invalid_request"),
    *rows("sign_in_unavailable", LATER, 90033, 90006, 90024, error="temporarily_unavailable"),
    *rows("sign_in_unavailable", LATER, 90012, 50033, 90055),
    *rows("loop_detected", SET_UP, 50196),
    *rows("app_changed", SET_UP, 700007),
]
"""The table of Microsoft's numbers."""

UNNUMBERED = [
    *(
        Row(suberror=suberror, number=123456789, code=code, kinds=kinds)
        for suberror, code, kinds in (
            ("consent_required", "consent_missing", TENANT),
            ("basic_action", "interaction_required", EITHER),
            ("additional_action", "interaction_required", EITHER),
            ("message_only", "sign_in_blocked", EITHER),
            ("user_password_expired", "account_unusable", CONNECTION),
            ("bad_token", "authorisation_lost", CONNECTION),
            ("token_expired", "refresh_token_expired", CONNECTION),
            ("protection_policy_required", "conditional_access_blocked", EITHER),
            ("client_mismatch", "app_changed", SET_UP),
        )
    ),
    *(
        Row(error=error, code=code, kinds=kinds)
        for error, code, kinds in (
            ("temporarily_unavailable", "sign_in_unavailable", LATER),
            ("interaction_required", "interaction_required", EITHER),
            ("invalid_client", "client_credentials_refused", SET_UP),
            ("unauthorized_client", "app_not_found", EITHER),
            ("something_new", "sign_in_failed", EITHER),
        )
    ),
]
"""What is told without a number, or with one that nobody knows yet."""

TRIES = {LATER: 3}
"""How often a token is asked for; once where another try is of no use."""


@pytest.fixture
def partner(lasting_sign_in: Signed) -> Signed:
    return without_faults(lasting_sign_in)


# --- The token endpoint ---


@pytest.mark.parametrize("row", [*NUMBERS, *UNNUMBERED], ids=str)
@pytest.mark.parametrize("place", ["home", "customer"])
async def test_a_refused_token_is_told_as_what_it_is(partner: Signed, row: Row, place: str) -> None:
    tenant, ask = (partner.home, at_home) if place == "home" else (ALPINE, at_customer)
    status = 401 if row.error == "invalid_client" else 400
    partner.fault(f"^POST /{tenant}/oauth2/v2.0/token", status=status, body=row.body)
    failure = await failure_of(ask(partner.directory()))
    assert (type(failure), failure.code) == (row.kinds[place == "customer"], row.code)
    assert failure.vendor_code == (f"AADSTS{row.number}" if row.number else row.error)
    words_for(failure)
    once_more = failure.code in RETRIED_ONCE
    assert partner.token_requests(tenant) == (2 if once_more else TRIES.get(row.kinds, 1))
    if place == "customer":
        leads_to_the_customer(failure, partner)


def leads_to_the_customer(failure: EntraError, partner: Signed) -> None:
    """The link is to a page of that customer, where the refusal is its own."""
    kind, url = kind_of(failure.code, at_customer=True), help_for(failure, partner, ALPINE)
    assert (url is None) == (kind in {None, RemedyKind.RECONNECT})
    if isinstance(failure, ConsentMissing) and url is not None:
        whose = partner.home if failure.code == "cross_tenant_outbound" else ALPINE
        assert str(whose) in url


async def test_an_unavailable_sign_in_is_asked_again_when_it_said(partner: Signed) -> None:
    row = Row(error="temporarily_unavailable", number=90033, code="", kinds=LATER)
    headers = {"Retry-After": "7"}
    partner.fault("^POST /[^/]+/oauth2", status=503, body=row.body, headers=headers, times=1)
    await at_home(partner.directory())
    assert partner.pauses.waits[0] == 7


async def test_the_app_that_a_customer_does_not_know_needs_its_consent(partner: Signed) -> None:
    row = Row(error="unauthorized_client", number=700016, code="app_not_found", kinds=EITHER)
    partner.fault(f"^POST /{ALPINE}/oauth2/v2.0/token", status=400, body=row.body)
    failure = await failure_of(at_customer(partner.directory(partner.app_tokens())))
    assert (type(failure), failure.code) == (ConsentMissing, "app_not_found")
    url = help_for(failure, partner, ALPINE)
    assert url is not None
    assert url.startswith(f"{partner.endpoints.login}/{ALPINE}/v2.0/adminconsent?client_id=")


# --- The way through the browser ---

CONNECT = [row for row in NUMBERS if row.number in {90094, 90095, 65004, 50011, 50105, 700016}]


@pytest.mark.parametrize("row", CONNECT, ids=str)
async def test_a_refusal_that_the_browser_brings_back_is_told_as_what_it_is(
    partner: Signed, row: Row
) -> None:
    flow = await partner.sign_in.start(
        partner.credentials, tenant="organizations", redirect_uri=REDIRECT_URI
    )
    answer = {"error": row.error, "error_description": str(row.body["error_description"])}
    exchange = partner.sign_in.complete(
        partner.credentials,
        tenant="organizations",
        flow=flow,
        answer={**answer, "state": str(flow["state"])},
    )
    failure = await failure_of(exchange)
    assert (type(failure), failure.code) == (row.kinds[0], row.code)
    assert failure.vendor_code == f"AADSTS{row.number}"
    words_for(failure)


@pytest.mark.parametrize("row", CONNECT, ids=str)
async def test_a_code_that_is_not_exchanged_says_why(partner: Signed, row: Row) -> None:
    flow = await partner.sign_in.start(
        partner.credentials, tenant="organizations", redirect_uri=REDIRECT_URI
    )
    answer = partner.simulator.sign_in(str(flow["auth_uri"]))
    partner.fault("^POST /organizations/oauth2/v2.0/token", status=400, body=row.body)
    failure = await failure_of(
        partner.sign_in.complete(
            partner.credentials, tenant="organizations", flow=flow, answer=answer
        )
    )
    assert (type(failure), failure.code) == (row.kinds[0], row.code)
    words_for(failure)


# --- CIPP: that there are words; what raises them is told apart where CIPP is asked ---

CIPP = [
    "cipp_address_refused",
    "cipp_base_url_invalid",
    "cipp_credentials_incomplete",
    "cipp_endpoint_missing",
    "cipp_feature_disabled",
    "cipp_forbidden",
    "cipp_front_end",
    "cipp_graph_error",
    "cipp_list_failed",
    "cipp_not_ready",
    "cipp_redirected",
    "cipp_server_error",
    "cipp_tenant_failed",
    "cipp_tenant_forbidden",
    "cipp_tenant_id_invalid",
    "cipp_token_refused",
]


@pytest.mark.parametrize("code", CIPP)
def test_every_failure_of_cipp_has_words_of_its_own(code: str) -> None:
    assert "CIPP" in words_for(EntraError(code)).sentence + words_for(EntraError(code)).advice


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("cipp_token_refused", "Save Azure Configuration"),
        ("cipp_token_refused", "Application ID URI"),
        ("cipp_token_refused", "MCP"),
        ("cipp_token_refused", "a minute"),
        ("cipp_front_end", "API URL"),
        ("cipp_forbidden", "IP ranges"),
        ("cipp_forbidden", "readonly"),
        ("cipp_tenant_failed", "50 Graph errors"),
    ],
)
def test_the_advice_about_cipp_names_what_often_is_the_cause(code: str, cause: str) -> None:
    assert cause in words_for(EntraError(code)).advice


# --- The table itself ---


def documented() -> Iterator[int]:
    """The numbers of our reference that are more than another name for one of the table."""
    reference = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"
    section = reference.read_text("utf-8").partition("\n## Microsoft's numbers\n")[2]
    for cell in re.findall(r"^\| ([\d, ]+) \|", section, flags=re.MULTILINE):
        yield from map(int, cell.split(", "))


SAME_AS_ANOTHER = {
    *{16003, 51004, 50056, 50144, 50132, 50133, 50089, 53011},
    *{700011, 7000229, 530035, 650057, 90090},
}
"""Numbers of the reference that mean what another one of the same row does."""


def test_every_number_of_the_reference_has_a_row_here() -> None:
    assert {row.number for row in NUMBERS} == set(documented()) - SAME_AS_ANOTHER
