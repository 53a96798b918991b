"""Queries on review items as a person works through them: list, look at one, settle, reopen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.folding import search_key
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import (
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    ReviewItemId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import (
    ChangeState,
    ItemState,
    MappingState,
    Settlement,
    VerdictReason,
)
from entra_plugin.store.mapping_tables import client_tenant_mappings as mappings
from entra_plugin.store.paging import Page, clamp, decode_position, encode_cursor
from entra_plugin.store.people_tables import decisions, identities
from entra_plugin.store.people_tables import reconciliation_items as items
from entra_plugin.store.run_tables import sync_changes, sync_run_tenants
from entra_plugin.store.runs import OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A review item as people read it.

    ``details`` holds what was shown: the contact that would be created, the fields that conflict
    with both values, or whether the contact was active.
    """

    item_id: ReviewItemId
    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    object_id: ObjectId
    client_id: ClientId
    state: ItemState
    reason: VerdictReason
    label: str
    candidates: tuple[ContactId, ...]
    details: Mapping[str, object]
    version: int
    created_at: datetime
    settled_at: datetime | None
    settled_by: UserId | None
    settled_by_name: str | None
    settled_as: Settlement | None
    why: str | None
    """What the person wrote who dismissed it."""
    position: int

    @property
    def identity(self) -> IdentityKey:
        """Whom it is about."""
        return IdentityKey(entra_tenant_id=self.entra_tenant_id, object_id=self.object_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemQuery:
    """Filters of the list; ``q`` is the start of an address or a name."""

    limit: int | None = None
    cursor: str | None = None
    state: ItemState = ItemState.OPEN
    reason: VerdictReason | None = None
    managed_tenant_id: ManagedTenantId | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The fingerprints of an identity: as it was last seen, and as it was last acted on."""

    seen: bytes
    acted: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapplied:
    """A change row that ended otherwise than applied, with what was found instead."""

    state: ChangeState
    note: Mapping[str, object]


_ADD_RUN_TENANT = text("""
    INSERT INTO entra_sync_run_tenants
        (tenant_id, run_id, managed_tenant_id, client_id, client_name, state, writes, started_at)
    VALUES (:tenant_id, :run_id, :managed_tenant_id, :client_id, :client_name, 'running', false,
        :now)
    ON CONFLICT DO NOTHING
""")

_SIGN = text("""
    UPDATE entra_sync_changes SET decided_by = :user_id, decided_by_name = :name
    WHERE tenant_id = :tenant_id AND run_id = :run_id
""")


class ReviewItems:
    """The review items of one tenant, for a person."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def page(self, query: ItemQuery) -> Page[Item]:
        """Items of one state, oldest first.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        size = clamp(query.limit)
        statement = self._query().where(items.c.state == query.state.value)
        if query.reason is not None:
            statement = statement.where(items.c.reason == query.reason.value)
        if query.managed_tenant_id is not None:
            statement = statement.where(items.c.managed_tenant_id == query.managed_tenant_id)
        if query.q:
            statement = statement.where(_named(query.q))
        if query.cursor is not None:
            statement = statement.where(items.c.position > decode_position(query.cursor))
        rows = (
            await self._connection.execute(statement.order_by(items.c.position).limit(size + 1))
        ).all()
        found = tuple(_item(row) for row in rows[:size])
        following = encode_cursor(str(found[-1].position)) if len(rows) > size else None
        return Page(items=found, next_cursor=following)

    async def get(self, item_id: ReviewItemId) -> Item | None:
        """One item."""
        row = (await self._connection.execute(self._query().where(self._is(item_id)))).first()
        return _item(row) if row is not None else None

    async def customers(self, item_ids: Sequence[ReviewItemId]) -> list[ManagedTenantId]:
        """The managed tenants that these items are of, in order."""
        statement = (
            select(items.c.managed_tenant_id)
            .where(
                items.c.tenant_id == self._tenant_id,
                items.c.item_id == func.any(list(item_ids)),
            )
            .distinct()
            .order_by(items.c.managed_tenant_id)
        )
        return list((await self._connection.scalars(statement)).all())

    async def keep_out(self, managed_tenant_ids: Sequence[ManagedTenantId]) -> None:
        """Keep syncs of these managed tenants, and decisions about them, waiting for our end.

        In the order in which a sync takes its locks: its row, then the mapping.
        """
        for managed_tenant_id in managed_tenant_ids:
            await self._connection.execute(
                select(sync_run_tenants.c.fence)
                .where(
                    sync_run_tenants.c.tenant_id == self._tenant_id,
                    sync_run_tenants.c.managed_tenant_id == managed_tenant_id,
                    sync_run_tenants.c.writes,
                    sync_run_tenants.c.state.in_(OPEN_STATES),
                )
                .with_for_update()
            )
            await self._connection.execute(
                select(mappings.c.mapping_id)
                .where(
                    mappings.c.tenant_id == self._tenant_id,
                    mappings.c.managed_tenant_id == managed_tenant_id,
                    mappings.c.state == MappingState.MAPPED.value,
                    mappings.c.ended_at.is_(None),
                )
                .with_for_update()
            )

    async def lock(self, item_id: ReviewItemId) -> Item | None:
        """One item, held until the end of this transaction: who comes second sees what we did."""
        statement = self._query().where(self._is(item_id)).with_for_update()
        row = (await self._connection.execute(statement)).first()
        return _item(row) if row is not None else None

    async def settle(
        self,
        item_id: ReviewItemId,
        *,
        state: ItemState,
        settlement: Settlement,
        user_id: UserId,
        name: str | None,
        now: datetime,
    ) -> None:
        """Close an item, by a person."""
        await self._connection.execute(
            update(items)
            .where(self._is(item_id))
            .values(
                state=state.value,
                settled_at=now,
                settled_as=settlement.value,
                settled_by=user_id,
                settled_by_name=name,
                version=items.c.version + 1,
            )
        )

    async def open_again(self, item_id: ReviewItemId, client_id: ClientId) -> None:
        """Ask a dismissed question once more, for the client of now."""
        await self._connection.execute(
            update(items)
            .where(self._is(item_id))
            .values(
                state=ItemState.OPEN.value,
                settled_at=None,
                settled_as=None,
                settled_by=None,
                settled_by_name=None,
                client_id=client_id,
                version=items.c.version + 1,
            )
        )

    async def open_of(self, identity: IdentityKey) -> Item | None:
        """The open item of an identity."""
        statement = self._query().where(
            items.c.entra_tenant_id == identity.entra_tenant_id,
            items.c.object_id == identity.object_id,
            items.c.state == ItemState.OPEN.value,
        )
        row = (await self._connection.execute(statement)).first()
        return _item(row) if row is not None else None

    def _query(self) -> Select[*tuple[object, ...]]:
        why = (
            select(decisions.c.reason)
            .where(
                decisions.c.tenant_id == items.c.tenant_id,
                decisions.c.entra_tenant_id == items.c.entra_tenant_id,
                decisions.c.object_id == items.c.object_id,
                items.c.state == ItemState.DISMISSED.value,
            )
            .scalar_subquery()
        )
        return select(items, why.label("why")).where(items.c.tenant_id == self._tenant_id)

    def _is(self, item_id: ReviewItemId) -> ColumnElement[bool]:
        return and_(items.c.tenant_id == self._tenant_id, items.c.item_id == item_id)


class ReviewRuns:
    """What a person's resolutions leave in the journal, and in the identities they are about."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add_customer(
        self,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        *,
        client_id: ClientId,
        client_name: str | None,
        now: datetime,
    ) -> None:
        """Take a managed tenant into the run, beside whoever is syncing it."""
        await self._connection.execute(
            _ADD_RUN_TENANT,
            {
                "tenant_id": self._tenant_id,
                "run_id": run_id,
                "managed_tenant_id": managed_tenant_id,
                "client_id": client_id,
                "client_name": client_name,
                "now": now,
            },
        )

    async def sign(self, run_id: RunId, user_id: UserId, name: str | None) -> None:
        """Note on the run's rows who decided them."""
        values = {"tenant_id": self._tenant_id, "run_id": run_id, "user_id": user_id, "name": name}
        await self._connection.execute(_SIGN, values)

    async def unapplied(self, run_id: RunId, object_id: ObjectId) -> Unapplied | None:
        """The first row of an identity that did not get through, if there is one."""
        statement = (
            select(sync_changes.c.state, sync_changes.c.note)
            .where(
                sync_changes.c.tenant_id == self._tenant_id,
                sync_changes.c.run_id == run_id,
                sync_changes.c.object_id == object_id,
                sync_changes.c.state != ChangeState.APPLIED.value,
            )
            .order_by(sync_changes.c.position)
            .limit(1)
        )
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return None
        return Unapplied(state=ChangeState(row.state), note=row.note or {})

    async def contact_of(self, run_id: RunId, object_id: ObjectId) -> ContactId | None:
        """The contact that the run's rows of an identity are about."""
        statement = select(sync_changes.c.contact_id).where(
            sync_changes.c.tenant_id == self._tenant_id,
            sync_changes.c.run_id == run_id,
            sync_changes.c.object_id == object_id,
            sync_changes.c.contact_id.is_not(None),
        )
        return await self._connection.scalar(statement.limit(1))

    async def seen(self, identity: IdentityKey) -> Seen | None:
        """The fingerprints of an identity."""
        statement = select(identities.c.seen_fingerprint, identities.c.acted_fingerprint)
        row = (await self._connection.execute(statement.where(self._is(identity)))).first()
        if row is None:
            return None
        return Seen(seen=row.seen_fingerprint, acted=row.acted_fingerprint)

    async def unsettle(self, identity: IdentityKey) -> None:
        """Let the next run plan an identity anew: something else of it is still to be done."""
        await self._connection.execute(
            update(identities).where(self._is(identity)).values(acted_fingerprint=None)
        )

    async def put_verdict(self, identity: IdentityKey, verdict: str, reason: str) -> None:
        """Give an identity the verdict that the next run would give it, as it was last seen."""
        await self._connection.execute(
            update(identities)
            .where(self._is(identity))
            .values(verdict=verdict, reason=reason, acted_fingerprint=identities.c.seen_fingerprint)
        )

    def _is(self, identity: IdentityKey) -> ColumnElement[bool]:
        return and_(
            identities.c.tenant_id == self._tenant_id,
            identities.c.entra_tenant_id == identity.entra_tenant_id,
            identities.c.object_id == identity.object_id,
        )


def _named(q: str) -> ColumnElement[bool]:
    """Items whose address or identity's name begins so."""
    folded = search_key(q)
    by_name = exists().where(
        identities.c.tenant_id == items.c.tenant_id,
        identities.c.entra_tenant_id == items.c.entra_tenant_id,
        identities.c.object_id == items.c.object_id,
        identities.c.search_key.op("^@")(folded),
    )
    return or_(func.lower(items.c.label).op("^@")(q.lower()), by_name)


def _item(row: Row[*tuple[object, ...]]) -> Item:
    return Item(
        item_id=row.item_id,
        managed_tenant_id=row.managed_tenant_id,
        entra_tenant_id=row.entra_tenant_id,
        object_id=row.object_id,
        client_id=row.client_id,
        state=ItemState(row.state),
        reason=VerdictReason(row.reason),
        label=row.label,
        candidates=tuple(row.candidates),
        details=row.details or {},
        version=row.version,
        created_at=row.created_at,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        settled_by_name=row.settled_by_name,
        settled_as=Settlement(row.settled_as) if row.settled_as is not None else None,
        why=row.why,
        position=row.position,
    )
