"""Who decided about a managed tenant, by name, and the way to a managed tenant's history.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLE = "entra_client_tenant_mappings"
HISTORY = "ix_entra_client_tenant_mappings_history"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("decided_by_name", sa.Text(), nullable=True))
    op.create_index(HISTORY, TABLE, ["tenant_id", "managed_tenant_id", "version"])


def downgrade() -> None:
    op.drop_index(HISTORY, table_name=TABLE)
    op.drop_column(TABLE, "decided_by_name")
