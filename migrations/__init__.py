"""The schema's history: an Alembic environment that a host runs on its own connection."""
