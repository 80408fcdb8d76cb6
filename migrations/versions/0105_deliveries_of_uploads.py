"""Index the deliveries that came with an upload, whose page lists its records."""

from alembic import op

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.execute(
        "CREATE INDEX ix_delivery_upload ON delivery (upload_id) WHERE upload_id IS NOT NULL"
    )


def downgrade() -> None:
    """Drop the index."""
    op.execute("DROP INDEX ix_delivery_upload")
