"""Connections by CIPP and by the app alone: modes, secrets in change, waiting, facts of the lists.

Revision: 0002, after 0001.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNS_ALONE = "uq_entra_sync_runs_one_at_a_time"


def upgrade() -> None:
    op.add_column("entra_partner_connections", _moment("renewed_at"))
    with _every_tenant("entra_partner_connections"):
        op.execute(
            "UPDATE entra_partner_connections SET renewed_at = created_at"
            " WHERE mode = 'delegated' AND ended_at IS NULL"
        )
    op.create_check_constraint(
        op.f("ck_entra_partner_connections_mode"),
        "entra_partner_connections",
        "mode IN ('delegated', 'app_only', 'api_token', 'client_credentials')",
    )
    op.add_column("entra_sync_settings", _moment("client_secret_expires_at"))
    _move_expiry_to_settings()
    op.drop_column("entra_partner_connections", "client_secret_expires_at")
    op.add_column(
        "entra_sync_run_tenants",
        sa.Column("waited_seconds", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column("entra_managed_tenants", sa.Column("listed_domain", sa.Text(), nullable=True))
    op.add_column("entra_managed_tenants", sa.Column("privilege_status", sa.Text(), nullable=True))
    op.add_column("entra_managed_tenants", sa.Column("provider_errors", sa.Integer()))
    _let_run_alone("'all', 'initial', 'discovery', 'validation'")
    _create_secret_changes()


def downgrade() -> None:
    op.drop_table("entra_secret_changes")
    _let_run_alone("'all', 'initial', 'discovery'")
    op.drop_column("entra_managed_tenants", "provider_errors")
    op.drop_column("entra_managed_tenants", "privilege_status")
    op.drop_column("entra_managed_tenants", "listed_domain")
    op.drop_column("entra_sync_run_tenants", "waited_seconds")
    op.add_column("entra_partner_connections", _moment("client_secret_expires_at"))
    _move_expiry_to_connections()
    op.drop_column("entra_sync_settings", "client_secret_expires_at")
    op.drop_constraint(op.f("ck_entra_partner_connections_mode"), "entra_partner_connections")
    op.drop_column("entra_partner_connections", "renewed_at")


def _move_expiry_to_settings() -> None:
    """A person entered the date with the credentials, which outlive a connection."""
    with _every_tenant("entra_partner_connections", "entra_sync_settings"):
        op.execute(
            "INSERT INTO entra_sync_settings (tenant_id, field_sync_config, user_filter_config,"
            " guard_config, notification_config, updated_at, client_secret_expires_at)"
            " SELECT tenant_id, '{}', '{}', '{}', '{}', now(), client_secret_expires_at"
            " FROM entra_partner_connections"
            " WHERE ended_at IS NULL AND client_secret_expires_at IS NOT NULL"
            " ON CONFLICT (tenant_id) DO UPDATE"
            " SET client_secret_expires_at = excluded.client_secret_expires_at"
        )


def _move_expiry_to_connections() -> None:
    with _every_tenant("entra_partner_connections", "entra_sync_settings"):
        op.execute(
            "UPDATE entra_partner_connections c"
            " SET client_secret_expires_at = s.client_secret_expires_at"
            " FROM entra_sync_settings s"
            " WHERE s.tenant_id = c.tenant_id AND c.ended_at IS NULL"
        )


@contextmanager
def _every_tenant(*tables: str) -> Iterator[None]:
    """Let the owner see the rows of all tenants, until the policies bind him again."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _let_run_alone(types: str) -> None:
    """Make the index anew that keeps two runs of one of these types from being open at once."""
    op.drop_index(RUNS_ALONE, table_name="entra_sync_runs")
    op.create_index(
        RUNS_ALONE,
        "entra_sync_runs",
        ["tenant_id", sa.text("coalesce(nullif(type, 'initial'), 'all')")],
        unique=True,
        postgresql_where=sa.text(f"type IN ({types}) AND state IN ('queued', 'running')"),
    )


def _create_secret_changes() -> None:
    table = "entra_secret_changes"
    op.create_table(
        table,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sets", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("deletes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("committed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "change_id", name=op.f(f"pk_{table}")),
    )
    role = op.get_bind().dialect.identifier_preparer.quote(context.config.attributes["app_role"])
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant_isolation ON {table} "
        "USING (tenant_id = current_setting('entra.tenant_id')::uuid) "
        "WITH CHECK (tenant_id = current_setting('entra.tenant_id')::uuid)"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")
