"""Apply a plan as far as it still holds: in batches, each one transaction, contacts first.

Running it again finds only what is left. A row that no longer holds becomes stale with what was
found.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.ahead import together
from entra_plugin.application.sync.plan_users import UserPlanner
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.filters import FilterRule
from entra_plugin.domain.identity import from_attributes
from entra_plugin.domain.ids import ContactId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ChangeKind, ChangeState, Verdict
from entra_plugin.host import NewContact, PhoneNumber, WriteOutcome, WriteStatus
from entra_plugin.store.changes import ChangeRow, Changes, Done
from entra_plugin.store.identities import Identities, NewLink
from entra_plugin.store.items import Items
from entra_plugin.store.mappings import Mappings
from entra_plugin.store.pages import Pages
from entra_plugin.store.run_tenants import Fence, RunTenants

BATCH = 1000
"""Change rows per transaction: one page of the directory, give or take."""

LANES = 2
"""Batches at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The rows of one transaction and what is the same for all of them."""

    tenant_id: TenantId
    run_id: RunId
    policy: Policy
    now: datetime
    rows: Sequence[ChangeRow]

    def of(self, kind: ChangeKind) -> list[ChangeRow]:
        return [row for row in self.rows if row.kind == kind]


class Apply:
    """Applies the planned rows of one managed tenant of a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scopes = Scopes(context)

    async def __call__(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Apply until no row is planned; creates that met a new contact are planned once more.

        Raises:
            NotAcceptable: ``feature_off``, ``not_connected``, ``mapping_changed`` or
                ``run_closed``; nothing of the plan is applied from then on.
        """
        await self._scopes.require_ui_flag(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            fence = await RunTenants(connection, tenant_id).claim(
                run_id, managed_tenant_id, self._context.clock()
            )
            if fence is None:
                raise NotAcceptable("run_closed")
            policy = await self._scopes.policy(connection, tenant_id, run_id, managed_tenant_id)
            await _settle(connection, tenant_id, fence)
        await self._apply_all(tenant_id, fence, policy)
        if await self._plan_stale_again(tenant_id, fence, policy):
            await self._apply_all(tenant_id, fence, policy)

    async def _apply_all(self, tenant_id: TenantId, fence: Fence, policy: Policy) -> None:
        """Apply everything that is planned; the database writes one batch while we make the next.

        Batches share nothing: two rows with one contact or one address were made questions before.
        """
        batches = self._batches(tenant_id, fence)
        turn = asyncio.Lock()

        async def lane() -> None:
            while True:
                async with turn:
                    rows = await anext(batches, None)
                if rows is None:
                    return
                await self._apply_batch(tenant_id, fence, policy, rows)

        async with aclosing(batches):
            await together(*(lane() for _ in range(LANES)))

    async def _batches(
        self, tenant_id: TenantId, fence: Fence
    ) -> AsyncGenerator[Sequence[ChangeRow], None]:
        last: ChangeRow | None = None
        while True:
            async with self._context.store.tenant_transaction(tenant_id) as connection:
                rows = await Changes(connection, tenant_id).planned(
                    fence.run_id, fence.managed_tenant_id, after=last, limit=BATCH
                )
            if not rows:
                return
            last = rows[-1]
            yield rows

    async def _apply_batch(
        self, tenant_id: TenantId, fence: Fence, policy: Policy, rows: Sequence[ChangeRow]
    ) -> None:
        """Apply one batch, all of it or nothing, and never for a client of until now."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await RunTenants(connection, tenant_id).hold(fence)
            mappings = Mappings(connection, tenant_id)
            if not await mappings.hold(fence.managed_tenant_id, policy.client_id):
                raise NotAcceptable("mapping_changed")
            batch = _Batch(
                tenant_id=tenant_id,
                run_id=fence.run_id,
                policy=policy,
                now=self._context.clock(),
                rows=rows,
            )
            done = [
                *await self._creates(connection, batch),
                *await self._links(connection, batch),
                *await self._questions(connection, batch),
            ]
            await self._close(connection, batch, done)

    async def _creates(self, connection: AsyncConnection, batch: _Batch) -> list[Done]:
        rows = batch.of(ChangeKind.CREATE)
        if not rows:
            return []
        outcomes = await self._context.host.contacts.create_many(
            connection, batch.tenant_id, [_new_contact(row) for row in rows]
        )
        written: list[tuple[ChangeRow, ContactId, int | None]] = []
        done: list[Done] = []
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome.status == WriteStatus.WRITTEN and outcome.id is not None:
                written.append((row, ContactId(outcome.id), outcome.version))
            else:
                done.append(_not_written(row, outcome))
        return [*done, *await self._open_links(connection, batch, written)]

    async def _links(self, connection: AsyncConnection, batch: _Batch) -> list[Done]:
        rows = batch.of(ChangeKind.LINK)
        if not rows:
            return []
        found = await self._context.host.contacts.by_ids(
            connection, batch.tenant_id, [row.contact_id for row in rows if row.contact_id]
        )
        present = {contact.id: contact for contact in found}
        holding: list[tuple[ChangeRow, ContactId, int | None]] = []
        done: list[Done] = []
        for row in rows:
            contact = present.get(row.contact_id) if row.contact_id else None
            if contact is None:
                done.append(_stale(row, {"found": "contact_gone"}))
            elif contact.client_id != row.client_id:
                done.append(_stale(row, {"found": "other_client"}))
            elif contact.active != (row.before or {}).get("active"):
                done.append(_stale(row, {"found": "active_changed"}))
            else:
                holding.append((row, contact.id, contact.version))
        return [*done, *await self._open_links(connection, batch, holding)]

    async def _open_links(
        self,
        connection: AsyncConnection,
        batch: _Batch,
        rows: Sequence[tuple[ChangeRow, ContactId, int | None]],
    ) -> list[Done]:
        opened = await Identities(connection, batch.tenant_id).link(
            [
                NewLink(
                    change_id=row.change_id,
                    object_id=row.object_id,
                    contact_id=contact_id,
                    reason=row.reason,
                    host_version=version,
                )
                for row, contact_id, version in rows
            ],
            entra_tenant_id=batch.policy.entra_tenant_id,
            client_id=batch.policy.client_id,
            run_id=batch.run_id,
            now=batch.now,
        )
        return [
            Done(change_id=row.change_id, state=ChangeState.APPLIED, contact_id=contact_id)
            if row.change_id in opened
            else _stale(row, {"found": "linked_elsewhere", "contactId": str(contact_id)})
            for row, contact_id, _ in rows
        ]

    async def _questions(self, connection: AsyncConnection, batch: _Batch) -> list[Done]:
        ids = [row.change_id for row in batch.of(ChangeKind.QUEUE)]
        await Items(connection, batch.tenant_id).open_from_changes(ids, batch.now)
        return [Done(change_id=change_id, state=ChangeState.APPLIED) for change_id in ids]

    async def _close(
        self, connection: AsyncConnection, batch: _Batch, done: Sequence[Done]
    ) -> None:
        """Store the identities from the rows' snapshots, then mark the rows."""
        kinds = {row.change_id: row.kind for row in batch.rows}
        verdicts = {
            outcome.change_id: _verdict(outcome.state, kinds[outcome.change_id])
            for outcome in done
            if outcome.state in {ChangeState.APPLIED, ChangeState.FAILED}
        }
        await Identities(connection, batch.tenant_id).store_from_changes(verdicts, batch.now)
        linked = [change_id for change_id, verdict in verdicts.items() if verdict == Verdict.LINKED]
        await Items(connection, batch.tenant_id).close_answered(linked, batch.now)
        await Changes(connection, batch.tenant_id).settle(done, batch.now)

    async def _plan_stale_again(self, tenant_id: TenantId, fence: Fence, policy: Policy) -> bool:
        """Plan the identities whose create met a contact that was not there when it was planned."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await RunTenants(connection, tenant_id).advance(fence)
            snapshots = await Changes(connection, tenant_id).stale_snapshots(
                fence.run_id, fence.managed_tenant_id
            )
            if not snapshots:
                return False
            planner = UserPlanner(
                tenant_id=tenant_id,
                run_id=fence.run_id,
                policy=policy,
                contacts=self._context.host.contacts,
                rule=FilterRule(policy.filters),
                decisions={},
            )
            users = [from_attributes(snapshot) for snapshot in snapshots]
            plan = await planner.plan(connection, users)
            await planner.write(connection, plan, self._context.clock())
            await _settle(connection, tenant_id, fence)
        return True


async def _settle(connection: AsyncConnection, tenant_id: TenantId, fence: Fence) -> None:
    """What only the whole plan shows: two identities that claim one contact or one address."""
    changes = Changes(connection, tenant_id)
    await changes.queue_claimed_twice(fence.run_id, fence.managed_tenant_id)
    repeated = await changes.drop_repeated(fence.run_id, fence.managed_tenant_id)
    await Pages(connection, tenant_id).count_unchanged(fence, repeated)


def _new_contact(row: ChangeRow) -> NewContact:
    after = row.after or {}
    phones = after.get("phones")
    return NewContact(
        key=UUID(int=row.change_id.int),
        client_id=row.client_id,
        full_name=str(after["fullName"]),
        email=str(after["email"]),
        phones=tuple(
            PhoneNumber(type=str(phone["type"]), number=str(phone["number"]))
            for phone in (phones if isinstance(phones, list) else ())
        ),
        role=str(after["role"]) if after.get("role") else None,
        active=bool(after.get("active", True)),
    )


def _not_written(row: ChangeRow, outcome: WriteOutcome) -> Done:
    if outcome.status == WriteStatus.EXISTS:
        return _stale(row, {"found": "exists", "contactId": str(outcome.id)})
    return Done(
        change_id=row.change_id,
        state=ChangeState.FAILED,
        note=json.dumps({"code": "rejected_by_host", "hostCode": outcome.code}),
    )


def _stale(row: ChangeRow, found: dict[str, object]) -> Done:
    return Done(change_id=row.change_id, state=ChangeState.STALE, note=json.dumps(found))


def _verdict(state: ChangeState, kind: ChangeKind) -> Verdict:
    if state == ChangeState.FAILED:
        return Verdict.FAILED
    return Verdict.QUEUED if kind == ChangeKind.QUEUE else Verdict.LINKED
