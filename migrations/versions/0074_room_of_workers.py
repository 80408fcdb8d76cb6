"""What memory a worker takes, and what disk space is free where it writes."""

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Not known of a sign of life that an earlier program gave."""
    op.add_column("heartbeat", sa.Column("memory_bytes", WHOLE, nullable=True))
    op.add_column("heartbeat", sa.Column("disk_free_bytes", WHOLE, nullable=True))


def downgrade() -> None:
    """Workers of before tell neither."""
    op.drop_column("heartbeat", "disk_free_bytes")
    op.drop_column("heartbeat", "memory_bytes")
