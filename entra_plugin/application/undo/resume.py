"""Resume what an undo left alone: for one identity, a customer, or all of the run."""

from dataclasses import dataclass

from entra_plugin.application.context import Context
from entra_plugin.application.undo.start import require_part
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Runs
from entra_plugin.store.undo import Undoing


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeCommand:
    """Take up again what was undone; ``run_id`` is the undo, or the run that was undone."""

    tenant_id: TenantId
    run_id: RunId
    managed_tenant_id: ManagedTenantId | None = None
    identity: IdentityKey | None = None


class Resume:
    """Forgets that identities are undone; the next run plans them as any other."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, command: ResumeCommand) -> int:
        """Resume; answers how many identities it concerns.

        Raises:
            NotFound: No such run, or no such managed tenant in it.
        """
        tenant_id = command.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if await Runs(connection, tenant_id).get(command.run_id) is None:
                raise NotFound("not_found", details={"runId": str(command.run_id)})
            if command.managed_tenant_id is not None:
                tenants = RunTenants(connection, tenant_id)
                await require_part(tenants, command.run_id, command.managed_tenant_id)
            return await Undoing(connection, tenant_id).resume(
                command.run_id,
                managed_tenant_id=command.managed_tenant_id,
                identity=command.identity,
            )
