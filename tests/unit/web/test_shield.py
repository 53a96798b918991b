"""What nobody foresaw is answered in the envelope of every refusal, and says nothing of itself."""

from types import SimpleNamespace
from typing import cast

import httpx
from fastapi import APIRouter
from starlette.types import Receive, Scope, Send

from entra_plugin.web.app import router_app
from entra_plugin.web.refusals import refuse_json
from entra_plugin.web.runtime import Runtime

router = APIRouter()


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a secret that an exception quotes")


def runtime() -> Runtime:
    return cast("Runtime", SimpleNamespace())


async def test_an_unforeseen_failure_is_an_envelope_without_its_text() -> None:
    inner = router_app([router], runtime, refuse_json)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner({**scope, "state": {"entra": SimpleNamespace(principal=None)}}, receive, send)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://psa") as client:
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text
