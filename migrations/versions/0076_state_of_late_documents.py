"""The index of late documents has their state, too: they are counted in it alone."""

from alembic import op
from sqlalchemy import text

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

LATE = text("finished_at IS NOT NULL AND state NOT IN ('posted', 'reversed', 'dropped', 'ignored')")


def upgrade() -> None:
    """SQLite looks at the state of each row that it counts, which was not in the index."""
    _made_of("company_id", "finished_at", "id", "state")


def downgrade() -> None:
    """As it was."""
    _made_of("company_id", "finished_at", "id")


def _made_of(*columns: str) -> None:
    op.drop_index("ix_posting_late", table_name="posting")
    op.create_index(
        "ix_posting_late",
        "posting",
        list(columns),
        sqlite_where=LATE,
        postgresql_where=LATE,
    )
