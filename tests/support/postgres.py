"""A real PostgreSQL for a test session, and a fresh database for each test that asks for one."""

from devhost.servers.running import fresh_database, running_postgres

__all__ = ["fresh_database", "running_postgres"]
