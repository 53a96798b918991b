"""The ready ports, over tables of two hosts: one keeps numbers in columns, one in a table."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from devhost.servers.postgres import Urls
from entra_plugin.domain.ids import ClientId, ContactId, TenantId
from entra_plugin.host import Clients, Contacts, ContactUpdate, NewClient, NewContact, PhoneNumber
from entra_plugin.store.host_columns import ClientColumns, ContactColumns, PhoneColumns
from entra_plugin.store.host_tables import SqlClients, SqlContacts

OURS, THEIRS = TenantId(UUID(int=1)), TenantId(UUID(int=2))

metadata = MetaData()

accounts = Table(
    "crm_accounts",
    metadata,
    Column("msp", Uuid, primary_key=True),
    Column("account_id", Uuid, primary_key=True),
    Column("title", String(60), nullable=False),
    Column("web", Text),
    Column("mail_domain", Text),
    Column("invoices_to", Text),
    Column("ticket_domains", ARRAY(Text), server_default="{}"),
    Column("azure", Uuid),
    Column("live", Boolean, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("origin", Uuid),
    UniqueConstraint("msp", "origin"),
)


def people(name: str, *more: Column[Any]) -> Table:
    """A table of people, with an index for each look-up."""
    table = Table(
        name,
        metadata,
        Column("msp", Uuid, primary_key=True),
        Column("person_id", Uuid, primary_key=True),
        Column("account_id", Uuid, nullable=False),
        Column("called", String(40), nullable=False),
        Column("mail", Text),
        Column("live", Boolean, nullable=False),
        Column("rev", Integer, nullable=False),
        Column("origin", Uuid),
        Column("job", Text),
        *more,
        UniqueConstraint("msp", "origin"),
        ForeignKeyConstraint(
            ["msp", "account_id"], ["crm_accounts.msp", "crm_accounts.account_id"]
        ),
        CheckConstraint("mail LIKE '%@%'"),
    )
    Index(None, table.c.msp, func.lower(func.btrim(table.c.mail)), unique=True)
    return table


wide = people("crm_wide", Column("tel", Text), Column("cell", Text), Column("dept", Text))
tall = people("crm_tall")
numbers = Table(
    "crm_numbers",
    metadata,
    Column("msp", Uuid, primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("digits", Text, nullable=False),
)


def contact_columns(table: Table, **more: Any) -> ContactColumns:
    """What a host says of its table of people."""
    return ContactColumns(
        tenant_id=table.c.msp,
        id=table.c.person_id,
        client_id=table.c.account_id,
        full_name=table.c.called,
        email=table.c.mail,
        active=table.c.live,
        version=table.c.rev,
        creation_key=table.c.origin,
        role=table.c.job,
        **more,
    )


WIDE = contact_columns(
    wide, department=wide.c.dept, numbers={"work": wide.c.tel, "mobile": wide.c.cell}
)
TALL = contact_columns(
    tall,
    phones=PhoneColumns(
        tenant_id=numbers.c.msp,
        contact_id=numbers.c.person_id,
        type=numbers.c.kind,
        number=numbers.c.digits,
    ),
)
CLIENTS = ClientColumns(
    tenant_id=accounts.c.msp,
    id=accounts.c.account_id,
    name=accounts.c.title,
    active=accounts.c.live,
    version=accounts.c.rev,
    creation_key=accounts.c.origin,
    website=accounts.c.web,
    domain=accounts.c.mail_domain,
    billing_email=accounts.c.invoices_to,
    inbound_domains=accounts.c.ticket_domains,
    directory_tenant_id=accounts.c.azure,
)


@pytest.fixture
async def connection(postgres_server: Urls) -> AsyncIterator[AsyncConnection]:
    """The hosts' tables, in a transaction that is taken back."""
    engine = create_async_engine(postgres_server.admin)
    async with engine.connect() as connection:
        await connection.run_sync(metadata.create_all)
        yield connection
        await connection.rollback()
    await engine.dispose()


@pytest.fixture(params=[WIDE, TALL], ids=["columns", "table"])
def contacts(request: pytest.FixtureRequest) -> Contacts:
    """The port, over each of the tables."""
    return SqlContacts(request.param)


@pytest.fixture
def clients() -> Clients:
    """The port of the clients of both."""
    return SqlClients(CLIENTS)


@pytest.fixture
async def acme(connection: AsyncConnection, clients: Clients) -> ClientId:
    """A client."""
    (outcome,) = await clients.create_many(connection, OURS, [client("Acme")])
    assert outcome.id is not None
    return ClientId(outcome.id)


def client(name: str) -> NewClient:
    """A client that nobody has yet."""
    domain = f"{name.lower()}.example"
    return NewClient(key=uuid4(), name=name, domain=domain, directory_tenant_id=uuid4())


def person(client_id: ClientId, name: str, **more: Any) -> NewContact:
    """A contact that nobody has yet."""
    email = more.pop("email", f"{name}@acme.example")
    return NewContact(key=uuid4(), client_id=client_id, full_name=name, email=email, **more)


async def created(
    connection: AsyncConnection, contacts: Contacts, *people: NewContact
) -> list[ContactId]:
    """Create these, all of which the host takes."""
    outcomes = await contacts.create_many(connection, OURS, people)
    assert [(o.status, o.version) for o in outcomes] == [("written", 1)] * len(people)
    return [ContactId(o.id) for o in outcomes if o.id is not None]


async def test_a_contact_is_found_as_it_was_created(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    phones = (PhoneNumber(type="mobile", number="2"), PhoneNumber(type="work", number="1"))
    ann = person(acme, "Ann", email="Ann@Acme.example", phones=phones, role="CEO", active=False)
    (ann_id,) = await created(connection, contacts, ann)
    (found,) = await contacts.by_ids(connection, OURS, [ann_id, ContactId(uuid4())])
    assert (found.id, found.client_id, found.full_name) == (ann_id, acme, "Ann")
    assert (found.email, found.role, found.active) == ("Ann@Acme.example", "CEO", False)
    assert (found.department, found.office_location, found.version) == (None, None, 1)
    assert tuple(found.phones) == phones
    assert await contacts.by_addresses(connection, OURS, ["ann@acme.example", "x@y"]) == [found]
    assert await contacts.by_names(connection, OURS, acme, ["ann"]) == [found]
    assert await contacts.by_names(connection, OURS, ClientId(uuid4()), ["ann"]) == []


async def test_no_other_tenant_sees_or_changes_it(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    (ann,) = await created(connection, contacts, person(acme, "Ann"))
    assert await contacts.by_ids(connection, THEIRS, [ann]) == []
    assert await contacts.by_addresses(connection, THEIRS, ["ann@acme.example"]) == []
    assert await contacts.by_names(connection, THEIRS, acme, ["ann"]) == []
    assert await contacts.domain_census(connection, THEIRS, None) == []
    assert await contacts.missing(connection, THEIRS, [ann]) == [ann]
    change = ContactUpdate(id=ann, expected={}, set={"full_name": "Eve", "phone:work": "1"})
    (outcome,) = await contacts.update_many(connection, THEIRS, [change])
    assert outcome.status == "changed"
    (found,) = await contacts.by_ids(connection, OURS, [ann])
    assert (found.full_name, found.phones, found.version) == ("Ann", (), 1)


async def test_the_same_key_answers_the_contact_of_the_first_time(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    ann = person(acme, "Ann", phones=(PhoneNumber(type="work", number="1"),))
    (ann_id,) = await created(connection, contacts, ann)
    change = ContactUpdate(id=ann_id, expected={}, set={"email": "b@c.example", "phone:work": None})
    await contacts.update_many(connection, OURS, [change])
    (again,) = await contacts.create_many(connection, OURS, [ann])
    assert (again.status, again.id, again.version) == ("written", ann_id, 2)
    (found,) = await contacts.by_ids(connection, OURS, [ann_id])
    assert (found.email, found.phones) == ("b@c.example", ())


async def test_a_taken_address_answers_its_contact_and_the_others_are_written(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    (ann,) = await created(connection, contacts, person(acme, "Ann"))
    items = [person(acme, f"P{number}") for number in range(20)]
    items.insert(7, person(acme, "Other Ann", email=" ANN@acme.example"))
    outcomes = await contacts.create_many(connection, OURS, items)
    assert (outcomes[7].status, outcomes[7].id, outcomes[7].version) == ("exists", ann, 1)
    assert [o.status for o in outcomes].count("written") == 20


async def test_what_the_database_refuses_is_told_and_the_others_are_written(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    items = [person(acme, f"P{number}") for number in range(9)]
    items[1] = person(acme, "N" * 41)
    items[4] = person(ClientId(uuid4()), "Nobody's")
    items[8] = person(acme, "No address", email="none")
    outcomes = await contacts.create_many(connection, OURS, items)
    refused = {n: o.code for n, o in enumerate(outcomes) if o.status == "rejected"}
    assert refused == {1: "value_refused", 4: "unknown_client", 8: "value_refused"}
    assert [o.status for o in outcomes].count("written") == 6
    assert len(await contacts.by_names(connection, OURS, acme, ["p0", "p7"])) == 2


FIELDS: dict[str, tuple[object, object]] = {
    "full_name": ("Ann", "Ann Lee"),
    "email": ("Ann@acme.example", None),
    "role": (None, "CEO"),
    "active": (True, False),
    "phone:work": ("1", "2"),
    "phone:mobile": (None, "3"),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_field_is_set_only_while_it_is_as_expected(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId, name: str
) -> None:
    phones = (PhoneNumber(type="work", number="1"),)
    ann, bob = await created(
        connection, contacts, person(acme, "Ann", phones=phones), person(acme, "Bob")
    )
    (before,) = await contacts.by_ids(connection, OURS, [bob])
    was, becomes = FIELDS[name]
    right = ContactUpdate(
        id=ann, expected={n: w for n, (w, _) in FIELDS.items()}, set={name: becomes}
    )
    wrong = replace(right, expected={**right.expected, name: becomes})
    (outcome,) = await contacts.update_many(connection, OURS, [wrong])
    assert (outcome.status, outcome.id) == ("changed", ann)
    (outcome,) = await contacts.update_many(connection, OURS, [right])
    assert (outcome.status, outcome.id, outcome.version) == ("written", ann, 2)
    back = ContactUpdate(id=ann, expected={name: becomes}, set={name: was})
    (outcome,) = await contacts.update_many(connection, OURS, [back])
    assert (outcome.status, outcome.version) == ("written", 3)
    found, other = sorted(
        await contacts.by_ids(connection, OURS, [ann, bob]), key=lambda c: c.full_name
    )
    assert (found.full_name, found.email, found.role) == ("Ann", "Ann@acme.example", None)
    assert (found.active, tuple(found.phones), other) == (True, phones, before)


async def test_a_contact_moves_to_another_client(
    connection: AsyncConnection, contacts: Contacts, clients: Clients, acme: ClientId
) -> None:
    (outcome,) = await clients.create_many(connection, OURS, [client("Brand")])
    (ann,) = await created(connection, contacts, person(acme, "Ann"))
    move = ContactUpdate(id=ann, expected={"client_id": acme}, set={"client_id": outcome.id})
    for status in ("written", "changed"):
        (done,) = await contacts.update_many(connection, OURS, [move])
        assert done.status == status


async def test_an_update_that_the_database_refuses_leaves_the_others_alone(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    people = await created(connection, contacts, *(person(acme, f"P{n}") for n in range(6)))
    changes = [ContactUpdate(id=p, expected={}, set={"role": "CEO"}) for p in people]
    changes[2] = replace(changes[2], set={"email": "P0@acme.example", "phone:work": "1"})
    changes[5] = replace(changes[5], set={"full_name": "N" * 41})
    outcomes = await contacts.update_many(connection, OURS, changes)
    assert {n: o.code for n, o in enumerate(outcomes) if o.status == "rejected"} == {
        2: "not_unique",
        5: "value_refused",
    }
    found = {c.id: c for c in await contacts.by_ids(connection, OURS, people)}
    assert [found[p].role for p in people] == ["CEO", "CEO", None, "CEO", "CEO", None]
    assert [found[p].version for p in people] == [2, 2, 1, 2, 2, 1]
    assert (found[people[2]].phones, found[people[5]].full_name) == ((), "P5")


async def test_a_field_without_a_column_is_refused_unless_it_is_empty(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    (ann,) = await created(connection, contacts, person(acme, "Ann", office_location="Here"))
    for expected, becomes, answer in (
        ({}, {"office_location": "There"}, ("rejected", "field_unknown")),
        ({"office_location": "Here"}, {"role": "CEO"}, ("changed", None)),
        ({"office_location": None}, {"role": "CEO", "office_location": None}, ("written", None)),
    ):
        change = ContactUpdate(id=ann, expected=expected, set=becomes)
        (outcome,) = await contacts.update_many(connection, OURS, [change])
        assert (outcome.status, outcome.code) == answer


async def test_who_is_missing_and_how_many_are_on_a_domain(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    items = [
        person(acme, "A"),
        person(acme, "B", active=False),
        person(acme, "C", email="c@D.example"),
    ]
    people = await created(connection, contacts, *items, person(acme, "D", email=None))
    nobody = ContactId(uuid4())
    assert await contacts.missing(connection, OURS, [*people, nobody]) == [nobody]
    assert await contacts.missing(connection, OURS, []) == []
    for domains, expected in (
        (None, {("acme.example", 2), ("d.example", 1)}),
        (["d.example"], {("d.example", 1)}),
    ):
        census = await contacts.domain_census(connection, OURS, domains)
        assert {(row.domain, row.count) for row in census} == expected
        assert {row.client_id for row in census} == {acme}


def test_what_a_host_can_do_follows_from_its_columns() -> None:
    assert SqlContacts(WIDE).capabilities == {"department", "phones"}
    assert SqlContacts(TALL).capabilities == {"phones"}
    assert SqlContacts(replace(WIDE, numbers={})).capabilities == {"department"}
    assert (SqlContacts.transactional, SqlClients.transactional) == (True, True)


async def test_a_batch_costs_as_many_statements_as_one(
    connection: AsyncConnection, contacts: Contacts, acme: ClientId
) -> None:
    asked = count()
    event.listen(connection.sync_connection, "before_cursor_execute", lambda *_: next(asked))
    costs = []
    for size in (1, 40):
        begun = next(asked)
        phones = (PhoneNumber(type="work", number="1"),)
        items = [person(acme, f"P{size}-{n}", phones=phones) for n in range(size)]
        people = await created(connection, contacts, *items)
        changes = [ContactUpdate(id=p, expected={}, set={"phone:work": "2"}) for p in people]
        await contacts.update_many(connection, OURS, changes)
        await contacts.by_ids(connection, OURS, people)
        costs.append(next(asked) - begun)
    assert costs[0] == costs[1] < 15


async def test_clients_are_created_once_and_found_as_they_are(
    connection: AsyncConnection, clients: Clients
) -> None:
    items = [client("Acme"), client("N" * 61), client("Brand")]
    outcomes = await clients.create_many(connection, OURS, items)
    assert [(o.status, o.code) for o in outcomes] == [
        ("written", None),
        ("rejected", "value_refused"),
        ("written", None),
    ]
    again = await clients.create_many(connection, OURS, [replace(items[0], name="Other")])
    assert [o.id for o in again] == [outcomes[0].id]
    ids = sorted(ClientId(o.id) for o in outcomes if o.id)
    first, second = await clients.page(connection, OURS, after=None, limit=5)
    assert [first.id, second.id] == ids
    assert await clients.page(connection, OURS, after=ids[0], limit=1) == [second]
    assert await clients.page(connection, THEIRS, after=None, limit=5) == []
    assert await clients.by_ids(connection, THEIRS, ids) == []
    (acme,) = await clients.by_ids(connection, OURS, [ClientId(UUID(str(outcomes[0].id)))])
    assert (acme.name, acme.domain, acme.website) == ("Acme", "acme.example", None)
    assert (acme.directory_tenant_id, acme.inbound_domains) == (items[0].directory_tenant_id, ())
    assert (acme.billing_email, acme.active, acme.version) == (None, True, 1)
    await connection.execute(accounts.update().values(live=False))
    assert await clients.page(connection, OURS, after=None, limit=5) == []
    assert len(await clients.by_ids(connection, OURS, ids)) == 2


@pytest.mark.parametrize(
    "mapped",
    [
        lambda: replace(WIDE, creation_key=wide.c.account_id),
        lambda: replace(CLIENTS, creation_key=accounts.c.azure),
        lambda: PhoneColumns(
            tenant_id=numbers.c.msp,
            contact_id=numbers.c.person_id,
            type=numbers.c.digits,
            number=numbers.c.digits,
        ),
        lambda: replace(TALL, numbers={"work": tall.c.job}),
    ],
    ids=["contacts without a key", "clients without a key", "two of a type", "two places"],
)
def test_tables_that_would_lead_to_doubles_are_refused(mapped: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"unique key|not in both"):
        mapped()
