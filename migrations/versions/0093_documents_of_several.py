"""Whether a record makes several documents under a route is asked of those beyond the first."""

from alembic import op
from sqlalchemy import text

revision = "0093"
down_revision = "0092"
branch_labels = None
depends_on = None

INDEX = "ix_posting_part"
FURTHER = text("seq <> 1")


def upgrade() -> None:
    """Most records make one document, so there is little in it."""
    only = {"sqlite_where": FURTHER, "postgresql_where": FURTHER}
    op.create_index(INDEX, "posting", ["record_id", "route", "seq"], **only)


def downgrade() -> None:
    """As it was."""
    op.drop_index(INDEX, table_name="posting")
