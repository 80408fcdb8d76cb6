"""Due records under which a worker died, found without a look at all that is due."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CRASHED = sa.text("due_at IS NOT NULL AND lease_until IS NULL AND crashes > 0")


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_record_crashed",
        "record",
        ["company_id", "due_at", "id"],
        sqlite_where=CRASHED,
        postgresql_where=CRASHED,
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_record_crashed", "record")
