"""The host's tables. Every one but the flags belongs to a tenant, and every query names it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tenants = Table(
    "psa_tenants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("is_master", Boolean, nullable=False, server_default=text("false")),
)

users = Table(
    "psa_users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("login", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("user_type", Text, nullable=False),
    Column("permissions", ARRAY(Text), nullable=False),
    Column("locale", Text, nullable=False, server_default="en"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    ForeignKeyConstraint(["tenant_id"], ["psa_tenants.id"]),
)

sessions = Table(
    "psa_sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("csrf_token", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    ForeignKeyConstraint(["user_id"], ["psa_users.id"]),
)

clients = Table(
    "psa_clients",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("website", Text),
    Column("domain", Text),
    Column("billing_email", Text),
    Column("inbound_domains", ARRAY(Text), nullable=False, server_default="{}"),
    Column("directory_tenant_id", Uuid),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("creation_key", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("tenant_id", "creation_key"),
)

contacts = Table(
    "psa_contacts",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("client_id", Uuid, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("email", Text),
    Column("email_key", Text),
    Column("email_domain", Text),
    Column("role", Text),
    Column("department", Text),
    Column("office_location", Text),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("creation_key", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("tenant_id", "email_key"),
    UniqueConstraint("tenant_id", "creation_key"),
    ForeignKeyConstraint(["tenant_id", "client_id"], ["psa_clients.tenant_id", "psa_clients.id"]),
    Index("ix_psa_contacts_client_name", "tenant_id", "client_id", "name_key"),
)
"""People at clients; an address is one contact's within a tenant, as in real PSA platforms."""

contact_phones = Table(
    "psa_contact_phones",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("contact_id", Uuid, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("number", Text, nullable=False),
)
"""Numbers of contacts, written in the statement that writes the contact.

Without a foreign key: contacts are never deleted, and PostgreSQL keeps the plan of a key's check
for a session, so one made while the table was small scans a large one for each row.
"""

api_keys = Table(
    "psa_api_keys",
    metadata,
    Column("key_hash", Text, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("label", Text, nullable=False),
    ForeignKeyConstraint(["tenant_id"], ["psa_tenants.id"]),
)

feature_flags = Table(
    "psa_feature_flags",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

flag_targets = Table(
    "psa_flag_targets",
    metadata,
    Column("flag_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, primary_key=True),
    ForeignKeyConstraint(["flag_id"], ["psa_feature_flags.id"], ondelete="CASCADE"),
)

audit = Table(
    "psa_audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("action", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

notices = Table(
    "psa_notices",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("link", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
