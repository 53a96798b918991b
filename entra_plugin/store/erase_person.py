"""Empties what we hold of people; their ids, and why what was done, stay.

Every column that can hold something of a person is named here; a test plants a word in all of them.
An identity whose attributes are ``{}`` is an erased one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import (
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import ItemState, RunState
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.links import ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was emptied: identities, change rows, review items; and the contacts let go."""

    identities: int
    changes: int
    items: int
    contacts: tuple[ContactId, ...]
    held_runs: frozenset[RunId]
    """The runs of which a row waited, and does so no more."""


_IDS = bindparam("object_ids", type_=IdArray())
_WHOSE = """
    tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND (CAST(:object_ids AS uuid[]) IS NULL OR object_id = ANY(:object_ids))
"""
"""Those named, or without names everybody of the directory."""

_LOCK = text("""
    SELECT state FROM entra_sync_run_tenants
    WHERE tenant_id = :tenant_id AND managed_tenant_id = :managed_tenant_id
        AND state IN ('queued', 'running', 'held')
    FOR UPDATE
""")

_HOLDS = text(f"""
    SELECT EXISTS (SELECT FROM entra_identities WHERE {_WHOSE})
        OR EXISTS (SELECT FROM entra_sync_changes WHERE {_WHOSE})
""").bindparams(_IDS)

_IDENTITIES = text(f"""
    UPDATE entra_identities
    SET address = NULL, display_name = NULL, search_key = '', enabled = false, attributes = '{{}}',
        seen_fingerprint = '', acted_fingerprint = '', read_as = NULL, changed_at = :now
    WHERE {_WHOSE} AND attributes <> '{{}}'
""").bindparams(_IDS)

_IGNORE = text("""
    INSERT INTO entra_identities AS i (tenant_id, entra_tenant_id, object_id, search_key, enabled,
        attributes, seen_fingerprint, acted_fingerprint, verdict, reason, first_seen_at, changed_at)
    SELECT :tenant_id, :entra_tenant_id, r.object_id, '', false, '{}', '', '', 'ignored',
        'decided', :now, :now
    FROM unnest(:object_ids) AS r (object_id)
    ON CONFLICT (tenant_id, entra_tenant_id, object_id) DO UPDATE
    SET verdict = excluded.verdict, reason = excluded.reason
""").bindparams(_IDS)

_CHANGES = text(f"""
    UPDATE entra_sync_changes c
    SET label = '', search_key = '', before = NULL, after = NULL, snapshot = NULL, note = NULL,
        state = CASE WHEN c.state IN ('planned', 'held') THEN 'discarded' ELSE c.state END
    FROM (SELECT change_id, state FROM entra_sync_changes WHERE {_WHOSE} FOR UPDATE) old
    WHERE c.tenant_id = :tenant_id AND c.change_id = old.change_id
    RETURNING c.run_id, old.state
""").bindparams(_IDS)

_ITEMS = text(f"""
    UPDATE entra_reconciliation_items
    SET label = '', details = NULL, candidates = '{{}}',
        version = version + CASE state WHEN 'open' THEN 1 ELSE 0 END,
        settled_at = CASE state WHEN 'open' THEN :now ELSE settled_at END,
        settled_as = CASE state WHEN 'open' THEN :settled_as ELSE settled_as END,
        settled_by = CASE state WHEN 'open' THEN :user_id ELSE settled_by END,
        settled_by_name = CASE state WHEN 'open' THEN :name ELSE settled_by_name END,
        state = CASE state WHEN 'open' THEN :state ELSE state END
    WHERE {_WHOSE}
""").bindparams(_IDS)

_LINKS = text(f"""
    UPDATE entra_contact_links SET base = NULL WHERE {_WHOSE} AND base IS NOT NULL
""").bindparams(_IDS)

_LET_GO = text(f"""
    WITH active AS (
        SELECT link_id FROM entra_contact_links WHERE {_WHOSE} AND state = 'active' FOR UPDATE
    )
    UPDATE entra_contact_links l
    SET state = 'closed', closed_reason = :reason,
        closed_at = CASE WHEN a.link_id IS NULL THEN l.closed_at ELSE :now END,
        closed_by_user = CASE WHEN a.link_id IS NULL THEN l.closed_by_user ELSE :user_id END
    FROM entra_contact_links o
    LEFT JOIN active a ON a.link_id = o.link_id
    WHERE o.tenant_id = :tenant_id AND o.entra_tenant_id = :entra_tenant_id
        AND o.object_id = ANY(:object_ids)
        AND l.tenant_id = o.tenant_id AND l.link_id = o.link_id
    RETURNING CASE WHEN a.link_id IS NOT NULL THEN l.contact_id END
""").bindparams(_IDS)
"""All of them, so that no undo that is resumed and no change of a mapping opens one again."""

_WORDS_OF_PINS = text(f"""
    UPDATE entra_pins SET reason = NULL WHERE {_WHOSE} AND reason IS NOT NULL
""").bindparams(_IDS)

_WORDS_OF_DECISIONS = text(f"""
    UPDATE entra_decisions SET reason = NULL, fingerprint = NULL WHERE {_WHOSE}
        AND (reason IS NOT NULL OR fingerprint IS NOT NULL)
""").bindparams(_IDS)


class PersonErasure:
    """Erases people of one directory."""

    def __init__(
        self, connection: AsyncConnection, tenant_id: TenantId, entra_tenant_id: EntraTenantId
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._entra_tenant_id = entra_tenant_id

    async def keep_out(self, managed_tenant_id: ManagedTenantId) -> bool:
        """Keep applies out until the transaction ends; False when a run is under way."""
        values = {"tenant_id": self._tenant_id, "managed_tenant_id": managed_tenant_id}
        states = set((await self._connection.scalars(_LOCK, values)).all())
        return states <= {RunState.HELD.value}

    async def holds(self, object_id: ObjectId) -> bool:
        """True when there is, or was, anything of this person."""
        values = {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": self._entra_tenant_id,
            "object_ids": [object_id],
        }
        return bool((await self._connection.execute(_HOLDS, values)).scalar_one())

    async def person(
        self, object_id: ObjectId, *, user_id: UserId | None, name: str | None, now: datetime
    ) -> Erased:
        """Erase one person whom somebody wants forgotten, and ignored from now on.

        The contact stays as it is. All links of the identity are closed for good.
        """
        values = self._of([object_id], now)
        identities, changes, held = await self._empty(values)
        items = await self._settle_items(
            values, ItemState.DISMISSED, "dismissed", user_id=user_id, name=name
        )
        closed = await self._connection.scalars(
            _LET_GO, {**values, "reason": ERASED, "user_id": user_id}
        )
        contacts = tuple(ContactId(c) for c in closed.all() if c is not None)
        await self._connection.execute(_IGNORE, values)
        return Erased(
            identities=identities, changes=changes, items=items, contacts=contacts, held_runs=held
        )

    async def everybody(self, *, now: datetime) -> Erased:
        """Erase all people of a directory that nobody syncs any more.

        Their closed links stay as they are: with the same client mapped again, they tell who is
        whom.
        """
        values = self._of(None, now)
        identities, changes, held = await self._empty(values)
        items = await self._settle_items(
            values, ItemState.RESOLVED, "answered_itself", user_id=None, name=None
        )
        return Erased(
            identities=identities, changes=changes, items=items, contacts=(), held_runs=held
        )

    async def _empty(self, values: dict[str, object]) -> tuple[int, int, frozenset[RunId]]:
        identities = (await self._connection.execute(_IDENTITIES, values)).rowcount
        changes = (await self._connection.execute(_CHANGES, values)).all()
        for statement in (_LINKS, _WORDS_OF_PINS, _WORDS_OF_DECISIONS):
            await self._connection.execute(statement, values)
        held = frozenset(RunId(run_id) for run_id, state in changes if state == "held")
        return identities, len(changes), held

    async def _settle_items(
        self,
        values: dict[str, object],
        state: ItemState,
        settled_as: str,
        *,
        user_id: UserId | None,
        name: str | None,
    ) -> int:
        more = {"state": state.value, "settled_as": settled_as, "user_id": user_id, "name": name}
        return int((await self._connection.execute(_ITEMS, {**values, **more})).rowcount)

    def _of(self, object_ids: Sequence[ObjectId] | None, now: datetime) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": self._entra_tenant_id,
            "object_ids": None if object_ids is None else list(object_ids),
            "now": now,
        }
