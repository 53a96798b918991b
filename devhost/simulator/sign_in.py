"""Microsoft's sign-in: which tokens are granted to whom, and what is refused."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from devhost.simulator import scopes
from devhost.simulator.admission import admit_application, admit_partner
from devhost.simulator.apps import App, CippApp
from devhost.simulator.permissions import Permissions
from devhost.simulator.scopes import APPLICATION, DELEGATED, GRAPH_RESOURCE
from devhost.simulator.sts import StsError, malformed
from devhost.simulator.tokens import (
    ACCESS_SECONDS,
    REFRESH_SECONDS,
    Claims,
    Mint,
    is_idle,
    is_revoked,
    stamp,
)
from devhost.simulator.world import Partner, World

_SHARED = frozenset({"organizations", "common"})
_CODE_SECONDS = 600


@dataclass(slots=True, kw_only=True)
class SignInService:
    """The state behind the endpoints; ``codes`` are authorization codes not yet redeemed."""

    world: World
    mint: Mint
    app: App
    others: tuple[App, ...] = ()
    """Further registrations of the same kind."""
    cipp: tuple[CippApp, ...] = ()
    permissions: Permissions = field(default_factory=Permissions)
    authority: str = ""
    page: str = ""
    codes: dict[str, Claims] = field(default_factory=dict)
    redeemed: set[str] = field(default_factory=set)

    # Discovery

    def discovery(self, tenant: str) -> dict[str, object]:
        """The OpenID configuration of an authority."""
        if not self._known(tenant):
            raise StsError("invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        issuer = "{tenantid}" if tenant in _SHARED else tenant
        base = f"{self.authority}/{tenant}/oauth2/v2.0"
        return {
            "issuer": f"{self.authority}/{issuer}/v2.0",
            "authorization_endpoint": f"{self.page}/{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{self.authority}/{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token"],
            "subject_types_supported": ["pairwise"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "tenant_region_scope": None,
        }

    def _known(self, tenant: str) -> bool:
        return (
            tenant in _SHARED or tenant in self.world.partners or tenant in self.world.directories
        )

    def registration(self, client_id: str | None) -> App | None:
        """A registration of the plugin's kind."""
        return next((app for app in (self.app, *self.others) if app.client_id == client_id), None)

    # The authorize page

    def refusal(self, tenant: str, query: Mapping[str, str]) -> str | None:
        """Why the page must not send anybody back to the redirect URI, or None."""
        if not self._known(tenant):
            return f"AADSTS90002: Tenant '{tenant}' not found."
        app = self.registration(query.get("client_id"))
        if app is None:
            return "AADSTS700016: Application was not found in the directory."
        if query.get("redirect_uri") not in app.redirect_uris:
            return "AADSTS50011: The redirect URI does not match those of the application."
        if query.get("response_type") != "code":
            return "AADSTS700054: response_type is not enabled for the application."
        if query.get("response_mode", "query") != "query":
            return "AADSTS70002: response_mode is not supported here."
        if not query.get("code_challenge") or query.get("code_challenge_method") != "S256":
            return "AADSTS501491: Invalid code challenge."
        return scopes.refusal(query.get("scope", ""))

    def may_consent(self, query: Mapping[str, str]) -> bool:
        """May the account agree to all that is asked for, without an administrator?"""
        try:
            scopes.granted(query.get("scope", ""), self._consented())
        except StsError:
            return False
        return True

    def code_for(self, query: Mapping[str, str], partner: Partner) -> str:
        """An authorization code for a partner's account."""
        code = f"1.{secrets.token_urlsafe(40)}"
        self.codes[code] = {
            "tid": partner.tenant_id,
            "appid": query["client_id"],
            "redirect_uri": query["redirect_uri"],
            "challenge": query["code_challenge"],
            "nonce": query.get("nonce"),
            "scope": query.get("scope", ""),
            "until": time.time() + _CODE_SECONDS,
        }
        return code

    # The token endpoint

    def token(self, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        """Answer a token request.

        Raises:
            StsError: As Microsoft would refuse it.
        """
        if not self._known(tenant):
            raise StsError("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        client_id, secret = form.get("client_id"), form.get("client_secret", "")
        own = next((app for app in self.cipp if app.client_id == client_id), None)
        if own is not None:
            return self._for_cipp(own, tenant, form)
        app = self.registration(client_id)
        if app is None:
            text = "Application was not found in the directory."
            raise StsError("unauthorized_client", 700016, text)
        app.admit(secret)
        match form.get("grant_type"):
            case "authorization_code":
                return self._by_code(app, tenant, form)
            case "refresh_token":
                return self._by_refresh_token(app, tenant, form)
            case "client_credentials":
                return self._by_credentials(app, tenant, form)
            case _:
                raise StsError("unsupported_grant_type", 70003, "The grant type is not supported.")

    def _by_code(self, app: App, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        claims = self._redeem(form.get("code", ""))
        if claims["appid"] != app.client_id:
            raise _of_another_app()
        verifier = form.get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != claims["challenge"]:
            raise StsError("invalid_grant", 501481, "The code verifier does not match.")
        if form.get("redirect_uri") != claims["redirect_uri"]:
            raise StsError("invalid_grant", 500112, "The redirect URI differs from the request's.")
        partner = self.world.partners[str(claims["tid"])]
        if tenant not in _SHARED and tenant != partner.tenant_id:
            raise StsError("invalid_grant", 50020, "The account is of another directory.")
        asked = {"scope": str(claims["scope"]), "claims": form.get("claims", "")}
        answer = self._user_tokens(app, partner, partner.tenant_id, asked)
        answer["id_token"] = self.mint.make(self._identity(app, partner, claims), 3600)
        answer["client_info"] = _client_info(partner)
        return answer

    def _identity(self, app: App, partner: Partner, claims: Claims) -> Claims:
        """The claims of an id token."""
        return {
            "aud": app.client_id,
            "iss": f"{self.authority}/{partner.tenant_id}/v2.0",
            "tid": partner.tenant_id,
            "oid": partner.account_id,
            "sub": partner.account_id,
            "preferred_username": partner.account,
            "name": f"{partner.name} administrator",
            "nonce": claims["nonce"],
            "ver": "2.0",
        }

    def _redeem(self, code: str) -> Claims:
        """What a code stands for; it is used up, whatever comes of it."""
        if code in self.redeemed:
            raise StsError("invalid_grant", 54005, "The authorization code was already redeemed.")
        claims = self.codes.pop(code, None)
        if claims is None:
            raise malformed()
        self.redeemed.add(code)
        if float(str(claims["until"])) < time.time():
            raise StsError("invalid_grant", 70008, "The authorization code has expired.")
        return claims

    def _by_refresh_token(
        self, app: App, tenant: str, form: Mapping[str, str]
    ) -> dict[str, object]:
        claims = self._live(app, form.get("refresh_token", ""))
        partner = self.world.partners.get(str(claims["home"]))
        if partner is None:
            raise StsError("invalid_grant", 50034, "The account does not exist.")
        target = partner.tenant_id if tenant in _SHARED else tenant
        if target != partner.tenant_id:
            admit_partner(self.world, partner, target)
        answer = self._user_tokens(app, partner, target, form)
        self.mint.used.add(str(claims["uti"]))
        return answer

    def _live(self, app: App, token: str) -> Claims:
        """The claims of a refresh token that this application may redeem."""
        claims = self.mint.read_expired(token)
        if claims is None or claims.get("kind") != "refresh":
            raise malformed()
        if claims.get("appid") != app.client_id:
            raise _of_another_app()
        if self.mint.read(token) is None or is_idle(self.mint, claims):
            text = "The refresh token has expired due to inactivity."
            raise StsError("invalid_grant", 700082, text)
        if is_revoked(self.mint, claims):
            raise StsError("invalid_grant", 50173, "The grant has been revoked.", "bad_token")
        return claims

    def _by_credentials(self, app: App, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        if tenant in _SHARED:
            raise StsError("invalid_request", 50059, "No tenant-identifying information found.")
        scopes.require_default(form.get("scope", ""), GRAPH_RESOURCE)
        admit_application(self.world, tenant)
        at_home = tenant in self.world.partners
        extra = self.permissions.application() if at_home else ()
        claims = {
            "aud": GRAPH_RESOURCE,
            "tid": tenant,
            "appid": app.client_id,
            "idtyp": "app",
            "roles": [*APPLICATION, *extra],
            **_stamp(form),
        }
        return self._access(claims)

    def _for_cipp(self, app: CippApp, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        """A token for the API of a CIPP: its client is known at its own directory only."""
        if tenant != app.tenant_id:
            text = "Application was not found in the directory."
            raise StsError("unauthorized_client", 700016, text)
        if form.get("client_secret") != app.client_secret:
            raise StsError("invalid_client", 7000215, "Invalid client secret provided.")
        if form.get("grant_type") != "client_credentials":
            raise StsError("unsupported_grant_type", 70003, "The grant type is not supported.")
        scopes.require_default(form.get("scope", ""), app.resource if app.has_uri else "nothing")
        return self._access({"aud": app.resource, "tid": tenant, "appid": app.client_id})

    def _user_tokens(
        self, app: App, partner: Partner, tenant: str, form: Mapping[str, str]
    ) -> dict[str, object]:
        scope = form.get("scope", "")
        granted = scopes.granted(scope, self._consented())
        claims = {
            "aud": GRAPH_RESOURCE,
            "tid": tenant,
            "appid": app.client_id,
            "oid": partner.account_id,
            "scp": " ".join(granted),
            "home": partner.tenant_id,
            **_stamp(form),
        }
        answer = self._access(claims)
        answer["scope"] = " ".join(f"{GRAPH_RESOURCE}/{name}" for name in granted)
        if "offline_access" in scope.split():
            refresh = {
                "kind": "refresh",
                "appid": app.client_id,
                "home": partner.tenant_id,
                "user": partner.account_id,
            }
            answer["refresh_token"] = self.mint.make(refresh, REFRESH_SECONDS)
        return answer

    def _access(self, claims: Claims) -> dict[str, object]:
        return {
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "ext_expires_in": ACCESS_SECONDS,
            "access_token": self.mint.make(claims, ACCESS_SECONDS),
        }

    def _consented(self) -> tuple[str, ...]:
        """The delegated permissions that were granted at the partners."""
        return (*DELEGATED, *self.permissions.delegated())


def _stamp(form: Mapping[str, str]) -> Claims:
    """What a token carries because of the ``claims`` that it was asked for with."""
    try:
        return stamp(form.get("claims", ""))
    except ValueError as error:
        text = "The 'claims' parameter is malformed."
        raise StsError("invalid_request", 9002313, text) from error


def _of_another_app() -> StsError:
    text = "The grant was issued for a different client id."
    return StsError("invalid_grant", 700007, text, "client_mismatch")


def _client_info(partner: Partner) -> str:
    document = json.dumps({"uid": partner.account_id, "utid": partner.tenant_id})
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")
