"""Routes of decisions as a file: out, to be worked through in a spreadsheet, and in again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from entra_plugin.application.decision_file import FileChange, Imported
from entra_plugin.domain.states import MappingState
from entra_plugin.web.api.mapping_views import DoubtView, doubts
from entra_plugin.web.api.schema import Envelope, View, failures, ok
from entra_plugin.web.decision_file import MAX_BYTES, read_file, refusal, too_large, write_file
from entra_plugin.web.decisions import require_client_create
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["mapping"])

_CSV = {"text/csv": {"schema": {"type": "string"}}}


class FileDecisionView(View):
    """A decision before or after a file was taken in."""

    state: MappingState
    client_id: UUID | None
    paused_until: datetime | None


class FileChangeView(View):
    """What a line changes; ``before`` is null for a managed tenant without a decision."""

    line: int
    managed_tenant_id: UUID
    entra_tenant_id: UUID
    display_name: str
    before: FileDecisionView | None
    after: FileDecisionView


class ImportedView(View):
    """What a file has changed, or would change.

    ``unchanged`` lines say what is in force already, ``leftAlone`` ones have no state.
    """

    dry_run: bool
    changes: list[FileChangeView]
    unchanged: int
    left_alone: int
    links_closed: int
    links_reopened: int
    warnings: list[DoubtView]


@router.get(
    "/mappings.csv",
    response_class=Response,
    responses={**failures(), 200: {"content": {"text/csv": {}}}},
)
async def export(known: Known, runtime: Started) -> Response:
    """Export every managed tenant with decision and best candidate, to be worked through."""
    rows = await runtime.export_decisions(known.tenant_id)
    return Response(
        write_file(rows, known.locale),
        media_type="text/csv; charset=utf-8",
        headers={
            "content-disposition": 'attachment; filename="entra-mappings.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        },
    )


@router.post(
    "/mappings.csv",
    responses=failures(
        {409: ("stale_version",), 422: ("invalid_file", "file_too_large")}, changes=True
    ),
    openapi_extra={"requestBody": {"required": True, "content": _CSV}},
)
async def take_in(
    request: Request,
    known: Known,
    runtime: Started,
    *,
    dry_run: Annotated[bool, Query(alias="dryRun", description="Only tell.")] = False,
) -> Envelope[ImportedView]:
    """Put the decisions of a file in force, all or none; creating clients also needs its right."""
    found = read_file(await _content(request))
    await require_client_create(runtime, known, {row.state for row in found.rows})
    done = await runtime.import_decisions(
        known.person, found.rows, faults=found.faults, dry_run=dry_run
    )
    if done.faults:
        raise refusal(done.faults, known.locale)
    return ok(_imported(done, known, dry_run=dry_run, left_alone=found.left_alone))


async def _content(request: Request) -> bytes:
    """The body, never more of it than a file may have."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise MalformedRequest("content-type")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise too_large()
    return bytes(content)


def _imported(done: Imported, known: Known, *, dry_run: bool, left_alone: int) -> ImportedView:
    return ImportedView(
        dry_run=dry_run,
        changes=[_change(change) for change in done.changes],
        unchanged=done.unchanged,
        left_alone=left_alone,
        links_closed=done.links.closed,
        links_reopened=done.links.reopened,
        warnings=doubts(done.warnings, done.client_names, known.locale),
    )


def _change(change: FileChange) -> FileChangeView:
    before, after = change.before, change.after
    return FileChangeView(
        line=change.line,
        managed_tenant_id=change.tenant.managed_tenant_id,
        entra_tenant_id=change.tenant.entra_tenant_id,
        display_name=change.tenant.display_name,
        before=FileDecisionView(
            state=before.state, client_id=before.client_id, paused_until=before.paused_until
        )
        if before
        else None,
        after=FileDecisionView(
            state=after.state, client_id=after.client_id, paused_until=after.paused_until
        ),
    )
