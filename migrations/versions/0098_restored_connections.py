"""Add when a connection was restored from a backup."""

from alembic import op

revision = "0098"
down_revision = "0097"
branch_labels = None
depends_on = None

_MOMENTS = {"sqlite": "VARCHAR(27)", "postgresql": "TIMESTAMP WITH TIME ZONE"}


def upgrade() -> None:
    """Add the column, which is blank for databases that were never restored."""
    moment = _MOMENTS[op.get_bind().dialect.name]
    op.execute(f"ALTER TABLE connection ADD COLUMN restored_at {moment}")


def downgrade() -> None:
    """Drop the column; nothing is looked up because of a restore any more."""
    op.execute("ALTER TABLE connection DROP COLUMN restored_at")
