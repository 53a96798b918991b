"""What the client's action and the contact's panel show, read once for JSON and HTML alike."""

from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.explain import FieldFacts
from entra_plugin.application.overview import SYNC_TYPES
from entra_plugin.application.runs import RunDetails
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ClientId, ContactId, RunId, TenantId
from entra_plugin.domain.merging import normal
from entra_plugin.domain.states import ChangeKind, FieldName, Verdict
from entra_plugin.store.managed_tenants import ManagedTenant
from entra_plugin.store.mapping_tables import managed_tenants
from entra_plugin.store.people_tables import identities
from entra_plugin.store.pins import Pins, StoredPin
from entra_plugin.store.provenance import ContactChange, LinkRow, Provenance
from entra_plugin.store.run_tables import sync_changes, sync_run_tenants, sync_runs
from entra_plugin.web.facts import Facts
from entra_plugin.web.runtime import Runtime

_LAST_CHANGES = 20
"""How many changes of a contact are shown; a run's own list has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """The managed tenants mapped to a client, and the youngest run that took one of them in."""

    tenants: tuple[ManagedTenant, ...]
    last_run: RunDetails | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFacts:
    """The link of a contact, its last changes, its pins, and what people have it say otherwise.

    ``edited`` are fields whose rule is on, and which no sync reverts.
    """

    link: LinkRow
    changes: tuple[ContactChange, ...]
    pins: tuple[StoredPin, ...] = ()
    edited: tuple[FieldFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why people of a run's customers were left out or wait, with how many; most frequent first.

    Empty where the rows no longer add up to the run's counts, because a later run changed them.
    """

    filtered: tuple[tuple[str, int], ...] = ()
    queued: tuple[tuple[str, int], ...] = ()


async def client_facts(runtime: Runtime, tenant_id: TenantId, client_id: ClientId) -> ClientFacts:
    """Read what is known of a client.

    Raises:
        NotFound: Nothing is mapped to it.
    """
    tenants = await runtime.read_mappings.of_client(tenant_id, client_id)
    if not tenants:
        raise NotFound("not_found", details={"clientId": str(client_id)})
    async with runtime.context.store.tenant_transaction(tenant_id) as connection:
        run_id = await _last_run_of_client(connection, tenant_id, client_id)
    details = await runtime.read_runs.run(tenant_id, run_id) if run_id else None
    return ClientFacts(
        tenants=tuple(tenants),
        last_run=_only(details, client_id) if details else None,
    )


async def reasons_of(runtime: Runtime, facts: Facts, details: RunDetails) -> Reasons:
    """Count by reason who was left out of a finished run, and who waits for a decision."""
    counts = details.run.counts
    run_id = details.run.run_id
    async with runtime.context.store.tenant_transaction(facts.tenant_id) as connection:
        filtered = await _filtered(connection, facts.tenant_id, run_id)
        queued = await _queued(connection, facts.tenant_id, run_id)
    return Reasons(
        filtered=_if_complete(filtered, counts["filtered"]),
        queued=_if_complete(queued, counts["queued"]) if Flag.QUEUE in facts.flags else (),
    )


async def contact_facts(
    runtime: Runtime, tenant_id: TenantId, contact_id: ContactId
) -> ContactFacts:
    """Read where a contact comes from.

    Raises:
        NotFound: It never was linked to an identity, or that person was erased.
    """
    async with runtime.context.store.tenant_transaction(tenant_id) as connection:
        provenance = Provenance(connection, tenant_id)
        link = await provenance.link(contact_id)
        if link is None:
            raise NotFound("not_found", details={"contactId": str(contact_id)})
        changes = await provenance.changes(link, limit=_LAST_CHANGES)
        pins = await Pins(connection, tenant_id).of_contact(contact_id)
    return ContactFacts(
        link=link,
        changes=changes,
        pins=pins,
        edited=await _edited(runtime, tenant_id, link) if link.closed_at is None else (),
    )


async def _edited(runtime: Runtime, tenant_id: TenantId, link: LinkRow) -> tuple[FieldFacts, ...]:
    """The fields in which the contact differs from the directory, and stays as it is."""
    identity = IdentityKey(entra_tenant_id=link.entra_tenant_id, object_id=link.object_id)
    explained = await runtime.explain(tenant_id, identity)
    return tuple(
        field
        for field in explained.fields
        if field.outcome == "keep" and field.directory and not _is_same(field)
    )


def _is_same(field: FieldFacts) -> bool:
    name = FieldName(field.name)
    return normal(name, field.directory) == normal(name, field.contact)


async def client_or_nothing(
    runtime: Runtime, tenant_id: TenantId, client_id: ClientId
) -> ClientFacts:
    """What is known of a client, which may be nothing.

    Raises:
        NotFound: The platform knows no such client.
    """
    try:
        return await client_facts(runtime, tenant_id, client_id)
    except NotFound:
        async with runtime.context.store.tenant_transaction(tenant_id) as connection:
            host = runtime.context.host.clients
            if not await host.by_ids(connection, tenant_id, [client_id]):
                raise
        return ClientFacts(tenants=(), last_run=None)


async def contact_or_none(
    runtime: Runtime, tenant_id: TenantId, contact_id: ContactId
) -> ContactFacts | None:
    """Where a contact comes from, or None when it is not from Entra.

    Raises:
        NotFound: The platform knows no such contact.
    """
    try:
        return await contact_facts(runtime, tenant_id, contact_id)
    except NotFound:
        async with runtime.context.store.tenant_transaction(tenant_id) as connection:
            host = runtime.context.host.contacts
            if not await host.by_ids(connection, tenant_id, [contact_id]):
                raise
        return None


def _only(details: RunDetails, client_id: ClientId) -> RunDetails:
    """The run with the managed tenants of this client alone."""
    mine = tuple(t for t in details.tenants if t.client_id == client_id)
    return RunDetails(run=details.run, tenants=mine)


def _if_complete(
    reasons: tuple[tuple[str, int], ...], expected: int
) -> tuple[tuple[str, int], ...]:
    return reasons if sum(number for _, number in reasons) == expected else ()


async def _filtered(
    connection: AsyncConnection, tenant_id: TenantId, run_id: RunId
) -> tuple[tuple[str, int], ...]:
    number = func.count()
    statement = (
        select(identities.c.reason, number)
        .join(
            managed_tenants,
            and_(
                managed_tenants.c.tenant_id == identities.c.tenant_id,
                managed_tenants.c.entra_tenant_id == identities.c.entra_tenant_id,
            ),
        )
        .join(
            sync_run_tenants,
            and_(
                sync_run_tenants.c.tenant_id == managed_tenants.c.tenant_id,
                sync_run_tenants.c.managed_tenant_id == managed_tenants.c.managed_tenant_id,
            ),
        )
        .where(
            identities.c.tenant_id == tenant_id,
            identities.c.verdict == Verdict.FILTERED.value,
            sync_run_tenants.c.run_id == run_id,
        )
        .group_by(identities.c.reason)
        .order_by(number.desc(), identities.c.reason)
    )
    return tuple((reason, count) for reason, count in await connection.execute(statement))


async def _queued(
    connection: AsyncConnection, tenant_id: TenantId, run_id: RunId
) -> tuple[tuple[str, int], ...]:
    number = func.count()
    statement = (
        select(sync_changes.c.reason, number)
        .where(
            sync_changes.c.tenant_id == tenant_id,
            sync_changes.c.run_id == run_id,
            sync_changes.c.kind == ChangeKind.QUEUE.value,
        )
        .group_by(sync_changes.c.reason)
        .order_by(number.desc(), sync_changes.c.reason)
    )
    return tuple((reason, count) for reason, count in await connection.execute(statement))


async def _last_run_of_client(
    connection: AsyncConnection, tenant_id: TenantId, client_id: ClientId
) -> RunId | None:
    """The youngest sync of all of the client: no check, preview, or run about single people."""
    statement = (
        select(sync_runs.c.run_id)
        .join(
            sync_run_tenants,
            and_(
                sync_run_tenants.c.tenant_id == sync_runs.c.tenant_id,
                sync_run_tenants.c.run_id == sync_runs.c.run_id,
            ),
        )
        .where(
            sync_runs.c.tenant_id == tenant_id,
            sync_run_tenants.c.client_id == client_id,
            sync_runs.c.type.in_([kind.value for kind in SYNC_TYPES]),
        )
        .order_by(sync_runs.c.created_at.desc(), sync_runs.c.run_id.desc())
        .limit(1)
    )
    found = await connection.scalar(statement)
    return RunId(found) if found is not None else None
