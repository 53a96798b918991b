"""Apply the undo of one managed tenant: what holds is reverted, the rest is said to be stale.

It needs ``entra-integration-ui``, and asks for neither connection, nor mapping, nor rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from entra_plugin.application.context import Context
from entra_plugin.application.undo.batch import ApplyUndoBatch, UndoBatch
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ChangeKind
from entra_plugin.store.changes import ChangeRow, Changes
from entra_plugin.store.fences import Fence, Fences
from entra_plugin.store.runs import Run, Runs

BATCH = 1000
"""Rows per transaction."""

_KINDS = frozenset(ChangeKind) - {ChangeKind.NONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    tenant_id: TenantId
    run: Run
    fence: Fence
    entra_tenant_id: EntraTenantId


class ApplyUndo:
    """Applies in batches, each one transaction; running it again finds only what is left."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Apply what is planned.

        Raises:
            NotAcceptable: ``run_closed``.
        """
        attempt = await self._begin(tenant_id, run_id, managed_tenant_id)
        last: ChangeRow | None = None
        while rows := await self._batch(attempt, last):
            last = rows[-1]

    async def _begin(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> _Attempt:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            claim = await Fences(connection, tenant_id).claim(
                run_id, managed_tenant_id, self._context.clock()
            )
            run = await Runs(connection, tenant_id).get(run_id)
            if claim is None or run is None:
                raise NotAcceptable("run_closed")
        return _Attempt(
            tenant_id=tenant_id,
            run=run,
            fence=claim.fence,
            entra_tenant_id=claim.row.entra_tenant_id,
        )

    async def _batch(self, attempt: _Attempt, after: ChangeRow | None) -> Sequence[ChangeRow]:
        """Apply the next rows; answers them."""
        tenant_id, fence = attempt.tenant_id, attempt.fence
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).hold(fence)
            rows = await Changes(connection, tenant_id).planned(
                fence.run_id, fence.managed_tenant_id, kinds=_KINDS, after=after, limit=BATCH
            )
            rows = _whole_identities(rows)
            if rows:
                batch = UndoBatch(
                    tenant_id=tenant_id,
                    run=attempt.run,
                    entra_tenant_id=attempt.entra_tenant_id,
                    now=self._context.clock(),
                    rows=rows,
                )
                await ApplyUndoBatch(connection, self._context.host.contacts, batch)()
        return rows


def _whole_identities(rows: list[ChangeRow]) -> list[ChangeRow]:
    """Leave rows of an identity that is not complete to the next batch: their order counts."""
    if len(rows) < BATCH:
        return rows
    last = rows[-1].object_id
    return [row for row in rows if row.object_id != last] or rows
