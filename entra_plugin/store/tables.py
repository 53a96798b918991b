"""All our tables, loaded: what the migrations, the guard tests and the host's ``owns`` walk."""

from entra_plugin.store import connection_tables, mapping_tables, people_tables, run_tables
from entra_plugin.store.base import metadata

__all__ = ["connection_tables", "mapping_tables", "metadata", "people_tables", "run_tables"]


def owns(table_name: str) -> bool:
    """True for a table, or the version table, of this package."""
    return table_name in metadata.tables or table_name == VERSION_TABLE


VERSION_TABLE = "alembic_version_entra"
