"""Indexes by which a company of a million documents is counted without reading them all.

The one of late documents has their state, too: they are counted in it alone. What was posted since
a moment, and the newest delivery of a source, are each found by an index of their own.
"""

from alembic import op
from sqlalchemy import text

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

LATE = text("finished_at IS NOT NULL AND state NOT IN ('posted', 'reversed', 'dropped', 'ignored')")
POSTED = text("posted_at IS NOT NULL")


def upgrade() -> None:
    """SQLite looks at the state of each row that it counts, which was not in the index."""
    _late("company_id", "finished_at", "id", "state")
    posted = ["connection_id", "posted_at", "route", "book"]
    only = {"sqlite_where": POSTED, "postgresql_where": POSTED}
    op.create_index("ix_posting_posted", "posting", posted, **only)
    op.create_index("ix_delivery_source", "delivery", ["source_id", "id"])


def downgrade() -> None:
    """As it was."""
    op.drop_index("ix_delivery_source", table_name="delivery")
    op.drop_index("ix_posting_posted", table_name="posting")
    _late("company_id", "finished_at", "id")


def _late(*columns: str) -> None:
    op.drop_index("ix_posting_late", table_name="posting")
    only = {"sqlite_where": LATE, "postgresql_where": LATE}
    op.create_index("ix_posting_late", "posting", list(columns), **only)
