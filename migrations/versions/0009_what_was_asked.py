"""What each form asked for, so that its id does not stand for anything else."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; forms that were sent before are not answered a second time."""
    op.add_column("operation", sa.Column("asked", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("operation", "asked")
