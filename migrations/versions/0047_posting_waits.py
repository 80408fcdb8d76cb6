"""What a ready document waits for is a word of ours; so far the start of its reason told it."""

from alembic import op

revision = "0047"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The column was there and never written. What waits goes on waiting for the same."""
    op.execute("UPDATE posting SET waits = NULL WHERE waits IS NOT NULL")
    op.execute(
        "UPDATE posting SET waits = 'item_setup'"
        " WHERE state IN ('ready', 'posted') AND reason LIKE 'Waits until % says how it counts %.'"
    )


def downgrade() -> None:
    """The reason still says it."""
    op.execute("UPDATE posting SET waits = NULL WHERE waits IS NOT NULL")
