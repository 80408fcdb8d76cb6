"""Store since when a daily run waits for records to be judged."""

import sqlalchemy as sa
from alembic import op

from holding.db.models.columns import Moment

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no run waits yet."""
    op.add_column("schedule", sa.Column("waiting_since", Moment(), nullable=True))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("schedule", "waiting_since")
