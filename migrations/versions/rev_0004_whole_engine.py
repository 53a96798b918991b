"""Departures, delta cursors, undo, previews with unsaved settings, and who decided by name.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNSETTLED = "ix_entra_identities_unsettled"
VERDICT = "ix_entra_identities_verdict"
POSITION = "ix_entra_sync_changes_position"
HELD = "ix_entra_sync_run_tenants_held"
OF_CLIENT = "ix_entra_sync_run_tenants_client"
CLOSED = "ix_entra_contact_links_closed"
LEFT = "ix_entra_contact_links_left"
REASONED = (
    "entra_identities",
    "entra_contact_links",
    "entra_reconciliation_items",
    "entra_sync_changes",
)
REASONS = (
    *("created", "matched_email", "matched_alias", "linked_inactive", "guest", "disabled"),
    *("no_address", "resource_account", "sync_account", "service_account", "unlicensed"),
    *("excluded_pattern", "multiple_matches", "linked_elsewhere", "claimed_twice"),
    *("other_client", "field_conflict", "missing_upstream", "decided", "rejected_by_host"),
)
FIELDS = ("displayName", "email", "phone", "mobile", "role", "department", "officeLocation")
NEW_REASONS = (
    *("not_in_group", "in_excluded_group", "pinned", "fields_changed", "disabled_upstream"),
    *("deleted_upstream", "enabled_upstream", "remapped", "contact_gone", "undone", "resumed"),
    *("edited_since", "changed_by_later_run", "unchanged"),
)
SETTLEMENTS = (
    *("linked", "created", "moved", "fields", "inactivated", "kept", "dismissed"),
    "answered_itself",
)


def upgrade() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    _hold("entra_identities", "departure", ("disabled_upstream", "deleted_upstream"))
    _hold("entra_sync_run_tenants", "reading_kind", ("full", "delta", "person"))
    _hold("entra_pins", "field", FIELDS)
    _hold("entra_reconciliation_items", "settled_as", SETTLEMENTS)
    _hold("entra_decisions", "question", (*REASONS, *NEW_REASONS))
    for table in REASONED:
        op.drop_constraint(op.f(f"ck_{table}_reason"), table)
        _hold(table, "reason", (*REASONS, *NEW_REASONS), optional=False)
    op.create_index(
        UNSETTLED,
        "entra_identities",
        ["tenant_id", "entra_tenant_id", "object_id"],
        postgresql_where=sa.text(
            "acted_fingerprint IS NULL OR verdict = 'queued'"
            " OR (departure IS NOT NULL AND NOT departure_settled)"
        ),
    )
    op.create_index(
        CLOSED,
        "entra_contact_links",
        ["tenant_id", "entra_tenant_id", "object_id"],
        postgresql_where=sa.text("state = 'closed'"),
    )
    op.create_index(
        LEFT,
        "entra_contact_links",
        ["tenant_id", "contact_id"],
        postgresql_where=sa.text("state = 'closed'"),
    )
    op.drop_index(VERDICT, table_name="entra_identities")
    op.create_index(
        VERDICT, "entra_identities", ["tenant_id", "verdict", "reason", "entra_tenant_id"]
    )
    op.drop_index(POSITION, table_name="entra_sync_changes")
    op.create_index(
        HELD,
        "entra_sync_run_tenants",
        ["tenant_id", "managed_tenant_id"],
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(OF_CLIENT, "entra_sync_run_tenants", ["tenant_id", "client_id", "run_id"])


def downgrade() -> None:
    op.drop_index(OF_CLIENT, table_name="entra_sync_run_tenants")
    op.drop_index(HELD, table_name="entra_sync_run_tenants")
    op.create_index(POSITION, "entra_sync_changes", ["tenant_id", "run_id", "position"])
    op.drop_index(VERDICT, table_name="entra_identities")
    op.create_index(
        VERDICT, "entra_identities", ["tenant_id", "entra_tenant_id", "verdict", "reason"]
    )
    op.drop_index(LEFT, table_name="entra_contact_links")
    op.drop_index(CLOSED, table_name="entra_contact_links")
    op.drop_index(UNSETTLED, table_name="entra_identities")
    for table in REASONED:
        op.drop_constraint(op.f(f"ck_{table}_reason"), table)
        _hold(table, "reason", REASONS, optional=False)
    op.drop_constraint(op.f("ck_entra_decisions_question"), "entra_decisions")
    op.drop_constraint(op.f("ck_entra_pins_field"), "entra_pins")
    op.drop_constraint(
        op.f("ck_entra_reconciliation_items_settled_as"), "entra_reconciliation_items"
    )
    op.drop_constraint(op.f("ck_entra_sync_run_tenants_reading_kind"), "entra_sync_run_tenants")
    op.drop_constraint(op.f("ck_entra_identities_departure"), "entra_identities")
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)


def _hold(table: str, column: str, values: tuple[str, ...], *, optional: bool = True) -> None:
    """Hold a column to a closed set."""
    inside = ", ".join(f"'{value}'" for value in values)
    condition = f"{column} IN ({inside})"
    if optional:
        condition = f"{column} IS NULL OR {condition}"
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, condition)


def _added() -> dict[str, tuple[sa.Column[object], ...]]:
    """The new columns by table."""
    return {
        "entra_identities": (
            sa.Column("read_as", sa.LargeBinary()),
            sa.Column("departure", sa.Text()),
            sa.Column("departed_at", sa.DateTime(timezone=True)),
            sa.Column(
                "departure_settled", sa.Boolean(), server_default=sa.text("false"), nullable=False
            ),
            sa.Column("unlisted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        ),
        "entra_contact_links": (sa.Column("inactive_version", sa.BigInteger()),),
        "entra_reconciliation_items": (sa.Column("settled_by_name", sa.Text()),),
        "entra_decisions": (
            sa.Column("fingerprint", sa.LargeBinary()),
            sa.Column("question", sa.Text()),
            sa.Column("fields", postgresql.ARRAY(sa.Text())),
            sa.Column("client_id", sa.Uuid()),
            sa.Column("run_id", sa.Uuid()),
            sa.Column("decided_by_name", sa.Text()),
        ),
        "entra_pins": (sa.Column("created_by_name", sa.Text()),),
        "entra_delta_cursors": (sa.Column("verified_at", sa.DateTime(timezone=True)),),
        "entra_managed_tenants": (
            sa.Column("relationship_warned_for", sa.DateTime(timezone=True)),
        ),
        "entra_sync_settings": (sa.Column("secret_warned_for", sa.DateTime(timezone=True)),),
        "entra_sync_runs": (
            sa.Column("subject_tenant_id", sa.Uuid()),
            sa.Column("subject_object_id", sa.Uuid()),
            sa.Column("undoes_run_id", sa.Uuid()),
            sa.Column("what_if", postgresql.JSONB()),
            sa.Column("notified_at", sa.DateTime(timezone=True)),
        ),
        "entra_sync_run_tenants": (
            sa.Column("reading_kind", sa.Text()),
            sa.Column("cursor_link", sa.Text()),
            sa.Column("absences", sa.Boolean(), server_default=sa.text("false"), nullable=False),
            sa.Column("settled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
            sa.Column("policy_fingerprint", sa.LargeBinary()),
            sa.Column("select_fingerprint", sa.LargeBinary()),
        ),
        "entra_sync_changes": (
            sa.Column("source_change_id", sa.Uuid()),
            sa.Column("decided_by", sa.Uuid()),
            sa.Column("decided_by_name", sa.Text()),
        ),
    }
