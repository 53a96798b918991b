"""Runs the host's revisions on the connection that ``devhost.migrate`` passes."""

from alembic import context
from sqlalchemy import text

from devhost.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_object=lambda _item, name, type_, _reflected, _other: (
        type_ != "table" or str(name) in metadata.tables
    ),
)
with context.begin_transaction():
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('psa migrations', 0))"))
    context.run_migrations()
