"""An MSP for a history: its clients and contacts, what its people do, and how things stand.

Everything is done to the host's and the plugin's rows as other programs would do it, over a
connection of the administrator's, and never by the code under test.
"""

import json
from datetime import datetime
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from entra_plugin.domain.ids import ClientId, ContactId, EntraTenantId, ManagedTenantId, ObjectId
from support.builders import guid
from support.standing import Row, State, look

DIRECTORIES = tuple(EntraTenantId(guid(f"history directory {n}")) for n in (0, 1))
CUSTOMERS = tuple(ManagedTenantId(guid(f"history customer {n}")) for n in (0, 1))
CLIENTS = tuple(ClientId(guid(f"history client {n}")) for n in (0, 1, 2))
"""The same ids in every history, each of which is another MSP."""

KEPT = (
    "psa_contacts",
    "psa_contact_phones",
    "psa_clients",
    "entra_client_tenant_mappings",
    "entra_contact_links",
    "entra_identities",
    "entra_reconciliation_items",
    "entra_sync_changes",
    "entra_decisions",
    "entra_pins",
    "entra_sync_settings",
)
"""Tables that a sync of what is unchanged must not touch."""

COLUMNS = {"displayName": "full_name", "role": "role", "email": "email", "department": "department"}
NUMBERS = {"phone": "work", "mobile": "mobile"}
FIELDS = (*COLUMNS, *NUMBERS)
"""The fields of a contact that people and rules change, by the names of the rules."""


class Office:
    """One MSP."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        self.tenant_id = uuid4()
        self._version = 0

    def found(self, now: datetime) -> None:
        """Three clients, a connection, and two customers that are mapped to two of the clients."""
        with self._connection.transaction():
            for number, client_id in enumerate(CLIENTS):
                self._run(
                    "INSERT INTO psa_clients (tenant_id, id, name) VALUES (%s, %s, %s)",
                    self.tenant_id,
                    client_id,
                    f"Client {number}",
                )
            self._run(
                "INSERT INTO entra_partner_connections (tenant_id, connection_id, type, mode,"
                " status, created_at) VALUES (%s, %s, 'direct', 'delegated', 'connected', %s)",
                self.tenant_id,
                uuid4(),
                now,
            )
            for number, directory in enumerate(DIRECTORIES):
                self._run(
                    "INSERT INTO entra_managed_tenants (tenant_id, managed_tenant_id,"
                    " entra_tenant_id, display_name, search_key, first_seen_at, last_seen_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    self.tenant_id,
                    CUSTOMERS[number],
                    directory,
                    f"Customer {number}",
                    f"customer {number}",
                    now,
                    now,
                )

    # --- What people do at the host ---

    def hire(self, client_id: ClientId, name: str, email: str | None) -> None:
        """Make a contact by hand, unless somebody has the address."""
        self._run(
            "INSERT INTO psa_contacts (tenant_id, id, client_id, full_name, name_key, email,"
            " email_key, email_domain) SELECT %s, %s, %s, %s, lower(%s), %s::text, lower(%s::text),"
            " split_part(lower(%s::text), '@', -1) ON CONFLICT DO NOTHING",
            self.tenant_id,
            uuid4(),
            client_id,
            name,
            name,
            email,
            email,
            email,
        )

    def edit(self, contact_id: str, field: str, value: object) -> bool:
        """Change a field of a contact; False for an address that somebody else has."""
        if field in NUMBERS:
            return self._renumber(contact_id, NUMBERS[field], value)
        if field == "email":
            taken = self._rows(
                "SELECT 1 FROM psa_contacts WHERE tenant_id = %s AND email_key = %s AND id <> %s",
                self.tenant_id,
                value,
                contact_id,
            )
            if taken:
                return False
            self._run(
                "UPDATE psa_contacts SET email = %s, email_key = %s, version = version + 1"
                " WHERE tenant_id = %s AND id = %s",
                value,
                value,
                self.tenant_id,
                contact_id,
            )
            return True
        statement = sql.SQL(
            "UPDATE psa_contacts SET {} = %s, version = version + 1"
            " WHERE tenant_id = %s AND id = %s"
        ).format(sql.Identifier(COLUMNS.get(field, field)))
        self._connection.execute(statement, (value, self.tenant_id, contact_id))
        return True

    def _renumber(self, contact_id: str, type_: str, value: object) -> bool:
        key = (self.tenant_id, contact_id, type_)
        self._run(
            "DELETE FROM psa_contact_phones WHERE tenant_id = %s AND contact_id = %s AND type = %s",
            *key,
        )
        if value is not None:
            self._run("INSERT INTO psa_contact_phones VALUES (%s, %s, %s, %s)", *key, value)
        self._run(
            "UPDATE psa_contacts SET version = version + 1 WHERE tenant_id = %s AND id = %s",
            self.tenant_id,
            contact_id,
        )
        return True

    def dismiss(self, contact_id: str) -> None:
        """Delete a contact, as only the host itself can."""
        self._run(
            "DELETE FROM psa_contacts WHERE tenant_id = %s AND id = %s", self.tenant_id, contact_id
        )

    # --- What people decide in the plugin ---

    def settings(self, **documents: object) -> None:
        """Save settings, by column."""
        self._run(
            "INSERT INTO entra_sync_settings (tenant_id, field_sync_config, user_filter_config,"
            " guard_config, notification_config, updated_at) VALUES (%s, %s, %s, %s, '{}', now())"
            " ON CONFLICT (tenant_id) DO UPDATE SET field_sync_config = excluded.field_sync_config,"
            " user_filter_config = excluded.user_filter_config,"
            " guard_config = excluded.guard_config, version = entra_sync_settings.version + 1",
            self.tenant_id,
            *(
                json.dumps(documents[name])
                for name in ("field_sync_config", "user_filter_config", "guard_config")
            ),
        )

    def pin(
        self,
        kind: str,
        *,
        contact_id: str | None = None,
        directory: UUID | None = None,
        object_id: ObjectId | None = None,
        field: str | None = None,
    ) -> None:
        """Pin something; again is harmless."""
        self._run(
            "INSERT INTO entra_pins (tenant_id, pin_id, kind, contact_id, entra_tenant_id,"
            " object_id, field, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, now())"
            " ON CONFLICT DO NOTHING",
            self.tenant_id,
            uuid4(),
            kind,
            contact_id,
            directory,
            object_id,
            field,
        )

    def unpin(self) -> None:
        """Take all pins away."""
        self._run("DELETE FROM entra_pins WHERE tenant_id = %s", self.tenant_id)

    # --- How things stand ---

    def state(self) -> State:
        """Everything, in one look."""
        return look(self._connection, self.tenant_id)

    def reading(self, run_id: UUID, managed_tenant_id: UUID) -> object:
        """How a customer was read in a run."""
        ((kind,),) = self._rows(
            "SELECT reading_kind FROM entra_sync_run_tenants"
            " WHERE tenant_id = %s AND run_id = %s AND managed_tenant_id = %s",
            self.tenant_id,
            run_id,
            managed_tenant_id,
        )
        return kind

    def state_of(self, run_id: UUID) -> object:
        """The state of a run."""
        ((state,),) = self._rows(
            "SELECT state FROM entra_sync_runs WHERE tenant_id = %s AND run_id = %s",
            self.tenant_id,
            run_id,
        )
        return state

    def settled_as(self, item_id: object) -> object:
        """How a question was settled; None while it is open."""
        ((found,),) = self._rows(
            "SELECT settled_as FROM entra_reconciliation_items"
            " WHERE tenant_id = %s AND item_id = %s",
            self.tenant_id,
            item_id,
        )
        return found

    def versions(self, *, but: str = "") -> list[tuple[object, ...]]:
        """Which transaction wrote each row of the tables that must keep still."""
        looks = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, ctid::text, xmin::text FROM {} WHERE tenant_id = %(t)s").format(
                sql.Literal(table), sql.Identifier(table)
            )
            for table in KEPT
            if table != but
        )
        return sorted(self._connection.execute(looks, {"t": self.tenant_id}).fetchall())

    def _run(self, statement: LiteralString, *values: object) -> None:
        self._connection.execute(statement, values)

    def _rows(self, statement: LiteralString, *values: object) -> list[tuple[object, ...]]:
        return self._connection.execute(statement, values).fetchall()


__all__ = ["CLIENTS", "CUSTOMERS", "DIRECTORIES", "FIELDS", "ContactId", "Office", "Row", "State"]
