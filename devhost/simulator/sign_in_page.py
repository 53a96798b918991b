"""The sign-in page for people: choose the partner's account, or refuse."""

import html
from urllib.parse import urlencode
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from devhost.simulator.scopes import short_names
from devhost.simulator.sign_in import SignInService


def page_app(service: SignInService) -> Starlette:
    """The side for people: choose the partner's account, or refuse."""

    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        refusal = service.refusal(request.path_params["tenant"].lower(), query)
        if refusal is not None:
            return HTMLResponse(_page("Sign-in failed", f"<p>{html.escape(refusal)}</p>"), 400)
        if request.method == "GET":
            return HTMLResponse(_choice(service, query.get("scope", "")))
        form = {k: str(v) for k, v in (await request.form()).items()}
        partner = service.world.partners.get(form.get("partner", ""))
        if partner is None:
            answer = {
                "error": "access_denied",
                "error_description": "AADSTS65004: User declined to consent to access the app.",
            }
        elif not service.may_consent(query):
            answer = {
                "error": "consent_required",
                "error_description": "AADSTS90094: An administrator of the tenant must consent.",
            }
        else:
            answer = {"code": service.code_for(query, partner), "session_state": str(uuid4())}
        answer["state"] = query.get("state", "")
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}", 302)

    return Starlette(
        routes=[Route("/{tenant}/oauth2/v2.0/authorize", authorize, methods=["GET", "POST"])]
    )


def _choice(service: SignInService, scope: str) -> str:
    buttons = "".join(
        f'<button name="partner" value="{p.tenant_id}">{html.escape(p.account)}'
        f"<small>{html.escape(p.name)}</small></button>"
        for p in service.world.partners.values()
    )
    scopes = "".join(f"<li>{html.escape(name)}</li>" for name in short_names(scope))
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
