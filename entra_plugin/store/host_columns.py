"""What a host says of its tables, for the ports of ``host_tables``: which column holds what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, UniqueConstraint

AnyColumn = Column[Any]

NUMBER = "phone:"
"""What an update puts before the type of a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientColumns:
    """The columns of a host's table of clients.

    ``version`` is a whole number that every write raises, ``creation_key`` unique in a tenant.
    """

    tenant_id: AnyColumn
    id: AnyColumn
    name: AnyColumn
    active: AnyColumn
    version: AnyColumn
    creation_key: AnyColumn
    website: AnyColumn | None = None
    domain: AnyColumn | None = None
    billing_email: AnyColumn | None = None
    inbound_domains: AnyColumn | None = None
    """An array of texts."""
    directory_tenant_id: AnyColumn | None = None

    def __post_init__(self) -> None:
        """Check that the idempotency key is one."""
        _require_key(self.tenant_id, self.creation_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneColumns:
    """The columns of a host's table of numbers: at most one of a type for each contact."""

    tenant_id: AnyColumn
    contact_id: AnyColumn
    type: AnyColumn
    number: AnyColumn

    def __post_init__(self) -> None:
        """Check that a contact has one number of a type."""
        _require_key(self.tenant_id, self.contact_id, self.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactColumns:
    """The columns of a host's table of contacts.

    ``version`` is a whole number that every write raises, ``creation_key`` unique in a tenant.
    Numbers are in columns of the contact, ``numbers`` by type, or in a table of their own.
    """

    tenant_id: AnyColumn
    id: AnyColumn
    client_id: AnyColumn
    full_name: AnyColumn
    email: AnyColumn
    active: AnyColumn
    version: AnyColumn
    creation_key: AnyColumn
    role: AnyColumn | None = None
    department: AnyColumn | None = None
    office_location: AnyColumn | None = None
    numbers: Mapping[str, AnyColumn] = field(default_factory=dict)
    phones: PhoneColumns | None = None
    email_key: ColumnElement[str] | None = None
    """What finds a contact by its address: ``lower(btrim(email))`` unless told."""
    name_key: ColumnElement[str] | None = None
    """What finds a contact by its name: ``lower(btrim(full_name))`` unless told."""

    def __post_init__(self) -> None:
        """Check that the idempotency key is one, and that numbers are in one place."""
        _require_key(self.tenant_id, self.creation_key)
        if self.numbers and self.phones:
            raise ValueError("numbers are in columns or in a table of their own, not in both")

    @property
    def fields(self) -> dict[str, AnyColumn]:
        """The columns that an update may name, by its words for them."""
        named = {
            "full_name": self.full_name,
            "email": self.email,
            "role": self.role,
            "department": self.department,
            "office_location": self.office_location,
            "active": self.active,
            "client_id": self.client_id,
            **{NUMBER + type_: found for type_, found in self.numbers.items()},
        }
        return {name: found for name, found in named.items() if found is not None}


def _require_key(*columns: AnyColumn) -> None:
    """Check that a table declares these columns as unique.

    Raises:
        ValueError: It does not, so that what is written twice would be there twice.
    """
    table = columns[0].table
    keys = [set(table.primary_key.columns)]
    keys += [set(index.columns) for index in table.indexes if index.unique]
    keys += [set(key.columns) for key in table.constraints if isinstance(key, UniqueConstraint)]
    if set(columns) not in keys:
        names = ", ".join(found.name for found in columns)
        raise ValueError(f"{table} declares no unique key of {names}")
