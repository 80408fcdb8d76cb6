"""Store since when each push could have been sent."""

from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None

_MOMENTS = {"sqlite": "VARCHAR(27)", "postgresql": "TIMESTAMP WITH TIME ZONE"}


def upgrade() -> None:
    """Add the column; it is not known of earlier pushes."""
    op.execute(f"ALTER TABLE push ADD COLUMN due_at {_MOMENTS[op.get_bind().dialect.name]}")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE push DROP COLUMN due_at")
