"""Where Microsoft sends the person back to: finish the sign-in, then on to the set-up page."""

import logging
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

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
    try:
        await runtime.complete_sign_in(known.person, answer)
    except EntraError as error:
        log.info("sign-in not completed", extra={"code": error.code})
        query = urlencode({"step": "connect", "outcome": "failed", "code": error.code})
    else:
        query = urlencode({"step": "connect", "outcome": "connected"})
    return RedirectResponse(
        f"{base_of(request)}/setup?{query}",
        status_code=303,
        headers={"cache-control": "no-store", "referrer-policy": "no-referrer"},
    )
