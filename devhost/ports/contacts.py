"""The contact port: batched, tenant-scoped, on the caller's connection. There is no delete.

Every batch is a fixed number of statements, and one bad item never spoils the others.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, Row, Select, Text, TextClause, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from devhost.db.tables import contact_phones, contacts

MAX_NAME = 300
MAX_EMAIL = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRow:
    """One number."""

    type: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """A contact as plugins and pages read it."""

    id: UUID
    client_id: UUID
    full_name: str
    email: str | None
    phones: tuple[PhoneRow, ...]
    role: str | None
    department: str | None
    office_location: str | None
    active: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item: ``written``, ``exists``, ``changed`` or ``rejected``."""

    status: str
    id: UUID | None = None
    version: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainCountRow:
    """Contacts of one client on one domain."""

    client_id: UUID
    domain: str
    count: int


class NewPhone(Protocol):
    """A number to store."""

    type: str
    number: str


class NewContact(Protocol):
    """A contact to create, read by attribute."""

    key: UUID
    client_id: UUID
    full_name: str
    email: str | None
    phones: Sequence[NewPhone]
    role: str | None
    department: str | None
    office_location: str | None
    active: bool


class ContactUpdate(Protocol):
    """Fields to set on one contact while ``expected`` holds, read by attribute."""

    id: UUID
    expected: Mapping[str, object]
    set: Mapping[str, object]


_INSERT = text("""
    WITH input AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id uuid, key uuid,
            client_id uuid, full_name text, email text, role text, department text,
            office_location text, active boolean, phones jsonb)
    ), written AS (
        INSERT INTO psa_contacts (tenant_id, id, client_id, full_name, name_key, email, email_key,
            email_domain, role, department, office_location, active, creation_key)
        SELECT :tenant_id, r.id, r.client_id, r.full_name, lower(btrim(r.full_name)), r.email,
            lower(btrim(r.email)), split_part(lower(btrim(r.email)), '@', -1), r.role, r.department,
            r.office_location, r.active, r.key
        FROM input r
        JOIN psa_clients c ON c.tenant_id = :tenant_id AND c.id = r.client_id
        ON CONFLICT DO NOTHING
        RETURNING id, creation_key, version
    ), phones AS (
        INSERT INTO psa_contact_phones (tenant_id, contact_id, type, number)
        SELECT :tenant_id, w.id, p.value ->> 'type', p.value ->> 'number'
        FROM written w
        JOIN input r ON r.id = w.id, jsonb_array_elements(r.phones) p
        ON CONFLICT DO NOTHING
    )
    SELECT id, creation_key, version FROM written
""")


def _looked_up(condition: str) -> TextClause:
    """Contacts by keys, each looked up in the index by itself: no table is scanned."""
    return text(f"""
        SELECT c.*, (
            SELECT jsonb_agg(jsonb_build_array(p.type, p.number)) FROM psa_contact_phones p
            WHERE p.tenant_id = c.tenant_id AND p.contact_id = c.id) AS phones
        FROM jsonb_array_elements_text(CAST(:wanted AS jsonb)) AS w (value)
        CROSS JOIN LATERAL (
            SELECT * FROM psa_contacts WHERE tenant_id = :tenant_id AND {condition} OFFSET 0) c
    """)


_BY_ID = _looked_up("id = CAST(w.value AS uuid)")
_BY_ADDRESS = _looked_up("email_key = w.value")
_BY_NAME = _looked_up("client_id = :client_id AND name_key = w.value")

_MISSING = text("""
    SELECT w.id FROM unnest(CAST(:ids AS uuid[])) AS w (id)
    WHERE w.id NOT IN (
        SELECT id FROM psa_contacts
        WHERE tenant_id = :tenant_id AND id = ANY(CAST(:ids AS uuid[])))
""")

_HOLDERS = text("""
    SELECT id, creation_key, email_key, version FROM psa_contacts
    WHERE tenant_id = :tenant_id AND (creation_key = ANY(:keys) OR email_key = ANY(:emails))
""").bindparams(bindparam("keys", type_=ARRAY(Uuid())), bindparam("emails", type_=ARRAY(Text())))

_FIELDS = ("full_name", "email", "role", "department", "office_location")

_UNCHANGED = " AND ".join(
    f"(NOT r.e ? '{f}' OR c.{f} IS NOT DISTINCT FROM r.e ->> '{f}')" for f in _FIELDS
)
_ASSIGNED = ", ".join(
    f"{f} = CASE WHEN h.s ? '{f}' THEN h.s ->> '{f}' ELSE c.{f} END" for f in _FIELDS
)

_UPDATE = text(f"""
    WITH input AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id uuid, e jsonb, s jsonb)
    ), holding AS (
        SELECT c.id, r.s FROM input r
        JOIN psa_contacts c ON c.tenant_id = :tenant_id AND c.id = r.id
        WHERE {_UNCHANGED}
            AND (NOT r.e ? 'active' OR c.active = CAST(r.e ->> 'active' AS boolean))
            AND (NOT r.e ? 'client_id' OR c.client_id = CAST(r.e ->> 'client_id' AS uuid))
            AND NOT EXISTS (
                SELECT FROM jsonb_each_text(r.e) x
                LEFT JOIN psa_contact_phones p ON p.tenant_id = c.tenant_id AND p.contact_id = c.id
                    AND p.type = substr(x.key, 7)
                WHERE x.key ^@ 'phone:' AND p.number IS DISTINCT FROM x.value)
            AND (NOT r.s ? 'email' OR NOT EXISTS (
                SELECT FROM psa_contacts o WHERE o.tenant_id = c.tenant_id AND o.id <> c.id
                    AND o.email_key = lower(btrim(r.s ->> 'email'))))
            AND NOT EXISTS (
                SELECT FROM input o
                WHERE o.id < r.id AND lower(btrim(o.s ->> 'email')) = lower(btrim(r.s ->> 'email')))
        FOR UPDATE OF c
    ), phones AS (
        INSERT INTO psa_contact_phones AS p (tenant_id, contact_id, type, number)
        SELECT :tenant_id, h.id, substr(x.key, 7), x.value
        FROM holding h, jsonb_each_text(h.s) x
        WHERE x.key ^@ 'phone:' AND x.value IS NOT NULL
        ON CONFLICT (tenant_id, contact_id, type) DO UPDATE SET number = excluded.number
    ), cleared AS (
        DELETE FROM psa_contact_phones p
        USING holding h, jsonb_each_text(h.s) x
        WHERE p.tenant_id = :tenant_id AND p.contact_id = h.id
            AND x.key ^@ 'phone:' AND x.value IS NULL AND p.type = substr(x.key, 7)
    )
    UPDATE psa_contacts c
    SET {_ASSIGNED},
        name_key = lower(btrim(coalesce(h.s ->> 'full_name', c.full_name))),
        email_key = lower(btrim(CASE WHEN h.s ? 'email' THEN h.s ->> 'email' ELSE c.email END)),
        email_domain = split_part(lower(btrim(
            CASE WHEN h.s ? 'email' THEN h.s ->> 'email' ELSE c.email END)), '@', -1),
        active = coalesce(CAST(h.s ->> 'active' AS boolean), c.active),
        client_id = coalesce(CAST(h.s ->> 'client_id' AS uuid), c.client_id),
        version = c.version + 1, updated_at = now()
    FROM holding h
    WHERE c.tenant_id = :tenant_id AND c.id = h.id
    RETURNING c.id, c.version
""")

_AUDIT = text("""
    INSERT INTO psa_audit (tenant_id, action, details)
    VALUES (:tenant_id, :action, jsonb_build_object('count', CAST(:count AS int)))
""")


class ContactPort:
    """The contacts of every tenant."""

    transactional = True
    capabilities = frozenset({"department", "office_location", "phones"})

    async def by_ids(
        self, connection: AsyncConnection, tenant_id: UUID, ids: Sequence[UUID]
    ) -> list[ContactRow]:
        """The contacts that exist among ``ids``."""
        return await _found(connection, _BY_ID, tenant_id=tenant_id, wanted=ids)

    async def missing(
        self, connection: AsyncConnection, tenant_id: UUID, ids: Sequence[UUID]
    ) -> list[UUID]:
        """Those among ``ids`` that are no contact's."""
        if not ids:
            return []
        wanted = "{" + msgspec.json.encode(ids)[1:-1].decode() + "}"
        parameters = {"tenant_id": tenant_id, "ids": wanted}
        return list((await connection.scalars(_MISSING, parameters)).all())

    async def by_addresses(
        self, connection: AsyncConnection, tenant_id: UUID, addresses: Sequence[str]
    ) -> list[ContactRow]:
        """Contacts of all clients with one of these addresses, lower case and trimmed."""
        return await _found(connection, _BY_ADDRESS, tenant_id=tenant_id, wanted=addresses)

    async def by_names(
        self, connection: AsyncConnection, tenant_id: UUID, client_id: UUID, names: Sequence[str]
    ) -> list[ContactRow]:
        """Contacts of one client with one of these names, lower case and trimmed."""
        return await _found(
            connection, _BY_NAME, tenant_id=tenant_id, client_id=client_id, wanted=names
        )

    async def domain_census(
        self, connection: AsyncConnection, tenant_id: UUID, domains: Sequence[str] | None
    ) -> list[DomainCountRow]:
        """Contacts per client and e-mail domain."""
        statement = (
            select(contacts.c.client_id, contacts.c.email_domain, func.count())
            .where(contacts.c.tenant_id == tenant_id, contacts.c.email_domain.is_not(None))
            .group_by(contacts.c.client_id, contacts.c.email_domain)
        )
        if domains is not None:
            statement = statement.where(contacts.c.email_domain == _any("wanted", domains, Text()))
        rows = await connection.execute(statement)
        return [DomainCountRow(client_id=c, domain=d, count=n) for c, d, n in rows]

    async def create_many(
        self, connection: AsyncConnection, tenant_id: UUID, items: Sequence[NewContact]
    ) -> list[Outcome]:
        """Create contacts; the same key a second time answers the contact of the first."""
        if not items:
            return []
        refused = {item.key: code for item in items if (code := _objection(item))}
        rows = [_new_row(item) for item in items if item.key not in refused]
        parameters = {"tenant_id": tenant_id, "rows": msgspec.json.encode(rows).decode()}
        written = {
            row.creation_key: Outcome(status="written", id=row.id, version=row.version)
            for row in await connection.execute(_INSERT, parameters)
        }
        left = [i for i in items if i.key not in written and i.key not in refused]
        found = await self._holders(connection, tenant_id, left)
        await connection.execute(
            _AUDIT,
            {"tenant_id": tenant_id, "action": "contacts.create", "count": len(written)},
        )
        return [
            written.get(item.key)
            or found.get(item.key)
            or Outcome(status="rejected", code=refused.get(item.key, "unknown_client"))
            for item in items
        ]

    async def _holders(
        self, connection: AsyncConnection, tenant_id: UUID, items: Sequence[NewContact]
    ) -> dict[UUID, Outcome]:
        """For items that were not inserted: who has their key, or else their address."""
        if not items:
            return {}
        rows = list(
            await connection.execute(
                _HOLDERS,
                {
                    "tenant_id": tenant_id,
                    "keys": [item.key for item in items],
                    "emails": [_key(item.email) for item in items if item.email],
                },
            )
        )
        by_key = {row.creation_key: row for row in rows}
        by_email = {row.email_key: row for row in rows}
        outcomes: dict[UUID, Outcome] = {}
        for item in items:
            same = by_key.get(item.key)
            holder = by_email.get(_key(item.email)) if item.email else None
            if same is not None:
                outcomes[item.key] = Outcome(status="written", id=same.id, version=same.version)
            elif holder is not None:
                outcomes[item.key] = Outcome(status="exists", id=holder.id, version=holder.version)
        return outcomes

    async def update_many(
        self, connection: AsyncConnection, tenant_id: UUID, items: Sequence[ContactUpdate]
    ) -> list[Outcome]:
        """Set fields where ``expected`` still holds; the comparison is part of the statement.

        None clears a field, and takes a number away.
        """
        if not items:
            return []
        rows = [
            {"id": str(item.id), "e": _plain(item.expected), "s": _plain(item.set)}
            for item in items
        ]
        parameters = {"tenant_id": tenant_id, "rows": json.dumps(rows)}
        done = {
            row.id: Outcome(status="written", id=row.id, version=row.version)
            for row in await connection.execute(_UPDATE, parameters)
        }
        await connection.execute(
            _AUDIT, {"tenant_id": tenant_id, "action": "contacts.update", "count": len(done)}
        )
        return [done.get(item.id) or Outcome(status="changed", id=item.id) for item in items]


async def _found(
    connection: AsyncConnection, statement: TextClause, *, wanted: Sequence[object], **keys: UUID
) -> list[ContactRow]:
    if not wanted:
        return []
    document = msgspec.json.encode(list(dict.fromkeys(wanted))).decode()
    rows = await connection.execute(statement, {"wanted": document, **keys})
    return [contact_row(row) for row in rows]


def contact_query(tenant_id: UUID) -> Select[*tuple[object, ...]]:
    """Contacts of a tenant, with their numbers."""
    phones = (
        select(
            func.jsonb_agg(func.jsonb_build_array(contact_phones.c.type, contact_phones.c.number))
        )
        .where(
            contact_phones.c.tenant_id == contacts.c.tenant_id,
            contact_phones.c.contact_id == contacts.c.id,
        )
        .scalar_subquery()
    )
    return select(contacts, phones.label("phones")).where(contacts.c.tenant_id == tenant_id)


def contact_row(row: Row[*tuple[object, ...]]) -> ContactRow:
    """A row of ``contact_query`` as a value."""
    return ContactRow(
        id=row.id,
        client_id=row.client_id,
        full_name=row.full_name,
        email=row.email,
        phones=tuple(PhoneRow(type=t, number=n) for t, n in sorted(row.phones or ())),
        role=row.role,
        department=row.department,
        office_location=row.office_location,
        active=row.active,
        version=row.version,
    )


def _any(name: str, values: Sequence[object], type_: Text | Uuid[UUID]) -> ColumnElement[object]:
    return func.any(bindparam(name, list(values), type_=ARRAY(type_)))


def _key(email: str | None) -> str:
    return (email or "").strip().lower()


def _objection(item: NewContact) -> str | None:
    """Why the host does not take a contact, or None."""
    if not item.full_name.strip():
        return "name_missing"
    if len(item.full_name) > MAX_NAME:
        return "name_too_long"
    if item.email is not None and ("@" not in item.email or len(item.email) > MAX_EMAIL):
        return "email_invalid"
    return None


def _new_row(item: NewContact) -> dict[str, object]:
    return {
        "id": uuid4(),
        "key": item.key,
        "client_id": item.client_id,
        "full_name": item.full_name,
        "email": item.email,
        "role": item.role,
        "department": item.department,
        "office_location": item.office_location,
        "active": item.active,
        "phones": [{"type": phone.type, "number": phone.number} for phone in item.phones],
    }


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {k: str(v) if isinstance(v, UUID) else v for k, v in values.items()}
