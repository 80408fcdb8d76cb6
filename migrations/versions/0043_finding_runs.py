"""Indexes by which runs are found: by when they started, of all targets and of one."""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing else changes."""
    op.create_index("ix_run_at", "run", ["company_id", "made_at", "id"])
    op.create_index("ix_run_connection_at", "run", ["company_id", "connection_id", "made_at", "id"])


def downgrade() -> None:
    """As it was."""
    op.drop_index("ix_run_connection_at", "run")
    op.drop_index("ix_run_at", "run")
