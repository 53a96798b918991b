"""Runs our revisions on the connection that the host passes, under a lock that two hosts share.

A host sets ``config.attributes["connection"]`` and ``config.attributes["app_role"]``. From the
developer's command line, ``DATABASE_URL`` names the database and ``PSA_APP_ROLE`` the role.
"""

import os

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.sql.schema import SchemaItem

from entra_plugin.store.tables import VERSION_TABLE, metadata, owns

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('entra_plugin migrations', 0))")
_PATIENCE = text("SET LOCAL lock_timeout = '20s'")


def _ours(
    _item: SchemaItem,
    name: str | None,
    type_: str,
    _reflected: bool,  # noqa: FBT001 - Alembic's signature
    _other: SchemaItem | None,
) -> bool:
    """Leave the host's tables out of comparisons."""
    return type_ != "table" or (name is not None and owns(name))


def run(connection: Connection) -> None:
    """Bring the schema to the requested revision, in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_object=_ours,
        compare_type=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(_LOCK)
        connection.execute(_PATIENCE)
        context.run_migrations()


def main() -> None:
    """Use the host's connection, or one of our own from the command line."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        run(connection)
        return
    context.config.attributes["app_role"] = os.environ.get("PSA_APP_ROLE", "psa_app")
    with create_engine(os.environ["DATABASE_URL"]).begin() as own:
        run(own)


main()
