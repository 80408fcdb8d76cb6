"""How holds stood before a form gave them away or put them aside, so that it can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; forms that were sent before are not taken back."""
    op.add_column("operation", sa.Column("stood", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("operation", "stood")
