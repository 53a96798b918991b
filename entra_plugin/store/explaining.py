"""Queries on everything that is held about one identity, for the explanation of its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.identity import DirectoryUser, IdentityKey, from_attributes
from entra_plugin.domain.ids import ChangeId, ContactId, ReviewItemId, RunId, TenantId
from entra_plugin.domain.leaving import Departure
from entra_plugin.domain.states import (
    DecisionKind,
    DepartureKind,
    PinKind,
    Verdict,
)

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldIdentity:
    """An identity as stored; ``user`` is None once it was erased."""

    user: DirectoryUser | None
    verdict: Verdict
    reason: str
    departure: Departure | None
    unsettled: bool
    """Something of it waits: the next run looks at it again."""
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDecision:
    """What a person decided."""

    kind: DecisionKind
    contact_id: ContactId | None
    reason: str | None
    by: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPin:
    """A pin on the identity or on its contact."""

    kind: PinKind
    field: str | None
    reason: str | None
    by: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLinkFacts:
    """The active link, with its base values."""

    contact_id: ContactId
    reason: str
    opened_at: datetime
    base: Mapping[str, str]
    inactive_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """The open review item."""

    item_id: ReviewItemId
    reason: str
    candidates: tuple[ContactId, ...]
    details: Mapping[str, object] | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRow:
    """A row that the guard holds."""

    change_id: ChangeId
    run_id: RunId
    kind: str
    contact_id: ContactId | None
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


_IDENTITY = text("""
    SELECT attributes, verdict, reason, departure, departed_at, departure_settled, changed_at,
        acted_fingerprint IS NULL AS unsettled
    FROM entra_identities
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND object_id = :object_id
""")

_DECISION = text("""
    SELECT kind, contact_id, reason, decided_by_name, decided_at FROM entra_decisions
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND object_id = :object_id
""")

_LINK = text("""
    SELECT contact_id, reason, opened_at, base, inactive_version FROM entra_contact_links
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND object_id = :object_id
        AND state = 'active'
""")

_QUESTION = text("""
    SELECT item_id, reason, candidates, details, created_at
    FROM entra_reconciliation_items
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND object_id = :object_id
        AND state = 'open'
""")

_PINS = text("""
    SELECT kind, field, reason, created_by_name, created_at FROM entra_pins
    WHERE tenant_id = :tenant_id AND (contact_id = CAST(:contact_id AS uuid)
        OR (entra_tenant_id = :entra_tenant_id AND object_id = :object_id))
    ORDER BY created_at, pin_id
""")

_WAITING = text("""
    SELECT c.change_id, c.run_id, c.kind, c.contact_id, c.before, c.after
    FROM entra_sync_run_tenants t
    JOIN entra_managed_tenants m ON m.tenant_id = t.tenant_id
        AND m.managed_tenant_id = t.managed_tenant_id AND m.entra_tenant_id = :entra_tenant_id
    JOIN entra_sync_changes c ON c.tenant_id = t.tenant_id AND c.run_id = t.run_id
        AND c.managed_tenant_id = t.managed_tenant_id AND c.object_id = :object_id
        AND c.state = 'held'
    WHERE t.tenant_id = :tenant_id AND t.state = 'held'
    ORDER BY c.position
""")


class Explaining:
    """What one tenant holds about one identity."""

    def __init__(
        self, connection: AsyncConnection, tenant_id: TenantId, identity: IdentityKey
    ) -> None:
        self._connection = connection
        self._values: dict[str, UUID | None] = {
            "tenant_id": tenant_id,
            "entra_tenant_id": identity.entra_tenant_id,
            "object_id": identity.object_id,
        }

    async def identity(self) -> HeldIdentity | None:
        """The identity itself."""
        row = (await self._connection.execute(_IDENTITY, self._values)).first()
        if row is None:
            return None
        departure = None
        if row.departure is not None:
            departure = Departure(
                kind=DepartureKind(row.departure),
                since=row.departed_at,
                settled=row.departure_settled,
            )
        return HeldIdentity(
            user=from_attributes(row.attributes) if row.attributes else None,
            verdict=Verdict(row.verdict),
            reason=row.reason,
            departure=departure,
            unsettled=row.unsettled,
            changed_at=row.changed_at,
        )

    async def decision(self) -> HeldDecision | None:
        """What a person decided about it."""
        row = (await self._connection.execute(_DECISION, self._values)).first()
        if row is None:
            return None
        return HeldDecision(
            kind=DecisionKind(row.kind),
            contact_id=row.contact_id,
            reason=row.reason,
            by=row.decided_by_name,
            at=row.decided_at,
        )

    async def link(self) -> HeldLinkFacts | None:
        """Its active link."""
        row = (await self._connection.execute(_LINK, self._values)).first()
        if row is None:
            return None
        return HeldLinkFacts(
            contact_id=row.contact_id,
            reason=row.reason,
            opened_at=row.opened_at,
            base=row.base or {},
            inactive_version=row.inactive_version,
        )

    async def question(self) -> OpenQuestion | None:
        """Its open review item."""
        row = (await self._connection.execute(_QUESTION, self._values)).first()
        if row is None:
            return None
        return OpenQuestion(
            item_id=row.item_id,
            reason=row.reason,
            candidates=tuple(row.candidates),
            details=row.details,
            created_at=row.created_at,
        )

    async def pins(self, contact_id: ContactId | None) -> list[HeldPin]:
        """The pins on it and on its contact."""
        values = {**self._values, "contact_id": contact_id}
        return [
            HeldPin(
                kind=PinKind(row.kind),
                field=row.field,
                reason=row.reason,
                by=row.created_by_name,
                at=row.created_at,
            )
            for row in await self._connection.execute(_PINS, values)
        ]

    async def waiting(self) -> list[WaitingRow]:
        """Rows of it that the guard holds."""
        return [
            WaitingRow(
                change_id=row.change_id,
                run_id=row.run_id,
                kind=row.kind,
                contact_id=row.contact_id,
                before=row.before,
                after=row.after,
            )
            for row in await self._connection.execute(_WAITING, self._values)
        ]
