"""The host's first tables.

Revision: 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


TABLES = (
    "psa_audit",
    "psa_clients",
    "psa_feature_flags",
    "psa_notices",
    "psa_tenants",
    "psa_api_keys",
    "psa_contacts",
    "psa_flag_targets",
    "psa_users",
    "psa_contact_phones",
    "psa_sessions",
)


def upgrade() -> None:
    op.create_table(
        "psa_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_psa_audit")),
    )
    op.create_table(
        "psa_clients",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("billing_email", sa.Text(), nullable=True),
        sa.Column(
            "inbound_domains", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("directory_tenant_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("creation_key", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_psa_clients")),
        sa.UniqueConstraint(
            "tenant_id", "creation_key", name=op.f("uq_psa_clients_tenant_id_creation_key")
        ),
    )
    op.create_table(
        "psa_feature_flags",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_psa_feature_flags")),
        sa.UniqueConstraint("key", name=op.f("uq_psa_feature_flags_key")),
    )
    op.create_table(
        "psa_notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_psa_notices")),
    )
    op.create_table(
        "psa_tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_master", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_psa_tenants")),
    )
    op.create_table(
        "psa_api_keys",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["psa_tenants.id"], name=op.f("fk_psa_api_keys_tenant_id")
        ),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_psa_api_keys")),
    )
    op.create_table(
        "psa_contacts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("email_domain", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("office_location", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("creation_key", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["psa_clients.tenant_id", "psa_clients.id"],
            name=op.f("fk_psa_contacts_tenant_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_psa_contacts")),
        sa.UniqueConstraint(
            "tenant_id", "creation_key", name=op.f("uq_psa_contacts_tenant_id_creation_key")
        ),
        sa.UniqueConstraint(
            "tenant_id", "email_key", name=op.f("uq_psa_contacts_tenant_id_email_key")
        ),
    )
    op.create_index(
        "ix_psa_contacts_client_name",
        "psa_contacts",
        ["tenant_id", "client_id", "name_key"],
        unique=False,
    )
    op.create_table(
        "psa_flag_targets",
        sa.Column("flag_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flag_id"],
            ["psa_feature_flags.id"],
            name=op.f("fk_psa_flag_targets_flag_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("flag_id", "tenant_id", name=op.f("pk_psa_flag_targets")),
    )
    op.create_table(
        "psa_users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("user_type", sa.Text(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["psa_tenants.id"], name=op.f("fk_psa_users_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_psa_users")),
        sa.UniqueConstraint("login", name=op.f("uq_psa_users_login")),
    )
    op.create_table(
        "psa_contact_phones",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "contact_id", "type", name=op.f("pk_psa_contact_phones")
        ),
    )
    op.create_table(
        "psa_sessions",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["psa_users.id"], name=op.f("fk_psa_sessions_user_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_psa_sessions")),
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
