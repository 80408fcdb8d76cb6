"""Which later change of the same mapping took the place of the one that stopped a route.

Stops that stand already stay as they are: a person decides about them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column."""
    op.add_column("route_stop", sa.Column("superseded_by", WHOLE, nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("route_stop", "superseded_by")
