"""Routes that plan without writing, and that sync one person."""

from uuid import UUID

from fastapi import APIRouter

from entra_plugin.application.settings import check_patterns
from entra_plugin.application.sync.start_person import StartPersonCommand
from entra_plugin.application.sync.start_preview import StartPreviewCommand
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ClientId, EntraTenantId, ObjectId
from entra_plugin.web.api import views
from entra_plugin.web.api.schema import NO_FIELDS, TEMPORAL, Body, Envelope, Id, failures, ok
from entra_plugin.web.api.settings import FieldSyncConfig, UserFilterConfig
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["runs"])

_PREVIEW = {
    422: ("not_connected", "nothing_mapped", "not_mapped", "nothing_to_sync", "invalid_pattern")
}
_PERSON = {409: ("sync_under_way",), 422: ("not_connected", "not_mapped", "nothing_to_sync")}


class PreviewBody(Body):
    """What to preview: one client or all that is mapped; perhaps with settings not saved yet."""

    client_id: Id | None = None
    field_sync_config: FieldSyncConfig | None = None
    user_filter_config: UserFilterConfig | None = None


@router.post("/sync/preview", status_code=202, responses=failures(_PREVIEW, TEMPORAL, changes=True))
async def preview(
    known: Known, runtime: Started, body: PreviewBody | None = None
) -> Envelope[views.StartedView]:
    """Plan a sync and write nothing but the plan; it can be applied afterwards."""
    wanted = body or PreviewBody()
    what_if: dict[str, object] = {}
    if wanted.field_sync_config is not None:
        if Flag.FIELD_SYNC not in known.flags:
            raise NotFound("not_found", details={"field": "fieldSyncConfig"})
        what_if["fieldSyncConfig"] = wanted.field_sync_config.model_dump(by_alias=True)
    if wanted.user_filter_config is not None:
        filters = wanted.user_filter_config.model_dump(by_alias=True)
        check_patterns(filters.get("excludePatterns"))
        what_if["userFilterConfig"] = filters
    command = StartPreviewCommand(
        tenant_id=known.tenant_id,
        actor=known.actor,
        client_id=ClientId(wanted.client_id) if wanted.client_id else None,
        what_if=what_if or None,
    )
    return ok(views.started(await runtime.start_preview(command)))


@router.post(
    "/identities/{entra_tenant_id}/{object_id}/sync",
    dependencies=[NO_FIELDS],
    status_code=202,
    responses=failures(_PERSON, TEMPORAL, changes=True),
)
async def sync_person(
    known: Known, runtime: Started, entra_tenant_id: UUID, object_id: UUID
) -> Envelope[views.StartedView]:
    """Sync one user now, or join the run that is at this customer; a new hire may be unknown."""
    identity = IdentityKey(
        entra_tenant_id=EntraTenantId(entra_tenant_id), object_id=ObjectId(object_id)
    )
    command = StartPersonCommand(tenant_id=known.tenant_id, identity=identity, actor=known.actor)
    return ok(views.started(await runtime.start_person(command)))
