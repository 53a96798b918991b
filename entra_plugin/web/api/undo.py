"""Routes by which a run is undone, a plan is applied, and what was undone is resumed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from entra_plugin.application.undo.resume import ResumeCommand
from entra_plugin.application.undo.start import UndoCommand
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, ObjectId, RunId
from entra_plugin.web.api.schema import NO_FIELDS, TEMPORAL, Body, Envelope, Id, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["runs"])

_UNDO = {409: ("run_under_way",), 422: ("not_undoable", "nothing_to_undo")}
_APPLY = {
    409: ("already_applied", "run_under_way", "sync_under_way"),
    422: ("not_appliable", "what_if_preview", "feature_off"),
}


class UndoBody(Body):
    """What of a run to undo: all of it, or one managed tenant."""

    managed_tenant_id: Id | None = None


class IdentityBody(Body):
    """An Entra user."""

    entra_tenant_id: Id
    object_id: Id


class ResumeBody(Body):
    """Whom to take up again: everybody of the run, one managed tenant, or one identity."""

    managed_tenant_id: Id | None = None
    identity: Annotated[IdentityBody | None, Field()] = None


class RunIdView(View):
    """A run that was started, or goes on."""

    run_id: UUID


class ResumedView(View):
    """How many identities the next sync will plan again."""

    resumed: int


@router.post(
    "/runs/{run_id}/undo", status_code=202, responses=failures(_UNDO, TEMPORAL, changes=True)
)
async def undo(
    known: Known, runtime: Started, run_id: UUID, body: UndoBody | None = None
) -> Envelope[RunIdView]:
    """Plan the undo of a run, as a run of its own; nothing is written before it is applied."""
    managed_tenant_id = body.managed_tenant_id if body is not None else None
    undo_id = await runtime.start_undo(
        UndoCommand(
            tenant_id=known.tenant_id,
            run_id=RunId(run_id),
            actor=known.actor,
            managed_tenant_id=ManagedTenantId(managed_tenant_id) if managed_tenant_id else None,
        )
    )
    return ok(RunIdView(run_id=undo_id))


@router.post(
    "/runs/{run_id}/apply",
    dependencies=[NO_FIELDS],
    status_code=202,
    responses=failures(_APPLY, TEMPORAL, changes=True),
)
async def apply(known: Known, runtime: Started, run_id: UUID) -> Envelope[RunIdView]:
    """Apply what a preview or an undo has planned, as far as it still holds."""
    await runtime.apply_run(known.tenant_id, RunId(run_id))
    return ok(RunIdView(run_id=run_id))


@router.post("/runs/{run_id}/resume", responses=failures(changes=True))
async def resume(
    known: Known, runtime: Started, run_id: UUID, body: ResumeBody | None = None
) -> Envelope[ResumedView]:
    """Let syncs take up again what an undo left alone; the run is the undo, or what it undid."""
    wanted = body or ResumeBody()
    identity = wanted.identity
    resumed = await runtime.resume(
        ResumeCommand(
            tenant_id=known.tenant_id,
            run_id=RunId(run_id),
            managed_tenant_id=ManagedTenantId(wanted.managed_tenant_id)
            if wanted.managed_tenant_id
            else None,
            identity=IdentityKey(
                entra_tenant_id=EntraTenantId(identity.entra_tenant_id),
                object_id=ObjectId(identity.object_id),
            )
            if identity
            else None,
        )
    )
    return ok(ResumedView(resumed=resumed))
