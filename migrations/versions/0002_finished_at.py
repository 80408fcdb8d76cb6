"""Since when the source has done its part for a document that is not in the target yet.

Records that are still open are judged again, which fills the column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

OPEN = "state NOT IN ('posted', 'reversed', 'dropped', 'ignored')"


def upgrade() -> None:
    """Add the column and its index."""
    late = sa.text(f"finished_at IS NOT NULL AND {OPEN}")
    op.add_column("posting", sa.Column("finished_at", MOMENT, nullable=True))
    op.create_index(
        "ix_posting_late",
        "posting",
        ["company_id", "finished_at", "id"],
        unique=False,
        sqlite_where=late,
        postgresql_where=late,
    )
    op.execute(f"UPDATE record SET due_at = seen_at WHERE due_at IS NULL AND {OPEN}")  # noqa: S608


def downgrade() -> None:
    """Take both away."""
    op.drop_index("ix_posting_late", "posting")
    op.drop_column("posting", "finished_at")
