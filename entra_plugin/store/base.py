"""The one MetaData, its naming convention, and what every table of ours has in common.

Every table's primary key, unique keys and foreign keys start with ``tenant_id``; every table is
under row level security. The migrations and the guard tests walk ``metadata``, so a table cannot be
forgotten.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData, Uuid
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TENANT_SETTING = "entra.tenant_id"
"""The PostgreSQL setting that the policies compare with.

Set per transaction by ``tenant_transaction``.
"""


def tenant_key() -> Column[UUID]:
    """The first column of every primary key."""
    return Column("tenant_id", Uuid(), primary_key=True)


def key(name: str) -> Column[UUID]:
    """A further column of the primary key."""
    return Column(name, Uuid(), primary_key=True)


def ref(name: str, *, nullable: bool = False) -> Column[UUID]:
    """An id of ours or of the host; host rows are never referenced by a foreign key."""
    return Column(name, Uuid(), nullable=nullable)


def moment(name: str, *, nullable: bool = True) -> Column[datetime]:
    """A point in time, with zone, in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def document(name: str, *, nullable: bool = True) -> Column[object]:
    """A JSON document that is read and written whole."""
    return Column(name, JSONB(none_as_null=True), nullable=nullable)


def one_of(column: str, values: type[StrEnum], *, optional: bool = False) -> CheckConstraint:
    """A CHECK that holds a column to a closed set."""
    inside = ", ".join(f"'{value.value}'" for value in values)
    prefix = f"{column} IS NULL OR " if optional else ""
    return CheckConstraint(f"{prefix}{column} IN ({inside})", name=column)
