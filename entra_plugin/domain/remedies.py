"""Where a failure is repaired: from its code to the one page that helps, as a link.

The pages are Microsoft's and CIPP's; a link is made of ids that we hold, never of vendor text.
Where no page is known that surely exists, there is advice and no link.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode, urlsplit

from entra_plugin.domain.ids import EntraTenantId


class RemedyKind(StrEnum):
    """What a person does about it."""

    ADMIN_CONSENT = "admin_consent"
    """An administrator of that tenant consents to the app."""
    GDAP_RELATIONSHIP = "gdap_relationship"
    """The customer's admin relationships in Partner Center: end, roles, groups."""
    APP_REGISTRATION = "app_registration"
    """Find the right app registration, and its id."""
    APP_CREDENTIALS = "app_credentials"
    """Its secrets and certificates."""
    APP_AUTHENTICATION = "app_authentication"
    """Its redirect URIs and supported account types."""
    APP_PERMISSIONS = "app_permissions"
    """The permissions that it asks for."""
    ENTERPRISE_APP = "enterprise_app"
    """The app as it is in one tenant: enabled, assigned."""
    CONDITIONAL_ACCESS = "conditional_access"
    """The policies of the tenant that refused."""
    INBOUND_ACCESS = "inbound_access"
    """Whom the customer lets in from other tenants."""
    OUTBOUND_ACCESS = "outbound_access"
    """Where the partner's own accounts may go."""
    RISKY_USERS = "risky_users"
    """The partner's accounts that Microsoft holds for compromised."""
    ACCOUNTS = "accounts"
    """The partner's accounts: enabled, unlocked, password."""
    RECONNECT = "reconnect"
    """Sign in again; the button is on our own page."""
    CIPP_API = "cipp_api"
    """CIPP's instructions for its API clients."""


class Forewarning(StrEnum):
    """What runs out soon, or has; its texts are looked up like those of an error."""

    RELATIONSHIP_EXPIRING = "relationship_expiring"
    RELATIONSHIP_ENDED = "relationship_ended"
    CLIENT_SECRET_EXPIRING = "client_secret_expiring"  # noqa: S105 - a name
    CLIENT_SECRET_ENDED = "client_secret_ended"  # noqa: S105 - a name
    SIGN_IN_IDLE = "sign_in_idle"
    """The refresh token is not used, of which it dies after about 90 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What repairs a failure.

    ``at_home`` is for the partner's own tenant, where that is another thing than at a customer.
    """

    kind: RemedyKind
    at_home: RemedyKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyFacts:
    """What is known where a link is made."""

    client_id: str | None
    """The app registration's id."""
    entra_tenant_id: EntraTenantId | None
    """The customer's tenant; None where the connection itself failed."""
    partner_tenant_id: EntraTenantId | None
    login_base: str
    """Microsoft's sign-in service, without a trailing slash."""
    redirect_uri: str | None
    """Ours, exactly as it is registered with the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An https address, and the key of the text to show it under."""

    url: str
    label_key: str


_CODES: Mapping[RemedyKind, Sequence[str]] = {
    RemedyKind.ADMIN_CONSENT: (
        *("consent_missing", "partner_consent_missing", "app_not_found"),
        *("admin_consent_required", "consent_refused", "partner_permission_missing"),
    ),
    RemedyKind.GDAP_RELATIONSHIP: (
        *("account_not_in_tenant", "directory_not_found", "directory_role_missing"),
        *("sign_in_failed", "sign_in_refused", "token_refused"),
        *(Forewarning.RELATIONSHIP_EXPIRING, Forewarning.RELATIONSHIP_ENDED),
    ),
    RemedyKind.APP_REGISTRATION: (
        *("client_id_invalid", "credentials_missing", "home_tenant_invalid"),
    ),
    RemedyKind.APP_CREDENTIALS: (
        *("client_assertion_invalid", "client_credentials_refused"),
        *("client_secret_expired", "client_secret_wrong"),
        *(Forewarning.CLIENT_SECRET_EXPIRING, Forewarning.CLIENT_SECRET_ENDED),
    ),
    RemedyKind.APP_AUTHENTICATION: ("app_not_multi_tenant", "redirect_uri_mismatch"),
    RemedyKind.APP_PERMISSIONS: (
        *("app_only_discovery_refused", "graph_permission_missing", "offline_access_missing"),
    ),
    RemedyKind.ENTERPRISE_APP: ("app_disabled", "user_not_assigned"),
    RemedyKind.CONDITIONAL_ACCESS: (
        *("claims_refused", "conditional_access_blocked", "interaction_required"),
        "mfa_required",
    ),
    RemedyKind.INBOUND_ACCESS: ("cross_tenant_policy",),
    RemedyKind.OUTBOUND_ACCESS: ("cross_tenant_outbound",),
    RemedyKind.RISKY_USERS: ("partner_account_risky",),
    RemedyKind.ACCOUNTS: ("account_unusable",),
    RemedyKind.RECONNECT: (
        *("app_changed", "authorisation_lost", "credentials_changed", "grant_revoked"),
        *("id_token_invalid", "other_home_tenant", "refresh_token_expired"),
        *("sign_in_frequency", "state_invalid", Forewarning.SIGN_IN_IDLE),
    ),
    RemedyKind.CIPP_API: (
        *("cipp_base_url_invalid", "cipp_credentials_incomplete", "cipp_endpoint_missing"),
        *("cipp_feature_disabled", "cipp_forbidden", "cipp_front_end", "cipp_redirected"),
        *("cipp_tenant_forbidden", "cipp_token_refused"),
    ),
}

_AT_HOME: Mapping[str, RemedyKind] = {
    "app_not_found": RemedyKind.APP_REGISTRATION,
    "claims_refused": RemedyKind.RECONNECT,
    "consent_refused": RemedyKind.RECONNECT,
    "interaction_required": RemedyKind.RECONNECT,
    "mfa_required": RemedyKind.RECONNECT,
    "sign_in_failed": RemedyKind.RECONNECT,
}

REMEDIES: Mapping[str, Remedy] = {
    str(code): Remedy(kind=kind, at_home=_AT_HOME.get(code))
    for kind, codes in _CODES.items()
    for code in codes
}
"""The codes that are repaired at one known place. The others have advice only."""

_LABELS: Mapping[RemedyKind, str] = {
    RemedyKind.ADMIN_CONSENT: "remedy.admin_consent",
    RemedyKind.GDAP_RELATIONSHIP: "remedy.gdap_relationship",
    RemedyKind.APP_REGISTRATION: "remedy.app_registration",
    RemedyKind.APP_CREDENTIALS: "remedy.app_credentials",
    RemedyKind.APP_AUTHENTICATION: "remedy.app_authentication",
    RemedyKind.APP_PERMISSIONS: "remedy.app_permissions",
    RemedyKind.ENTERPRISE_APP: "remedy.enterprise_app",
    RemedyKind.CONDITIONAL_ACCESS: "remedy.conditional_access",
    RemedyKind.INBOUND_ACCESS: "remedy.inbound_access",
    RemedyKind.OUTBOUND_ACCESS: "remedy.outbound_access",
    RemedyKind.RISKY_USERS: "remedy.risky_users",
    RemedyKind.ACCOUNTS: "remedy.accounts",
    RemedyKind.RECONNECT: "remedy.reconnect",
    RemedyKind.CIPP_API: "remedy.cipp_api",
}


def kind_of(code: str, *, at_customer: bool) -> RemedyKind | None:
    """What is to be done about a code; None where there is advice only."""
    remedy = REMEDIES.get(code)
    if remedy is None:
        return None
    return remedy.kind if at_customer else remedy.at_home or remedy.kind


def label_key(kind: RemedyKind) -> str:
    """The key of the text of its link or button."""
    return _LABELS[kind]


def link_for(code: str, facts: RemedyFacts) -> Link | None:
    """The page that helps with a code; never anything but https.

    None where there is no such page, where an id that it needs is not known, and for RECONNECT,
    whose button is on our own page.
    """
    kind = kind_of(code, at_customer=facts.entra_tenant_id is not None)
    if kind is None:
        return None
    url = _url(kind, facts)
    if url is None or urlsplit(url).scheme != "https":
        return None
    return Link(url=url, label_key=label_key(kind))


def _url(kind: RemedyKind, facts: RemedyFacts) -> str | None:
    match kind:
        case RemedyKind.RECONNECT:
            return None
        case RemedyKind.CIPP_API:
            return _CIPP
        case RemedyKind.ADMIN_CONSENT:
            return _consent(facts)
        case RemedyKind.GDAP_RELATIONSHIP:
            return _relationships(facts.entra_tenant_id)
        case _:
            return _blade(_BLADES[kind], facts)


# --- Microsoft's sign-in ---

_GRAPH_SCOPE = "https://graph.microsoft.com/.default"
"""All permissions that the app registration asks for, delegated and application."""

CONSENT_STATE = "consent"
"""The ``state`` that the consent page sends back, by which it is told from a sign-in."""


def _consent(facts: RemedyFacts) -> str | None:
    """The admin consent endpoint of one tenant.

    Form: "Admin consent on the Microsoft identity platform", where ``organizations`` stands for the
    tenant of whoever signs in.
    """
    if facts.client_id is None or facts.redirect_uri is None:
        return None
    tenant = facts.entra_tenant_id or facts.partner_tenant_id or "organizations"
    query = {
        "client_id": facts.client_id,
        "scope": _GRAPH_SCOPE,
        "redirect_uri": facts.redirect_uri,
        "state": CONSENT_STATE,
    }
    return f"{facts.login_base}/{tenant}/v2.0/adminconsent?{urlencode(query, quote_via=quote)}"


# --- Partner Center ---

_CUSTOMERS = "https://partner.microsoft.com/dashboard/v2/customers"


def _relationships(customer: EntraTenantId | None) -> str:
    """The admin relationships of a customer, or of all."""
    if customer is None:
        return f"{_CUSTOMERS}/granularadminaccess/list"
    return f"{_CUSTOMERS}/{customer}/adminrelationships"


# --- Microsoft Entra admin center ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blade:
    """A page of the admin center; ``of_app`` pages end in the app's id."""

    path: str
    at_customer: bool = False
    """In the customer's tenant where there is one, else always in the partner's."""
    of_app: bool = False


_APP_MENU = "Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~"
_CROSS_TENANT = "Microsoft_AAD_IAM/CompanyRelationshipsMenuBlade/~/CrossTenantAccessSettings"

_BLADES: Mapping[RemedyKind, _Blade] = {
    RemedyKind.APP_REGISTRATION: _Blade(path="Microsoft_AAD_RegisteredApps/ApplicationsListBlade"),
    RemedyKind.APP_CREDENTIALS: _Blade(path=f"{_APP_MENU}/Credentials", of_app=True),
    RemedyKind.APP_AUTHENTICATION: _Blade(path=f"{_APP_MENU}/Authentication", of_app=True),
    RemedyKind.APP_PERMISSIONS: _Blade(path=f"{_APP_MENU}/CallAnAPI", of_app=True),
    RemedyKind.ENTERPRISE_APP: _Blade(
        path="Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview", at_customer=True
    ),
    RemedyKind.CONDITIONAL_ACCESS: _Blade(
        path="Microsoft_AAD_ConditionalAccess/ConditionalAccessBlade/~/Policies", at_customer=True
    ),
    RemedyKind.INBOUND_ACCESS: _Blade(path=_CROSS_TENANT, at_customer=True),
    RemedyKind.OUTBOUND_ACCESS: _Blade(path=_CROSS_TENANT),
    RemedyKind.RISKY_USERS: _Blade(path="Microsoft_AAD_IAM/RiskyUsersBlade"),
    RemedyKind.ACCOUNTS: _Blade(
        path="Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/AllUsers"
    ),
}


def _blade(blade: _Blade, facts: RemedyFacts) -> str | None:
    """The address of a page; without a tenant it opens in that of whoever signs in."""
    customer = facts.entra_tenant_id if blade.at_customer else None
    tenant = customer or facts.partner_tenant_id
    base = "https://entra.microsoft.com" + (f"/{tenant}" if tenant else "")
    if not blade.of_app:
        return f"{base}/#view/{blade.path}"
    if facts.client_id is None:
        return None
    return f"{base}/#view/{blade.path}/appId/{quote(facts.client_id, safe='')}"


# --- CIPP ---

_CIPP = "https://docs.cipp.app/user-documentation/cipp/integrations/cipp-api"
