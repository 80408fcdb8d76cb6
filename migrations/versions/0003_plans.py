"""What a planned document bills of each line, where a route bills in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("posting", sa.Column("bills", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("posting", "bills")
