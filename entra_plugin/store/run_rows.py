"""Queries on what a run has planned and done as a whole, without reading its rows one by one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ChangeKind, ChangeState
from entra_plugin.store.arrays import IdArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many rows of a kind of one managed tenant are in a state."""

    managed_tenant_id: ManagedTenantId
    kind: ChangeKind
    state: ChangeState
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How many of a run's managed tenants are finished."""

    done: int
    total: int


_TALLY = text("""
    SELECT managed_tenant_id, kind, state, count(*) AS number
    FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id
    GROUP BY managed_tenant_id, kind, state
""")

_LEFT_ALONE = text("""
    SELECT m.managed_tenant_id, count(*) AS number
    FROM entra_sync_runs u
    JOIN entra_decisions d ON d.tenant_id = u.tenant_id AND d.run_id = u.run_id
        AND d.kind = 'undone'
    JOIN entra_managed_tenants m ON m.tenant_id = d.tenant_id
        AND m.entra_tenant_id = d.entra_tenant_id
    WHERE u.tenant_id = :tenant_id AND u.type = 'undo'
        AND (u.run_id = :run_id OR u.undoes_run_id = :run_id)
    GROUP BY m.managed_tenant_id
""")

_FINISHED = text("""
    SELECT run_id, count(*) AS total,
        count(*) FILTER (WHERE state NOT IN ('queued', 'running')) AS done
    FROM entra_sync_run_tenants
    WHERE tenant_id = :tenant_id AND run_id = ANY(:run_ids)
    GROUP BY run_id
""").bindparams(bindparam("run_ids", type_=IdArray()))


class RunRows:
    """The runs of one tenant, counted."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def tally(self, run_id: RunId) -> Sequence[Tally]:
        """The plan rows of a run, by managed tenant, kind and state."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        return [
            Tally(
                managed_tenant_id=row.managed_tenant_id,
                kind=ChangeKind(row.kind),
                state=ChangeState(row.state),
                number=int(row.number),
            )
            for row in await self._connection.execute(_TALLY, values)
        ]

    async def left_alone(self, run_id: RunId) -> Mapping[ManagedTenantId, int]:
        """How many identities syncs leave alone by an undo: by this run, or of this run."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        rows = await self._connection.execute(_LEFT_ALONE, values)
        return {row.managed_tenant_id: int(row.number) for row in rows}

    async def finished(self, run_ids: Collection[RunId]) -> Mapping[RunId, Finished]:
        """How far runs are; one without managed tenants is not among them."""
        values = {"tenant_id": self._tenant_id, "run_ids": list(run_ids)}
        rows = await self._connection.execute(_FINISHED, values)
        return {row.run_id: Finished(done=int(row.done), total=int(row.total)) for row in rows}
