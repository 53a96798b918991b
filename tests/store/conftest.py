"""A database at the newest revision, with one row of two tenants in every table."""

from collections.abc import Iterator

import pytest
from psycopg import Connection
from sqlalchemy import insert, text

from devhost.servers.postgres import Urls
from entra_plugin.store.base import TENANT_SETTING
from entra_plugin.store.tables import metadata
from support.postgres import fresh_database
from support.schema import OURS, THEIRS, bring_up, owning, rolled_back, row


@pytest.fixture(scope="package")
def filled(postgres_server: Urls) -> Iterator[Urls]:
    """One database for all tests that roll back what they do."""
    with fresh_database(postgres_server) as urls:
        bring_up(urls)
        for tenant_id in (OURS, THEIRS):
            with owning(urls) as engine, engine.begin() as connection:
                enter = text("SELECT set_config(:setting, :tenant, true)")
                connection.execute(enter, {"setting": TENANT_SETTING, "tenant": str(tenant_id)})
                for table in metadata.sorted_tables:
                    connection.execute(insert(table), row(table, tenant_id))
        yield urls


@pytest.fixture
def owner(filled: Urls) -> Iterator[Connection]:
    """The owning role in a transaction that is rolled back."""
    yield from rolled_back(filled.owner)


@pytest.fixture
def app(filled: Urls) -> Iterator[Connection]:
    """The application role in a transaction that is rolled back; no tenant is set."""
    yield from rolled_back(filled.app)
