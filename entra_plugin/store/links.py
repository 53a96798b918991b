"""Queries on the links between identities and contacts, as a sync opens, writes and closes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger

from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ObjectId,
    RunId,
    TenantId,
    UserId,
)
from entra_plugin.domain.states import VerdictReason
from entra_plugin.store.arrays import IdArray, WordArray
from entra_plugin.store.looked_up import ACTIVE_LINKS, CHANGES, LAST_LINK

UNDONE = "undone"
"""Why a link is closed: an undo."""
MAPPING_CHANGED = "mapping_changed"
"""Why a link is closed: its managed tenant is mapped to another client, or to none."""
ERASED = "erased"
"""Why a link is closed: its person was erased."""
CONTACT_GONE = "contact_gone"
"""Why a link is closed: the host has no such contact any more."""


class NewLink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An identity to link to a contact, by an applied change."""

    change_id: ChangeId
    object_id: ObjectId
    contact_id: ContactId
    reason: str
    host_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLink:
    """An active link: why it was opened, and what it says of the contact as of our last write."""

    contact_id: ContactId
    reason: VerdictReason
    base: Mapping[str, str]
    inactive_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DormantLink:
    """The youngest closed link of an identity that has no other.

    It ``wakes`` if a resumed undo, or a changed mapping, may open it again. ``version`` is that of
    the contact when we wrote it last: anything else means that somebody edited it since. It is
    empty for a contact that is not ours. ``inactive_version`` is the contact's when we made it
    inactive.
    """

    contact_id: ContactId
    wakes: bool
    undone: bool
    version: int | None
    inactive_version: int | None
    base: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write to the contact of a link: what to keep of it.

    ``inactive``: True when we made it inactive, False when active again, None when neither.
    """

    object_id: ObjectId
    version: int | None
    base: Mapping[str, str] | None = None
    inactive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Values of the directory, normalised, that are not to be written to a contact."""

    object_id: ObjectId
    contact_id: ContactId
    base: Mapping[str, str]


_OPEN = text("""
    INSERT INTO entra_contact_links (tenant_id, link_id, entra_tenant_id, object_id, contact_id,
        client_id, state, reason, opened_by_run, opened_by_user, opened_at, host_version)
    SELECT :tenant_id, r.change_id, :entra_tenant_id, r.object_id, r.contact_id, :client_id,
        'active', r.reason, :run_id, :user_id, :now, r.host_version
    FROM unnest(:change_ids, :object_ids, :contact_ids, :reasons, :versions)
        AS r (change_id, object_id, contact_id, reason, host_version)
    ON CONFLICT DO NOTHING
    RETURNING link_id
""").bindparams(
    bindparam("change_ids", type_=IdArray()),
    bindparam("object_ids", type_=IdArray()),
    bindparam("contact_ids", type_=IdArray()),
    bindparam("reasons", type_=WordArray()),
    bindparam("versions", type_=ARRAY(BigInteger())),
)

_BASE_FROM_CHANGES = text(f"""
    UPDATE entra_contact_links l
    SET base = c.snapshot -> 'base'
    FROM {CHANGES} c
    CROSS JOIN LATERAL (
        SELECT ctid FROM entra_contact_links
        WHERE tenant_id = :tenant_id AND link_id = c.change_id LIMIT 1) found
    WHERE c.snapshot -> 'base' IS NOT NULL
        AND l.tenant_id = :tenant_id AND l.ctid = found.ctid
""").bindparams(bindparam("change_ids", type_=IdArray()))

_REBASE_FROM_CHANGES = text(f"""
    UPDATE entra_contact_links l
    SET base = coalesce(l.base, '{{}}') || (c.snapshot -> 'base')
    FROM {CHANGES} c
    CROSS JOIN LATERAL (
        SELECT ctid FROM entra_contact_links
        WHERE tenant_id = :tenant_id AND entra_tenant_id = c.entra_tenant_id
            AND object_id = c.object_id AND state = 'active' LIMIT 1) found
    WHERE c.snapshot -> 'base' IS NOT NULL
        AND l.tenant_id = :tenant_id AND l.ctid = found.ctid
""").bindparams(bindparam("change_ids", type_=IdArray()))

_OF = text(f"""
    SELECT l.object_id, l.contact_id, l.reason, l.base, l.inactive_version FROM {ACTIVE_LINKS} l
""").bindparams(bindparam("object_ids", type_=IdArray()))

_DORMANT = text("""
    SELECT DISTINCT ON (object_id) object_id, contact_id, closed_reason, reason,
        inactive_version, host_version, base
    FROM entra_contact_links
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
        AND object_id = ANY(:object_ids) AND state = 'closed'
    ORDER BY object_id, closed_at DESC, link_id
""").bindparams(bindparam("object_ids", type_=IdArray()))

_WRITTEN = text("""
    UPDATE entra_contact_links l
    SET host_version = coalesce(w.version, l.host_version),
        base = CASE WHEN w.base IS NULL THEN l.base ELSE coalesce(l.base, '{}') || w.base END,
        inactive_version = CASE w.inactive WHEN true THEN w.version WHEN false THEN NULL
            ELSE l.inactive_version END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS w (object_id uuid, version bigint, base jsonb, inactive boolean)
    WHERE l.tenant_id = :tenant_id AND l.entra_tenant_id = :entra_tenant_id
        AND l.object_id = w.object_id AND l.state = 'active'
""")

_DECLINED = text("""
    UPDATE entra_contact_links l
    SET base = coalesce(l.base, '{}') || w.base
    FROM (
        SELECT DISTINCT ON (r.object_id) o.link_id, r.base
        FROM jsonb_to_recordset(CAST(:rows AS jsonb))
            AS r (object_id uuid, contact_id uuid, base jsonb)
        JOIN entra_contact_links o ON o.tenant_id = :tenant_id
            AND o.entra_tenant_id = :entra_tenant_id AND o.object_id = r.object_id
            AND o.contact_id = r.contact_id
        ORDER BY r.object_id, (o.state = 'active') DESC, o.closed_at DESC, o.link_id
    ) w
    WHERE l.tenant_id = :tenant_id AND l.link_id = w.link_id
""")

_REOPEN = text("""
    UPDATE entra_contact_links l
    SET state = 'active', closed_reason = NULL, closed_at = NULL, closed_by_run = NULL,
        closed_by_user = NULL, client_id = :client_id, host_version = y.version,
        inactive_version = NULL
    FROM (
        SELECT DISTINCT ON (o.object_id) o.link_id, r.version
        FROM unnest(:object_ids, :contact_ids, :versions) AS r (object_id, contact_id, version)
        JOIN entra_contact_links o ON o.tenant_id = :tenant_id
            AND o.entra_tenant_id = :entra_tenant_id AND o.object_id = r.object_id
            AND o.contact_id = r.contact_id
        WHERE NOT EXISTS (
            SELECT FROM entra_contact_links a
            WHERE a.tenant_id = :tenant_id AND a.state = 'active' AND a.link_id <> o.link_id
                AND (a.contact_id = r.contact_id
                    OR (a.entra_tenant_id = :entra_tenant_id AND a.object_id = r.object_id)))
        ORDER BY o.object_id, (o.state = 'active') DESC, o.closed_at DESC, o.link_id
    ) y
    WHERE l.tenant_id = :tenant_id AND l.link_id = y.link_id
    RETURNING l.object_id
""").bindparams(
    bindparam("object_ids", type_=IdArray()),
    bindparam("contact_ids", type_=IdArray()),
    bindparam("versions", type_=ARRAY(BigInteger())),
)

_CLOSE = text("""
    UPDATE entra_contact_links l
    SET state = 'closed', closed_reason = :reason, closed_at = :now, closed_by_run = :run_id
    FROM unnest(:object_ids, :contact_ids) AS d (object_id, contact_id)
    WHERE l.tenant_id = :tenant_id AND l.entra_tenant_id = :entra_tenant_id
        AND l.object_id = d.object_id AND l.contact_id = d.contact_id AND l.state = 'active'
    RETURNING l.object_id
""").bindparams(bindparam("object_ids", type_=IdArray()), bindparam("contact_ids", type_=IdArray()))

_CONTACTS = text("""
    SELECT '["' || string_agg(CAST(contact_id AS text), '","') || '"]'
    FROM entra_contact_links
    WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id AND state = 'active'
""")
"""As one document: a directory has thousands, and each row would be handled by itself."""

_HOLDERS = text("""
    SELECT contact_id, entra_tenant_id, object_id FROM entra_contact_links
    WHERE tenant_id = :tenant_id AND contact_id = ANY(:contact_ids) AND state = 'active'
""").bindparams(bindparam("contact_ids", type_=IdArray()))

_ASLEEP = text(f"""
    SELECT l.contact_id, l.inactive_version, l.entra_tenant_id, l.object_id
    FROM entra_contact_links l
    WHERE l.tenant_id = :tenant_id AND l.contact_id = ANY(:contact_ids) AND l.state = 'closed'
        AND l.closed_reason = 'undone' AND l.inactive_version IS NOT NULL
        AND {LAST_LINK}
        AND NOT EXISTS (
            SELECT FROM entra_pins p
            WHERE p.tenant_id = l.tenant_id AND p.entra_tenant_id = l.entra_tenant_id
                AND p.object_id = l.object_id AND p.kind = 'ignore_identity')
""").bindparams(bindparam("contact_ids", type_=IdArray()))

_COUNT_BY_CLIENT = text("""
    SELECT client_id, count(*) AS linked
    FROM entra_contact_links
    WHERE tenant_id = :tenant_id AND state = 'active' AND client_id = ANY(:client_ids)
    GROUP BY client_id
""").bindparams(bindparam("client_ids", type_=IdArray()))


class Links:
    """The links of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def open(
        self,
        links: Sequence[NewLink],
        *,
        entra_tenant_id: EntraTenantId,
        client_id: ClientId,
        run_id: RunId,
        now: datetime,
        user_id: UserId | None = None,
    ) -> set[ChangeId]:
        """Open links; answers the changes whose link is open, the others were taken meanwhile."""
        if not links:
            return set()
        rows = await self._connection.scalars(
            _OPEN,
            {
                "tenant_id": self._tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "client_id": client_id,
                "run_id": run_id,
                "user_id": user_id,
                "now": now,
                "change_ids": [link.change_id for link in links],
                "object_ids": [link.object_id for link in links],
                "contact_ids": [link.contact_id for link in links],
                "reasons": [link.reason for link in links],
                "versions": [link.host_version for link in links],
            },
        )
        return {ChangeId(link_id) for link_id in rows}

    async def base_from_changes(self, change_ids: Iterable[ChangeId]) -> None:
        """Give new links the base values that were planned with them."""
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        await self._connection.execute(_BASE_FROM_CHANGES, values)

    async def rebase_from_changes(self, change_ids: Iterable[ChangeId]) -> None:
        """Add to links that were opened again what was planned as settled with them."""
        values = {"tenant_id": self._tenant_id, "change_ids": list(change_ids)}
        await self._connection.execute(_REBASE_FROM_CHANGES, values)

    async def of(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId]
    ) -> dict[ObjectId, HeldLink]:
        """The active links of these identities."""
        rows = await self._connection.execute(_OF, self._those(entra_tenant_id, object_ids))
        return {
            row.object_id: HeldLink(
                contact_id=row.contact_id,
                reason=VerdictReason(row.reason),
                base=row.base or {},
                inactive_version=row.inactive_version,
            )
            for row in rows
        }

    async def dormant(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId]
    ) -> dict[ObjectId, DormantLink]:
        """What is left of the links of these identities, who have none that is open."""
        rows = await self._connection.execute(_DORMANT, self._those(entra_tenant_id, object_ids))
        found: dict[ObjectId, DormantLink] = {}
        for row in rows:
            undone = row.closed_reason == UNDONE
            version = row.inactive_version if undone else row.host_version
            remapped = row.closed_reason == MAPPING_CHANGED
            if remapped and row.reason != "created":
                version = None
            found[row.object_id] = DormantLink(
                contact_id=row.contact_id,
                wakes=remapped or (undone and version is not None),
                undone=undone,
                version=version,
                inactive_version=row.inactive_version,
                base=row.base or {},
            )
        return found

    async def reopen(
        self,
        entra_tenant_id: EntraTenantId,
        links: Mapping[ObjectId, tuple[ContactId, int | None]],
        *,
        client_id: ClientId,
    ) -> set[ObjectId]:
        """Open the youngest closed link of each identity to its contact; answers which there were.

        One that is open already stays so, and one whose identity or contact is linked otherwise by
        now stays closed.
        """
        if not links:
            return set()
        values = {
            **self._those(entra_tenant_id, list(links)),
            "contact_ids": [contact_id for contact_id, _ in links.values()],
            "versions": [version for _, version in links.values()],
            "client_id": client_id,
        }
        return set((await self._connection.scalars(_REOPEN, values)).all())

    async def written(self, entra_tenant_id: EntraTenantId, writes: Sequence[Written]) -> None:
        """Keep what was written to the contacts of these identities."""
        if not writes:
            return
        rows = [
            {
                "object_id": w.object_id,
                "version": w.version,
                "base": w.base,
                "inactive": w.inactive,
            }
            for w in writes
        ]
        await self._connection.execute(
            _WRITTEN,
            {
                "tenant_id": self._tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "rows": msgspec.json.encode(rows).decode(),
            },
        )

    async def declined(self, entra_tenant_id: EntraTenantId, declined: Sequence[Declined]) -> None:
        """Keep which values of the directory a person did not want; one entry per identity.

        Of a contact that waits to be moved they are kept by the link that the move will open again.
        """
        if not declined:
            return
        await self._connection.execute(
            _DECLINED,
            {
                "tenant_id": self._tenant_id,
                "entra_tenant_id": entra_tenant_id,
                "rows": msgspec.json.encode(declined).decode(),
            },
        )

    async def rebase(
        self, entra_tenant_id: EntraTenantId, bases: Mapping[ObjectId, Mapping[str, str]]
    ) -> None:
        """Move the base of links whose contacts need no write."""
        writes = [
            Written(object_id=object_id, version=None, base=base)
            for object_id, base in bases.items()
        ]
        await self.written(entra_tenant_id, writes)

    async def close(
        self,
        entra_tenant_id: EntraTenantId,
        contacts: Mapping[ObjectId, ContactId | None],
        *,
        reason: str,
        run_id: RunId,
        now: datetime,
    ) -> set[ObjectId]:
        """Close the active links of these identities to these contacts; answers who had one."""
        if not contacts:
            return set()
        values = {
            **self._those(entra_tenant_id, list(contacts)),
            "contact_ids": list(contacts.values()),
            "reason": reason,
            "run_id": run_id,
            "now": now,
        }
        return set((await self._connection.scalars(_CLOSE, values)).all())

    async def contacts(self, entra_tenant_id: EntraTenantId) -> list[ContactId]:
        """Every contact that is linked to an identity of the directory."""
        values = {"tenant_id": self._tenant_id, "entra_tenant_id": entra_tenant_id}
        ids = (await self._connection.execute(_CONTACTS, values)).scalar_one()
        return msgspec.json.decode(ids or "[]", type=list[ContactId])

    async def holders(self, contact_ids: Sequence[ContactId]) -> dict[ContactId, IdentityKey]:
        """The identities that hold an active link to these contacts."""
        if not contact_ids:
            return {}
        values = {"tenant_id": self._tenant_id, "contact_ids": list(contact_ids)}
        return {
            row.contact_id: IdentityKey(
                entra_tenant_id=row.entra_tenant_id, object_id=row.object_id
            )
            for row in await self._connection.execute(_HOLDERS, values)
        }

    async def asleep(
        self, contact_ids: Sequence[ContactId]
    ) -> dict[tuple[ContactId, int], IdentityKey]:
        """Whose contacts of these an undo left inactive, by contact and its version of then.

        As long as nobody has touched the contact, its identity takes it up again once it is
        resumed. An identity that is linked again, or ignored by a pin, does not.
        """
        if not contact_ids:
            return {}
        values = {"tenant_id": self._tenant_id, "contact_ids": list(contact_ids)}
        return {
            (row.contact_id, row.inactive_version): IdentityKey(
                entra_tenant_id=row.entra_tenant_id, object_id=row.object_id
            )
            for row in await self._connection.execute(_ASLEEP, values)
        }

    async def count_by_client(self, client_ids: Sequence[ClientId]) -> dict[ClientId, int]:
        """How many contacts are linked at each of these clients."""
        values = {"tenant_id": self._tenant_id, "client_ids": list(client_ids)}
        rows = await self._connection.execute(_COUNT_BY_CLIENT, values)
        return {row.client_id: int(row.linked) for row in rows}

    def _those(
        self, entra_tenant_id: EntraTenantId, object_ids: Sequence[ObjectId]
    ) -> dict[str, object]:
        return {
            "tenant_id": self._tenant_id,
            "entra_tenant_id": entra_tenant_id,
            "object_ids": list(object_ids),
        }
