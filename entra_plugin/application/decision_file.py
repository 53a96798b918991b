"""Decisions in bulk, as a file that people work through: everything to write out, and to take in.

How a file looks is the web's matter; here are its rows. Taking one in has the checks and the
atomicity of a confirmation, and tells all that is wrong at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import KnownClients, known_clients
from entra_plugin.application.context import Context, Person
from entra_plugin.application.decide import (
    Fault,
    Held,
    LinkChanges,
    MappingDecision,
    Put,
    author,
    needs_proposals,
    put_in_force,
)
from entra_plugin.application.map_tenants import Doubt, doubts
from entra_plugin.application.proposals import MatchingFacts, matching_facts
from entra_plugin.domain.decisions import Decided
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, TenantId
from entra_plugin.domain.mapping.facts import Suggestion
from entra_plugin.domain.states import MappingState
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.mappings import CurrentMapping, Mappings, NewMapping

_COLUMN: Mapping[Fault, str] = {
    Fault.CLIENT_REQUIRED: "clientId",
    Fault.UNKNOWN_CLIENT: "clientId",
    Fault.TENANT_GONE: "state",
    Fault.NOT_MAPPED: "pausedUntil",
    Fault.PAUSE_IN_PAST: "pausedUntil",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One managed tenant with its decision and the best candidate."""

    tenant: ManagedTenant
    decision: CurrentMapping | None
    client_name: str | None
    suggestion: Suggestion | None
    suggested_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A decision on a line of a file, made on the ``row_version`` that was written out."""

    line: int
    entra_tenant_id: EntraTenantId
    state: MappingState
    client_id: ClientId | None
    row_version: int
    pause: Put[datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """What is wrong with a line, and in which column where it is in one."""

    line: int
    code: str
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a line changes."""

    line: int
    tenant: ManagedTenant
    before: CurrentMapping | None
    after: NewMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file has changed, or would change; with any fault nothing was written."""

    changes: tuple[FileChange, ...] = ()
    unchanged: int = 0
    links: LinkChanges = field(default_factory=LinkChanges)
    warnings: tuple[Doubt, ...] = ()
    client_names: Mapping[ClientId, str] = field(default_factory=dict)
    faults: tuple[FileFault, ...] = ()


class ExportDecisions:
    """Everything that was ever discovered, to be worked through."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId) -> list[ExportRow]:
        """All managed tenants by name, those that are gone included; nothing is written."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            facts = await matching_facts(self._context, connection, tenant_id)
            ids = (mapping.client_id for mapping in facts.decisions.values())
            clients = await known_clients(self._context, connection, tenant_id, ids)
        proposals, names = await facts.proposals(), facts.client_names()
        rows = []
        for tenant in facts.tenants:
            decision = facts.decisions.get(tenant.managed_tenant_id)
            proposal = proposals[tenant.managed_tenant_id]
            best = proposal.match or next(iter(proposal.candidates), None)
            rows.append(
                ExportRow(
                    tenant=tenant,
                    decision=decision,
                    client_name=clients.name(decision.client_id) if decision else None,
                    suggestion=best,
                    suggested_name=names[best.client_id] if best else None,
                )
            )
        return rows


class ImportDecisions:
    """Puts the decisions of a file in force, all or none."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self,
        person: Person,
        rows: Sequence[FileRow],
        *,
        faults: Iterable[FileFault] = (),
        dry_run: bool = False,
    ) -> Imported:
        """Take in the rows, unless anything is wrong with any; a dry run only tells.

        A row that says what is in force already is left alone, whatever version it was made on.
        ``faults`` are those found while the file was read; they are told together with the others.
        """
        tenant_id = person.tenant_id
        facts = await self._facts(tenant_id, rows)
        proposals = await facts.proposals() if facts else {}
        store = self._context.store
        begin = store.rehearsal if dry_run else store.tenant_transaction
        async with begin(tenant_id) as connection:
            counter = await Mappings(connection, tenant_id).lock_version()
            file = await self._held(connection, tenant_id, rows)
            wrong = sorted((*faults, *file.faults()), key=lambda fault: fault.line)
            if wrong:
                return Imported(faults=tuple(wrong))
            changes = tuple(
                FileChange(
                    line=row.line,
                    tenant=file.tenant(row),
                    before=file.held.current.get(decision.managed_tenant_id),
                    after=file.held.new_mapping(
                        decision, proposals.get(decision.managed_tenant_id), Decided.BY_FILE
                    ),
                )
                for row, decision in file.fresh()
            )
            links = LinkChanges()
            if changes:
                links = await put_in_force(
                    self._context,
                    connection,
                    tenant_id,
                    [change.after for change in changes],
                    version=counter + 1,
                    author=author(person, file.held.now),
                )
        return Imported(
            changes=changes,
            unchanged=len(rows) - len(changes),
            links=links,
            warnings=doubts([decision for _, decision in file.fresh()], proposals),
            client_names=facts.client_names() if facts else {},
        )

    async def _facts(self, tenant_id: TenantId, rows: Sequence[FileRow]) -> MatchingFacts | None:
        """What the matcher needs, read before the lock is taken and only if it is asked."""
        if not needs_proposals(row.state for row in rows):
            return None
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await matching_facts(self._context, connection, tenant_id)

    async def _held(
        self, connection: AsyncConnection, tenant_id: TenantId, rows: Sequence[FileRow]
    ) -> "_File":
        known = await ManagedTenants(connection, tenant_id).known()
        by_directory = {tenant.entra_tenant_id: tenant for tenant in known}
        current = await Mappings(connection, tenant_id).all()
        clients: KnownClients = await known_clients(
            self._context, connection, tenant_id, (row.client_id for row in rows)
        )
        held = Held(
            tenants={tenant.managed_tenant_id: tenant for tenant in known},
            current={mapping.managed_tenant_id: mapping for mapping in current},
            clients=clients,
            now=self._context.clock(),
        )
        return _File(rows=rows, by_directory=by_directory, held=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The rows of a file beside what they meet."""

    rows: Sequence[FileRow]
    by_directory: Mapping[EntraTenantId, ManagedTenant]
    held: Held

    def tenant(self, row: FileRow) -> ManagedTenant:
        return self.by_directory[row.entra_tenant_id]

    def fresh(self) -> list[tuple[FileRow, MappingDecision]]:
        """The rows that change something."""
        decisions = ((row, self._decision(row)) for row in self.rows)
        return [(row, d) for row, d in decisions if d and not self.held.is_in_force(d)]

    def faults(self) -> list[FileFault]:
        """What is wrong with the rows, one fault for each."""
        seen: set[EntraTenantId] = set()
        found = []
        for row in self.rows:
            fault = self._fault(row, twice=row.entra_tenant_id in seen)
            seen.add(row.entra_tenant_id)
            if fault is not None:
                found.append(fault)
        return found

    def _fault(self, row: FileRow, *, twice: bool) -> FileFault | None:
        decision = self._decision(row)
        if decision is None:
            return FileFault(line=row.line, code="unknown_tenant", column="entraTenantId")
        if twice:
            return FileFault(line=row.line, code="duplicate_tenant", column="entraTenantId")
        version = self.held.row_version(decision.managed_tenant_id)
        if not self.held.is_in_force(decision) and row.row_version != version:
            return FileFault(line=row.line, code="stale_version", column="rowVersion")
        fault = self.held.fault(decision)
        if fault is None:
            return None
        return FileFault(line=row.line, code=fault.value, column=_COLUMN.get(fault))

    def _decision(self, row: FileRow) -> MappingDecision | None:
        tenant = self.by_directory.get(row.entra_tenant_id)
        if tenant is None:
            return None
        return MappingDecision(
            managed_tenant_id=ManagedTenantId(tenant.managed_tenant_id),
            state=row.state,
            client_id=row.client_id,
            pause=row.pause,
        )
