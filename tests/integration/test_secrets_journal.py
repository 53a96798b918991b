"""Secrets change together with rows, whatever breaks or dies in between, and whoever comes too."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from devhost.servers.postgres import Urls
from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.domain.errors import Conflict, EntraError
from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId, UserId
from entra_plugin.domain.states import ConnectionMode, CredentialSource
from entra_plugin.store.connection_tables import secret_changes
from entra_plugin.store.connections import Connections, NewConnection
from entra_plugin.store.transaction import Store
from support.connecting import refused
from support.crashes import Killed, Moments, MortalStore, Vault, VaultSecrets
from support.postgres import fresh_database
from support.schema import bring_up

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANARY = "canary-of-a-new-secret"
OLD = {"both": "old", "old_only": "old", "of_nobody": "old"}
SETS = {"both": CANARY, "new_only": "new"}
DELETES = ("old_only", "never_there")
NEW = {"both": CANARY, "new_only": "new", "of_nobody": "old"}

Found = tuple[str, Mapping[str, str], int]
"""Which connection is active, the secrets there are, and how many changes are not over."""

BEFORE: Found = ("old", OLD, 0)
AFTER: Found = ("new", NEW, 0)


@dataclass(slots=True, kw_only=True)
class Place:
    """A tenant of its own with an old connection: what outlives every process."""

    store: Store
    vault: Vault
    tenant_id: TenantId
    old: ConnectionId

    def process(self, moments: Moments | None = None) -> "Process":
        """A process that works on it."""
        moments = moments or Moments()
        store = MortalStore(self.store, moments)
        secrets = VaultSecrets(self.vault, moments)
        return Process(place=self, store=store, journal=SecretJournal(secrets, store, lambda: NOW))

    async def found(self) -> Found:
        """What is there now."""
        async with self.store.tenant_transaction(self.tenant_id) as connection:
            active = await Connections(connection, self.tenant_id).active()
            changes = (await connection.execute(select(secret_changes.c.change_id))).all()
        secrets = {name: value for (owner, name), value in self.vault.items()}
        assert active is not None
        return "old" if active.connection_id == self.old else "new", secrets, len(changes)

    async def recovered(self) -> Found:
        """What is there once a new process has looked."""
        await self.process().journal.settle(self.tenant_id)
        return await self.found()


@dataclass(slots=True, kw_only=True)
class Process:
    """One process, which may die."""

    place: Place
    store: MortalStore
    journal: SecretJournal

    async def replace(self) -> None:
        """Put a new connection in the place of the old one, with its secrets."""
        tenant_id = self.place.tenant_id
        async with self.journal.change(tenant_id, sets=SETS, deletes=DELETES) as connection:
            await Connections(connection, tenant_id).replace(connection_of(uuid4_id()), NOW)


def uuid4_id() -> ConnectionId:
    return ConnectionId(uuid4())


def connection_of(connection_id: ConnectionId) -> NewConnection:
    return NewConnection(
        connection_id=connection_id,
        mode=ConnectionMode.DELEGATED,
        credential_source=CredentialSource.ENV,
        created_by=UserId(uuid4()),
        partner_tenant_id=EntraTenantId(uuid4()),
    )


@pytest.fixture(scope="module")
async def engine(postgres_server: Urls) -> AsyncIterator[AsyncEngine]:
    """The application role's way to a migrated database."""
    with fresh_database(postgres_server) as urls:
        bring_up(urls)
        found = create_async_engine(urls.app)
        yield found
        await found.dispose()


async def new_place(engine: AsyncEngine) -> Place:
    tenant_id, old = TenantId(uuid4()), uuid4_id()
    store = Store(engine)
    async with store.tenant_transaction(tenant_id) as connection:
        await Connections(connection, tenant_id).replace(connection_of(old), NOW)
    vault: Vault = {(tenant_id, name): value for name, value in OLD.items()}
    return Place(store=store, vault=vault, tenant_id=tenant_id, old=old)


@pytest.fixture
async def place(engine: AsyncEngine) -> Place:
    return await new_place(engine)


async def moments_of(
    engine: AsyncEngine, *, fatal: bool, lasting: bool = False
) -> AsyncIterator[tuple[Place, Moments, EntraError | None]]:
    """Every moment at which a change can go wrong: the place afterwards, and what was told."""
    for bad in count(1):
        place, moments = await new_place(engine), Moments(bad=bad, fatal=fatal, lasting=lasting)
        told: EntraError | None = None
        with suppress(Killed):
            told = await refused(place.process(moments).replace())
        if not moments.reached:
            assert told is None
            assert bad > 20, "the change has more moments than that"
            return
        yield place, moments, told


async def test_a_change_puts_rows_and_secrets_in_place(place: Place) -> None:
    await place.process().replace()
    assert await place.found() == AFTER


async def test_a_process_that_dies_leaves_nothing_that_the_next_one_cannot_finish_or_undo(
    engine: AsyncEngine,
) -> None:
    wrong, seen = {}, set()
    async for place, moments, _ in moments_of(engine, fatal=True):
        found = await place.recovered()
        seen.add(found[0])
        if found not in (BEFORE, AFTER):
            wrong[tuple(moments.passed)] = found
    assert wrong == {}
    assert seen == {"old", "new"}, "it died both before and after the decision"


async def test_a_process_that_dies_before_the_decision_left_the_old_secrets_alone(
    engine: AsyncEngine,
) -> None:
    async for place, moments, _ in moments_of(engine, fatal=True):
        active, secrets, _changes = await place.found()
        if active == "old":
            assert {name: secrets.get(name) for name in OLD} == OLD, moments.passed


async def test_a_process_that_dies_while_it_recovers_leaves_the_rest_to_the_next_one(
    engine: AsyncEngine,
) -> None:
    wrong = {}
    async for place, first, _ in moments_of(engine, fatal=True):
        expected = BEFORE if (await place.found())[0] == "old" else AFTER
        for bad in count(1):
            again = Moments(bad=bad)
            with suppress(Killed):
                await place.process(again).journal.settle(place.tenant_id)
            if not again.reached:
                break
        found = await place.found()
        if found != expected:
            wrong[tuple(first.passed)] = found
    assert wrong == {}


async def test_after_a_death_the_next_change_finds_its_way_by_itself(engine: AsyncEngine) -> None:
    async for place, moments, _ in moments_of(engine, fatal=True):
        await place.process().replace()
        assert await place.found() == AFTER, moments.passed


@pytest.mark.parametrize("lasting", [False, True])
async def test_a_secret_store_that_fails_is_told_of_exactly_when_nothing_will_change(
    engine: AsyncEngine, lasting: bool
) -> None:
    """What was decided before is made good by whoever looks once it works again."""
    async for place, moments, told in moments_of(engine, fatal=False, lasting=lasting):
        assert await place.recovered() == (BEFORE if told else AFTER), moments.passed


async def test_a_secret_store_that_fails_is_told_as_such(engine: AsyncEngine) -> None:
    tellings = [told async for _, _, told in moments_of(engine, fatal=False)]
    codes = {told.code for told in tellings if told is not None}
    assert codes == {"secret_store_read_only"}


async def test_a_new_value_that_cannot_be_stored_leaves_the_old_ones_and_no_trace_at_once(
    engine: AsyncEngine,
) -> None:
    staging = 2 * len(SETS)  # before and after each
    async for place, moments, _ in moments_of(engine, fatal=False):
        if moments.bad is not None and moments.bad <= staging:
            assert await place.found() == BEFORE, moments.passed


async def test_rows_that_are_refused_take_the_new_secrets_back(place: Place) -> None:
    process = place.process()
    with pytest.raises(Conflict, match="for a reason"):
        async with process.journal.change(place.tenant_id, sets=SETS, deletes=DELETES):
            raise Conflict("for a reason")
    assert await place.found() == BEFORE


async def test_a_request_that_is_cancelled_is_undone_by_whoever_looks_next(place: Place) -> None:
    process, inside = place.process(), asyncio.Event()

    async def work() -> None:
        async with process.journal.change(place.tenant_id, sets=SETS, deletes=DELETES):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await place.recovered() == BEFORE


async def test_of_two_changes_at_once_one_wins_and_the_other_changes_nothing(
    place: Place, engine: AsyncEngine
) -> None:
    first, second = place.process(), place.process()
    looked, inside, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait_for_the_other(_commit: int) -> None:
        looked.set()
        await inside.wait()

    async def slowly() -> None:
        tenant_id = place.tenant_id
        async with first.journal.change(tenant_id, sets=SETS, deletes=DELETES) as connection:
            await Connections(connection, tenant_id).replace(connection_of(uuid4_id()), NOW)
            inside.set()
            await go_on.wait()

    second.store.after_commit = wait_for_the_other
    loser = asyncio.create_task(second.replace())
    await looked.wait()
    winner = asyncio.create_task(slowly())
    await inside.wait()
    await until_blocked(engine, loser)
    go_on.set()
    await winner
    with pytest.raises(Conflict, match="changed_meanwhile"):
        await loser
    assert await place.found() == AFTER


async def test_many_changes_at_once_leave_the_secrets_of_the_one_that_won_last(
    engine: AsyncEngine,
) -> None:
    place = await new_place(engine)
    ids = [uuid4_id() for _ in range(6)]

    async def attempt(connection_id: ConnectionId) -> None:
        sets = {"both": str(connection_id), "new_only": str(connection_id)}
        journal = place.process().journal
        async with journal.change(place.tenant_id, sets=sets, deletes=DELETES) as connection:
            await Connections(connection, place.tenant_id).replace(
                connection_of(connection_id), NOW
            )

    ended = await asyncio.gather(*(attempt(i) for i in ids), return_exceptions=True)
    refused = [error for error in ended if error is not None]
    assert len(refused) < len(ids)
    assert {str(error) for error in refused} <= {"changed_meanwhile"}
    _, secrets, changes = await place.recovered()
    async with place.store.tenant_transaction(place.tenant_id) as connection:
        active = await Connections(connection, place.tenant_id).active()
    assert active is not None
    won = str(active.connection_id)
    assert (secrets, changes) == ({"both": won, "new_only": won, "of_nobody": "old"}, 0)


async def test_somebody_who_looks_at_the_beginning_of_a_change_takes_nothing_from_it(
    place: Place, engine: AsyncEngine
) -> None:
    process, looks = place.process(), []

    async def look(_commit: int) -> None:
        if (await place.found())[2]:
            looker = place.process().journal.settle(place.tenant_id)
            looks.append(asyncio.create_task(looker))
            await until_blocked(engine, looks[-1])

    process.store.after_commit = look
    await process.replace()
    await asyncio.gather(*looks)
    assert looks, "there was a moment to look at"
    assert await place.found() == AFTER


async def test_two_who_recover_at_once_do_not_disturb_each_other(engine: AsyncEngine) -> None:
    async for place, moments, _ in moments_of(engine, fatal=True):
        expected = BEFORE if (await place.found())[0] == "old" else AFTER
        both = (place.process().journal.settle(place.tenant_id) for _ in range(2))
        await asyncio.gather(*both)
        assert await place.found() == expected, moments.passed


async def test_a_look_asks_the_secret_store_nothing_when_nothing_is_left_over(
    place: Place,
) -> None:
    moments = Moments()
    await place.process(moments).journal.settle(place.tenant_id)
    assert moments.passed == ["before a commit", "after a commit"]


async def test_the_row_of_a_change_holds_names_and_no_value(
    place: Place, engine: AsyncEngine
) -> None:
    process, others = place.process(), Store(engine).tenant_transaction(place.tenant_id)
    change = process.journal.change(place.tenant_id, sets=SETS, deletes=DELETES)
    async with change, others as other:
        dump = await dumped(other)
    assert "new_only" in dump
    assert CANARY not in dump


async def test_a_staged_value_waits_under_a_name_that_every_store_takes(place: Place) -> None:
    process = place.process()
    async with process.journal.change(place.tenant_id, sets=SETS, deletes=DELETES):
        staged = {name for _, name in place.vault if name not in OLD}
    assert len(staged) == len(SETS)
    assert all(name.replace("_", "").isalnum() and name.islower() for name in staged)
    assert all(name.startswith("entra_staged_") for name in staged)


async def test_a_change_of_one_tenant_is_nothing_to_another(
    place: Place, engine: AsyncEngine
) -> None:
    other = await new_place(engine)
    process = place.process()
    async with process.journal.change(place.tenant_id, sets=SETS, deletes=DELETES) as connection:
        await other.process().replace()
        await Connections(connection, place.tenant_id).replace(connection_of(uuid4_id()), NOW)
    assert await place.found() == AFTER
    assert await other.found() == AFTER


async def dumped(connection: AsyncConnection) -> str:
    return str((await connection.execute(text("SELECT t::text FROM entra_secret_changes t"))).all())


async def until_blocked(engine: AsyncEngine, task: "asyncio.Task[None]") -> None:
    """Go on once the task waits for a lock of the database, or is done."""
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(30), engine.connect() as connection:
        while not task.done():
            if (await connection.execute(waiting)).scalar_one():
                return
            await asyncio.sleep(0)
