"""What a person does with held rows: approve or discard them, wholly, per client or one by one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.apply import GUARDED, ApplyRows, sync_application
from entra_plugin.application.sync.held import recount
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable, NotFound
from entra_plugin.domain.ids import (
    ChangeId,
    ManagedTenantId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.merging import normal
from entra_plugin.domain.states import ChangeKind, FieldName, RunState, Verdict
from entra_plugin.store.decisions import Decisions
from entra_plugin.store.fences import Fences
from entra_plugin.store.held import Held, HeldRow
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.links import Declined, Links
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Runs

LAPSED = "lapsed"
"""Why rows are discarded that nobody decided on for 30 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCommand:
    """Decide on held rows of a run: all, those of one managed tenant, or those named."""

    tenant_id: TenantId
    run_id: RunId
    user_id: UserId | None
    name: str | None
    managed_tenant_id: ManagedTenantId | None = None
    change_ids: Sequence[ChangeId] | None = None
    why: str | None = None


class ApproveHeld:
    """Lets held rows be applied; each is compared with the present once more."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def __call__(self, command: HeldCommand) -> int:
        """Approve; answers how many rows will be applied.

        Raises:
            NotFound: No such run.
            Conflict: ``changed_meanwhile``: some rows that were named are not held any more.
                ``sync_under_way``: the run is not through yet.
            NotAcceptable: ``feature_off``, ``not_connected``, or ``mapping_changed`` since the run
                planned one of these managed tenants.
            TransientFailure: ``temporal_unavailable``; everything is held as before.
        """
        tenant_id = command.tenant_id
        await self._scopes.require_ui_flag(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = await _chosen(connection, command)
            await self._require_conditions(connection, command, rows)
            ids = [row.change_id for row in rows]
            await Held(connection, tenant_id).approve(
                ids, user_id=command.user_id, name=command.name
            )
        try:
            for managed_tenant_id in sorted({row.managed_tenant_id for row in rows}):
                await self._context.workflows.start_held(
                    tenant_id, command.run_id, managed_tenant_id, uuid4()
                )
        except EntraError:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await Held(connection, tenant_id).hold_again(ids)
            raise
        return len(ids)

    async def _require_conditions(
        self, connection: AsyncConnection, command: HeldCommand, rows: Sequence[HeldRow]
    ) -> None:
        """Refuse what would be held again as soon as it is to be applied."""
        for managed_tenant_id in sorted({row.managed_tenant_id for row in rows}):
            await self._scopes.require(
                connection, command.tenant_id, command.run_id, managed_tenant_id
            )


class DiscardHeld:
    """Lets held rows never be applied; they are not planned again until the directory changes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, command: HeldCommand) -> int:
        """Discard; answers how many rows it was.

        Raises:
            NotFound: No such run.
            Conflict: ``changed_meanwhile``: some rows that were named are not held any more.
        """
        async with self._context.store.tenant_transaction(command.tenant_id) as connection:
            rows = await _chosen(connection, command)
            moves = [row for row in rows if row.kind == ChangeKind.MOVE]
            now = self._context.clock()
            staying = await Decisions(connection, command.tenant_id).dismiss(
                [row.change_id for row in moves],
                user_id=command.user_id,
                name=command.name,
                now=now,
            )
            await IdentityWrites(connection, command.tenant_id).store_from_changes(
                {row.change_id: Verdict.IGNORED for row in moves if row.object_id in staying}, now
            )
            await Held(connection, command.tenant_id).discard(
                [row.change_id for row in rows],
                user_id=command.user_id,
                name=command.name,
                why=command.why,
            )
            await _leave_be(connection, command, rows)
        return len(rows)


class ApplyHeld:
    """Applies what was approved of one managed tenant of a held run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)
        self._rows = ApplyRows(context)

    async def __call__(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Apply; when a condition is gone, the rows are held again and nothing is applied."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            fence = await Fences(connection, tenant_id).claim_held(run_id, managed_tenant_id)
        if fence is None:
            return
        try:
            await self._scopes.require_ui_flag(tenant_id)
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                policy = await self._scopes.policy(connection, tenant_id, run_id, managed_tenant_id)
            application = sync_application(tenant_id, fence, policy, GUARDED, aged=True)
            await self._rows(application)
        except NotAcceptable:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                await Fences(connection, tenant_id).hold(fence)
                await Held(connection, tenant_id).hold_planned_again(run_id, managed_tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await recount(connection, tenant_id, [run_id], managed_tenant_id)


async def _chosen(connection: AsyncConnection, command: HeldCommand) -> list[HeldRow]:
    """The held rows that a command means."""
    if await Runs(connection, command.tenant_id).get(command.run_id) is None:
        raise NotFound("not_found", details={"runId": str(command.run_id)})
    rows = await Held(connection, command.tenant_id).rows(
        command.run_id,
        managed_tenant_id=command.managed_tenant_id,
        change_ids=command.change_ids,
    )
    for managed_tenant_id in {row.managed_tenant_id for row in rows}:
        tenant = await RunTenants(connection, command.tenant_id).get(
            command.run_id, managed_tenant_id
        )
        if tenant is None or tenant.state != RunState.HELD:
            raise Conflict("sync_under_way", details={"managedTenantId": str(managed_tenant_id)})
    missing = set(command.change_ids or ()) - {row.change_id for row in rows}
    if missing or not rows:
        raise Conflict(
            "changed_meanwhile", details={"changeIds": sorted(str(change) for change in missing)}
        )
    return rows


async def _leave_be(
    connection: AsyncConnection, command: HeldCommand, rows: Sequence[HeldRow]
) -> None:
    """Settle the identities as they are: the directory's values count as seen, and as declined."""
    tenant_id, run_id = command.tenant_id, command.run_id
    groups: defaultdict[ManagedTenantId, list[HeldRow]] = defaultdict(list)
    for row in rows:
        groups[row.managed_tenant_id].append(row)
    for managed_tenant_id, group in groups.items():
        directory = group[0].entra_tenant_id
        await Links(connection, tenant_id).declined(
            directory,
            [
                Declined(object_id=row.object_id, contact_id=row.contact_id, base=_declined(row))
                for row in group
                if row.kind == ChangeKind.UPDATE and row.contact_id is not None
            ],
        )
        await IdentityWrites(connection, tenant_id).act(
            directory,
            [row.object_id for row in group],
            departed=[row.object_id for row in group if row.kind == ChangeKind.INACTIVATE],
            run_id=run_id,
            managed_tenant_id=managed_tenant_id,
        )
        await recount(connection, tenant_id, [run_id], managed_tenant_id)


def _declined(row: HeldRow) -> dict[str, str]:
    values = {name: normal(FieldName(name), str(v)) for name, v in (row.after or {}).items()}
    return {name: value for name, value in values.items() if value is not None}
