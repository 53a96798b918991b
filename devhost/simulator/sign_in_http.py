"""Microsoft's sign-in over TLS: discovery, keys, and the token endpoint."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.simulator.sign_in import SignInService
from devhost.simulator.sts import StsError, error_response


def authority_app(service: SignInService) -> Starlette:
    """The routes."""

    async def discovery(request: Request) -> Response:
        try:
            return JSONResponse(service.discovery(request.path_params["tenant"].lower()))
        except StsError as error:
            return error_response(error, 400)

    async def keys(_request: Request) -> Response:
        return JSONResponse({"keys": []})

    async def token(request: Request) -> Response:
        form = {k: str(v) for k, v in (await request.form()).items()}
        try:
            answer = service.token(request.path_params["tenant"].lower(), form)
        except StsError as error:
            return error_response(error, 401 if error.error == "invalid_client" else 400)
        return JSONResponse(answer, headers={"cache-control": "no-store", "pragma": "no-cache"})

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery),
            Route("/{tenant}/discovery/v2.0/keys", keys),
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        ]
    )
