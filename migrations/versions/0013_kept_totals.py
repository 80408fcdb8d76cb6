"""What a target said that a document comes to there, beside what was sent.

Pushes from before told nothing of it: the next reading does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLE, COLUMN = "push", "kept"


def upgrade() -> None:
    """Add the column, in minor units."""
    op.add_column(TABLE, sa.Column(COLUMN, sa.BigInteger().with_variant(sa.Integer(), "sqlite")))


def downgrade() -> None:
    """Take it away."""
    op.drop_column(TABLE, COLUMN)
