"""Ready ports over a host's own tables of clients and contacts, where the plugin may write to them.

A host says once which of its columns holds what. Every call is a fixed number of statements for the
whole batch; an item that the database refuses is found, and the others are written all the same.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    String,
    TableValuedAlias,
    Text,
    Update,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from entra_plugin.domain.ids import ClientId, ContactId, TenantId
from entra_plugin.host import ContactUpdate, NewClient, NewContact, PhoneNumber, WriteStatus
from entra_plugin.store.arrays import IdArray
from entra_plugin.store.host_columns import (
    NUMBER,
    AnyColumn,
    ClientColumns,
    ContactColumns,
    PhoneColumns,
)

_Item = TypeVar("_Item")

_CODES = {"23502": "value_missing", "23503": "unknown_client", "23505": "not_unique"}
"""What we call the reasons of the database to refuse an item, by SQLSTATE."""


# --- What the ports answer ---


@dataclass(frozen=True, slots=True, kw_only=True)
class HostClient:
    """A client as it is stored."""

    id: ClientId
    name: str
    website: str | None
    domain: str | None
    billing_email: str | None
    inbound_domains: tuple[str, ...]
    directory_tenant_id: UUID | None
    active: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostContact:
    """A contact as it is stored."""

    id: ContactId
    client_id: ClientId
    full_name: str
    email: str | None
    phones: tuple[PhoneNumber, ...]
    role: str | None
    department: str | None
    office_location: str | None
    active: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDomainCount:
    """Contacts of one client on one domain."""

    client_id: ClientId
    domain: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutcome:
    """What became of one item."""

    status: WriteStatus
    id: UUID | None = None
    version: int | None = None
    code: str | None = None


# --- The ports ---


class SqlClients:
    """``host.Clients`` over a table of clients."""

    transactional = True

    def __init__(self, columns: ClientColumns) -> None:
        self._columns = columns

    async def page(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        *,
        after: ClientId | None,
        limit: int,
    ) -> list[HostClient]:
        """Active clients with an id greater than ``after``, in order of id."""
        columns = self._columns
        statement = self._of(tenant_id).where(columns.active).order_by(columns.id).limit(limit)
        if after is not None:
            statement = statement.where(columns.id > after)
        return [_client(row) for row in (await connection.execute(statement)).mappings()]

    async def by_ids(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ClientId]
    ) -> list[HostClient]:
        """The clients that exist among ``ids``, inactive ones included."""
        statement = self._of(tenant_id).where(self._columns.id == _one_of(ids))
        return [_client(row) for row in (await connection.execute(statement)).mappings()]

    async def create_many(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[NewClient]
    ) -> list[HostOutcome]:
        """Create clients; the same key a second time answers the client of the first."""

        async def write(some: Sequence[NewClient]) -> list[HostOutcome]:
            columns = self._columns
            values = {
                "name": columns.name,
                "domain": columns.domain,
                "directory_tenant_id": columns.directory_tenant_id,
                "active": columns.active,
            }
            rows = [{**asdict(new), "active": True} for new in some]
            await connection.execute(_insert(columns, tenant_id, values), _rows(rows))
            found = await _by_keys(connection, columns, tenant_id, [new.key for new in some])
            return [found.get(new.key) or _refused("not_unique") for new in some]

        return await _each(connection, items, write)

    def _of(self, tenant_id: TenantId) -> Select[Any]:
        columns = self._columns
        return _select(
            id=columns.id,
            name=columns.name,
            website=columns.website,
            domain=columns.domain,
            billing_email=columns.billing_email,
            inbound_domains=columns.inbound_domains,
            directory_tenant_id=columns.directory_tenant_id,
            active=columns.active,
            version=columns.version,
        ).where(columns.tenant_id == tenant_id)


class SqlContacts:
    """``host.Contacts`` over a table of contacts."""

    transactional = True

    def __init__(self, columns: ContactColumns) -> None:
        self._columns = columns
        self._fields = columns.fields
        self._email = _folded(columns.email) if columns.email_key is None else columns.email_key
        self._name = _folded(columns.full_name) if columns.name_key is None else columns.name_key
        optional = {"department", "office_location"} & self._fields.keys()
        numbers = {"phones"} if columns.numbers or columns.phones else set()
        self.capabilities = frozenset(optional | numbers)

    async def by_ids(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ContactId]
    ) -> list[HostContact]:
        """The contacts that exist among ``ids``."""
        return await self._found(connection, tenant_id, self._columns.id == _one_of(ids))

    async def missing(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ContactId]
    ) -> list[ContactId]:
        """Those among ``ids`` that are no contact's."""
        columns = self._columns
        wanted = select(func.unnest(literal(list(ids), IdArray())))
        known = select(columns.id).where(columns.tenant_id == tenant_id, columns.id == _one_of(ids))
        return [ContactId(id_) for id_ in await connection.scalars(wanted.except_(known))]

    async def by_addresses(
        self, connection: AsyncConnection, tenant_id: TenantId, addresses: Sequence[str]
    ) -> list[HostContact]:
        """Contacts of all clients with one of these addresses, lower case and trimmed."""
        return await self._found(connection, tenant_id, self._email == _one_of_texts(addresses))

    async def by_names(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        client_id: ClientId,
        names: Sequence[str],
    ) -> list[HostContact]:
        """Contacts of one client with one of these names, lower case and trimmed."""
        of_client = self._columns.client_id == client_id
        named = self._name == _one_of_texts(names)
        return await self._found(connection, tenant_id, of_client, named)

    async def domain_census(
        self, connection: AsyncConnection, tenant_id: TenantId, domains: Sequence[str] | None
    ) -> list[HostDomainCount]:
        """Contacts per client and e-mail domain."""
        columns = self._columns
        domain = func.split_part(self._email, "@", -1)
        statement = (
            select(columns.client_id, domain, func.count())
            .where(columns.tenant_id == tenant_id, self._email.contains("@"))
            .group_by(columns.client_id, domain)
        )
        if domains is not None:
            statement = statement.where(domain == _one_of_texts(domains))
        rows = await connection.execute(statement)
        return [HostDomainCount(client_id=c, domain=d, count=n) for c, d, n in rows]

    async def create_many(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[NewContact]
    ) -> list[HostOutcome]:
        """Create contacts; the same key a second time answers the contact of the first.

        Where addresses are unique, one that is taken answers ``exists`` with its contact.
        """

        async def write(some: Sequence[NewContact]) -> list[HostOutcome]:
            statement = _insert(self._columns, tenant_id, self._fields)
            rows = [{**asdict(new), **_numbers(new)} for new in some]
            created = dict((await connection.execute(statement, _rows(rows))).all())
            numbers = {created[new.key]: _numbers(new) for new in some if new.key in created}
            await self._put_numbers(connection, tenant_id, numbers)
            return await self._created(connection, tenant_id, some)

        return await _each(connection, items, write)

    async def _created(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[NewContact]
    ) -> list[HostOutcome]:
        columns = self._columns
        found = await _by_keys(connection, columns, tenant_id, [new.key for new in items])
        left = [_key(new.email) for new in items if new.email and new.key not in found]
        holders = {
            _key(contact.email): HostOutcome(
                status=WriteStatus.EXISTS, id=contact.id, version=contact.version
            )
            for contact in await self.by_addresses(connection, tenant_id, left)
        }
        return [
            found.get(new.key) or holders.get(_key(new.email)) or _refused("not_unique")
            for new in items
        ]

    async def update_many(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[ContactUpdate]
    ) -> list[HostOutcome]:
        """Set fields where ``expected`` still holds; the comparison is part of the statement.

        None clears a field, and takes a number away. Each contact is in one item.
        """

        async def write(some: Sequence[ContactUpdate]) -> list[HostOutcome]:
            rows = [asdict(new) for new in some if self._has(new.set) and self._has(new.expected)]
            done = await connection.execute(self._update(tenant_id), _rows(rows))
            versions: dict[UUID, int] = dict(done.all())
            numbers: dict[UUID, Mapping[str, object]] = {
                new.id: new.set for new in some if new.id in versions
            }
            await self._put_numbers(connection, tenant_id, numbers)
            return [
                HostOutcome(status=WriteStatus.WRITTEN, id=new.id, version=versions[new.id])
                if new.id in versions
                else HostOutcome(status=WriteStatus.CHANGED, id=new.id)
                if self._has(new.set)
                else _refused("field_unknown")
                for new in some
            ]

        return await _each(connection, items, write)

    def _update(self, tenant_id: TenantId) -> Update:
        columns = self._columns
        item = _items(id=Uuid(), expected=JSONB(), set=JSONB())
        changed = {
            found: case((item.c.set.has_key(name), _value(item.c.set, name, found)), else_=found)
            for name, found in self._fields.items()
        }
        holding = [
            or_(
                ~item.c.expected.has_key(name),
                found.is_not_distinct_from(_value(item.c.expected, name, found)),
            )
            for name, found in self._fields.items()
        ]
        if columns.phones is not None:
            holding.append(_numbers_hold(columns.phones, columns, item.c.expected))
        return (
            update(columns.id.table)
            .values({columns.version: columns.version + 1, **changed})
            .where(columns.tenant_id == tenant_id, columns.id == item.c.id, *holding)
            .returning(columns.id, columns.version)
        )

    async def _put_numbers(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        numbers: Mapping[UUID, Mapping[str, object]],
    ) -> None:
        """Set the numbers of contacts in the table of numbers, if there is one."""
        phones = self._columns.phones
        rows = [
            {"contact_id": contact_id, "type": name.removeprefix(NUMBER), "number": value}
            for contact_id, values in numbers.items()
            for name, value in values.items()
            if name.startswith(NUMBER)
        ]
        if phones is None or not rows:
            return
        item = _items(contact_id=Uuid(), type=Text(), number=Text())
        key = (phones.tenant_id, phones.contact_id, phones.type)
        given = select(literal(tenant_id, Uuid()), item.c.contact_id, item.c.type, item.c.number)
        put = insert(phones.number.table).from_select(
            (*key, phones.number), given.where(item.c.number.is_not(None))
        )
        taken_away = select(item.c.contact_id, item.c.type).where(item.c.number.is_(None))
        for statement in (
            put.on_conflict_do_update(
                index_elements=key, set_={phones.number: put.excluded[phones.number.name]}
            ),
            delete(phones.number.table).where(
                phones.tenant_id == tenant_id,
                tuple_(phones.contact_id, phones.type).in_(taken_away),
            ),
        ):
            await connection.execute(statement, _rows(rows))

    def _has(self, values: Mapping[str, object]) -> bool:
        """True if there is a place for each of these values."""
        return all(
            value is None
            or name in self._fields
            or (self._columns.phones is not None and name.startswith(NUMBER))
            for name, value in values.items()
        )

    async def _found(
        self, connection: AsyncConnection, tenant_id: TenantId, *conditions: ColumnElement[bool]
    ) -> list[HostContact]:
        columns = self._columns
        statement = _select(
            id=columns.id,
            client_id=columns.client_id,
            full_name=columns.full_name,
            email=columns.email,
            phones=_all_numbers(columns),
            role=columns.role,
            department=columns.department,
            office_location=columns.office_location,
            active=columns.active,
            version=columns.version,
        ).where(columns.tenant_id == tenant_id, *conditions)
        return [_contact(row) for row in (await connection.execute(statement)).mappings()]


# --- Statements ---


def _select(**columns: ColumnElement[Any] | None) -> Select[Any]:
    """Columns by our names for them; null where the host has none."""
    return select(
        *((null() if found is None else found).label(name) for name, found in columns.items())
    )


def _items(**types: TypeEngine[Any]) -> TableValuedAlias:
    """The items of a batch as rows, from the parameter that ``_rows`` makes."""
    document = cast(bindparam("rows", type_=Text()), JSONB)
    columns = (column(name, type_) for name, type_ in types.items())
    recordset = func.jsonb_to_recordset(document).table_valued(*columns)
    return recordset.render_derived(name="item", with_types=True)


def _rows(rows: Iterable[Mapping[str, object]]) -> dict[str, str]:
    return {"rows": msgspec.json.encode(list(rows)).decode()}


def _insert(
    columns: ClientColumns | ContactColumns,
    tenant_id: TenantId,
    fields: Mapping[str, AnyColumn | None],
) -> ReturningInsert[Any, Any]:
    """Insert items whose unique values nobody has; answers the keys and ids of the new rows."""
    there = {name: found for name, found in fields.items() if found is not None}
    item = _items(key=Uuid(), **{name: _plain(found) for name, found in there.items()})
    values = {
        columns.tenant_id: literal(tenant_id, Uuid()),
        columns.id: func.gen_random_uuid(),
        columns.version: literal(1),
        columns.creation_key: item.c.key,
        **{found: item.c[name] for name, found in there.items()},
    }
    return (
        insert(columns.id.table)
        .from_select(list(values), select(*values.values()))
        .on_conflict_do_nothing()
        .returning(columns.creation_key, columns.id)
    )


async def _by_keys(
    connection: AsyncConnection,
    columns: ClientColumns | ContactColumns,
    tenant_id: TenantId,
    keys: Sequence[UUID],
) -> dict[UUID, HostOutcome]:
    """What was written under idempotency keys, now or at any time."""
    statement = select(columns.creation_key, columns.id, columns.version).where(
        columns.tenant_id == tenant_id, columns.creation_key == _one_of(keys)
    )
    return {
        key: HostOutcome(status=WriteStatus.WRITTEN, id=id_, version=version)
        for key, id_, version in await connection.execute(statement)
    }


async def _each(
    connection: AsyncConnection,
    items: Sequence[_Item],
    write: Callable[[Sequence[_Item]], Awaitable[list[HostOutcome]]],
) -> list[HostOutcome]:
    """Write items together; of those that the database refuses together, each half by itself."""
    if not items:
        return []
    try:
        async with connection.begin_nested():
            return await write(items)
    except (IntegrityError, DataError) as error:
        if len(items) == 1:
            return [_refused(_CODES.get(getattr(error.orig, "sqlstate", ""), "value_refused"))]
    half = len(items) // 2
    first = await _each(connection, items[:half], write)
    return [*first, *await _each(connection, items[half:], write)]


def _one_of(ids: Sequence[UUID]) -> ColumnElement[Any]:
    return any_(literal(list(ids), IdArray()))


def _one_of_texts(texts: Sequence[str]) -> ColumnElement[Any]:
    return any_(literal(list(texts), ARRAY(Text())))


def _folded(found: AnyColumn) -> ColumnElement[str]:
    return func.lower(func.btrim(found))


def _plain(found: AnyColumn) -> TypeEngine[Any]:
    """The type to read a value as: a cast to a limited text would shorten it without a word."""
    return Text() if isinstance(found.type, String) else found.type


def _value(values: ColumnElement[Any], name: str, found: AnyColumn) -> ColumnElement[Any]:
    return cast(values[name].astext, _plain(found))


def _all_numbers(columns: ContactColumns) -> ColumnElement[Any]:
    """The numbers of a contact, as pairs of type and number."""
    if columns.phones is None:
        pairs = (func.jsonb_build_array(type_, number) for type_, number in columns.numbers.items())
        return func.jsonb_build_array(*pairs)
    phones = columns.phones
    return (
        select(func.jsonb_agg(func.jsonb_build_array(phones.type, phones.number)))
        .where(phones.tenant_id == columns.tenant_id, phones.contact_id == columns.id)
        .scalar_subquery()
    )


def _numbers_hold(
    phones: PhoneColumns, columns: ContactColumns, expected: ColumnElement[Any]
) -> ColumnElement[bool]:
    """True if a contact's numbers are those that are expected, in so far as any are."""
    named = func.jsonb_each_text(expected).table_valued("key", "value", name="named")
    number = (
        select(phones.number)
        .where(
            phones.tenant_id == columns.tenant_id,
            phones.contact_id == columns.id,
            literal(NUMBER).concat(phones.type) == named.c.key,
        )
        .scalar_subquery()
    )
    return ~(
        select(named.c.key)
        .where(named.c.key.startswith(NUMBER), number.is_distinct_from(named.c.value))
        .exists()
    )


# --- Values ---


def _client(row: RowMapping) -> HostClient:
    return HostClient(**{**row, "inbound_domains": tuple(row["inbound_domains"] or ())})


def _contact(row: RowMapping) -> HostContact:
    phones = tuple(
        PhoneNumber(type=type_, number=number)
        for type_, number in sorted(row["phones"] or (), key=lambda pair: str(pair[0]))
        if number is not None
    )
    return HostContact(**{**row, "phones": phones})


def _numbers(new: NewContact) -> dict[str, object]:
    return {NUMBER + phone.type: phone.number for phone in new.phones}


def _key(email: str | None) -> str:
    return (email or "").strip().lower()


def _refused(code: str) -> HostOutcome:
    return HostOutcome(status=WriteStatus.REJECTED, code=code)
