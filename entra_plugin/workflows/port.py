"""Starts and cancels our workflows over the host's Temporal client."""

from collections.abc import Awaitable
from datetime import timedelta
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from entra_plugin.application.start_check import check_workflow_id
from entra_plugin.application.sync.start import apply_workflow_id, workflow_id
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunType
from entra_plugin.host import Host
from entra_plugin.workflows import discovery_schedule as discovery
from entra_plugin.workflows import interface, schedules
from entra_plugin.workflows import sync_schedule as sync
from entra_plugin.workflows.messages import CustomerRef, RunRef, SyncJob

_PATIENCE = timedelta(seconds=5)

_CHECKS = {
    RunType.DISCOVERY: interface.DISCOVER_MANAGED_TENANTS,
    RunType.VALIDATION: interface.VALIDATE_CONNECTION,
}


class TemporalWorkflows:
    """The port behind ``host.Workflows``."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def start_check(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
        """Start the workflow of a discovery or validation run."""
        run = RunRef(tenant_id=str(tenant_id), run_id=str(run_id))
        await self._start(_CHECKS[type_], run, check_workflow_id(tenant_id, run_id, type_))

    async def start_sync(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Start the workflow of a sync run."""
        job = SyncJob(run=RunRef(tenant_id=str(tenant_id), run_id=str(run_id)))
        await self._start(interface.SYNC_TENANTS, job, workflow_id(tenant_id, run_id))

    async def start_apply(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Start the workflow that applies a run which was planned before.

        It may be started anew after a start of which nobody knew whether it got through.
        """
        job = SyncJob(run=RunRef(tenant_id=str(tenant_id), run_id=str(run_id)))
        await self._start(
            interface.SYNC_TENANTS,
            job,
            apply_workflow_id(tenant_id, run_id),
            reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )

    async def start_held(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        approval_id: UUID,
    ) -> None:
        """Start the workflow that applies what was approved; approvals may follow one another."""
        customer = CustomerRef(
            tenant_id=str(tenant_id),
            run_id=str(run_id),
            managed_tenant_id=str(managed_tenant_id),
        )
        held = interface.held_workflow_id(
            customer.tenant_id, customer.run_id, customer.managed_tenant_id
        )
        await self._start(interface.APPLY_APPROVED, customer, f"{held}/{approval_id}")

    async def is_open(self, workflow_id: str) -> bool:
        """True while a workflow runs; one that continued as new is the same."""
        found: list[bool] = []

        async def ask() -> None:
            handle = (await self._host.temporal()).get_workflow_handle(workflow_id)
            description = await handle.describe(rpc_timeout=_PATIENCE)
            found.append(description.status == WorkflowExecutionStatus.RUNNING)

        await _reached(ask())
        return found == [True]

    async def cancel(self, workflow_id: str) -> None:
        """Ask a workflow to stop; one that is gone already is no error."""

        async def ask() -> None:
            client = await self._host.temporal()
            await client.get_workflow_handle(workflow_id).cancel(rpc_timeout=_PATIENCE)

        await _reached(ask())

    async def schedule_discovery(self, tenant_id: TenantId) -> None:
        """Have discovery run daily, at the tenant's own time of day."""
        await _reached(discovery.keep(self._host, tenant_id))

    async def pause_discovery(self, tenant_id: TenantId) -> None:
        """Stop the daily discovery, to be resumed later."""
        await _reached(schedules.pause(self._host, interface.discovery_schedule_id(str(tenant_id))))

    async def schedule_sync(self, tenant_id: TenantId, every: timedelta) -> None:
        """Have everything that is mapped synced so often."""
        await _reached(sync.put(self._host, tenant_id, every))

    async def pause_sync(self, tenant_id: TenantId) -> None:
        """Stop the recurring sync, to be resumed later."""
        await _reached(schedules.pause(self._host, interface.sync_schedule_id(str(tenant_id))))

    async def remove_schedules(self, tenant_id: TenantId) -> None:
        """Delete the schedules of the recurring sync and of the daily discovery."""
        for schedule_id in (interface.sync_schedule_id, interface.discovery_schedule_id):
            await _reached(schedules.remove(self._host, schedule_id(str(tenant_id))))

    async def _start(
        self,
        name: str,
        argument: RunRef | SyncJob | CustomerRef,
        id_: str,
        *,
        reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    ) -> None:
        async def ask() -> None:
            client = await self._host.temporal()
            await client.start_workflow(
                name,
                argument,
                id=id_,
                task_queue=self._host.task_queue,
                id_reuse_policy=reuse,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=_PATIENCE,
            )

        await _reached(ask())


async def _reached(call: Awaitable[None]) -> None:
    """Make a call; what was done already, or is gone already, is fine."""
    try:
        await call
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return
        raise TransientFailure("temporal_unavailable", retry_after=10) from error
    except (OSError, RuntimeError) as error:
        raise TransientFailure("temporal_unavailable", retry_after=10) from error
