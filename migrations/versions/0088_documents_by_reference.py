"""A document is found by the id that its target gave it."""

import sqlalchemy as sa
from alembic import op

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None

NAMED = sa.text("target_ref IS NOT NULL")


def upgrade() -> None:
    """Add the index; a million documents take some seconds."""
    op.create_index(
        "ix_posting_ref",
        "posting",
        ["company_id", "target_ref"],
        sqlite_where=NAMED,
        postgresql_where=NAMED,
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_posting_ref", table_name="posting")
