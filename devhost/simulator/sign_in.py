"""Microsoft's sign-in: discovery and token endpoint over TLS, and the authorize page for people."""

import base64
import hashlib
import html
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from devhost.simulator.tokens import ACCESS_SECONDS, REFRESH_SECONDS, Claims, Mint, is_revoked
from devhost.simulator.world import Partner, World

GRAPH_RESOURCE = "https://graph.microsoft.com"
DELEGATED = ("User.Read", "Directory.Read.All", "DelegatedAdminRelationship.Read.All")
APPLICATION = ("User.Read.All", "Directory.Read.All")
_SHARED = frozenset({"organizations", "common"})
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

    # Discovery

    def discovery(self, tenant: str) -> dict[str, object]:
        """The OpenID configuration of an authority."""
        if tenant not in _SHARED and not self._known(tenant):
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
        return tenant in self.world.partners or tenant in self.world.directories

    # The authorize page

    def refusal(self, query: Mapping[str, str]) -> str | None:
        """Why the page must not send anybody back to the redirect URI, or None."""
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
        return None

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
                return self._by_credentials(tenant)
            case _:
                raise StsError("unsupported_grant_type", 70003, "The grant type is not supported.")

    def _by_code(self, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        claims = self.codes.pop(form.get("code", ""), None)
        if claims is None or float(str(claims["until"])) < time.time():
            raise StsError("invalid_grant", 54005, "The authorization code was used or expired.")
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

    def _by_refresh_token(self, tenant: str, form: Mapping[str, str]) -> dict[str, object]:
        claims = self.mint.read(form.get("refresh_token", ""))
        if claims is None or claims.get("kind") != "refresh":
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
        if directory is None:
            raise StsError("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if partner.position not in directory.partners:
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

    def _by_credentials(self, tenant: str) -> dict[str, object]:
        if tenant in _SHARED:
            raise StsError("invalid_request", 50059, "No tenant-identifying information found.")
        directory = self.world.directories.get(tenant)
        if directory is None and tenant not in self.world.partners:
            raise StsError("invalid_request", 90002, f"Tenant '{tenant}' not found.")
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
        wanted = [s for s in scope.split() if s not in {"openid", "profile", "offline_access"}]
        foreign = [s for s in wanted if "/" in s and not s.startswith(f"{GRAPH_RESOURCE}/")]
        if foreign:
            raise StsError("invalid_resource", 500011, "The resource principal was not found.")
        names = {s.removeprefix(f"{GRAPH_RESOURCE}/") for s in wanted}
        granted = DELEGATED if ".default" in names else tuple(s for s in DELEGATED if s in names)
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
            refresh = {"kind": "refresh", "home": partner.tenant_id, "user": partner.account_id}
            answer["refresh_token"] = self.mint.make(refresh, REFRESH_SECONDS)
        return answer


def _client_info(partner: Partner) -> str:
    document = json.dumps({"uid": partner.account_id, "utid": partner.tenant_id})
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


def authority_app(service: SignInService) -> Starlette:
    """The TLS side: discovery, keys, token."""

    async def discovery(request: Request) -> Response:
        try:
            return JSONResponse(service.discovery(request.path_params["tenant"]))
        except StsError as error:
            return _error(error, 400)

    async def keys(_request: Request) -> Response:
        return JSONResponse({"keys": []})

    async def token(request: Request) -> Response:
        form = {k: str(v) for k, v in (await request.form()).items()}
        try:
            answer = service.token(request.path_params["tenant"], form)
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


def page_app(service: SignInService) -> Starlette:
    """The side for people: choose the partner's account, or refuse."""

    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        refusal = service.refusal(query)
        if refusal is not None:
            return HTMLResponse(_page("Sign-in failed", f"<p>{html.escape(refusal)}</p>"), 400)
        if request.method == "GET":
            return HTMLResponse(_choice(service))
        form = {k: str(v) for k, v in (await request.form()).items()}
        partner = service.world.partners.get(form.get("partner", ""))
        if partner is None:
            answer = {
                "error": "access_denied",
                "error_description": "AADSTS65004: User declined to consent to access the app.",
            }
        else:
            answer = {"code": service.code_for(query, partner), "session_state": str(uuid4())}
        answer["state"] = query.get("state", "")
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}", 302)

    return Starlette(
        routes=[Route("/{tenant}/oauth2/v2.0/authorize", authorize, methods=["GET", "POST"])]
    )


def _choice(service: SignInService) -> str:
    buttons = "".join(
        f'<button name="partner" value="{p.tenant_id}">{html.escape(p.account)}'
        f"<small>{html.escape(p.name)}</small></button>"
        for p in service.world.partners.values()
    )
    scopes = "".join(f"<li>{scope}</li>" for scope in DELEGATED)
    return _page(
        "Pick an account",
        f"<p>This page stands in for Microsoft's sign-in. The application asks for:</p>"
        f'<ul>{scopes}</ul><form method="post">{buttons}'
        '<button name="partner" value="" class="quiet">Cancel and refuse consent</button></form>',
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;background:#f2f2f2;color:#1b1b1b;margin:0}}
main{{max-width:26rem;margin:10vh auto;padding:2.5rem;background:#fff;box-shadow:0 2px 8px #0003}}
h1{{font-size:1.5rem;font-weight:600;margin:0 0 1rem}}ul{{padding-left:1.25rem}}
button{{display:block;width:100%;text-align:left;padding:.75rem 1rem;margin:.5rem 0;font:inherit;
background:#fff;color:inherit;border:1px solid #767676;cursor:pointer}}
button:hover,button:focus-visible{{background:#e8f1fb;outline:2px solid #0067b8}}
small{{display:block;color:#595959}}.quiet{{border-color:transparent;color:#0067b8}}</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>"""


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
