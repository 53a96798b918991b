"""The first tables, each under row level security that binds its owner too.

Revision: 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REASONS = (
    "created",
    "matched_email",
    "matched_alias",
    "linked_inactive",
    "guest",
    "disabled",
    "no_address",
    "resource_account",
    "sync_account",
    "service_account",
    "unlicensed",
    "excluded_pattern",
    "multiple_matches",
    "linked_elsewhere",
    "claimed_twice",
    "other_client",
    "field_conflict",
    "missing_upstream",
    "decided",
    "rejected_by_host",
)
"""Why an identity has its verdict, a link or an item is there, a change is planned."""

TABLES = (
    "entra_partner_connections",
    "entra_oauth_attempts",
    "entra_managed_tenants",
    "entra_managed_tenant_domains",
    "entra_client_tenant_mappings",
    "entra_sync_settings",
    "entra_sync_runs",
    "entra_sync_run_tenants",
    "entra_sync_pages",
    "entra_sync_changes",
    "entra_identities",
    "entra_contact_links",
    "entra_reconciliation_items",
    "entra_decisions",
    "entra_pins",
    "entra_delta_cursors",
)
"""In the order of creation."""


def _reason(table: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{reason}'" for reason in REASONS)
    return sa.CheckConstraint(f"reason IN ({listed})", name=op.f(f"ck_{table}_reason"))


def upgrade() -> None:
    _create_connections()
    _create_mapping()
    _create_runs()
    _create_people()
    _protect()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _protect() -> None:
    """Let every row be seen and written under its own tenant's setting only.

    A missing setting is an error, never an empty result: ``current_setting`` is called without
    ``missing_ok``. FORCE binds the owner, who runs the migrations, as well.
    """
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant_isolation ON {table} "
            "USING (tenant_id = current_setting('entra.tenant_id')::uuid) "
            "WITH CHECK (tenant_id = current_setting('entra.tenant_id')::uuid)"
        )
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def _create_connections() -> None:
    op.create_table(
        "entra_partner_connections",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("credential_source", sa.Text(), nullable=True),
        sa.Column("partner_tenant_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("validated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_vendor_code", sa.Text(), nullable=True),
        sa.Column(
            "error_details",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_secret_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('not_connected', 'connected', 'validation_failed', 'disconnected')",
            name=op.f("ck_entra_partner_connections_status"),
        ),
        sa.CheckConstraint(
            "type IN ('direct', 'cipp')", name=op.f("ck_entra_partner_connections_type")
        ),
        sa.CheckConstraint(
            "credential_source IS NULL OR "
            "credential_source IN ('tenant-secret', 'env', 'app-secret')",
            name=op.f("ck_entra_partner_connections_credential_source"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "connection_id", name=op.f("pk_entra_partner_connections")
        ),
    )
    op.create_index(
        "uq_entra_partner_connections_one_active",
        "entra_partner_connections",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "entra_oauth_attempts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("credential_source", sa.Text(), nullable=False),
        sa.Column(
            "flow", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "credential_source IN ('tenant-secret', 'env', 'app-secret')",
            name=op.f("ck_entra_oauth_attempts_credential_source"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "state", name=op.f("pk_entra_oauth_attempts")),
    )


def _create_mapping() -> None:
    op.create_table(
        "entra_managed_tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("search_key", sa.Text(collation="C"), nullable=False),
        sa.Column("default_domain", sa.Text(), nullable=True),
        sa.Column("user_count", sa.Integer(), nullable=True),
        sa.Column("relationship_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("auto_extend", sa.Boolean(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("health_code", sa.Text(), nullable=True),
        sa.Column(
            "health_details",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("health_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("policy_fingerprint", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint(
            "tenant_id", "managed_tenant_id", name=op.f("pk_entra_managed_tenants")
        ),
        sa.UniqueConstraint(
            "tenant_id",
            "entra_tenant_id",
            name=op.f("uq_entra_managed_tenants_tenant_id_entra_tenant_id"),
        ),
    )
    op.create_index(
        "ix_entra_managed_tenants_search",
        "entra_managed_tenants",
        ["tenant_id", "search_key"],
        unique=False,
    )
    op.create_table(
        "entra_managed_tenant_domains",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_initial", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "managed_tenant_id"],
            ["entra_managed_tenants.tenant_id", "entra_managed_tenants.managed_tenant_id"],
            name=op.f("fk_entra_managed_tenant_domains_tenant_id_managed_tenant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "managed_tenant_id", "domain", name=op.f("pk_entra_managed_tenant_domains")
        ),
    )
    op.create_index(
        "ix_entra_managed_tenant_domains_domain",
        "entra_managed_tenant_domains",
        ["tenant_id", "domain"],
        unique=False,
    )
    op.create_table(
        "entra_client_tenant_mappings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("mapping_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "evidence", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "filter_overrides",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'mapped') = (client_id IS NOT NULL)",
            name=op.f("ck_entra_client_tenant_mappings_client"),
        ),
        sa.CheckConstraint(
            "state IN ('mapped', 'create_new', 'skipped', 'unmapped')",
            name=op.f("ck_entra_client_tenant_mappings_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "managed_tenant_id"],
            ["entra_managed_tenants.tenant_id", "entra_managed_tenants.managed_tenant_id"],
            name=op.f("fk_entra_client_tenant_mappings_tenant_id_managed_tenant_id"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "mapping_id", name=op.f("pk_entra_client_tenant_mappings")
        ),
    )
    op.create_index(
        "ix_entra_client_tenant_mappings_client",
        "entra_client_tenant_mappings",
        ["tenant_id", "client_id"],
        unique=False,
    )
    op.create_index(
        "uq_entra_client_tenant_mappings_current",
        "entra_client_tenant_mappings",
        ["tenant_id", "managed_tenant_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _create_runs() -> None:
    op.create_table(
        "entra_sync_settings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column(
            "field_sync_config",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=False,
        ),
        sa.Column(
            "user_filter_config",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=False,
        ),
        sa.Column(
            "guard_config",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=False,
        ),
        sa.Column(
            "notification_config",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=False,
        ),
        sa.Column("sync_enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("sync_interval_minutes", sa.Integer(), server_default="1440", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("mapping_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_discovery_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_entra_sync_settings")),
    )
    op.create_table(
        "entra_sync_runs",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column(
            "progress", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_vendor_code", sa.Text(), nullable=True),
        sa.Column(
            "error_details",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'held', 'completed', 'partial', 'failed', "
            "'cancelled', 'joined', 'skipped')",
            name=op.f("ck_entra_sync_runs_state"),
        ),
        sa.CheckConstraint(
            "trigger IN ('manual', 'scheduled', 'api')", name=op.f("ck_entra_sync_runs_trigger")
        ),
        sa.CheckConstraint(
            "type IN ('initial', 'all', 'client', 'person', 'preview', 'undo', "
            "'discovery', 'validation')",
            name=op.f("ck_entra_sync_runs_type"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", name=op.f("pk_entra_sync_runs")),
    )
    op.create_index(
        "ix_entra_sync_runs_created", "entra_sync_runs", ["tenant_id", "created_at"], unique=False
    )
    op.create_index(
        "uq_entra_sync_runs_one_at_a_time",
        "entra_sync_runs",
        ["tenant_id", sa.literal_column("coalesce(nullif(type, 'initial'), 'all')")],
        unique=True,
        postgresql_where=sa.text(
            "type IN ('all', 'initial', 'discovery') AND state IN ('queued', 'running')"
        ),
    )
    op.create_table(
        "entra_sync_run_tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("client_name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.Column("joined_run_id", sa.Uuid(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reading", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created", sa.Integer(), server_default="0", nullable=False),
        sa.Column("linked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("inactivated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reactivated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("moved", sa.Integer(), server_default="0", nullable=False),
        sa.Column("queued", sa.Integer(), server_default="0", nullable=False),
        sa.Column("filtered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stale", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pages_read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("users_read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_vendor_code", sa.Text(), nullable=True),
        sa.Column(
            "error_details",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'held', 'completed', 'partial', 'failed', "
            "'cancelled', 'joined', 'skipped')",
            name=op.f("ck_entra_sync_run_tenants_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id"],
            ["entra_sync_runs.tenant_id", "entra_sync_runs.run_id"],
            name=op.f("fk_entra_sync_run_tenants_tenant_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "run_id", "managed_tenant_id", name=op.f("pk_entra_sync_run_tenants")
        ),
    )
    op.create_index(
        "uq_entra_sync_run_tenants_one_writer",
        "entra_sync_run_tenants",
        ["tenant_id", "managed_tenant_id"],
        unique=True,
        postgresql_where=sa.text("writes AND state IN ('queued', 'running')"),
    )
    op.create_table(
        "entra_sync_pages",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("next_link", sa.Text(), nullable=True),
        sa.Column("object_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("filtered", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id", "managed_tenant_id"],
            [
                "entra_sync_run_tenants.tenant_id",
                "entra_sync_run_tenants.run_id",
                "entra_sync_run_tenants.managed_tenant_id",
            ],
            name=op.f("fk_entra_sync_pages_tenant_id_run_id_managed_tenant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "run_id", "managed_tenant_id", "page", name=op.f("pk_entra_sync_pages")
        ),
    )
    op.create_table(
        "entra_sync_changes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("search_key", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "before", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "after", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "snapshot", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("candidates", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        sa.Column(
            "note", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        _reason("entra_sync_changes"),
        sa.CheckConstraint(
            "kind IN ('create', 'link', 'update', 'inactivate', 'reactivate', 'move', "
            "'queue', 'close_link', 'none')",
            name=op.f("ck_entra_sync_changes_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'held', 'applied', 'stale', 'superseded', 'discarded', "
            "'failed', 'undone')",
            name=op.f("ck_entra_sync_changes_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id"],
            ["entra_sync_runs.tenant_id", "entra_sync_runs.run_id"],
            name=op.f("fk_entra_sync_changes_tenant_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "change_id", name=op.f("pk_entra_sync_changes")),
        sa.UniqueConstraint(
            "tenant_id",
            "run_id",
            "managed_tenant_id",
            "object_id",
            "kind",
            name=op.f("uq_entra_sync_changes_subject"),
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_entra_sync_changes_position",
        "entra_sync_changes",
        ["tenant_id", "run_id", "position"],
        unique=False,
    )


def _create_people() -> None:
    op.create_table(
        "entra_identities",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("search_key", sa.Text(collation="C"), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("seen_fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("acted_fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _reason("entra_identities"),
        sa.CheckConstraint(
            "verdict IN ('linked', 'filtered', 'queued', 'ignored', 'undone', 'failed')",
            name=op.f("ck_entra_identities_verdict"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "entra_tenant_id", "object_id", name=op.f("pk_entra_identities")
        ),
    )
    op.create_index(
        "ix_entra_identities_verdict",
        "entra_identities",
        ["tenant_id", "entra_tenant_id", "verdict", "reason"],
        unique=False,
    )
    op.create_table(
        "entra_contact_links",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_by_run", sa.Uuid(), nullable=True),
        sa.Column("opened_by_user", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by_run", sa.Uuid(), nullable=True),
        sa.Column("closed_by_user", sa.Uuid(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "base", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("host_version", sa.BigInteger(), nullable=True),
        _reason("entra_contact_links"),
        sa.CheckConstraint(
            "state IN ('active', 'closed')", name=op.f("ck_entra_contact_links_state")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "link_id", name=op.f("pk_entra_contact_links")),
    )
    op.create_index(
        "uq_entra_contact_links_contact",
        "entra_contact_links",
        ["tenant_id", "contact_id"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "uq_entra_contact_links_identity",
        "entra_contact_links",
        ["tenant_id", "entra_tenant_id", "object_id"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "entra_reconciliation_items",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("candidates", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        sa.Column(
            "details", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_as", sa.Text(), nullable=True),
        _reason("entra_reconciliation_items"),
        sa.CheckConstraint(
            "state IN ('open', 'resolved', 'dismissed')",
            name=op.f("ck_entra_reconciliation_items_state"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "item_id", name=op.f("pk_entra_reconciliation_items")),
    )
    op.create_index(
        "ix_entra_reconciliation_items_position",
        "entra_reconciliation_items",
        ["tenant_id", "state", "position"],
        unique=False,
    )
    op.create_index(
        "uq_entra_reconciliation_items_open",
        "entra_reconciliation_items",
        ["tenant_id", "entra_tenant_id", "object_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "entra_decisions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('linked', 'ignored', 'undone', 'dismissed')",
            name=op.f("ck_entra_decisions_kind"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "entra_tenant_id", "object_id", name=op.f("pk_entra_decisions")
        ),
    )
    op.create_table(
        "entra_pins",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("pin_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=True),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('keep_active', 'hands_off', 'lock_field', 'ignore_identity')",
            name=op.f("ck_entra_pins_kind"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "pin_id", name=op.f("pk_entra_pins")),
    )
    op.create_index(
        "uq_entra_pins_subject",
        "entra_pins",
        ["tenant_id", "kind", "contact_id", "entra_tenant_id", "object_id", "field"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "entra_delta_cursors",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("managed_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("select_fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("obtained_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "managed_tenant_id", name=op.f("pk_entra_delta_cursors")
        ),
    )
