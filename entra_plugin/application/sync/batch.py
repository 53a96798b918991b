"""Apply some rows of a plan as far as they still hold: contacts first, all of it or nothing.

A row that no longer holds becomes stale with what was found.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.sync.host_rows import (
    filled,
    host_fields,
    linked_elsewhere,
    new_address,
    new_contact_of,
    not_created,
    not_written,
    opens_link,
    refusal,
    settled_since,
    stale,
    write_of,
)
from entra_plugin.domain.addresses import normalise, spellings
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ObjectId,
    RunId,
    TenantId,
)
from entra_plugin.domain.merging import FieldRules
from entra_plugin.domain.pins import NO_PINS, Pins
from entra_plugin.domain.states import ChangeKind, ChangeState, FieldName, Verdict, VerdictReason
from entra_plugin.host import (
    Contact,
    Contacts,
    ContactUpdate,
    WriteOutcome,
    WriteStatus,
)
from entra_plugin.store.changes import ChangeRow, Changes, Done
from entra_plugin.store.decisions import Decisions
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.items import Items
from entra_plugin.store.links import CONTACT_GONE, HeldLink, Links, NewLink
from entra_plugin.store.pins import Pins as PinRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The rows of one transaction, and what is the same for all of them."""

    tenant_id: TenantId
    run_id: RunId
    entra_tenant_id: EntraTenantId
    client_id: ClientId
    fields: FieldRules
    """The field rules of now: no other field is overwritten."""
    pinned: bool
    """There are pins that may concern these rows."""
    now: datetime
    rows: Sequence[ChangeRow]
    aged: bool = False
    """They were planned by a run that others may have overtaken since."""

    def of(self, *kinds: ChangeKind) -> list[ChangeRow]:
        """The rows of these kinds."""
        return [row for row in self.rows if row.kind in kinds]


class ApplyBatch:
    """Applies batches on the connection that it is given."""

    def __init__(self, connection: AsyncConnection, contacts: Contacts, batch: Batch) -> None:
        self._connection = connection
        self._contacts = contacts
        self._batch = batch
        self._links = Links(connection, batch.tenant_id)

    async def __call__(self) -> None:
        """Apply the rows and mark them; a contact is written once in a statement."""
        pins = await self._pins()
        refused = {
            row.change_id: forbidden
            for row in (self._batch.rows if pins != NO_PINS else ())
            if (forbidden := refusal(row, pins))
        }
        done = list(refused.values())
        closing = self._batch.of(ChangeKind.CLOSE_LINK)
        if closing:
            done += await self._close_links(closing)
        rows = [row for row in self._batch.rows if row.kind != ChangeKind.CLOSE_LINK]
        # Also those that a pin refuses: whoever was undone or ignored stays so.
        overruled = await self._overruled(rows)
        done += [one for one in overruled.values() if one.change_id not in refused]
        rows = [row for row in rows if row.change_id not in refused.keys() | overruled.keys()]
        for apply, kinds in (
            (self._create, (ChangeKind.CREATE,)),
            (self._link, (ChangeKind.LINK,)),
            (self._take_up, (ChangeKind.MOVE, ChangeKind.REACTIVATE)),
            (self._overwrite, (ChangeKind.REACTIVATE,)),
            (self._overwrite, (ChangeKind.UPDATE,)),
            (self._overwrite, (ChangeKind.INACTIVATE,)),
        ):
            chosen = [row for row in rows if row.kind in kinds]
            if chosen:
                done += await apply(chosen)
        await self._close_answered(done)
        asked = [row for row in rows if row.kind == ChangeKind.QUEUE]
        if asked:
            done += await self._ask(asked)
        left_alone = {row.object_id for row in self._batch.rows if row.change_id in overruled}
        await self._mark(done, left_alone, pinned=refused.keys())

    async def _overruled(self, rows: Sequence[ChangeRow]) -> dict[ChangeId, Done]:
        """Rows that a person's decision of meanwhile forbids: he answered while this was planned.

        Looked at before a contact is created, which nobody could take back. So are the rows of an
        aged plan whose identity a later run has seen otherwise.
        """
        return {**await self._outdated(rows), **await self._decided(rows)}

    async def _outdated(self, rows: Sequence[ChangeRow]) -> dict[ChangeId, Done]:
        if not self._batch.aged:
            return {}
        found = await Changes(self._connection, self._batch.tenant_id).outdated(
            [row.change_id for row in rows]
        )
        return {
            row.change_id: stale(row, {"found": "seen_since"})
            for row in rows
            if row.change_id in found
        }

    async def _decided(self, rows: Sequence[ChangeRow]) -> dict[ChangeId, Done]:
        if not rows:
            return {}
        found = await Decisions(self._connection, self._batch.tenant_id).overruled(
            self._batch.run_id,
            rows[0].managed_tenant_id,
            self._batch.entra_tenant_id,
            {row.change_id: row.object_id for row in rows},
        )
        return {
            row.change_id: stale(row, {"found": "decided_meanwhile"})
            for row in rows
            if row.change_id in found
        }

    async def _close_answered(self, done: Sequence[Done]) -> None:
        """Close the questions that applied rows answer, before new ones are asked."""
        rows = {row.change_id: row for row in self._batch.rows}
        applied = [rows[one.change_id] for one in done if one.state == ChangeState.APPLIED]
        items = Items(self._connection, self._batch.tenant_id)
        await items.close_answered(
            self._batch.entra_tenant_id,
            [r.object_id for r in applied if opens_link(r) or r.kind == ChangeKind.INACTIVATE],
            run_id=self._batch.run_id,
            now=self._batch.now,
        )
        await items.close_overwritten(
            [row.change_id for row in applied if row.kind == ChangeKind.UPDATE], self._batch.now
        )

    async def _pins(self) -> Pins:
        batch = self._batch
        if not batch.pinned:
            return NO_PINS
        return await PinRows(self._connection, batch.tenant_id).of(
            batch.entra_tenant_id,
            [row.object_id for row in batch.rows],
            [row.contact_id for row in batch.rows if row.contact_id is not None],
        )

    # --- Kinds ---

    async def _close_links(self, rows: Sequence[ChangeRow]) -> list[Done]:
        closed = await self._links.close(
            self._batch.entra_tenant_id,
            {row.object_id: row.contact_id for row in rows},
            reason=CONTACT_GONE,
            run_id=self._batch.run_id,
            now=self._batch.now,
        )
        return [
            Done(change_id=row.change_id, state=ChangeState.APPLIED)
            if row.object_id in closed
            else stale(row, {"found": "link_gone"})
            for row in rows
        ]

    async def _create(self, rows: Sequence[ChangeRow]) -> list[Done]:
        outcomes = await self._contacts.create_many(
            self._connection, self._batch.tenant_id, [new_contact_of(row) for row in rows]
        )
        written: list[tuple[ChangeRow, ContactId, int | None]] = []
        done: list[Done] = []
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome.status == WriteStatus.WRITTEN and outcome.id is not None:
                written.append((row, ContactId(outcome.id), outcome.version))
            else:
                done.append(not_created(row, outcome))
        return [*done, *await self._open_written(written)]

    async def _link(self, rows: Sequence[ChangeRow]) -> list[Done]:
        present = await self._present(rows)
        holding: list[tuple[ChangeRow, ContactId, int | None]] = []
        done: list[Done] = []
        for row in rows:
            contact = present.get(row.contact_id) if row.contact_id else None
            before = row.before or {}
            chosen = row.reason == VerdictReason.DECIDED
            if contact is None:
                done.append(stale(row, {"found": "contact_gone"}))
            elif contact.client_id != row.client_id and not chosen:
                done.append(stale(row, {"found": "other_client"}))
            elif contact.active != before.get("active"):
                done.append(stale(row, {"found": "active_changed"}))
            elif contact.email != before.get(FieldName.EMAIL, contact.email):
                done.append(stale(row, {"found": "address_changed"}))
            else:
                holding.append((row, contact.id, contact.version))
        return [*done, *await self._open(holding)]

    async def _take_up(self, rows: Sequence[ChangeRow]) -> list[Done]:
        """Moves, and reactivations of what an undo had closed: the old link is opened again."""
        chosen = [row for row in rows if opens_link(row)]
        if not chosen:
            return []
        directory = self._batch.entra_tenant_id
        linked = await self._links.of(directory, [row.object_id for row in chosen])
        taken = await self._linked_otherwise(chosen, linked)
        free = [row for row in chosen if row.change_id not in taken]
        edited, seen = await self._untouched(free, linked)
        done, written = await self._update([r for r in free if r.change_id not in edited], seen)
        done += [*taken.values(), *edited.values()]
        reopened = await self._links.reopen(
            directory,
            {row.object_id: (contact_id, version) for row, contact_id, version in written},
            client_id=self._batch.client_id,
        )
        if reopened and self._batch.fields:
            await self._links.rebase_from_changes(row.change_id for row, _, _ in written)
        left = [entry for entry in written if entry[0].object_id not in reopened]
        done += [
            Done(change_id=row.change_id, state=ChangeState.APPLIED, contact_id=contact_id)
            for row, contact_id, _ in written
            if row.object_id in reopened
        ]
        return [*done, *await self._open_written(left)]

    async def _overwrite(self, rows: Sequence[ChangeRow]) -> list[Done]:
        """Updates, inactivations and reactivations of contacts that are linked."""
        chosen = [row for row in rows if not opens_link(row)]
        linked = await self._links.of(
            self._batch.entra_tenant_id, [row.object_id for row in chosen]
        )
        done: list[Done] = []
        holding: list[ChangeRow] = []
        for row in chosen:
            link = linked.get(row.object_id)
            off = row.kind == ChangeKind.UPDATE and not self._allowed(row)
            if link is None or link.contact_id != row.contact_id:
                done.append(stale(row, {"found": "link_gone"}))
            elif off:
                done.append(stale(row, {"found": "rule_off"}))
            elif row.kind == ChangeKind.UPDATE and settled_since(row, link.base):
                done.append(stale(row, {"found": "decided_meanwhile"}))
            else:
                holding.append(row)
        edited, seen = await self._untouched(
            [row for row in holding if row.kind == ChangeKind.REACTIVATE], linked
        )
        done += edited.values()
        refused, written = await self._update(
            [row for row in holding if row.change_id not in edited], seen
        )
        await self._links.written(
            self._batch.entra_tenant_id, [write_of(row, version) for row, _, version in written]
        )
        done += [
            Done(change_id=row.change_id, state=ChangeState.APPLIED, contact_id=contact_id)
            for row, contact_id, _ in written
        ]
        return [*done, *refused]

    async def _ask(self, rows: Sequence[ChangeRow]) -> list[Done]:
        ids = [row.change_id for row in rows]
        await Items(self._connection, self._batch.tenant_id).open_from_changes(ids, self._batch.now)
        return [Done(change_id=change_id, state=ChangeState.APPLIED) for change_id in ids]

    # --- Steps ---

    def _allowed(self, row: ChangeRow) -> bool:
        return all(FieldName(name) in self._batch.fields for name in row.after or {})

    async def _present(self, rows: Sequence[ChangeRow]) -> dict[ContactId, Contact]:
        found = await self._contacts.by_ids(
            self._connection,
            self._batch.tenant_id,
            [row.contact_id for row in rows if row.contact_id],
        )
        return {contact.id: contact for contact in found}

    async def _untouched(
        self, rows: Sequence[ChangeRow], linked: Mapping[ObjectId, HeldLink]
    ) -> tuple[dict[ChangeId, Done], dict[ContactId, Contact]]:
        """Rows whose contact somebody edited since we wrote it, and the contacts of the others.

        What a person chose holds for a contact that was edited, too.
        """
        ours = [row for row in rows if row.reason != VerdictReason.DECIDED]
        if not ours:
            return {}, {}
        present = await self._present(ours)
        closed = await self._links.dormant(
            self._batch.entra_tenant_id,
            [row.object_id for row in ours if row.object_id not in linked],
        )
        edited: dict[ChangeId, Done] = {}
        seen: dict[ContactId, Contact] = {}
        for row in ours:
            contact = present.get(row.contact_id) if row.contact_id else None
            link = linked.get(row.object_id)
            dormant = closed.get(row.object_id)
            left = link.inactive_version if link else dormant.version if dormant else None
            if contact is None:
                continue
            if contact.version == left:
                seen[contact.id] = contact
            else:
                edited[row.change_id] = stale(row, {"found": "edited_since"})
        return edited, seen

    async def _update(
        self, rows: Sequence[ChangeRow], seen: Mapping[ContactId, Contact] = MappingProxyType({})
    ) -> tuple[list[Done], list[tuple[ChangeRow, ContactId, int | None]]]:
        """Write to contacts where ``before`` still holds; the rest is stale with what is there.

        Those ``seen`` must still be as they were seen, in every field that is not empty.
        """
        with_contact = [(row, row.contact_id) for row in rows if row.contact_id is not None]
        if not with_contact:
            return [], []
        outcomes = await self._contacts.update_many(
            self._connection,
            self._batch.tenant_id,
            [
                ContactUpdate(
                    id=contact_id,
                    expected=host_fields({**filled(seen.get(contact_id)), **(row.before or {})}),
                    set=host_fields(row.after or {}),
                )
                for row, contact_id in with_contact
            ],
        )
        written: list[tuple[ChangeRow, ContactId, int | None]] = []
        changed: list[tuple[ChangeRow, WriteOutcome]] = []
        for (row, contact_id), outcome in zip(with_contact, outcomes, strict=True):
            if outcome.status == WriteStatus.WRITTEN:
                written.append((row, contact_id, outcome.version))
            else:
                changed.append((row, outcome))
        if not changed:
            return [], written
        present = await self._present([row for row, _ in changed])
        holders = await self._address_holders([row for row, _ in changed])
        return [not_written(row, found, present, holders) for row, found in changed], written

    async def _address_holders(self, rows: Sequence[ChangeRow]) -> dict[str, ContactId]:
        """The contacts that have the addresses which these rows would have written."""
        addresses = {address for row in rows if (address := new_address(row)) is not None}
        wanted = sorted({form for address in addresses for form in spellings(address)})
        if not wanted:
            return {}
        found = await self._contacts.by_addresses(self._connection, self._batch.tenant_id, wanted)
        return {
            address: contact.id
            for contact in found
            if (address := normalise(contact.email)) is not None
        }

    async def _linked_otherwise(
        self, rows: Sequence[ChangeRow], linked: Mapping[ObjectId, HeldLink]
    ) -> dict[ChangeId, Done]:
        """Rows whose identity or contact has another link by now; nothing of them is written."""
        directory = self._batch.entra_tenant_id
        holders = await self._links.holders([row.contact_id for row in rows if row.contact_id])
        found: dict[ChangeId, Done] = {}
        for row in rows:
            identity = IdentityKey(entra_tenant_id=directory, object_id=row.object_id)
            link = linked.get(row.object_id)
            if link is not None and link.contact_id != row.contact_id:
                found[row.change_id] = linked_elsewhere(row, link.contact_id)
            elif row.contact_id and holders.get(row.contact_id, identity) != identity:
                found[row.change_id] = linked_elsewhere(row, row.contact_id)
        return found

    async def _open_written(
        self, rows: Sequence[tuple[ChangeRow, ContactId, int | None]]
    ) -> list[Done]:
        """Link contacts that were written to.

        Raises:
            RuntimeError: One was linked otherwise since that was looked at: nothing of the batch
                is written, and the next attempt finds it.
        """
        done = await self._open(rows)
        if any(entry.state != ChangeState.APPLIED for entry in done):
            raise RuntimeError("a contact was linked otherwise while it was written to")
        return done

    async def _open(self, rows: Sequence[tuple[ChangeRow, ContactId, int | None]]) -> list[Done]:
        batch = self._batch
        opened = await self._links.open(
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
            entra_tenant_id=batch.entra_tenant_id,
            client_id=batch.client_id,
            run_id=batch.run_id,
            now=batch.now,
        )
        if opened and (batch.fields or any(row.kind != ChangeKind.CREATE for row, _, _ in rows)):
            await self._links.base_from_changes(opened)
        return [
            Done(change_id=row.change_id, state=ChangeState.APPLIED, contact_id=contact_id)
            if row.change_id in opened
            else linked_elsewhere(row, contact_id)
            for row, contact_id, _ in rows
        ]

    async def _mark(
        self,
        done: Sequence[Done],
        left_alone: Collection[ObjectId],
        *,
        pinned: Collection[ChangeId],
    ) -> None:
        """Store the identities from the rows' snapshots, then mark the rows.

        Those ``left_alone`` are as a person decided.
        """
        batch = self._batch
        rows = {row.change_id: row for row in batch.rows}
        fresh: dict[ChangeId, Verdict] = {}
        linked: dict[ChangeId, bool] = {}
        for outcome in done:
            row, applied = rows[outcome.change_id], outcome.state == ChangeState.APPLIED
            if row.kind == ChangeKind.CLOSE_LINK or row.object_id in left_alone:
                continue
            if opens_link(row):
                fresh[row.change_id] = Verdict.LINKED if applied else Verdict.FAILED
            elif row.kind == ChangeKind.QUEUE and row.contact_id is None:
                fresh[row.change_id] = Verdict.QUEUED if applied else Verdict.FAILED
            else:
                linked[row.change_id] = applied
        identities = IdentityWrites(self._connection, batch.tenant_id)
        await identities.store_from_changes(fresh, batch.now)
        await identities.refresh_linked(
            batch.entra_tenant_id,
            linked,
            batch.now,
            applied=[d.change_id for d in done if d.state == ChangeState.APPLIED],
            refused=[
                d.change_id
                for d in done
                if rows[d.change_id].kind == ChangeKind.REACTIVATE
                and (d.state == ChangeState.FAILED or d.change_id in pinned)
            ],
        )
        await Changes(self._connection, batch.tenant_id).settle(done, batch.now)
