"""Routes about the API itself: health, and the manifest for hosts that draw for themselves."""

from collections.abc import Mapping

from fastapi import APIRouter, Request

from entra_plugin import resources
from entra_plugin.web.api.schema import Envelope, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.health import probes
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["meta"])


class ProbeView(View):
    """The result of one probe."""

    name: str
    healthy: bool
    code: str | None
    message: str | None


class HealthView(View):
    """All probes."""

    healthy: bool
    checks: list[ProbeView]


@router.get("/health", responses=failures())
async def health(known: Known, runtime: Started) -> Envelope[HealthView]:
    """Probe what we stand on; 200 with the findings."""
    checks = []
    for probe in probes(lambda: runtime):
        code = await probe.check()
        message = known.locale.error(code).sentence if code else None
        checks.append(ProbeView(name=probe.name, healthy=code is None, code=code, message=message))
    return ok(HealthView(healthy=all(check.healthy for check in checks), checks=checks))


@router.get("/manifest.json", responses=failures())
async def manifest() -> Mapping[str, object]:
    """The UI manifest as the package carries it."""
    return resources.document()


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Answer:
    """This interface, described."""
    return Answer(request.app.openapi())
