"""Make the clients that ``create_new`` decisions ask for.

At most once, and by explicit starts only.
"""

from uuid import UUID, uuid4

from entra_plugin.application.context import Context
from entra_plugin.application.decide import put_in_force
from entra_plugin.domain.decisions import Decided, evidence_of
from entra_plugin.domain.ids import ClientId, RunId, TenantId
from entra_plugin.domain.states import MappingState, RunState, Trigger
from entra_plugin.host import NewClient, WriteStatus
from entra_plugin.store.mappings import Author, Mappings, NewMapping
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Failure, Runs


class ProvisionClients:
    """Creates the clients of a run's managed tenants that are marked ``create_new``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Create, and map each managed tenant to its new client; one transaction.

        The mapping's id is the idempotency key at the host, so that a crash in between makes no
        second client. The decisions are read under their lock: one that a person takes back
        meanwhile makes no client.
        """
        now = self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            run = await Runs(connection, tenant_id).get(run_id)
            if run is None or run.trigger == Trigger.SCHEDULED:
                return
            mappings = Mappings(connection, tenant_id)
            run_tenants = RunTenants(connection, tenant_id)
            open_ids = [
                row.managed_tenant_id
                for row in await run_tenants.of_run(run_id)
                if row.client_id is None and row.state in {RunState.QUEUED, RunState.RUNNING}
            ]
            if not open_ids:
                return
            version = await mappings.lock_version()
            wanted = [
                row
                for row in await mappings.by_managed_tenants(open_ids)
                if row.state == MappingState.CREATE_NEW and not row.is_paused(now)
            ]
            if not wanted:
                return
            outcomes = await self._context.host.clients.create_many(
                connection,
                tenant_id,
                [
                    NewClient(
                        key=UUID(int=row.mapping_id.int),
                        name=row.display_name,
                        domain=row.default_domain,
                        directory_tenant_id=row.entra_tenant_id,
                    )
                    for row in wanted
                ],
            )
            author = Author(user_id=run.actor_id, name=run.actor_name, now=now)
            for row, outcome in zip(wanted, outcomes, strict=True):
                if outcome.status != WriteStatus.WRITTEN or outcome.id is None:
                    await run_tenants.close(
                        run_id,
                        [row.managed_tenant_id],
                        RunState.FAILED,
                        now,
                        failure=Failure(
                            code="client_not_created",
                            vendor_code=None,
                            details={"hostCode": outcome.code},
                        ),
                    )
                    continue
                client_id = ClientId(outcome.id)
                version += 1
                mapping = NewMapping(
                    mapping_id=uuid4(),
                    managed_tenant_id=row.managed_tenant_id,
                    state=MappingState.MAPPED,
                    client_id=client_id,
                    evidence=evidence_of(Decided.BY_SYNC),
                    filter_overrides=row.filter_overrides,
                    paused_until=row.paused_until,
                )
                await put_in_force(
                    self._context, connection, tenant_id, [mapping], version=version, author=author
                )
                await run_tenants.assign_client(
                    run_id, row.managed_tenant_id, client_id, row.display_name
                )
