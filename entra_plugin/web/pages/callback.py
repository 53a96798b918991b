"""Where Microsoft sends the person back to: finish the sign-in, then on to the set-up page.

Microsoft's page for admin consent comes back here, too; that touches no connection.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from entra_plugin.application.connect.consent import consent_refusal, is_consent
from entra_plugin.domain.errors import EntraError
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.pages.render import base_of

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

_MAX_VALUE = 8192
"""Characters; an authorization code is a few thousand at most."""


@router.get("/callback")
async def callback(request: Request, known: Known, runtime: Started) -> RedirectResponse:
    """Complete the sign-in and say on the set-up page how it went."""
    answer = {key: value for key, value in request.query_params.items() if len(value) <= _MAX_VALUE}
    if is_consent(answer):
        return _back(request, "/connection", _consented(answer))
    try:
        await runtime.complete_sign_in(known.person, answer)
    except EntraError as error:
        log.info("sign-in not completed", extra={"code": error.code})
        outcome = {"outcome": "failed", "code": error.code}
    else:
        outcome = {"outcome": "connected"}
    return _back(request, "/setup", {"step": "connect", **outcome})


def _consented(answer: Mapping[str, str]) -> dict[str, str]:
    refused = consent_refusal(answer)
    if refused is None:
        return {"outcome": "consented"}
    log.info("consent not granted", extra={"code": refused})
    return {"outcome": "failed", "code": refused}


def _back(request: Request, page: str, query: Mapping[str, str]) -> RedirectResponse:
    return RedirectResponse(
        f"{base_of(request)}{page}?{urlencode(query)}",
        status_code=303,
        headers={"cache-control": "no-store", "referrer-policy": "no-referrer"},
    )
