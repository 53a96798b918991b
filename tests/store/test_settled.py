"""Who is settled is told twice: by the rule for each, and by the query for a whole directory."""

import datetime as dt
import itertools
from collections.abc import AsyncIterator
from uuid import UUID, uuid5

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine

from devhost.servers.postgres import Urls
from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, ObjectId, RunId, TenantId
from entra_plugin.domain.planning import PagePlan, read, set_aside_unchanged
from entra_plugin.domain.sameness import NOBODY, SettledUsers
from entra_plugin.domain.states import DepartureKind, Verdict
from entra_plugin.store.fences import Fence
from entra_plugin.store.identities import Identities
from entra_plugin.store.people_tables import (
    contact_links,
    decisions,
    identities,
    reconciliation_items,
)
from entra_plugin.store.transaction import Store
from entra_plugin.store.unlisted import UnlistedIdentities
from support.schema import OURS, bring_up, row

TENANT = TenantId(OURS)
DIRECTORY = EntraTenantId(UUID("e0000000-0000-4000-8000-000000000001"))
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
NOTHING_READ = Fence(
    run_id=RunId(DIRECTORY), managed_tenant_id=ManagedTenantId(DIRECTORY), number=1, reading=1
)

CASES = tuple(
    itertools.product(
        Verdict,
        (None, *DepartureKind),
        (False, True),
        ("none", "active", "closed"),
        ("none", "open", "dismissed"),
        ("as it is", "otherwise", "never"),
        (False, True),
    )
)
"""Verdict, departure and whether it is settled, link, question, as what it was acted on, and
whether it was missing when it was looked for last."""


def user(number: int) -> DirectoryUser:
    """The user of a case."""
    return DirectoryUser(
        object_id=ObjectId(uuid5(DIRECTORY, str(number))),
        user_principal_name=f"user{number}@x.example",
        mail=None,
        aliases=(),
        display_name=None,
        given_name=None,
        surname=None,
        enabled=True,
        user_type="Member",
        external_state=None,
        resource_account=False,
        licensed=True,
        job_title=None,
        department=None,
        company_name=None,
        office_location=None,
        business_phones=(),
        mobile_phone=None,
    )


USERS = tuple(map(user, range(len(CASES))))


def digest(number: int) -> bytes:
    """Stands for the text that the user of a case was read from."""
    return number.to_bytes(16)


@pytest.fixture
async def store(database: Urls) -> AsyncIterator[Store]:
    """A directory with an identity for each case."""
    bring_up(database)
    engine = create_async_engine(database.app)
    store = Store(engine)
    who, links, questions, undone = [], [], [], []
    for number, case in enumerate(CASES):
        verdict, departure, settled, link, question, acted, unlisted = case
        object_id, seen = USERS[number].object_id, fingerprint(USERS[number])
        subject = {"entra_tenant_id": DIRECTORY, "object_id": object_id}
        who.append(
            row(identities, TENANT)
            | subject
            | {
                "seen_fingerprint": seen,
                "acted_fingerprint": {"as it is": seen, "otherwise": b"x" * 16}.get(acted),
                "read_as": digest(number) + seen,
                "verdict": verdict.value,
                "departure": departure.value if departure else None,
                "departed_at": NOW if departure else None,
                "departure_settled": settled,
                "unlisted": unlisted,
            }
        )
        if link != "none":
            links.append(
                row(contact_links, TENANT)
                | subject
                | {"link_id": object_id, "contact_id": object_id, "state": link}
            )
        if verdict == Verdict.UNDONE:
            undone.append(row(decisions, TENANT) | subject | {"kind": "undone"})
        if question != "none":
            questions.append(
                row(reconciliation_items, TENANT)
                | subject
                | {"item_id": object_id, "state": question}
            )
    async with store.tenant_transaction(TENANT) as connection:
        await connection.execute(insert(identities), who)
        await connection.execute(insert(contact_links), links)
        await connection.execute(insert(reconciliation_items), questions)
        await connection.execute(insert(decisions), undone)
    yield store
    await engine.dispose()


async def test_the_query_says_of_a_directory_what_the_rule_says_of_each(store: Store) -> None:
    async with store.tenant_transaction(TENANT) as connection:
        known = await Identities(connection, TENANT).known(
            DIRECTORY, [user.object_id for user in USERS]
        )
        found = await Identities(connection, TENANT).settled(DIRECTORY, at_most=len(CASES))

    plan = PagePlan()
    pending = set_aside_unchanged(read(USERS, known), plan, policy_changed=False)
    left = {reading.user.object_id for reading in pending}
    expected = {
        digest(number): user.object_id.bytes
        for number, user in enumerate(USERS)
        if user.object_id not in left
    }
    assert 0 < len(expected) < len(CASES)
    assert found.ids == expected
    assert len(found.filtered) == plan.filtered > 0


async def test_of_few_is_known_what_is_known_of_many(store: Store) -> None:
    many = [user.object_id for user in USERS]
    some, stranger = many[::25], ObjectId(TENANT)
    async with store.tenant_transaction(TENANT) as connection:
        identities_ = Identities(connection, TENANT)
        of_many = await identities_.known(DIRECTORY, [*many, stranger])
        of_few = await identities_.known(DIRECTORY, [*some, stranger, some[0]])

    assert of_many.keys() == set(many)
    assert of_few == {object_id: of_many[object_id] for object_id in some}


async def test_everybody_is_told_whom_a_listing_may_lack(store: Store) -> None:
    async with store.tenant_transaction(TENANT) as connection:
        found = await Identities(connection, TENANT).settled(DIRECTORY, at_most=len(CASES))
        unlisted = await UnlistedIdentities(connection, TENANT).of(DIRECTORY, NOTHING_READ)

    missed = {one.object_id.bytes for one in unlisted}
    assert found.others is not None
    assert missed == {*found.ids.values(), *found.others}
    assert found.all_in(missed)
    assert not any(found.all_in(missed - {one}) for one in missed)


async def test_of_a_larger_directory_nobody_is_told(store: Store) -> None:
    async with store.tenant_transaction(TENANT) as connection:
        found = await Identities(connection, TENANT).settled(DIRECTORY, at_most=len(CASES) - 1)

    assert not found.ids
    assert not found.all_in({user.object_id.bytes for user in USERS})


def test_who_is_set_aside_is_still_to_be_listed() -> None:
    everybody = SettledUsers(ids={b"a": b"1", b"b": b"2"}, others=frozenset({b"3"}))
    assert everybody.without([b"1"]).ids == {b"b": b"2"}
    assert everybody.without([b"1"]).all_in({b"1", b"2", b"3"})
    assert not everybody.without([b"1"]).all_in({b"2", b"3"})
    assert not NOBODY.without([b"1"]).all_in({b"1"})
