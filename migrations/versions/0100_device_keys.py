"""Add the hash of the browser's device cookie to a session."""

from alembic import op

revision = "0100"
down_revision = "0099"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which is blank for sessions that began before."""
    op.execute("ALTER TABLE session ADD COLUMN device_key VARCHAR")


def downgrade() -> None:
    """Drop the column; every device counts as unknown again."""
    op.execute("ALTER TABLE session DROP COLUMN device_key")
