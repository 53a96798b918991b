"""Tenants are kept apart by the database itself, whatever a query forgets."""

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.types.json import Jsonb
from sqlalchemy import Table, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from devhost.servers.postgres import Urls
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.base import TENANT_SETTING
from entra_plugin.store.tables import VERSION_TABLE, metadata
from entra_plugin.store.transaction import Store
from support.schema import OURS, THEIRS, enter_tenant, row

every_table = pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
POLICY = "(tenant_id = (current_setting('entra.tenant_id'::text))::uuid)"


def select(table: Table) -> sql.Composed:
    """Every row, with the tenant filter left out."""
    return sql.SQL("SELECT tenant_id FROM {}").format(sql.Identifier(table.name))


@every_table
def test_row_level_security_is_enabled_and_binds_the_owner(owner: Connection, table: Table) -> None:
    found = owner.execute(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass",
        [table.name],
    )
    assert found.fetchone() == (True, True)


@every_table
def test_the_one_policy_compares_with_the_tenant_setting(owner: Connection, table: Table) -> None:
    found = owner.execute(
        "SELECT policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies"
        " WHERE tablename = %s",
        [table.name],
    )
    assert found.fetchall() == [
        ("tenant_isolation", "PERMISSIVE", "{public}", "ALL", POLICY, POLICY)
    ]


@every_table
def test_the_application_role_may_do_what_it_needs_and_no_more(
    owner: Connection, table: Table
) -> None:
    found = owner.execute(
        "SELECT grantee, privilege_type, is_grantable FROM information_schema.role_table_grants"
        " WHERE table_name = %s AND grantee <> 'psa_owner'",
        [table.name],
    )
    needed = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert set(found.fetchall()) == {("psa_app", privilege, "NO") for privilege in needed}


def test_the_application_role_cannot_touch_the_version_table(app: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(VERSION_TABLE)))


def test_the_application_role_obeys_policies_and_owns_nothing(app: Connection) -> None:
    found = app.execute(
        "SELECT r.rolsuper, r.rolbypassrls, EXISTS (SELECT FROM pg_class c"
        " WHERE c.relowner = r.oid) FROM pg_roles r WHERE r.rolname = current_user"
    )
    assert found.fetchone() == (False, False, False)


@every_table
def test_a_query_without_a_tenant_is_an_error(app: Connection, table: Table) -> None:
    with pytest.raises(psycopg.errors.UndefinedObject, match=TENANT_SETTING):
        app.execute(select(table))


@every_table
def test_a_tenant_of_an_earlier_transaction_does_not_linger(app: Connection, table: Table) -> None:
    enter_tenant(app, OURS)
    app.rollback()
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        app.execute(select(table))


@every_table
def test_without_a_filter_only_the_own_rows_are_seen(app: Connection, table: Table) -> None:
    enter_tenant(app, OURS)
    assert app.execute(select(table)).fetchall() == [(OURS,)]


@every_table
def test_the_owner_sees_no_more_than_the_application(owner: Connection, table: Table) -> None:
    enter_tenant(owner, THEIRS)
    assert owner.execute(select(table)).fetchall() == [(THEIRS,)]


@every_table
def test_another_tenants_row_cannot_be_inserted(app: Connection, table: Table) -> None:
    values = row(table, THEIRS)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    enter_tenant(app, OURS)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        app.execute(statement, [Jsonb(v) if isinstance(v, dict) else v for v in values.values()])


@every_table
def test_a_row_cannot_be_given_to_another_tenant(app: Connection, table: Table) -> None:
    statement = sql.SQL("UPDATE {} SET tenant_id = %s").format(sql.Identifier(table.name))
    enter_tenant(app, OURS)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        app.execute(statement, [THEIRS])


@every_table
def test_deleting_everything_deletes_the_own_rows_only(app: Connection, table: Table) -> None:
    enter_tenant(app, OURS)
    for other in reversed(metadata.sorted_tables):
        app.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(other.name)))
    enter_tenant(app, THEIRS)
    assert app.execute(select(table)).fetchall() == [(THEIRS,)]


async def test_a_tenant_transaction_sets_its_tenant_and_takes_it_away_again(
    filled: Urls,
) -> None:
    engine = create_async_engine(filled.app, pool_size=1, max_overflow=0)
    seen = text("SELECT DISTINCT tenant_id FROM entra_sync_runs")
    store = Store(engine)
    for tenant_id in (OURS, THEIRS):
        async with store.tenant_transaction(TenantId(tenant_id)) as connection:
            assert await connection.scalar(seen) == tenant_id
    async with engine.connect() as connection:
        with pytest.raises(Exception, match="uuid"):
            await connection.scalar(seen)
    await engine.dispose()


async def test_a_tenant_transaction_rolls_back_when_its_block_raises(filled: Urls) -> None:
    engine = create_async_engine(filled.app)
    store = Store(engine)

    async def fail() -> None:
        async with store.tenant_transaction(TenantId(OURS)) as connection:
            await connection.execute(text("DELETE FROM entra_delta_cursors"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with store.tenant_transaction(TenantId(OURS)) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM entra_delta_cursors")) == 1
    await engine.dispose()


@every_table
async def test_in_a_tenant_transaction_a_forgotten_filter_reaches_the_own_rows_only(
    filled: Urls, table: Table
) -> None:
    engine = create_async_engine(filled.app)
    async with Store(engine).tenant_transaction(TenantId(OURS)) as connection:
        seen = await connection.scalars(text(f"SELECT tenant_id FROM {table.name}"))
        assert list(seen) == [OURS]
        changed = text(f"UPDATE {table.name} SET tenant_id = tenant_id RETURNING tenant_id")
        assert list(await connection.scalars(changed)) == [OURS]
        await connection.rollback()
    await engine.dispose()


@every_table
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM {}",
        "SELECT count(*) FROM {}",
        "SELECT 1 FROM {} LIMIT 1",
        "UPDATE {} SET tenant_id = tenant_id",
        "DELETE FROM {}",
    ],
)
async def test_on_the_plain_engine_every_statement_is_an_error_and_never_an_empty_list(
    filled: Urls, table: Table, statement: str
) -> None:
    engine = create_async_engine(filled.app)
    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError, match=TENANT_SETTING):
            await connection.execute(text(statement.format(table.name)))
    await engine.dispose()


@every_table
def test_without_a_tenant_an_empty_table_is_an_error_as_well(
    owner: Connection, table: Table
) -> None:
    for tenant_id in (OURS, THEIRS):
        enter_tenant(owner, tenant_id)
        for other in reversed(metadata.sorted_tables):
            owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(other.name)))
    owner.execute("SELECT set_config(%s, '', true)", [TENANT_SETTING])
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        owner.execute(select(table))
