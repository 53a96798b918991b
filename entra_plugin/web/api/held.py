"""Routes by which a person approves or discards what the guard has held."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from entra_plugin.application.held import HeldCommand
from entra_plugin.domain.ids import ChangeId, ManagedTenantId, RunId
from entra_plugin.web.api.schema import TEMPORAL, Body, Envelope, Id, View, failures, ok
from entra_plugin.web.facts import Facts, Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["runs"])

_CONFLICTS = {409: ("changed_meanwhile", "sync_under_way")}


class HeldBody(Body):
    """Which held rows of a run: all, those of one managed tenant, or those named."""

    managed_tenant_id: Id | None = None
    change_ids: Annotated[list[Id] | None, Field(min_length=1, max_length=1000)] = None


class HeldView(View):
    """The run, and how many of its rows the decision was about."""

    run_id: UUID
    rows: int


@router.post(
    "/runs/{run_id}/approve",
    status_code=202,
    responses=failures(
        _CONFLICTS, {422: ("not_connected", "mapping_changed")}, TEMPORAL, changes=True
    ),
)
async def approve(
    known: Known, runtime: Started, run_id: UUID, body: HeldBody | None = None
) -> Envelope[HeldView]:
    """Let held rows be applied; each is compared with the present once more."""
    rows = await runtime.approve_held(_command(known, run_id, body or HeldBody()))
    return ok(HeldView(run_id=run_id, rows=rows))


@router.post("/runs/{run_id}/discard", responses=failures(_CONFLICTS, changes=True))
async def discard(
    known: Known, runtime: Started, run_id: UUID, body: HeldBody | None = None
) -> Envelope[HeldView]:
    """Let held rows never be applied; they come back when the directory changes."""
    rows = await runtime.discard_held(_command(known, run_id, body or HeldBody()))
    return ok(HeldView(run_id=run_id, rows=rows))


def _command(known: Facts, run_id: UUID, body: HeldBody) -> HeldCommand:
    return HeldCommand(
        tenant_id=known.tenant_id,
        run_id=RunId(run_id),
        user_id=known.actor.user_id,
        name=known.actor.name,
        managed_tenant_id=ManagedTenantId(body.managed_tenant_id)
        if body.managed_tenant_id
        else None,
        change_ids=[ChangeId(change) for change in body.change_ids]
        if body.change_ids is not None
        else None,
    )
