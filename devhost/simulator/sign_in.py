"""Microsoft's sign-in: discovery and token endpoint over TLS, and the authorize page for people."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.simulator.tokens import ACCESS_SECONDS, REFRESH_SECONDS, Claims, Mint, is_revoked
from devhost.simulator.world import Partner, World

GRAPH_RESOURCE = "https://graph.microsoft.com"
DELEGATED = ("User.Read", "Directory.Read.All", "DelegatedAdminRelationship.Read.All")
APPLICATION = ("User.Read.All", "Directory.Read.All")
_SHARED = frozenset({"organizations", "common"})
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})
_CODE_SECONDS = 600


class StsError(Exception):
    """An error answer of the token endpoint."""

    def __init__(self, error: str, number: int, text: str, suberror: str | None = None) -> None:
        super().__init__(number)
        self.error = error
        self.number = number
        self.text = text
        self.suberror = suberror


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The one registered application: multi-tenant and confidential."""

    client_id: str
    client_secret: str
    redirect_uris: frozenset[str]


@dataclass(slots=True, kw_only=True)
class SignInService:
    """The state behind the endpoints; ``codes`` are authorization codes not yet redeemed."""

    world: World
    mint: Mint
    app: App
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

    # The authorize page

    def refusal(self, tenant: str, query: Mapping[str, str]) -> str | None:
        """Why the page must not send anybody back to the redirect URI, or None."""
        if not self._known(tenant):
            return f"AADSTS90002: Tenant '{tenant}' not found."
        if query.get("client_id") != self.app.client_id:
            return "AADSTS700016: Application was not found in the directory."
        if query.get("redirect_uri") not in self.app.redirect_uris:
            return "AADSTS50011: The redirect URI does not match those of the application."
        if query.get("response_type") != "code":
            return "AADSTS700054: response_type is not enabled for the application."
        if query.get("response_mode", "query") != "query":
            return "AADSTS70002: response_mode is not supported here."
        if not query.get("code_challenge") or query.get("code_challenge_method") != "S256":
            return "AADSTS501491: Invalid code challenge."
        return _scope_refusal(query.get("scope", ""))

    def code_for(self, query: Mapping[str, str], partner: Partner) -> str:
        """An authorization code for a partner's account."""
        code = f"1.{secrets.token_urlsafe(40)}"
        self.codes[code] = {
            "tid": partner.tenant_id,
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
        if form.get("client_id") != self.app.client_id:
            raise StsError(
                "unauthorized_client", 700016, "Application was not found in the directory."
            )
        if form.get("client_secret") != self.app.client_secret:
            raise StsError("invalid_client", 7000215, "Invalid client secret provided.")
        match form.get("grant_type"):
            case "authorization_code":
                return self._by_code(tenant, form)
            case "refresh_token":
                return self._by_refresh_token(tenant, form)
            case "client_credentials":
                return self._by_credentials(tenant, form.get("scope", ""))
            case _:
                raise StsError("unsupported_grant_type", 70003, "The grant type is not supported.")

    def _by_code(self, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        claims = self._redeem(form.get("code", ""))
        verifier = form.get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != claims["challenge"]:
            raise StsError("invalid_grant", 501481, "The code verifier does not match.")
        if form.get("redirect_uri") != claims["redirect_uri"]:
            raise StsError("invalid_grant", 500112, "The redirect URI differs from the request's.")
        partner = self.world.partners[str(claims["tid"])]
        if tenant not in _SHARED and tenant != partner.tenant_id:
            raise StsError("invalid_grant", 50020, "The account is of another directory.")
        answer = self._user_tokens(partner, partner.tenant_id, str(claims["scope"]))
        answer["id_token"] = self.mint.make(
            {
                "aud": self.app.client_id,
                "iss": f"{self.authority}/{partner.tenant_id}/v2.0",
                "tid": partner.tenant_id,
                "oid": partner.account_id,
                "sub": partner.account_id,
                "preferred_username": partner.account,
                "name": f"{partner.name} administrator",
                "nonce": claims["nonce"],
                "ver": "2.0",
            },
            3600,
        )
        answer["client_info"] = _client_info(partner)
        return answer

    def _redeem(self, code: str) -> Claims:
        """What a code stands for; it is used up, whatever comes of it."""
        if code in self.redeemed:
            raise StsError("invalid_grant", 54005, "The authorization code was already redeemed.")
        claims = self.codes.pop(code, None)
        if claims is None:
            raise _malformed()
        self.redeemed.add(code)
        if float(str(claims["until"])) < time.time():
            raise StsError("invalid_grant", 70008, "The authorization code has expired.")
        return claims

    def _by_refresh_token(self, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        token = form.get("refresh_token", "")
        claims = self.mint.read_expired(token)
        if claims is None or claims.get("kind") != "refresh":
            raise _malformed()
        if claims.get("appid") != self.app.client_id:
            raise StsError(
                "invalid_grant", 700007, "The grant was issued for a different client id."
            )
        if self.mint.read(token) is None:
            raise StsError("invalid_grant", 700082, "The refresh token has expired.")
        if is_revoked(self.mint, claims):
            raise StsError("invalid_grant", 50173, "The grant has been revoked.", "bad_token")
        self.mint.used.add(str(claims["uti"]))
        partner = self.world.partners.get(str(claims["home"]))
        if partner is None:
            raise StsError("invalid_grant", 50034, "The account does not exist.")
        target = partner.tenant_id if tenant in _SHARED else tenant
        if target != partner.tenant_id:
            self._admit(partner, target)
        return self._user_tokens(partner, target, form.get("scope", ""))

    def _admit(self, partner: Partner, tenant: str) -> None:
        """May this partner's account have a token at this customer?"""
        directory = self.world.directories.get(tenant)
        if directory is None or partner.position not in directory.partners:
            raise StsError(
                "invalid_grant",
                50020,
                "The account does not exist in the tenant and has no access.",
            )
        if not directory.consented:
            raise StsError(
                "invalid_grant",
                65001,
                "The user or administrator has not consented to use the application.",
                "consent_required",
            )
        if directory.conditional_access:
            raise StsError(
                "invalid_grant", 53003, "Access has been blocked by Conditional Access policies."
            )

    def _by_credentials(self, tenant: str, scope: str) -> dict[str, object]:
        if tenant in _SHARED:
            raise StsError("invalid_request", 50059, "No tenant-identifying information found.")
        if not scope.endswith("/.default"):
            raise StsError(
                "invalid_scope", 1002012, f"The provided value for scope {scope} is not valid."
            )
        _scopes(scope)
        directory = self.world.directories.get(tenant)
        if directory is not None and not directory.consented:
            raise StsError(
                "unauthorized_client", 700016, "The application is not in the directory."
            )
        claims = {
            "aud": GRAPH_RESOURCE,
            "tid": tenant,
            "appid": self.app.client_id,
            "roles": list(APPLICATION),
        }
        return {
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "ext_expires_in": ACCESS_SECONDS,
            "access_token": self.mint.make(claims, ACCESS_SECONDS),
        }

    def _user_tokens(self, partner: Partner, tenant: str, scope: str) -> dict[str, object]:
        granted = _granted(scope)
        claims = {
            "aud": GRAPH_RESOURCE,
            "tid": tenant,
            "appid": self.app.client_id,
            "oid": partner.account_id,
            "scp": " ".join(granted),
            "home": partner.tenant_id,
        }
        answer: dict[str, object] = {
            "token_type": "Bearer",
            "scope": " ".join(f"{GRAPH_RESOURCE}/{name}" for name in granted),
            "expires_in": ACCESS_SECONDS,
            "ext_expires_in": ACCESS_SECONDS,
            "access_token": self.mint.make(claims, ACCESS_SECONDS),
        }
        if "offline_access" in scope.split():
            refresh = {
                "kind": "refresh",
                "appid": self.app.client_id,
                "home": partner.tenant_id,
                "user": partner.account_id,
            }
            answer["refresh_token"] = self.mint.make(refresh, REFRESH_SECONDS)
        return answer


def _scopes(scope: str) -> list[str]:
    """The permissions of Graph that are asked for, by their short names."""
    wanted = [name for name in scope.split() if name not in _OPENID]
    foreign = [s for s in wanted if "/" in s and not s.startswith(f"{GRAPH_RESOURCE}/")]
    if foreign:
        raise StsError("invalid_resource", 500011, "The resource principal was not found.")
    return [name.removeprefix(f"{GRAPH_RESOURCE}/") for name in wanted]


def _scope_refusal(scope: str) -> str | None:
    try:
        unknown = [name for name in _scopes(scope) if name not in {*DELEGATED, ".default"}]
    except StsError as error:
        return f"AADSTS{error.number}: {error.text}"
    if unknown:
        return f"AADSTS650053: The application asked for scope '{unknown[0]}' that is not there."
    return None


def _granted(scope: str) -> tuple[str, ...]:
    names = _scopes(scope)
    if names == [".default"]:
        return DELEGATED
    if ".default" in names:
        raise StsError("invalid_scope", 70011, ".default cannot be combined with other scopes.")
    if not set(names).issubset(DELEGATED):
        raise StsError(
            "invalid_grant",
            65001,
            "The user or administrator has not consented to use the application.",
            "consent_required",
        )
    return tuple(name for name in DELEGATED if name in names)


def _malformed() -> StsError:
    return StsError("invalid_grant", 9002313, "Request is malformed or invalid.")


def _client_info(partner: Partner) -> str:
    document = json.dumps({"uid": partner.account_id, "utid": partner.tenant_id})
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


def authority_app(service: SignInService) -> Starlette:
    """The TLS side: discovery, keys, token."""

    async def discovery(request: Request) -> Response:
        try:
            return JSONResponse(service.discovery(request.path_params["tenant"].lower()))
        except StsError as error:
            return _error(error, 400)

    async def keys(_request: Request) -> Response:
        return JSONResponse({"keys": []})

    async def token(request: Request) -> Response:
        form = {k: str(v) for k, v in (await request.form()).items()}
        try:
            answer = service.token(request.path_params["tenant"].lower(), form)
        except StsError as error:
            return _error(error, 401 if error.error == "invalid_client" else 400)
        return JSONResponse(answer, headers={"cache-control": "no-store", "pragma": "no-cache"})

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery),
            Route("/{tenant}/discovery/v2.0/keys", keys),
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        ]
    )


def _error(error: StsError, status: int) -> JSONResponse:
    trace = str(uuid4())
    correlation = str(uuid4())
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    document: dict[str, object] = {
        "error": error.error,
        "error_description": (
            f"AADSTS{error.number}: {error.text} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {stamp}"
        ),
        "error_codes": [error.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={error.number}",
    }
    if error.suberror:
        document["suberror"] = error.suberror
    return JSONResponse(document, status)
