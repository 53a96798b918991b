"""What the history shows of runs beside themselves: how far, how much of it is left, whose names.

Looking changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from entra_plugin.application.clients import KnownClients, known_clients
from entra_plugin.application.context import Context
from entra_plugin.domain.ids import ClientId, ContactId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import ChangeKind, ChangeState
from entra_plugin.domain.undoing import CLIENT, INVERTIBLE, LINK
from entra_plugin.host import Contact
from entra_plugin.store.changes import ChangeRow
from entra_plugin.store.run_rows import Finished, RunRows, Tally
from entra_plugin.store.runs import OPEN_STATES, Run

WRITING = frozenset(ChangeKind) - {ChangeKind.NONE}
"""Kinds that are applied; the others say who is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The rows of a run, counted, and how many people its undo leaves alone, by managed tenant."""

    rows: Sequence[Tally] = ()
    left_alone: Mapping[ManagedTenantId, int] = field(default_factory=dict)

    def only(self, ids: Collection[ManagedTenantId]) -> Mapping[ManagedTenantId, "Standing"]:
        """How each of these managed tenants stands."""
        rows: dict[ManagedTenantId, list[Tally]] = {key: [] for key in ids}
        for row in self.rows:
            if row.managed_tenant_id in rows:
                rows[row.managed_tenant_id].append(row)
        return {
            key: Standing(rows=found, left_alone={key: self.left_alone.get(key, 0)})
            for key, found in rows.items()
        }

    @property
    def planned(self) -> Mapping[ChangeKind, int]:
        """What waits to be applied, or is being applied."""
        return self._by_kind(ChangeState.PLANNED, WRITING)

    @property
    def held(self) -> Mapping[ChangeKind, int]:
        """What waits for a person."""
        return self._by_kind(ChangeState.HELD, WRITING)

    @property
    def undoable(self) -> Mapping[ChangeKind, int]:
        """What was applied, and can be undone."""
        return self._by_kind(ChangeState.APPLIED, INVERTIBLE)

    @property
    def resumable(self) -> int:
        """How many people syncs would take up again."""
        return sum(self.left_alone.values())

    def _by_kind(
        self, state: ChangeState, kinds: Collection[ChangeKind]
    ) -> Mapping[ChangeKind, int]:
        found: dict[ChangeKind, int] = {}
        for row in self.rows:
            if row.state == state and row.kind in kinds:
                found[row.kind] = found.get(row.kind, 0) + row.number
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The contacts and clients that rows speak of, as the host has them now."""

    contacts: Mapping[ContactId, Contact] = field(default_factory=dict)
    clients: KnownClients = field(default_factory=KnownClients)


class RunHistory:
    """The reading side of the pages of runs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def standing(self, tenant_id: TenantId, run_id: RunId) -> Standing:
        """How much of a run is planned, held, applied, and left alone by its undo."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            rows = RunRows(connection, tenant_id)
            return Standing(rows=await rows.tally(run_id), left_alone=await rows.left_alone(run_id))

    async def finished(self, tenant_id: TenantId, runs: Sequence[Run]) -> Mapping[RunId, Finished]:
        """How far those runs are that are under way."""
        under_way = [run.run_id for run in runs if run.state in OPEN_STATES]
        if not under_way:
            return {}
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await RunRows(connection, tenant_id).finished(under_way)

    async def clients(self, tenant_id: TenantId, ids: Iterable[ClientId | None]) -> KnownClients:
        """The clients with these ids."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await known_clients(self._context, connection, tenant_id, ids)

    async def named(self, tenant_id: TenantId, rows: Sequence[ChangeRow]) -> Named:
        """The contacts and clients that a page of rows speaks of: a query for each kind."""
        contacts = sorted({contact for row in rows for contact in _contacts(row)})
        clients = [client for row in rows for client in _clients(row)]
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            host = self._context.host.contacts
            found = await host.by_ids(connection, tenant_id, contacts) if contacts else ()
            return Named(
                contacts={contact.id: contact for contact in found},
                clients=await known_clients(self._context, connection, tenant_id, clients),
            )


def _contacts(row: ChangeRow) -> list[ContactId]:
    """The contact of a row, and the one that its user is linked to where that is told."""
    linked = (row.before or {}).get(LINK)
    told = [ContactId(UUID(str(linked)))] if linked else []
    return [*told, row.contact_id] if row.contact_id is not None else told


def _clients(row: ChangeRow) -> list[ClientId]:
    """The clients between which a row moves a contact."""
    values = [(row.before or {}).get(CLIENT), (row.after or {}).get(CLIENT)]
    return [ClientId(UUID(str(value))) for value in values if value]
