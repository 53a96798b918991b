"""Responses with the headers that every answer of ours carries."""

from collections.abc import Mapping

from fastapi.responses import HTMLResponse, JSONResponse
from starlette.background import BackgroundTask

_PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Answer(JSONResponse):
    """JSON that no cache keeps."""

    def __init__(
        self,
        content: object,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(
            content, status_code, {**_PRIVATE, **(headers or {})}, media_type, background
        )


class Html(HTMLResponse):
    """A page or a fragment that no cache keeps; one address answers both, by request header."""

    def __init__(
        self, content: str, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        vary = {"vary": "HX-Request, X-PSA-Fragment, Cookie"}
        super().__init__(content, status_code, {**_PRIVATE, **vary, **(headers or {})})
