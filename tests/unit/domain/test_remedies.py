"""From a code to the page that helps: the right one, with our ids only, and https or nothing."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from entra_plugin.domain import aadsts
from entra_plugin.domain.ids import EntraTenantId
from entra_plugin.domain.remedies import (
    REMEDIES,
    Forewarning,
    RemedyFacts,
    RemedyKind,
    kind_of,
    label_key,
    link_for,
)

CUSTOMER = EntraTenantId(UUID("e0000000-0000-4000-8000-000000000001"))
PARTNER = EntraTenantId(UUID("a0000000-0000-4000-8000-000000000001"))
APP = "83055304-ff24-4738-9979-d66703e32cff"

AT_CUSTOMER = RemedyFacts(
    client_id=APP,
    entra_tenant_id=CUSTOMER,
    partner_tenant_id=PARTNER,
    login_base="https://login.microsoftonline.com",
    redirect_uri="https://psa.example/api/auth/microsoft/entra/callback",
)
AT_HOME = replace(AT_CUSTOMER, entra_tenant_id=None)
NOTHING = replace(AT_HOME, client_id=None, partner_tenant_id=None, redirect_uri=None)

CONSENT = (
    "https://login.microsoftonline.com/{tenant}/v2.0/adminconsent"
    f"?client_id={APP}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
    "&redirect_uri=https%3A%2F%2Fpsa.example%2Fapi%2Fauth%2Fmicrosoft%2Fentra%2Fcallback"
    "&state=consent"
)
CUSTOMERS = "https://partner.microsoft.com/dashboard/v2/customers"
GDAP = f"{CUSTOMERS}/{CUSTOMER}/adminrelationships"
ALL_GDAP = f"{CUSTOMERS}/granularadminaccess/list"
ENTRA = "https://entra.microsoft.com/{tenant}/#view/"
APP_MENU = f"{ENTRA}Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/"
APPS = f"{ENTRA}Microsoft_AAD_RegisteredApps/ApplicationsListBlade".format(tenant=PARTNER)
CREDENTIALS = f"{APP_MENU}Credentials/appId/{APP}".format(tenant=PARTNER)
AUTHENTICATION = f"{APP_MENU}Authentication/appId/{APP}".format(tenant=PARTNER)
PERMISSIONS = f"{APP_MENU}CallAnAPI/appId/{APP}".format(tenant=PARTNER)
ENTERPRISE = f"{ENTRA}Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview"
POLICIES = f"{ENTRA}Microsoft_AAD_ConditionalAccess/ConditionalAccessBlade/~/Policies"
CROSS = f"{ENTRA}Microsoft_AAD_IAM/CompanyRelationshipsMenuBlade/~/CrossTenantAccessSettings"
RISKY = f"{ENTRA}Microsoft_AAD_IAM/RiskyUsersBlade".format(tenant=PARTNER)
USERS = f"{ENTRA}Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/AllUsers".format(
    tenant=PARTNER
)
CIPP = "https://docs.cipp.app/user-documentation/cipp/integrations/cipp-api"

HERE: None = None
"""No link: the button is on our own page."""


def both(url: str) -> tuple[str, str]:
    """The same page wherever the refusal came from."""
    return url, url


def there(url: str) -> tuple[str, str]:
    """The page of the tenant that refused: the customer's, else the partner's."""
    return url.format(tenant=CUSTOMER), url.format(tenant=PARTNER)


TABLE: dict[str, tuple[str | None, str | None]] = {
    "account_not_in_tenant": (GDAP, ALL_GDAP),
    "account_unusable": both(USERS),
    "admin_consent_required": there(CONSENT),
    "app_changed": (HERE, HERE),
    "app_disabled": there(ENTERPRISE),
    "app_not_found": (CONSENT.format(tenant=CUSTOMER), APPS),
    "app_not_multi_tenant": both(AUTHENTICATION),
    "app_only_discovery_refused": both(PERMISSIONS),
    "authorisation_lost": (HERE, HERE),
    "cipp_base_url_invalid": both(CIPP),
    "cipp_credentials_incomplete": both(CIPP),
    "cipp_endpoint_missing": both(CIPP),
    "cipp_feature_disabled": both(CIPP),
    "cipp_forbidden": both(CIPP),
    "cipp_front_end": both(CIPP),
    "cipp_redirected": both(CIPP),
    "cipp_tenant_forbidden": both(CIPP),
    "cipp_token_refused": both(CIPP),
    "claims_refused": (POLICIES.format(tenant=CUSTOMER), HERE),
    "client_assertion_invalid": both(CREDENTIALS),
    "client_credentials_refused": both(CREDENTIALS),
    "client_id_invalid": both(APPS),
    "client_secret_ended": both(CREDENTIALS),
    "client_secret_expired": both(CREDENTIALS),
    "client_secret_expiring": both(CREDENTIALS),
    "client_secret_wrong": both(CREDENTIALS),
    "conditional_access_blocked": there(POLICIES),
    "consent_missing": there(CONSENT),
    "consent_refused": (CONSENT.format(tenant=CUSTOMER), HERE),
    "credentials_changed": (HERE, HERE),
    "credentials_missing": both(APPS),
    "cross_tenant_outbound": both(CROSS.format(tenant=PARTNER)),
    "cross_tenant_policy": there(CROSS),
    "directory_not_found": (GDAP, ALL_GDAP),
    "directory_role_missing": (GDAP, ALL_GDAP),
    "grant_revoked": (HERE, HERE),
    "graph_permission_missing": both(PERMISSIONS),
    "home_tenant_invalid": both(APPS),
    "id_token_invalid": (HERE, HERE),
    "interaction_required": (POLICIES.format(tenant=CUSTOMER), HERE),
    "mfa_required": (POLICIES.format(tenant=CUSTOMER), HERE),
    "offline_access_missing": both(PERMISSIONS),
    "other_home_tenant": (HERE, HERE),
    "partner_account_risky": both(RISKY),
    "partner_consent_missing": there(CONSENT),
    "partner_permission_missing": there(CONSENT),
    "redirect_uri_mismatch": both(AUTHENTICATION),
    "refresh_token_expired": (HERE, HERE),
    "relationship_ended": (GDAP, ALL_GDAP),
    "relationship_expiring": (GDAP, ALL_GDAP),
    "sign_in_failed": (GDAP, HERE),
    "sign_in_frequency": (HERE, HERE),
    "sign_in_idle": (HERE, HERE),
    "sign_in_refused": (GDAP, ALL_GDAP),
    "state_invalid": (HERE, HERE),
    "token_refused": (GDAP, ALL_GDAP),
    "user_not_assigned": there(ENTERPRISE),
}
"""Each code: the page for a customer's refusal, and for the connection's."""


def test_the_table_has_every_code_that_has_a_remedy() -> None:
    assert set(TABLE) == set(REMEDIES)


@pytest.mark.parametrize("code", sorted(TABLE))
def test_a_code_leads_to_the_page_that_repairs_it(code: str) -> None:
    for facts, expected in zip((AT_CUSTOMER, AT_HOME), TABLE[code], strict=True):
        link = link_for(code, facts)
        assert (link and link.url) == expected
        if link is None:
            at_customer = facts.entra_tenant_id is not None
            assert kind_of(code, at_customer=at_customer) == RemedyKind.RECONNECT


@pytest.mark.parametrize("code", sorted(REMEDIES))
@pytest.mark.parametrize("facts", [AT_CUSTOMER, AT_HOME, NOTHING])
def test_a_link_is_https_and_has_the_label_of_its_kind(code: str, facts: RemedyFacts) -> None:
    link = link_for(code, facts)
    if link is None:
        return
    kind = kind_of(code, at_customer=facts.entra_tenant_id is not None)
    assert urlsplit(link.url).scheme == "https"
    assert link.label_key == f"remedy.{kind}"


@pytest.mark.parametrize("code", ["throttled", "internal_error", "no_such_code", ""])
def test_a_code_that_no_page_repairs_has_advice_only(code: str) -> None:
    assert kind_of(code, at_customer=True) is None
    assert link_for(code, AT_CUSTOMER) is None


@pytest.mark.parametrize(
    "facts",
    [replace(AT_CUSTOMER, client_id=None), replace(AT_CUSTOMER, redirect_uri=None)],
    ids=["no app", "no redirect"],
)
def test_consent_is_not_asked_for_an_app_that_is_not_known(facts: RemedyFacts) -> None:
    assert link_for("consent_missing", facts) is None


def test_a_page_of_the_app_needs_its_id() -> None:
    assert link_for("client_secret_expired", replace(AT_HOME, client_id=None)) is None


def test_without_any_tenant_whoever_signs_in_consents_for_his_own() -> None:
    link = link_for("admin_consent_required", replace(AT_HOME, partner_tenant_id=None))
    assert link is not None
    assert link.url == CONSENT.format(tenant="organizations")


def test_without_a_partner_the_admin_center_opens_as_it_is() -> None:
    link = link_for("partner_account_risky", replace(AT_HOME, partner_tenant_id=None))
    assert link is not None
    assert link.url == "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/RiskyUsersBlade"


def test_consent_is_asked_where_the_sign_in_is() -> None:
    link = link_for("consent_missing", replace(AT_CUSTOMER, login_base="https://localhost:8443"))
    assert link is not None
    assert link.url.startswith(f"https://localhost:8443/{CUSTOMER}/v2.0/adminconsent?")


def test_a_sign_in_without_tls_gives_no_link() -> None:
    facts = replace(AT_CUSTOMER, login_base="http://localhost:8080")
    assert link_for("consent_missing", facts) is None


@pytest.mark.parametrize("text", ['x"><script>', "a&b=c#d", "../../x", "é ?"])
def test_what_stands_in_a_link_is_encoded(text: str) -> None:
    facts = replace(AT_CUSTOMER, client_id=text, redirect_uri=f"https://psa.example/{text}")
    consent = link_for("consent_missing", facts)
    assert consent is not None
    parts = urlsplit(consent.url)
    assert parse_qs(parts.query) == {
        "client_id": [text],
        "scope": ["https://graph.microsoft.com/.default"],
        "redirect_uri": [f"https://psa.example/{text}"],
        "state": ["consent"],
    }
    assert parts.fragment == ""
    page = link_for("client_secret_wrong", facts)
    assert page is not None
    assert not set(page.url.rpartition("/appId/")[2]) & set('"<>&#?/ ')


@pytest.mark.parametrize("kind", RemedyKind)
def test_every_kind_is_for_some_code_and_has_a_label(kind: RemedyKind) -> None:
    used = {remedy.kind for remedy in REMEDIES.values()}
    used |= {remedy.at_home for remedy in REMEDIES.values() if remedy.at_home}
    assert kind in used
    assert label_key(kind) == f"remedy.{kind}"


def test_every_forewarning_can_be_acted_on() -> None:
    assert set(Forewarning) <= set(REMEDIES)


ADVICE_ONLY = {"loop_detected", "sign_in_blocked", "sign_in_unavailable"}
"""Wait, or look into a log: there is no page that repairs it."""


def test_every_refusal_of_the_sign_in_has_a_remedy_but_for_those_that_none_repairs() -> None:
    assert aadsts.CODES - set(REMEDIES) == ADVICE_ONLY
