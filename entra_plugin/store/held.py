"""Queries on rows that wait for a person: held by the guard, taken over, approved or discarded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Boolean, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.guarding import ClientPlan
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import ChangeKind
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.changes import SEEN_SINCE

OVERWRITES = (ChangeKind.UPDATE, ChangeKind.MOVE)
"""The kinds that the guard counts as overwrites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A row that waits, as it is decided on."""

    change_id: ChangeId
    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    object_id: ObjectId
    contact_id: ContactId | None
    kind: ChangeKind
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A planned row, and the one of its identity and kind that another run holds.

    ``same``: they say the same. ``newer``: the planned row is what was seen last of the identity.
    """

    change_id: ChangeId
    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    held_id: ChangeId
    held_run_id: RunId
    same: bool
    newer: bool


_PLANS = text("""
    SELECT c.client_id,
        count(*) FILTER (WHERE c.kind = 'inactivate') AS inactivations,
        count(*) FILTER (WHERE c.kind IN ('update', 'move')) AS overwrites
    FROM entra_sync_changes c
    WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
        AND c.state IN ('planned', 'held', 'applied')
        AND c.kind IN ('inactivate', 'update', 'move')
    GROUP BY c.client_id
""")

_HAS_GUARDED = text("""
    SELECT EXISTS (
        SELECT FROM entra_sync_changes c
        WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
            AND c.state IN ('planned', 'held') AND c.kind IN ('inactivate', 'update', 'move'))
""")

_CLIENTS = text("""
    SELECT DISTINCT client_id FROM entra_sync_run_tenants
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND client_id IS NOT NULL
        AND state = 'running'
""")

_HOLD = text("""
    UPDATE entra_sync_changes
    SET state = 'held'
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'planned'
        AND ((kind = 'inactivate' AND client_id = ANY(:inactivations))
            OR (kind IN ('update', 'move') AND client_id = ANY(:overwrites))
            OR (:suspects AND kind = 'inactivate' AND note ? 'maybeSharedMailbox'))
        AND (CAST(:only AS uuid) IS NULL OR managed_tenant_id = :only)
    RETURNING change_id, managed_tenant_id, entra_tenant_id, object_id, contact_id, kind, after
""").bindparams(
    bindparam("inactivations", type_=IdArray()),
    bindparam("overwrites", type_=IdArray()),
    bindparam("suspects", type_=Boolean()),
)

_REPEATED = text("""
    SELECT p.change_id, h.change_id AS held_id
    FROM entra_sync_changes h
    JOIN entra_sync_changes p ON p.tenant_id = h.tenant_id AND p.run_id = :run_id
        AND p.managed_tenant_id = h.managed_tenant_id AND p.object_id = h.object_id
        AND p.kind = h.kind AND p.state = 'planned'
        AND p.contact_id IS NOT DISTINCT FROM h.contact_id
        AND p.before IS NOT DISTINCT FROM h.before AND p.after IS NOT DISTINCT FROM h.after
    WHERE h.tenant_id = :tenant_id AND h.managed_tenant_id = :managed_tenant_id
        AND h.run_id = ANY(:held_runs) AND h.state = 'held'
""").bindparams(bindparam("held_runs", type_=IdArray()))

_MET = text(f"""
    SELECT c.change_id, c.managed_tenant_id, c.entra_tenant_id, h.change_id AS held_id,
        h.run_id AS held_run_id,
        c.contact_id IS NOT DISTINCT FROM h.contact_id AND c.before IS NOT DISTINCT FROM h.before
            AND c.after IS NOT DISTINCT FROM h.after AS same,
        h.created_at <= c.created_at AND NOT coalesce({SEEN_SINCE}, false) AS newer
    FROM entra_sync_changes c
    JOIN entra_sync_run_tenants t ON t.tenant_id = c.tenant_id
        AND t.managed_tenant_id = c.managed_tenant_id AND t.state = 'held'
    JOIN entra_sync_changes h ON h.tenant_id = t.tenant_id AND h.run_id = t.run_id
        AND h.managed_tenant_id = t.managed_tenant_id AND h.object_id = c.object_id
        AND h.kind = c.kind AND h.state = 'held'
    LEFT JOIN entra_identities i ON i.tenant_id = c.tenant_id
        AND i.entra_tenant_id = c.entra_tenant_id AND i.object_id = c.object_id
    WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id AND c.state = 'planned'
""")

_DROP = text("""
    DELETE FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND change_id = ANY(:change_ids) AND state = 'planned'
""").bindparams(bindparam("change_ids", type_=IdArray()))

_RETIRE = text("""
    UPDATE entra_sync_changes
    SET state = 'superseded', snapshot = NULL
    WHERE tenant_id = :tenant_id AND change_id = ANY(:change_ids) AND state IN ('planned', 'held')
""").bindparams(bindparam("change_ids", type_=IdArray()))

_RENEW = text("""
    WITH dropped AS (
        DELETE FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND change_id = ANY(:planned) AND state = 'planned'
        RETURNING *
    ), beside AS (
        DELETE FROM entra_sync_changes c
        USING dropped d
        WHERE d.kind = 'move' AND c.tenant_id = :tenant_id AND c.run_id = d.run_id
            AND c.managed_tenant_id = d.managed_tenant_id AND c.object_id = d.object_id
            AND c.kind = 'update' AND c.state = 'planned' AND c.change_id <> ALL(:planned)
        RETURNING c.object_id
    )
    UPDATE entra_sync_changes h
    SET snapshot = n.snapshot
    FROM (
        SELECT r.held, CASE WHEN d.object_id IN (SELECT object_id FROM beside)
            THEN d.snapshot || '{"unsettled": true}' ELSE d.snapshot END AS snapshot
        FROM unnest(:planned, :held) AS r (planned, held)
        JOIN dropped d ON d.change_id = r.planned
    ) n
    WHERE h.tenant_id = :tenant_id AND h.change_id = n.held
        AND h.snapshot - 'digest' IS DISTINCT FROM n.snapshot - 'digest'
""").bindparams(bindparam("planned", type_=IdArray()), bindparam("held", type_=IdArray()))
"""An overwrite beside a move that waits is dropped with it. The move's snapshot says ``unsettled``
then, so that applying it does not count as having acted on the user: the next run plans him."""

_SUPERSEDE = text("""
    UPDATE entra_sync_changes h
    SET state = 'superseded', snapshot = NULL
    WHERE h.tenant_id = :tenant_id AND h.managed_tenant_id = :managed_tenant_id
        AND h.run_id = ANY(:held_runs) AND h.state = 'held' AND h.change_id <> ALL(:kept)
        AND (:everybody OR EXISTS (
            SELECT FROM entra_sync_pages p
            WHERE p.tenant_id = h.tenant_id AND p.run_id = :run_id
                AND p.managed_tenant_id = h.managed_tenant_id
                AND h.object_id = ANY(p.object_ids)))
    RETURNING h.run_id
""").bindparams(
    bindparam("held_runs", type_=IdArray()),
    bindparam("kept", type_=IdArray()),
    bindparam("everybody", type_=Boolean()),
)

_HELD = text("""
    SELECT change_id, managed_tenant_id, entra_tenant_id, object_id, contact_id, kind, after
    FROM entra_sync_changes
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'held'
        AND (CAST(:managed_tenant_id AS uuid) IS NULL OR managed_tenant_id = :managed_tenant_id)
        AND (CAST(:change_ids AS uuid[]) IS NULL OR change_id = ANY(:change_ids))
    FOR UPDATE
""").bindparams(bindparam("change_ids", type_=IdArray()))

_DECIDE = text("""
    UPDATE entra_sync_changes
    SET state = :state, decided_by = :user_id, decided_by_name = :name,
        snapshot = CASE :state WHEN 'planned' THEN snapshot END,
        note = CASE WHEN CAST(:why AS text) IS NULL THEN note
            ELSE coalesce(note, '{}') || jsonb_build_object('discarded', CAST(:why AS text)) END
    WHERE tenant_id = :tenant_id AND change_id = ANY(:change_ids)
""").bindparams(bindparam("change_ids", type_=IdArray()))

_UNDECIDE = text("""
    UPDATE entra_sync_changes
    SET state = 'held', decided_by = NULL, decided_by_name = NULL
    WHERE tenant_id = :tenant_id AND change_id = ANY(:change_ids) AND state = 'planned'
""").bindparams(bindparam("change_ids", type_=IdArray()))

_HOLD_AGAIN = text("""
    UPDATE entra_sync_changes
    SET state = 'held', decided_by = NULL, decided_by_name = NULL
    WHERE tenant_id = :tenant_id AND run_id = :run_id AND managed_tenant_id = :managed_tenant_id
        AND state = 'planned'
""")


class Held:
    """The held rows of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def plans(self, run_id: RunId, linked: dict[ClientId, int]) -> list[ClientPlan]:
        """What the run would do to each client that is still in it."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        found = {row.client_id: row for row in await self._connection.execute(_PLANS, values)}
        return [
            ClientPlan(
                client_id=client_id,
                linked=count,
                inactivations=int(found[client_id].inactivations) if client_id in found else 0,
                overwrites=int(found[client_id].overwrites) if client_id in found else 0,
            )
            for client_id, count in linked.items()
        ]

    async def has_guarded(self, run_id: RunId) -> bool:
        """True when the run would make contacts inactive, overwrite or move them."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        return bool((await self._connection.execute(_HAS_GUARDED, values)).scalar_one())

    async def clients(self, run_id: RunId) -> list[ClientId]:
        """The clients whose managed tenants are planned and not recorded yet."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        return list((await self._connection.scalars(_CLIENTS, values)).all())

    async def hold(
        self,
        run_id: RunId,
        *,
        inactivations: Sequence[ClientId],
        overwrites: Sequence[ClientId],
        suspects: bool,
        only: ManagedTenantId | None,
    ) -> list[HeldRow]:
        """Hold planned rows, perhaps ``only`` those of one managed tenant; answers which."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "inactivations": list(inactivations),
            "overwrites": list(overwrites),
            "suspects": suspects,
            "only": only,
        }
        return [_row(*row) for row in await self._connection.execute(_HOLD, values)]

    async def repeated(
        self, run_id: RunId, managed_tenant_id: ManagedTenantId, held_runs: Sequence[RunId]
    ) -> dict[ChangeId, ChangeId]:
        """Planned rows that say what a held one says already, to those."""
        values = {**self._of(run_id, managed_tenant_id), "held_runs": list(held_runs)}
        rows = await self._connection.execute(_REPEATED, values)
        return {row.change_id: row.held_id for row in rows}

    async def met(self, run_id: RunId) -> list[Met]:
        """The planned rows of a run whose identities have a held row of the same kind."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id}
        rows = await self._connection.execute(_MET, values)
        return [
            Met(
                change_id=row.change_id,
                managed_tenant_id=row.managed_tenant_id,
                entra_tenant_id=row.entra_tenant_id,
                held_id=row.held_id,
                held_run_id=row.held_run_id,
                same=row.same,
                newer=row.newer,
            )
            for row in rows
        ]

    async def drop(self, change_ids: Sequence[ChangeId]) -> None:
        """Forget planned rows."""
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        await self._connection.execute(_DROP, values)

    async def retire(self, change_ids: Sequence[ChangeId]) -> None:
        """Mark rows as superseded that wait for the guard, or for a person."""
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        await self._connection.execute(_RETIRE, values)

    async def renew(self, repeated: Mapping[ChangeId, ChangeId]) -> None:
        """Forget planned rows that wait already; what waits keeps the identity as it is today.

        What comes to be overwritten with a move that waits is planned again once that is done.
        """
        if not repeated:
            return
        values = {
            "tenant_id": self._tenant_id,
            "planned": list(repeated),
            "held": list(repeated.values()),
        }
        await self._connection.execute(_RENEW, values)

    async def supersede(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        held_runs: Sequence[RunId],
        *,
        kept: Sequence[ChangeId],
        everybody: bool,
    ) -> set[RunId]:
        """Retire held rows of identities that this run planned anew; answers whose rows they were.

        ``everybody``: the run looked at all identities, also at those that were not listed.
        """
        values = {
            **self._of(run_id, managed_tenant_id),
            "held_runs": list(held_runs),
            "kept": list(kept),
            "everybody": everybody,
        }
        return set((await self._connection.scalars(_SUPERSEDE, values)).all())

    async def rows(
        self,
        run_id: RunId,
        *,
        managed_tenant_id: ManagedTenantId | None,
        change_ids: Sequence[ChangeId] | None,
    ) -> list[HeldRow]:
        """The held rows of a run, of one managed tenant, or those named; locked."""
        values = {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
            "change_ids": list(change_ids) if change_ids is not None else None,
        }
        return [_row(*row) for row in await self._connection.execute(_HELD, values)]

    async def approve(
        self, change_ids: Sequence[ChangeId], *, user_id: UserId | None, name: str | None
    ) -> None:
        """Let rows be applied after all."""
        await self._decide("planned", change_ids, user_id=user_id, name=name, why=None)

    async def discard(
        self,
        change_ids: Sequence[ChangeId],
        *,
        user_id: UserId | None,
        name: str | None,
        why: str | None,
    ) -> None:
        """Let rows never be applied."""
        await self._decide("discarded", change_ids, user_id=user_id, name=name, why=why)

    async def hold_again(self, change_ids: Sequence[ChangeId]) -> None:
        """Take an approval back that nobody began to apply."""
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        await self._connection.execute(_UNDECIDE, values)

    async def hold_planned_again(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> None:
        """Take back what was approved of a managed tenant and is not applied."""
        await self._connection.execute(_HOLD_AGAIN, self._of(run_id, managed_tenant_id))

    async def _decide(
        self,
        state: str,
        change_ids: Sequence[ChangeId],
        *,
        user_id: UserId | None,
        name: str | None,
        why: str | None,
    ) -> None:
        values = {
            "tenant_id": self._tenant_id,
            "change_ids": list(change_ids),
            "state": state,
            "user_id": user_id,
            "name": name,
            "why": why,
        }
        await self._connection.execute(_DECIDE, values)

    def _of(self, run_id: RunId, managed_tenant_id: ManagedTenantId) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "run_id": run_id,
            "managed_tenant_id": managed_tenant_id,
        }


def _row(
    change_id: ChangeId,
    managed_tenant_id: ManagedTenantId,
    entra_tenant_id: EntraTenantId,
    object_id: ObjectId,
    contact_id: ContactId | None,
    kind: str,
    after: Mapping[str, object] | None,
) -> HeldRow:
    return HeldRow(
        change_id=change_id,
        managed_tenant_id=managed_tenant_id,
        entra_tenant_id=entra_tenant_id,
        object_id=object_id,
        contact_id=contact_id,
        kind=ChangeKind(kind),
        after=after,
    )
