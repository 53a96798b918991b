"""Our static files, htmx among them; nothing else can be named."""

from fastapi import APIRouter
from fastapi.responses import Response

from entra_plugin import resources
from entra_plugin.domain.errors import NotFound

router = APIRouter(include_in_schema=False)

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """One file; revalidated by the browser's own rules within five minutes."""
    content = resources.static_file(name)
    kind = _TYPES.get(name.rpartition(".")[2])
    if content is None or kind is None:
        raise NotFound("not_found")
    return Response(
        content,
        media_type=kind,
        headers={"cache-control": "private, max-age=300", "x-content-type-options": "nosniff"},
    )
