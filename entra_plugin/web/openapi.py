"""The OpenAPI document: what FastAPI derives, less what our error translation makes untrue."""

from typing import cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_FOREIGN = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Make the application answer our document, built on first use."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return cast("dict[str, object]", app.openapi_schema)

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, object]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        servers=app.servers,
        description=(
            "Every answer is an envelope. State-changing requests carry the header `X-CSRF-Token`. "
            "Paths are answered with and without a trailing slash."
        ),
    )
    for path in document["paths"].values():
        for operation in path.values():
            found = operation["responses"].get("422")
            if found is not None and "HTTPValidationError" in str(found):
                del operation["responses"]["422"]
    for name in _FOREIGN:
        document.get("components", {}).get("schemas", {}).pop(name, None)
    return document
