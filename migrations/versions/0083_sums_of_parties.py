"""What the books know of a party is summed in an index, without reading its documents."""

from alembic import op
from sqlalchemy import text

revision = "0083"
down_revision = "0079"
branch_labels = None
depends_on = None

INDEX = "ix_posting_party"
WHOSE = ("company_id", "party")
SUMMED = ("connection_id", "doc_type", "doc_date", "currency", "book", "amount")
POSTED = text("state = 'posted'")


def upgrade() -> None:
    """A party of many years has tens of thousands of documents."""
    _index(*WHOSE, *SUMMED)


def downgrade() -> None:
    """As it was."""
    _index(*WHOSE)


def _index(*columns: str) -> None:
    op.drop_index(INDEX, table_name="posting")
    only = {"sqlite_where": POSTED, "postgresql_where": POSTED}
    op.create_index(INDEX, "posting", list(columns), **only)
