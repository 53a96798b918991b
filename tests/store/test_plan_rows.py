"""The plan's rows: listed page by page, each once, and settled all or none."""

import datetime as dt
from collections.abc import AsyncIterator
from uuid import UUID, uuid5

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from devhost.servers.postgres import Urls
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import (
    ChangeId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    RunId,
    TenantId,
)
from entra_plugin.domain.states import ChangeKind, ChangeState
from entra_plugin.store.changes import ChangeRow, Changes, Done
from entra_plugin.store.identities import Identities, Tally
from entra_plugin.store.items import Items
from entra_plugin.store.links import Links
from entra_plugin.store.paging import encode_cursor
from entra_plugin.store.run_tables import sync_changes, sync_runs
from entra_plugin.store.transaction import Store
from support.schema import OURS, bring_up, row

TENANT = TenantId(OURS)
RUN = RunId(UUID(str(row(sync_runs, OURS)["run_id"])))
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
CUSTOMERS = tuple(sorted(ManagedTenantId(uuid5(OURS, f"customer {n}")) for n in range(2)))
ROWS = tuple(
    {
        "change_id": uuid5(customer, f"{person} {kind}"),
        "managed_tenant_id": customer,
        "object_id": uuid5(customer, person),
        "kind": kind.value,
        "state": ChangeState.PLANNED.value,
    }
    for customer in CUSTOMERS
    for person in ("ada", "bob", "cyd")
    for kind in (ChangeKind.LINK, ChangeKind.UPDATE)
)


@pytest.fixture
async def store(database: Urls) -> AsyncIterator[Store]:
    """A run with two customers of three people each, with two rows each."""
    bring_up(database)
    engine = create_async_engine(database.app)
    store = Store(engine)
    async with store.tenant_transaction(TENANT) as connection:
        await connection.execute(insert(sync_runs), row(sync_runs, TENANT))
        usual = row(sync_changes, TENANT) | {"contact_id": None}
        await connection.execute(insert(sync_changes), [usual | own for own in reversed(ROWS)])
    yield store
    await engine.dispose()


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 13])
async def test_each_row_is_on_one_page(store: Store, limit: int) -> None:
    async with store.tenant_transaction(TENANT) as connection:
        changes = Changes(connection, TENANT)
        listed: list[ChangeRow] = []
        cursor = None
        while True:
            page = await changes.page(RUN, limit=limit, cursor=cursor)
            listed += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    assert [(r.managed_tenant_id, r.object_id, r.kind.value) for r in listed] == sorted(
        (r["managed_tenant_id"], r["object_id"], r["kind"]) for r in ROWS
    )


@pytest.mark.parametrize("parts", [(), ("1",), ("x", "y", "create"), (str(OURS), "y", "create")])
async def test_a_cursor_of_another_list_is_refused(store: Store, parts: tuple[str, ...]) -> None:
    async with store.tenant_transaction(TENANT) as connection:
        with pytest.raises(NotAcceptable, match="invalid_cursor"):
            await Changes(connection, TENANT).page(RUN, cursor=encode_cursor(*parts))


def applied(change_id: object) -> Done:
    """A row that was applied to some contact."""
    return Done(
        change_id=ChangeId(UUID(str(change_id))),
        state=ChangeState.APPLIED,
        contact_id=ContactId(OURS),
    )


async def test_rows_are_settled_each_as_it_ended(store: Store) -> None:
    first, second, *_ = ROWS
    stale = Done(
        change_id=ChangeId(UUID(str(second["change_id"]))),
        state=ChangeState.STALE,
        note='{"found": "changed"}',
    )
    async with store.tenant_transaction(TENANT) as connection:
        await Changes(connection, TENANT).settle([applied(first["change_id"]), stale], NOW)
        found = {r.change_id: r for r in await connection.execute(select(sync_changes))}
    done, left = found[first["change_id"]], found[second["change_id"]]
    assert (done.state, done.contact_id, done.applied_at, done.snapshot) == (
        "applied",
        OURS,
        NOW,
        None,
    )
    assert (left.state, left.contact_id, left.applied_at) == ("stale", None, None)
    assert left.note["found"] == "changed"
    assert left.snapshot is not None
    untouched = [r.state for i, r in found.items() if i not in {done.change_id, left.change_id}]
    assert set(untouched) == {"planned"}


async def test_rows_that_somebody_took_away_are_not_settled_in_part(store: Store) -> None:
    gone = applied(uuid5(OURS, "nobody's"))
    with pytest.raises(RuntimeError):
        async with store.tenant_transaction(TENANT) as connection:
            await Changes(connection, TENANT).settle([applied(ROWS[0]["change_id"]), gone], NOW)
    async with store.tenant_transaction(TENANT) as connection:
        states = set((await connection.scalars(select(sync_changes.c.state))).all())
    assert states == {"planned"}


_CROWD = (
    """INSERT INTO entra_identities (tenant_id, entra_tenant_id, object_id, search_key, enabled,
           attributes, seen_fingerprint, verdict, reason, first_seen_at, changed_at)
       SELECT :tenant, :tenant, gen_random_uuid(), 'x', true, '{}', '', 'linked', 'created', now(),
           now() FROM generate_series(1, 2000)""",
    """INSERT INTO entra_contact_links (tenant_id, link_id, entra_tenant_id, object_id, contact_id,
           client_id, state, reason, opened_at)
       SELECT tenant_id, gen_random_uuid(), entra_tenant_id, object_id, gen_random_uuid(),
           :tenant, 'active', 'created', now() FROM entra_identities""",
    """INSERT INTO entra_sync_changes (tenant_id, change_id, run_id, managed_tenant_id,
           entra_tenant_id, object_id, client_id, kind, state, reason, label, search_key, snapshot,
           created_at)
       SELECT tenant_id, gen_random_uuid(), :run, :tenant, entra_tenant_id, object_id, :tenant,
           'move', 'planned', 'remapped', '', '', '{"base": {"role": "x"}}', now()
       FROM entra_identities""",
)
"""Two thousand people of one customer: linked, and with a row each."""
_FETCHED = """
    SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)
    FROM pg_stat_xact_user_tables
"""


async def test_rows_are_read_once_however_many_there_are(store: Store) -> None:
    """Also where nobody has analysed the tables yet, as in a first sync."""
    keys = {"tenant": TENANT, "run": RUN}
    customer, directory = ManagedTenantId(TENANT), EntraTenantId(TENANT)
    async with store.tenant_transaction(TENANT) as connection:
        for statement in _CROWD:
            await connection.execute(text(statement), keys)
    async with store.tenant_transaction(TENANT) as connection:
        changes, links = Changes(connection, TENANT), Links(connection, TENANT)
        rows = await changes.planned(RUN, customer, kinds={ChangeKind.MOVE}, after=None, limit=200)
        ids = [r.change_id for r in rows]
        assert len(ids) == 200
        await links.rebase_from_changes(ids)
        await links.of(directory, [r.object_id for r in rows])
        await Items(connection, TENANT).open_from_changes(ids, NOW)
        await changes.settle([applied(change_id) for change_id in ids], NOW)
        tally = await Identities(connection, TENANT).tally(directory, RUN, customer)
        fetched = int((await connection.execute(text(_FETCHED))).scalar_one())
    assert tally == Tally(every=2000, filtered=0, unchanged=0)
    assert fetched < 10 * 2000, "each of them for each of the others"
