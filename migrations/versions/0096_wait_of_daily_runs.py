"""Store since when a daily run waits for records to be judged."""

from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

_MOMENTS = {"sqlite": "VARCHAR(27)", "postgresql": "TIMESTAMP WITH TIME ZONE"}


def upgrade() -> None:
    """Add the column; no run waits yet."""
    moment = _MOMENTS[op.get_bind().dialect.name]
    op.execute(f"ALTER TABLE schedule ADD COLUMN waiting_since {moment}")


def downgrade() -> None:
    """Remove the column."""
    op.execute("ALTER TABLE schedule DROP COLUMN waiting_since")
