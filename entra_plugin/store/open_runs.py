"""Queries on runs that have not ended, for whoever looks whether their workflows have."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ChangeState, RunState, RunType
from entra_plugin.store.run_tables import sync_changes, sync_run_tenants, sync_runs
from entra_plugin.store.runs import OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that has not ended; ``applying``: it was planned before, and is being applied now."""

    run_id: RunId
    type: RunType
    state: RunState
    workflow_id: str
    created_at: datetime
    applying: bool


class OpenRuns:
    """The runs of one tenant that have not ended."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def all(self) -> list[OpenRun]:
        """All of them, oldest first."""
        statement = (
            select(sync_runs)
            .where(
                sync_runs.c.tenant_id == self._tenant_id,
                sync_runs.c.state.in_(OPEN_STATES),
            )
            .order_by(sync_runs.c.created_at, sync_runs.c.run_id)
        )
        return [
            OpenRun(
                run_id=RunId(row.run_id),
                type=RunType(row.type),
                state=RunState(row.state),
                workflow_id=row.workflow_id,
                created_at=row.created_at,
                applying=row.finished_at is not None,
            )
            for row in await self._connection.execute(statement)
        ]

    async def approved(self) -> list[tuple[RunId, ManagedTenantId]]:
        """Parts of held runs of which something was approved and is not applied yet."""
        statement = (
            select(sync_run_tenants.c.run_id, sync_run_tenants.c.managed_tenant_id)
            .where(
                sync_run_tenants.c.tenant_id == self._tenant_id,
                sync_run_tenants.c.state == RunState.HELD.value,
                exists().where(
                    sync_changes.c.tenant_id == sync_run_tenants.c.tenant_id,
                    sync_changes.c.run_id == sync_run_tenants.c.run_id,
                    sync_changes.c.managed_tenant_id == sync_run_tenants.c.managed_tenant_id,
                    sync_changes.c.state == ChangeState.PLANNED.value,
                ),
            )
            .order_by(sync_run_tenants.c.run_id, sync_run_tenants.c.managed_tenant_id)
        )
        return [
            (row.run_id, row.managed_tenant_id) for row in await self._connection.execute(statement)
        ]

    async def claim(self, run: OpenRun) -> bool:
        """Keep a run as it was seen until the transaction ends; False when it has moved on."""
        statement = (
            select(sync_runs.c.run_id)
            .where(
                sync_runs.c.tenant_id == self._tenant_id,
                sync_runs.c.run_id == run.run_id,
                sync_runs.c.state == run.state.value,
                sync_runs.c.workflow_id == run.workflow_id,
            )
            .with_for_update()
        )
        return (await self._connection.execute(statement)).first() is not None
