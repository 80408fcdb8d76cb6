"""What a reading of a list lacked is kept, so that the next one can be compared with it."""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No reading lacked anything that is known."""
    op.add_column("list_reading", sa.Column("missed", sa.Text(), nullable=True))


def downgrade() -> None:
    """What was missing once is believed at once again."""
    with op.batch_alter_table("list_reading") as table:
        table.drop_column("missed")
